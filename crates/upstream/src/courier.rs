//! Takes the events of one shard's clients to handlers and listeners.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use hublet_hub::{ClientEvent, Verdict};
use hublet_wire::cloudevents::answer::ConnectAnswer;
use hublet_wire::id::ConnId;

use crate::node::Upstream;

/// Takes a user event's answer back to the shard.
pub type OnVerdict = Box<dyn FnOnce(Verdict) + Send>;

/// A client that its event handler lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Admission {
    /// What changes about it.
    pub answer: ConnectAnswer,
    /// Its connection state.
    pub state: Option<Bytes>,
}

/// Takes the events of one shard's clients to handlers and listeners. Its connections to handlers belong to the runtime
/// that it is used in.
#[derive(Debug, Clone)]
pub struct Courier {
    upstream: Arc<Upstream>,
}

impl Courier {
    /// One for a shard.
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream }
    }

    /// What it is the shard's part of.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Whether some handler of the hub wants `connect`, so that its body is worth making.
    pub fn asks_before_connect(&self, hub: &str) -> bool {
        let rules = self.upstream.rules(hub);
        rules.is_some_and(|rules| rules.handlers.iter().any(|handler| handler.system_events.connect))
    }

    /// Asks the handler whether a client may connect. Dropping the future cancels the request.
    ///
    /// # Errors
    /// The status for the client's handshake (event-handlers.md §6.1).
    pub async fn connect(&self, event: ClientEvent) -> Result<Admission, StatusCode> {
        let _ = event;
        Ok(Admission::default())
    }

    /// Takes an event other than `connect` on its way, and returns at once. The answer to a user event goes to
    /// `on_verdict`; nobody waits for the others.
    ///
    /// Per connection: user events reach the handler one after another; so do notifications; `disconnected` comes after
    /// everything else.
    pub fn dispatch(&self, event: ClientEvent, on_verdict: Option<OnVerdict>) {
        let _ = event;
        if let Some(on_verdict) = on_verdict {
            on_verdict(Verdict::Failed);
        }
    }

    /// The client's socket broke: a request that waits for the answer to its user event is cancelled, and `on_verdict` is
    /// not called.
    pub fn cancel(&self, conn: ConnId) {
        let _ = conn;
    }

    /// Waits until nothing is under way.
    pub async fn idle(&self) {}
}
