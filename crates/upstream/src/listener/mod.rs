//! Event listeners: copies of client events for Azure Event Hubs, NATS and files (event-handlers.md §8).
//!
//! Shards put events into a queue for each target ([`Listeners::offer`]) and never wait. On the control thread a task for
//! each target empties its queue ([`Listeners::run`]). What finds no room, or is still there at the end, is lost and
//! counted: a listener never delays a client.

#[cfg(feature = "amqp")]
mod amqp;
mod file;
mod nats;
mod outlet;
mod queue;
mod record;
mod sink;
mod subject;
mod worker;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hublet_hub::{ClientEvent, EventKind};
use rustls::ClientConfig;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::outlet::Outlet;
use self::queue::Entry;
use self::sink::{Means, Sink};
use crate::rules::{HubRules, Listener};

/// How long events may take to their targets when the service stops (event-handlers.md §8).
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a target that is down is tried meanwhile.
const HURRY_INTERVAL: Duration = Duration::from_secs(1);

/// A bearer token that is on its way, or a sentence that says why there is none.
pub type TokenFuture = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;
/// Gives bearer tokens for a resource.
pub type TokenSource = Arc<dyn Fn(&str) -> TokenFuture + Send + Sync>;

impl Listener {
    /// Whether it gets events of this kind (event-handlers.md §8).
    pub fn wants(&self, kind: &EventKind) -> bool {
        match kind {
            EventKind::Connected => self.system_events.connected,
            EventKind::Disconnected { .. } => self.system_events.disconnected,
            EventKind::User { name, .. } => self.user_events.matches(name),
            // The one needs an answer, the others have no form for listeners.
            EventKind::Connect(_) | EventKind::GroupJoined(_) | EventKind::GroupLeft(_) => false,
        }
    }
}

/// The targets of all listeners of all hubs. Listeners with the same target share its queue and its connection.
pub struct Listeners {
    means: Means,
    /// Replaced as a whole; a lock is held only to copy or replace the reference.
    outlets: RwLock<Arc<[Arc<Outlet>]>>,
    /// Those without a task yet, and those that no listener has any more.
    changes: Mutex<Changes>,
    changed: Notify,
}

#[derive(Default)]
struct Changes {
    new: Vec<(Arc<Outlet>, Sink)>,
    leaving: Vec<Arc<Outlet>>,
}

