//! Tests and replays: the real thing, at once, for somebody who waits.

use std::sync::Arc;

use bytes::Bytes;
use hublet_hub::{ClientEvent, ClientInfo, EventKind};
use hublet_wire::client::Payload;
use hublet_wire::id::ConnId;

use super::diagnosis::{Site, refusal_sentence, sentence};
use super::exchange::Exchange;
use super::{HandlerReport, HandlerStatus, ReplayError, StepReport};
use crate::delivery::{Delivery, Parcel, Purpose, now_s};
use crate::destinations::{Destination, Destinations};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::gate::Gate;
use crate::guard;
use crate::meaning::Meaning;
use crate::node::Upstream;
use crate::pattern::EventPattern;
use crate::resolver::Resolver;
use crate::rules::HubRules;

/// The user of the sample event.
const USER: &str = "hublet-doctor";
/// What the sample event carries.
const SAMPLE: &str = "hublet test";
/// The connection of the sample event. No client has it: nodes are numbered from 1 on.
const CONNECTION: ConnId = ConnId { nonce: *b"hublet-test", shard: 0, slot: 0, node: 0 };

impl Upstream {
    /// The last exchanges with the handlers of a hub, by lower-cased name, the oldest first. `host` is the service's name
    /// for the sentences, if the configuration has none.
    pub fn exchanges(&self, hub: &str, host: &str) -> Vec<Exchange> {
        let maker = self.request_maker();
        let mut exchanges: Vec<(u64, Exchange)> = Vec::new();
        for endpoint in self.endpoints(hub) {
            let entries = endpoint.journal.entries();
            exchanges.extend(
                entries
                    .iter()
                    .map(|entry| (entry.number, Exchange::of(entry, &endpoint, maker.origin(host)))),
            );
        }
        exchanges.sort_by_key(|(number, _)| *number);
        // Handlers with the same template may share a journal.
        exchanges.dedup_by_key(|(number, _)| *number);
        exchanges.into_iter().map(|(_, exchange)| exchange).collect()
    }

    /// Sends the event of a former exchange to its handler again, once, and shows what came of it.
    ///
    /// # Errors
    /// There is nothing to send.
    pub async fn replay(self: &Arc<Self>, hub: &str, id: &str) -> Result<Exchange, ReplayError> {
        let number: u64 = id.parse().map_err(|_| ReplayError::Unknown)?;
        let found = self.endpoints(hub).into_iter().find_map(|endpoint| {
            let entry = endpoint.journal.entry(number)?;
            Some((endpoint, entry))
        });
        let (endpoint, entry) = found.ok_or(ReplayError::Unknown)?;
        if !entry.is_whole {
            return Err(ReplayError::Cut);
        }
        let event = entry.event.clone();
        let origin = self.request_maker().origin(&event.client.host).to_owned();
        let number = self.attempt(&endpoint, event).await.0;
        let entry = endpoint.journal.entry(number).ok_or(ReplayError::Unknown)?;
        Ok(Exchange::of(&entry, &endpoint, &origin))
    }

    /// Validates each handler of a hub, by lower-cased name, and sends it a sample event, each once. `host` is what a client
    /// would call the service.
    pub async fn test(self: &Arc<Self>, hub: &str, host: &str) -> Vec<HandlerReport> {
        let destinations = self.destinations(hub);
        let mut reports = Vec::new();
        for destination in destinations.iter().flat_map(|destinations| destinations.all()) {
            reports.push(match destination {
                Destination::Echo => echo_report(),
                Destination::Endpoint(endpoint) => self.examine(endpoint, host).await,
            });
        }
        reports
    }

    /// Asks each handler of rules that are not in effect yet whether it wants events.
    ///
    /// # Errors
    /// One does not: what happened, and what to change.
    pub async fn validate(
        self: &Arc<Self>,
        hub: &str,
        rules: &Arc<HubRules>,
        host: &str,
    ) -> Result<(), String> {
        let origin = self.request_maker().origin(host).to_owned();
        for destination in Destinations::new(hub, Arc::clone(rules), None).all() {
            let Destination::Endpoint(endpoint) = destination else { continue };
            let site = Site { host: endpoint.authority(), origin: &origin };
            let step = self.validation_step(endpoint, &site).await;
            if !step.ok {
                return Err(format!("{}: {}", endpoint.shown(), step.sentence));
            }
        }
        Ok(())
    }

    /// The numbers of the handlers of a hub, by lower-cased name.
    pub fn handler_status(&self, hub: &str) -> Vec<HandlerStatus> {
        self.endpoints(hub)
            .iter()
            .map(|endpoint| {
                let (handled, failed, dropped) = endpoint.counters.read();
                let is_gone = endpoint.breaker.is_open();
                HandlerStatus { url_template: endpoint.shown(), handled, failed, dropped, is_gone }
            })
            .collect()
    }

