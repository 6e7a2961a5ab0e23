//! Invocations: they are answered once, and not repeated (client-protocols.md §6.1).

use std::collections::BTreeMap;

use super::{CallId, Output, Session};
use crate::pubsub::Frame;

/// Invocations that may be under way at the same time: a service refuses more (client-protocols.md §6.1).
const UNDER_WAY_MAX: usize = 100;

/// By number, which is the invocation's id as text.
#[derive(Debug, Default)]
pub(super) struct Invocations {
    under_way: BTreeMap<u64, CallId>,
    /// For a connection, or for their turn.
    waiting: BTreeMap<u64, (CallId, Frame)>,
    last: u64,
}

impl Invocations {
    pub(super) fn len(&self) -> usize {
        self.under_way.len() + self.waiting.len()
    }

    /// Takes a call, which then waits for its turn.
    pub(super) fn add(&mut self, call: CallId, request: impl Fn(&str) -> Frame) {
        self.last += 1;
        self.waiting.insert(self.last, (call, request(&self.last.to_string())));
    }

    /// What is to be sent next, if its turn has come.
    fn next(&mut self) -> Option<Frame> {
        if self.under_way.len() >= UNDER_WAY_MAX {
            return None;
        }
        let (number, (call, frame)) = self.waiting.pop_first()?;
        self.under_way.insert(number, call);
        Some(frame)
    }

    /// Whose answer this is.
    pub(super) fn answered(&mut self, invocation_id: &str) -> Option<CallId> {
        self.under_way.remove(&invocation_id.parse().ok()?)
    }

    /// Forgets a call. If the service knows of it, it has this id there.
    pub(super) fn cancel(&mut self, call: CallId) -> Option<String> {
        self.waiting.retain(|_, (waiting, _)| *waiting != call);
        let number = *self.under_way.iter().find(|(_, under_way)| **under_way == call)?.0;
        self.under_way.remove(&number);
        Some(number.to_string())
    }

    /// A socket is lost, and with it the answers to what was sent.
    pub(super) fn socket_lost(&mut self) -> Vec<CallId> {
        std::mem::take(&mut self.under_way).into_values().collect()
    }

    /// Forgets everything, and says who waits.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = CallId> + use<> {
        let waiting = std::mem::take(&mut self.waiting).into_values().map(|(call, _)| call);
        std::mem::take(&mut self.under_way).into_values().chain(waiting)
    }
}

impl Session {
    /// Sends the invocations whose turn has come.
    pub(super) fn send_invocations(&mut self) {
        if self.is_connected() {
            self.outputs.extend(std::iter::from_fn(|| self.invocations.next()).map(Output::Send));
        }
    }
}
