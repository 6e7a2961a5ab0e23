//! Streams of clients to groups (client-protocols.md §6.2).

use std::collections::HashMap;
use std::sync::Arc;

use hublet_wire::client::{AckError, GroupAction, Payload, StreamClosedError, StreamFailure};

use crate::Millis;
use crate::conn::Slot;
use crate::limits::STREAMS_MAX;
use crate::publish::{StreamEnd, StreamPart};
use crate::shard::Shard;

/// The open streams of a connection by the client's name for them.
pub(crate) type Streams = HashMap<Arc<str>, Stream>;

/// A stream that a client publishes.
#[derive(Debug)]
pub(crate) struct Stream {
    group: Arc<str>,
    no_echo: bool,
    /// Number of the part that comes next, from 1.
    expected: u64,
    idle_timeout_ms: u32,
    /// When it will have been idle for too long.
    idle_at: Millis,
    /// The client is to be told how far it came, at the end of this turn.
    ack_is_due: bool,
}

impl Stream {
    /// Its group, whether its publisher is left out, the number of the next part, and its idle time-out in milliseconds.
    pub(crate) fn parts(&self) -> (&Arc<str>, bool, u64, u32) {
        (&self.group, self.no_echo, self.expected, self.idle_timeout_ms)
    }

    /// A stream from [`Stream::parts`]; its idle time is not counted before [`Stream::touch`].
    pub(crate) fn restore(group: Arc<str>, no_echo: bool, expected: u64, idle_timeout_ms: u32) -> Self {
        Self { group, no_echo, expected, idle_timeout_ms, idle_at: Millis::MAX, ack_is_due: false }
    }

    /// Counts its idle time from now on.
    pub(crate) fn touch(&mut self, now: Millis) {
        self.idle_at = now + u64::from(self.idle_timeout_ms);
    }
}

impl Shard {
    pub(crate) fn start_stream(
        &mut self,
        slot: Slot,
        group: &str,
        stream_id: &str,
        idle_timeout_ms: u32,
        no_echo: bool,
        ack_id: Option<u64>,
    ) {
        if self.is_repeated_start(slot, stream_id, ack_id) {
            return;
        }
        let allowed = self.check(slot, GroupAction::Send, group);
        let group_name = self.group_name(slot, group);
        let now = self.now;
        let Some(conn) = self.conns.get_mut(slot as usize) else { return };
        let streams = &mut conn.extra.get_or_insert_default().streams;
        let refusal = if allowed.is_err() {
            Some(StreamClosedError::Forbidden(group))
        } else if streams.contains_key(stream_id) {
            Some(StreamClosedError::BadRequest("The connection has a stream of this id. Choose another one."))
        } else if streams.len() >= STREAMS_MAX {
            Some(StreamClosedError::BadRequest("The connection has too many streams. End one of them first."))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            if let Some(ack_id) = ack_id {
                let error = allowed.err().unwrap_or(AckError::BadRequest("The stream could not be started."));
                self.acknowledge(slot, ack_id, Err(error));
            }
            self.control(slot, |format| format.stream_closed_frame(stream_id, Some(&refusal)));
            return;
        }
        let stream = Stream {
            group: group_name,
            no_echo,
            expected: 1,
            idle_timeout_ms,
            idle_at: now + u64::from(idle_timeout_ms),
            ack_is_due: false,
        };
        streams.insert(Arc::from(stream_id), stream);
        self.streaming.insert(slot);
        self.changed(slot);
        if let Some(ack_id) = ack_id {
            self.acknowledge(slot, ack_id, Ok(()));
        }
        self.control(slot, |format| format.stream_ack_frame(stream_id, 1));
    }

    /// Answers a start whose ack id succeeded before; false for all others.
    fn is_repeated_start(&mut self, slot: Slot, stream_id: &str, ack_id: Option<u64>) -> bool {
        let Some(ack_id) = ack_id.filter(|ack_id| self.has_succeeded(slot, *ack_id)) else { return false };
        self.acknowledge(slot, ack_id, Err(AckError::Duplicate(ack_id)));
        // One who missed the ack of its start missed how far the stream is as well.
        if let Some(expected) = self.stream(slot, stream_id).map(|stream| stream.expected) {
            self.control(slot, |format| format.stream_ack_frame(stream_id, expected));
        }
        true
    }

    /// A start that breaks a rule. A stream of that id stays as it is.
    pub(crate) fn refuse_stream(&mut self, slot: Slot, stream_id: &str, ack_id: Option<u64>) {
        const WHY: &str =
            "A stream starts without data, with an id of at most 128 bytes and an idle time above 0.";
        if self.is_repeated_start(slot, stream_id, ack_id) {
            return;
        }
        if let Some(ack_id) = ack_id {
            self.acknowledge(slot, ack_id, Err(AckError::BadRequest(WHY)));
        }
        let error = StreamClosedError::BadRequest(WHY);
        self.control(slot, |format| format.stream_closed_frame(stream_id, Some(&error)));
    }

    pub(crate) fn stream_data(&mut self, slot: Slot, stream_id: &str, sequence_id: u64, payload: Payload) {
        let Some((id, stream)) = self.touch_stream(slot, stream_id) else { return };
        let expected = stream.expected;
        if sequence_id > expected {
            self.control(slot, |format| format.stream_nack_frame(stream_id, expected));
            return;
        }
        stream.ack_is_due = true;
        if sequence_id == expected {
            let (group, no_echo) = (Arc::clone(&stream.group), stream.no_echo);
            if self.check(slot, GroupAction::Send, &group).is_err() {
                let error = StreamClosedError::Forbidden(&group);
                self.close_stream(slot, stream_id, StreamEnd::Forbidden, Some(&error));
                return;
            }
            if let Some(stream) = self.stream(slot, stream_id) {
                stream.expected += 1;
            }
            self.changed(slot);
            if let Some(mut publish) = self.to_group(slot, group, no_echo, payload) {
                publish.stream = Some(Box::new(StreamPart { stream_id: id, sequence_id, end: None }));
                self.publish(publish);
            }
        }
        self.stream_acks.push(slot);
    }

