//! One target with its queue: what shards see of it, and what its task does.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep;

use super::queue::{Entry, Queue};
use crate::rules::ListenerEndpoint;

/// The shortest time between two warnings of the same kind about one target.
const WARNING_PAUSE: Duration = Duration::from_secs(60);

/// A target with the events that wait for it.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) endpoint: ListenerEndpoint,
    /// The target in the log, without secrets.
    pub(super) name: String,
    pub(super) queue: Queue,
    /// Ends a pause.
    hurry: Notify,
    told_of_drops: Throttle,
    told_of_refusals: Throttle,
}

impl Outlet {
    pub(super) fn new(endpoint: ListenerEndpoint) -> Self {
        Self {
            name: name(&endpoint),
            endpoint,
            queue: Queue::default(),
            hurry: Notify::new(),
            told_of_drops: Throttle::default(),
            told_of_refusals: Throttle::default(),
        }
    }

    /// Takes an event on, or drops it.
    pub(super) fn put(&self, entry: Entry) {
        if let Err(dropped) = self.queue.push(entry)
            && self.told_of_drops.admits(Instant::now())
        {
            tracing::warn!(
                listener = self.name,
                dropped,
                "an event listener is down or slow, and no more events fit its queue: they are dropped"
            );
        }
    }

    pub(super) fn warn_of_refusal(&self, why: &str) {
        if self.told_of_refusals.admits(Instant::now()) {
            let dropped = self.queue.counters().dropped;
            tracing::warn!(
                listener = self.name,
                dropped,
                "an event listener does not take an event, which is dropped: {why}"
            );
        }
    }

    /// Lets nothing more in, and delivers what is left if that is possible now.
    pub(super) fn close(&self) {
        self.queue.close();
        self.hurry();
    }

    /// Tries at once what is to be tried later.
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Waits, but not when there is hurry.
    pub(super) async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = sleep(duration) => {}
            () = self.hurry.notified() => {}
        }
    }
}

/// What the log calls a target: never a key, a password or a token.
fn name(endpoint: &ListenerEndpoint) -> String {
    match endpoint {
        ListenerEndpoint::EventHub { namespace, event_hub, .. } => format!("{namespace}/{event_hub}"),
        ListenerEndpoint::Nats { url, subject } => {
            let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
            let host = rest.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host} {subject}")
        }
        ListenerEndpoint::File { path } => path.display().to_string(),
    }
}

/// Lets one through in a while.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let admits = last.is_none_or(|last| now.saturating_duration_since(last) >= WARNING_PAUSE);
        if admits {
            *last = Some(now);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_secrets() {
        let nats = |url: &str| ListenerEndpoint::Nats { url: url.to_owned(), subject: "s.{hub}".to_owned() };
        for (endpoint, expected) in [
            (nats("nats://user:p@ss@h:4222"), "nats://h:4222 s.{hub}"),
            (nats("tls://token@h"), "tls://h s.{hub}"),
            (nats("h:4222"), "nats://h:4222 s.{hub}"),
            (nats("user:pass@h"), "nats://h s.{hub}"),
            (
                ListenerEndpoint::EventHub {
                    namespace: "ns.servicebus.windows.net".to_owned(),
                    event_hub: "eh1".to_owned(),
                    connection_string: Some("SharedAccessKey=secret".to_owned()),
                },
                "ns.servicebus.windows.net/eh1",
            ),
            (ListenerEndpoint::File { path: "events.jsonl".into() }, "events.jsonl"),
        ] {
            assert_eq!(name(&endpoint), expected);
        }
    }

    #[test]
    fn warnings_are_rare() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        assert!(throttle.admits(start));
        assert!(!throttle.admits(start + WARNING_PAUSE / 2));
        assert!(throttle.admits(start + WARNING_PAUSE));
        assert!(!throttle.admits(start + WARNING_PAUSE + Duration::from_secs(1)));
    }
}