    fn endpoints(&self, hub: &str) -> Vec<Arc<Endpoint>> {
        let destinations = self.destinations(hub);
        let all = destinations.iter().flat_map(|destinations| destinations.all());
        all.filter_map(|destination| match destination {
            Destination::Endpoint(endpoint) => Some(Arc::clone(endpoint)),
            Destination::Echo => None,
        })
        .collect()
    }

    async fn examine(self: &Arc<Self>, endpoint: &Arc<Endpoint>, host: &str) -> HandlerReport {
        let origin = self.request_maker().origin(host).to_owned();
        let site = Site { host: endpoint.authority(), origin: &origin };
        let mut steps = vec![self.validation_step(endpoint, &site).await];
        if steps[0].ok
            && let Some(kind) = sample(endpoint)
        {
            steps.push(self.event_step(endpoint, kind, host, &site).await);
        }
        let failed = steps.iter().find(|step| !step.ok).map(|step| step.sentence.clone());
        HandlerReport {
            url_template: endpoint.shown(),
            ok: failed.is_none(),
            sentence: failed.unwrap_or_else(|| match steps.len() {
                1 => {
                    "The handler wants events. It gets none that could be tried without a client.".to_owned()
                }
                _ => "The handler wants events, and handled a sample.".to_owned(),
            }),
            steps,
        }
    }

    async fn validation_step(self: &Arc<Self>, endpoint: &Endpoint, site: &Site<'_>) -> StepReport {
        let delivery = Delivery::new(Arc::clone(self));
        let outcome = delivery.try_validation(endpoint, site.origin).await;
        let is_trusted = self.environment().development
            && guard::is_on_loopback(&Resolver::default(), endpoint.validation_url()).await;
        let (ok, sentence) = match outcome {
            Ok(()) => (true, format!("The handler allows events from {}.", site.origin)),
            Err(refusal) if is_trusted => (
                true,
                format!(
                    "The handler is trusted without validation, since it is on loopback and this is development mode. Elsewhere \
                     it would get nothing: {}",
                    refusal_sentence(&refusal, site)
                ),
            ),
            Err(refusal) => (false, refusal_sentence(&refusal, site)),
        };
        StepReport { name: "validation", ok, sentence }
    }

    async fn event_step(
        self: &Arc<Self>,
        endpoint: &Arc<Endpoint>,
        kind: EventKind,
        host: &str,
        site: &Site<'_>,
    ) -> StepReport {
        let name = crate::attributes::event_name(&kind).to_owned();
        let client = ClientInfo {
            conn: CONNECTION,
            hub: Arc::clone(&endpoint.hub),
            user: Some(USER.into()),
            subprotocol: None,
            host: host.into(),
            state: None,
        };
        let (_, outcome) = self.attempt(endpoint, ClientEvent { client, id: 1, kind }).await;
        let (ok, sentence) = match outcome {
            Ok(_) => (true, format!("The handler handled a sample of the event `{name}`.")),
            Err(failure) => (false, sentence(&failure, site)),
        };
        StepReport { name: "event", ok, sentence }
    }

    /// Sends an event to a handler, over a connection of its own.
    async fn attempt(
        self: &Arc<Self>,
        endpoint: &Arc<Endpoint>,
        event: ClientEvent,
    ) -> (u64, Result<Meaning, Failure>) {
        let delivery = Delivery::new(Arc::clone(self));
        let ticket = Gate::new(1).enter_always();
        let parcel = Parcel {
            event: Arc::new(event),
            endpoint: Arc::clone(endpoint),
            ticket,
            time_s: now_s(),
            purpose: Purpose::Trial,
            parent: None,
        };
        delivery.deliver_recorded(&parcel).await
    }
}

/// A user event that the handler wants, or else a notification that does no harm. Never `connect`, which may cost the
/// application something.
fn sample(endpoint: &Endpoint) -> Option<EventKind> {
    let handler = &endpoint.handler;
    let user = |name: &str| EventKind::User {
        name: name.into(),
        payload: Payload::Text(Bytes::from_static(SAMPLE.as_bytes())),
        metadata: Vec::new(),
        invoked: false,
    };
    match &handler.user_events {
        EventPattern::All => Some(user("message")),
        EventPattern::Names(names) if !names.is_empty() => Some(user(&names[0])),
        _ if handler.system_events.disconnected => Some(EventKind::Disconnected { reason: SAMPLE.into() }),
        _ => None,
    }
}

fn echo_report() -> HandlerReport {
    HandlerReport {
        url_template: "builtin:echo".to_owned(),
        ok: true,
        steps: Vec::new(),
        sentence: "What clients send comes back to them. There is nothing to test.".to_owned(),
    }
}
