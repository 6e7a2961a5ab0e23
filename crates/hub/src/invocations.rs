//! Events that a client waits for the answer of by name, beside its other requests (client-protocols.md §6.1).

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use hublet_wire::client::{InvokeError, Metadata, Payload};

use crate::conn::Slot;
use crate::event::{EventKind, Verdict};
use crate::limits::INVOCATIONS_MAX;
use crate::shard::{Effect, Shard};

/// The invocations that are under way on a connection: the numbers of their events by the client's names.
pub(crate) type Invocations = HashMap<Box<str>, u64>;

impl Shard {
    pub(crate) fn invoke(
        &mut self,
        slot: Slot,
        invocation_id: &str,
        event: &str,
        payload: Option<Payload>,
        metadata: Metadata,
    ) {
        let wanted = self.policy(slot).wants_user_events;
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let invocations = &mut conn.extra.get_or_insert_default().invocations;
        let refusal = if invocations.contains_key(invocation_id) {
            Some(InvokeError::BadRequest("An invocation of this id is under way. Choose another id."))
        } else if invocations.len() >= INVOCATIONS_MAX {
            Some(InvokeError::BadRequest("Too many invocations are under way. Wait for an answer first."))
        } else if !wanted {
            Some(InvokeError::InternalServerError)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.control(slot, |format| format.invoke_response_frame(invocation_id, Err(&refusal)));
            return;
        }
        let kind = EventKind::User {
            name: Arc::from(event),
            // An invocation without data is an event with an empty text.
            payload: payload.unwrap_or_else(|| Payload::Text(Bytes::new())),
            metadata,
            invoked: true,
        };
        let Some(event) = self.event(slot, kind) else { return };
        if let Some(extra) = self.conns.get_mut(slot as usize).and_then(|conn| conn.extra.as_mut()) {
            extra.invocations.insert(invocation_id.into(), event.id);
        }
        self.effects.push(Effect::Event(Box::new(event)));
    }

    pub(crate) fn refuse_invocation(&mut self, slot: Slot, invocation_id: &str) {
        let error = InvokeError::BadRequest(
            "An invocation has the target \"event\", the name of an event, and an id of at most 128 bytes.",
        );
        self.control(slot, |format| format.invoke_response_frame(invocation_id, Err(&error)));
    }

    /// The answer is no longer wanted: nothing is sent.
    pub(crate) fn cancel_invocation(&mut self, slot: Slot, invocation_id: &str) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let conn_id = conn.id;
        let Some(extra) = conn.extra.as_mut() else { return };
        if let Some(event) = extra.invocations.remove(invocation_id) {
            self.effects.push(Effect::CancelEvent { conn: conn_id, event, invoked: true });
        }
    }

    /// Nobody is there to read the answers.
    pub(crate) fn cancel_invocations(&mut self, slot: Slot) {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let conn_id = conn.id;
        let Some(extra) = conn.extra.as_mut() else { return };
        for (_, event) in extra.invocations.drain() {
            self.effects.push(Effect::CancelEvent { conn: conn_id, event, invoked: true });
        }
    }

    /// Answers an invocation; false when the event was none.
    pub(crate) fn answer_invocation(&mut self, slot: Slot, event: u64, verdict: &Verdict) -> bool {
        let Some(conn) = self.conns.get_mut(slot as usize) else { return false };
        let Some(extra) = conn.extra.as_mut() else { return false };
        let found = extra.invocations.iter().find(|(_, under_way)| **under_way == event);
        let Some(id) = found.map(|(id, _)| id.clone()) else { return false };
        extra.invocations.remove(&id);
        self.control(slot, |format| match verdict {
            Verdict::Handled { reply, .. } => {
                let answer = reply.as_ref().map(|(payload, metadata)| (payload, metadata));
                format.invoke_response_frame(&id, Ok(answer))
            }
            Verdict::Heard => format.invoke_response_frame(&id, Err(&InvokeError::NotFound)),
            Verdict::Failed | Verdict::Unwanted => {
                format.invoke_response_frame(&id, Err(&InvokeError::InternalServerError))
            }
        });
        true
    }
}

#[cfg(test)]
mod tests;