    pub(crate) fn keep_stream(&mut self, slot: Slot, stream_id: &str) {
        self.touch_stream(slot, stream_id);
    }

    pub(crate) fn end_stream(&mut self, slot: Slot, stream_id: &str, error: Option<StreamFailure<'_>>) {
        if self.touch_stream(slot, stream_id).is_none() {
            return;
        }
        let end = match error {
            None => StreamEnd::Complete,
            Some(StreamFailure { message, user_error_code }) => StreamEnd::UserError {
                message: message.map(Into::into),
                code: user_error_code.map(Into::into),
            },
        };
        self.close_stream(slot, stream_id, end, None);
    }

    /// A part that breaks a rule.
    pub(crate) fn break_stream(&mut self, slot: Slot, stream_id: &str) {
        if self.touch_stream(slot, stream_id).is_some() {
            let error = StreamClosedError::BadRequest(
                "A part of a stream has a number from 1 on and data; a keepalive has neither.",
            );
            self.close_stream(slot, stream_id, StreamEnd::Cancelled, Some(&error));
        }
    }

    /// Tells publishers how far their streams came since the last time.
    pub(crate) fn acknowledge_streams(&mut self) {
        for slot in std::mem::take(&mut self.stream_acks) {
            let Some(conn) = self.conns.get_mut(slot as usize) else { continue };
            let Some(extra) = conn.extra.as_mut() else { continue };
            let due = extra.streams.iter_mut().filter(|(_, stream)| stream.ack_is_due);
            let due: Vec<(Arc<str>, u64)> = due
                .map(|(id, stream)| {
                    stream.ack_is_due = false;
                    (Arc::clone(id), stream.expected)
                })
                .collect();
            for (id, expected) in due {
                self.control(slot, |format| format.stream_ack_frame(&id, expected));
            }
        }
    }

    /// Ends the streams that were idle for too long. To be called once a second.
    pub(crate) fn end_idle_streams(&mut self) {
        let now = self.now;
        for slot in self.streaming.iter().copied().collect::<Vec<_>>() {
            let extra = self.conns.get(slot as usize).and_then(|conn| conn.extra.as_ref());
            let idle: Vec<Arc<str>> = extra
                .into_iter()
                .flat_map(|extra| extra.streams.iter())
                .filter(|(_, stream)| stream.idle_at <= now)
                .map(|(id, _)| Arc::clone(id))
                .collect();
            for id in idle {
                self.close_stream(slot, &id, StreamEnd::IdleTimeout, Some(&StreamClosedError::IdleTimeout));
            }
        }
    }

    /// The publisher goes: its streams end for those who receive them.
    pub(crate) fn cancel_streams(&mut self, slot: Slot) {
        let extra = self.conns.get(slot as usize).and_then(|conn| conn.extra.as_ref());
        let ids: Vec<Arc<str>> = extra.into_iter().flat_map(|extra| extra.streams.keys().cloned()).collect();
        for id in ids {
            self.finish_stream(slot, &id, StreamEnd::Cancelled);
        }
    }

    /// An open stream, now no longer idle. The publisher is told when there is none.
    fn touch_stream(&mut self, slot: Slot, stream_id: &str) -> Option<(Arc<str>, &mut Stream)> {
        let now = self.now;
        let is_open = self.stream(slot, stream_id).is_some();
        if !is_open {
            let error = StreamClosedError::StreamNotFound;
            self.control(slot, |format| format.stream_closed_frame(stream_id, Some(&error)));
            return None;
        }
        let streams = &mut self.conns.get_mut(slot as usize)?.extra.as_mut()?.streams;
        let id = streams.get_key_value(stream_id).map(|(id, _)| Arc::clone(id))?;
        let stream = streams.get_mut(stream_id)?;
        stream.touch(now);
        Some((id, stream))
    }

    fn stream(&mut self, slot: Slot, stream_id: &str) -> Option<&mut Stream> {
        self.conns.get_mut(slot as usize)?.extra.as_mut()?.streams.get_mut(stream_id)
    }

    /// Ends a stream for its receivers and for its publisher.
    fn close_stream(
        &mut self,
        slot: Slot,
        stream_id: &str,
        end: StreamEnd,
        error: Option<&StreamClosedError<'_>>,
    ) {
        self.finish_stream(slot, stream_id, end);
        self.control(slot, |format| format.stream_closed_frame(stream_id, error));
    }

    fn finish_stream(&mut self, slot: Slot, stream_id: &str, end: StreamEnd) {
        let Some(extra) = self.conns.get_mut(slot as usize).and_then(|conn| conn.extra.as_mut()) else {
            return;
        };
        let Some((id, stream)) = extra.streams.remove_entry(stream_id) else { return };
        if extra.streams.is_empty() {
            self.streaming.remove(&slot);
        }
        self.changed(slot);
        let payload = Payload::Text(bytes::Bytes::new());
        if let Some(mut publish) = self.to_group(slot, stream.group, stream.no_echo, payload) {
            let sequence_id = stream.expected;
            publish.stream = Some(Box::new(StreamPart { stream_id: id, sequence_id, end: Some(end) }));
            self.publish(publish);
        }
    }
}

#[cfg(test)]
mod tests;
