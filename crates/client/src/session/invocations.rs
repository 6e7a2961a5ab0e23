//! Invocations: they are answered once, and not repeated (client-protocols.md §6.1).

use std::collections::BTreeMap;

use super::CallId;
use crate::pubsub::Frame;

#[derive(Debug)]
struct Pending {
    call: CallId,
    /// To be sent as soon as there is a connection.
    unsent: Option<Frame>,
}

/// By number, which is the invocation's id as text.
#[derive(Debug, Default)]
pub(super) struct Invocations {
    pending: BTreeMap<u64, Pending>,
    last: u64,
}

impl Invocations {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Takes a call. What is to be sent now is returned.
    pub(super) fn add(
        &mut self,
        call: CallId,
        is_connected: bool,
        request: impl Fn(&str) -> Frame,
    ) -> Option<Frame> {
        self.last += 1;
        let frame = request(&self.last.to_string());
        let (now, later) = if is_connected { (Some(frame), None) } else { (None, Some(frame)) };
        self.pending.insert(self.last, Pending { call, unsent: later });
        now
    }

    /// Whose answer this is.
    pub(super) fn answered(&mut self, invocation_id: &str) -> Option<CallId> {
        Some(self.pending.remove(&invocation_id.parse().ok()?)?.call)
    }

    /// Forgets a call. If the service knows of it, it has this id there.
    pub(super) fn cancel(&mut self, call: CallId) -> Option<String> {
        let number = *self.pending.iter().find(|(_, pending)| pending.call == call)?.0;
        let pending = self.pending.remove(&number)?;
        pending.unsent.is_none().then(|| number.to_string())
    }

    /// A connection is there: what has waited for it.
    pub(super) fn unsent(&mut self) -> Vec<Frame> {
        self.pending.values_mut().filter_map(|pending| pending.unsent.take()).collect()
    }

    /// A socket is lost, and with it the answers to what was sent.
    pub(super) fn socket_lost(&mut self) -> Vec<CallId> {
        self.pending
            .extract_if(.., |_, pending| pending.unsent.is_none())
            .map(|(_, lost)| lost.call)
            .collect()
    }

    /// Forgets everything, and says who waits.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = CallId> + use<> {
        std::mem::take(&mut self.pending).into_values().map(|pending| pending.call)
    }
}