/// What is known about one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerStatus {
    /// The target, without secrets.
    pub target: String,
    /// Events that are not delivered yet.
    pub waiting: usize,
    /// Events that the target has.
    pub delivered: u64,
    /// Events that the target will never have.
    pub dropped: u64,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Listeners {
    /// None yet. Connections with TLS are made as this client makes them, but without its protocols above TLS; `tokens`
    /// is for Event Hubs without a connection string.
    pub fn new(tls: &ClientConfig, tokens: Option<TokenSource>) -> Self {
        let mut tls = tls.clone();
        tls.alpn_protocols.clear();
        Self {
            means: Means { tls, tokens },
            outlets: RwLock::new(Arc::new([])),
            changes: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Replaces the rules of all hubs. Targets that stay keep their queues and connections; those that go still get what
    /// waits for them, if they take it at once.
    pub fn set_rules(&self, rules: &HashMap<String, Arc<HubRules>>) {
        let mut changes = self.changes();
        let before = self.outlets();
        let mut after: Vec<Arc<Outlet>> = Vec::new();
        for listener in rules.values().flat_map(|rules| &rules.listeners) {
            let is_it = |outlet: &&Arc<Outlet>| outlet.endpoint == listener.endpoint;
            if after.iter().any(|outlet| is_it(&outlet)) {
                continue;
            }
            if let Some(outlet) = before.iter().find(is_it) {
                after.push(Arc::clone(outlet));
                continue;
            }
            let outlet = Arc::new(Outlet::new(listener.endpoint.clone()));
            match Sink::new(&outlet, &self.means) {
                Ok(sink) => {
                    changes.new.push((Arc::clone(&outlet), sink));
                    after.push(outlet);
                }
                Err(why) => {
                    tracing::error!(listener = outlet.name, "an event listener gets no events: {why}");
                }
            }
        }
        changes.leaving.retain(|outlet| outlet.queue.waiting() > 0);
        for outlet in before.iter().filter(|outlet| !after.iter().any(|kept| Arc::ptr_eq(kept, outlet))) {
            outlet.close();
            changes.leaving.push(Arc::clone(outlet));
        }
        *self.outlets.write().unwrap_or_else(PoisonError::into_inner) = after.into();
        drop(changes);
        self.changed.notify_one();
    }

    /// Takes copies of an event on their way to all those of the listeners that want it; returns whether there are any.
    /// Whether they get it does not matter to the event (event-handlers.md §8).
    pub fn offer(&self, listeners: &[Arc<Listener>], event: &Arc<ClientEvent>) -> bool {
        let mut wanted = listeners.iter().filter(|listener| listener.wants(&event.kind)).peekable();
        if wanted.peek().is_none() {
            return false;
        }
        let outlets = self.outlets();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        for listener in wanted {
            if let Some(outlet) = outlets.iter().find(|outlet| outlet.endpoint == listener.endpoint) {
                outlet.put(Entry { event: Arc::clone(event), at_s: since_1970.as_secs() });
            }
        }
        true
    }

    /// Delivers events, for as long as the service runs. For one thread at a time.
    pub async fn run(&self) {
        let mut tasks = JoinSet::new();
        loop {
            let new = std::mem::take(&mut self.changes().new);
            for (outlet, sink) in new {
                tasks.spawn(worker::run(outlet, sink));
            }
            tokio::select! {
                () = self.changed.notified() => {}
                Some(ended) = tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!("the task of an event listener failed: {error}");
                    }
                }
            }
        }
    }

    /// Waits until all events are delivered, but not longer than `limit`, while [`Self::run`] goes on. Returns how many
    /// are left and now lost.
    pub async fn drained(&self, limit: Duration) -> usize {
        let mut outlets = self.outlets().to_vec();
        outlets.extend(self.changes().leaving.iter().cloned());
        let all = async {
            for outlet in &outlets {
                outlet.queue.emptied().await;
            }
        };
        // Pauses between attempts would be longer than what time is left.
        let hurry = async {
            loop {
                outlets.iter().for_each(|outlet| outlet.hurry());
                sleep(HURRY_INTERVAL).await;
            }
        };
        let ended = async {
            tokio::select! {
                () = all => {}
                () = hurry => {}
            }
        };
        // What counts is what is left.
        let _ = timeout(limit, ended).await;
        let mut left = 0;
        for outlet in &outlets {
            let waiting = outlet.queue.waiting();
            if waiting > 0 {
                tracing::warn!(
                    listener = outlet.name,
                    events = waiting,
                    "events did not reach their listener in time and are lost"
                );
            }
            left += waiting;
        }
        left
    }

    /// What is known about each target.
    pub fn status(&self) -> Vec<ListenerStatus> {
        let status = |outlet: &Arc<Outlet>| {
            let counters = outlet.queue.counters();
            ListenerStatus {
                target: outlet.name.clone(),
                waiting: outlet.queue.waiting(),
                delivered: counters.delivered,
                dropped: counters.dropped,
            }
        };
        self.outlets().iter().map(status).collect()
    }

    fn outlets(&self) -> Arc<[Arc<Outlet>]> {
        Arc::clone(&self.outlets.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::Payload;

    use super::record::tests::{event, user_event};
    use super::*;
    use crate::pattern::EventPattern;
    use crate::rules::{ListenerEndpoint, SystemEvents};

    #[test]
    fn what_listeners_want() {
        let endpoint = ListenerEndpoint::File { path: "f".into() };
        let listener =
            |system_events, user_events| Listener { system_events, user_events, endpoint: endpoint.clone() };
        let all = SystemEvents { connect: true, connected: true, disconnected: true };
        let kinds = [
            EventKind::Connect("{}".into()),
            EventKind::Connected,
            EventKind::Disconnected { reason: "".into() },
            EventKind::GroupJoined("g".into()),
            EventKind::GroupLeft("g".into()),
            user_event("Order", Payload::Text("".into()), Vec::new()).kind,
            user_event("connected", Payload::Text("".into()), Vec::new()).kind,
        ];
        let names = EventPattern::Names(["order".to_owned()].into());
        for (listener, expected) in [
            (listener(all, EventPattern::All), [false, true, true, false, false, true, true]),
            (listener(all, EventPattern::None), [false, true, true, false, false, false, false]),
            (listener(SystemEvents::default(), names), [false, false, false, false, false, true, false]),
        ] {
            assert_eq!(kinds.each_ref().map(|kind| listener.wants(kind)), expected);
        }
    }

    #[test]
    fn a_listener_without_a_target_still_handles() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let listeners = Listeners::new(&tls, None);
        let listener = Arc::new(Listener {
            system_events: SystemEvents { connected: true, ..SystemEvents::default() },
            user_events: EventPattern::None,
            endpoint: ListenerEndpoint::File { path: "f".into() },
        });
        assert!(listeners.offer(&[listener], &Arc::new(event(EventKind::Connected))));
        assert!(!listeners.offer(&[], &Arc::new(event(EventKind::Connected))));
    }
}
