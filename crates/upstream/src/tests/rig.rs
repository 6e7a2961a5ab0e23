//! A courier with rules, and events for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hublet_hub::{ClientEvent, ClientInfo, EventKind, Verdict};
use hublet_wire::client::Payload;
use hublet_wire::id::ConnId;
use tokio::sync::oneshot;

use crate::courier::Courier;
use crate::environment::{Environment, SigningKeys};
use crate::networks::Networks;
use crate::node::Upstream;
use crate::pace::Pace;
use crate::pattern::EventPattern;
use crate::presence::Presence;
use crate::rules::{Handler, HandlerAuth, HandlerTarget, HubRules, Listener, ListenerEndpoint, SystemEvents};
use crate::settings::HubSettings;
use crate::template::UrlTemplate;

pub(crate) const HUB: &str = "chat";
pub(crate) const HOST: &str = "wps.example";

/// A client sees no time pass.
pub(crate) fn quick() -> Pace {
    let ms = Duration::from_millis;
    Pace {
        retry_delays: [ms(10), ms(20), ms(30)],
        validation_timeout: ms(500),
        validation_interval_max: Duration::from_secs(60),
        validation_interval_min: ms(20),
        breaker_patience: ms(50),
        probe_interval_min: ms(20),
        probe_interval_max: ms(40),
        token_timeout: ms(500),
    }
}

/// Handlers on loopback are trusted.
pub(crate) fn development() -> Environment {
    Environment { development: true, ..strict() }
}

/// Handlers on loopback are reachable, but not trusted.
pub(crate) fn strict() -> Environment {
    Environment {
        signing_keys: SigningKeys(vec!["key".to_owned()]),
        allowed_networks: Networks::parse(&["loopback".to_owned()]).unwrap(),
        ..Environment::default()
    }
}

/// A handler for everything but group events.
pub(crate) fn handler(url: &str) -> Handler {
    Handler {
        target: HandlerTarget::Http(UrlTemplate::parse(url).unwrap()),
        user_events: EventPattern::All,
        system_events: SystemEvents { connect: true, connected: true, disconnected: true },
        presence: Presence::default(),
        auth: HandlerAuth::None,
        durable: false,
        timeout: Duration::from_secs(10),
        max_concurrency: 256,
    }
}

/// These handlers, and a listener for the user event `heard`.
pub(crate) fn rules(handlers: Vec<Handler>) -> Arc<HubRules> {
    Arc::new(HubRules {
        settings: HubSettings::default(),
        anonymous: false,
        keep_alive_interval_s: None,
        handlers: handlers.into_iter().map(Arc::new).collect(),
        listeners: vec![Arc::new(Listener {
            system_events: SystemEvents::default(),
            user_events: EventPattern::parse(Some("heard")).unwrap(),
            endpoint: ListenerEndpoint::File { path: "unused".into() },
        })],
    })
}

/// A courier with these handlers for [`HUB`].
pub(crate) fn courier(environment: Environment, handlers: Vec<Handler>) -> Courier {
    let upstream = Upstream::with_pace(environment, quick()).unwrap();
    upstream.set_rules(HashMap::from([(HUB.to_owned(), rules(handlers))]));
    Courier::new(upstream)
}

pub(crate) fn conn(slot: u32) -> ConnId {
    ConnId { nonce: [7; 11], shard: 0, slot, node: 1 }
}

pub(crate) fn event(slot: u32, id: u64, kind: EventKind) -> ClientEvent {
    let client = ClientInfo {
        conn: conn(slot),
        hub: HUB.into(),
        user: Some("alice".into()),
        subprotocol: None,
        host: HOST.into(),
        state: None,
    };
    ClientEvent { client, id, kind }
}

pub(crate) fn connect(slot: u32) -> ClientEvent {
    event(slot, 0, EventKind::Connect(Bytes::from_static(b"{\"claims\":{}}")))
}

pub(crate) fn user(slot: u32, id: u64, text: &'static str) -> ClientEvent {
    let payload = Payload::Text(Bytes::from_static(text.as_bytes()));
    event(slot, id, EventKind::User { name: "message".into(), payload, metadata: Vec::new(), invoked: false })
}

pub(crate) fn disconnected(slot: u32, id: u64) -> ClientEvent {
    event(slot, id, EventKind::Disconnected { reason: "bye".into() })
}

/// Sends a user event; the answer comes from what is returned.
pub(crate) fn ask(courier: &Courier, event: ClientEvent) -> oneshot::Receiver<Verdict> {
    let (answered, answer) = oneshot::channel();
    courier.dispatch(event, Some(Box::new(move |verdict| _ = answered.send(verdict))));
    answer
}

/// A success without a reply.
pub(crate) fn handled() -> Verdict {
    Verdict::Handled { reply: None, state: None }
}
