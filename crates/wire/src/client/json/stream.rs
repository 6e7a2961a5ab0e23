//! Requests about streams (client-protocols.md §6.2).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::members::{Members, pair};
use super::value::{self, present};
use crate::client::op::Optional;
use crate::client::{ClientOp, Payload, StreamFailure};

impl<'a> Members<'a> {
    /// A `sendToGroup` with `stream`.
    pub(super) fn stream_start(&self, stream: &'a RawValue) -> Option<ClientOp<'a>> {
        let [stream_id, idle_timeout_ms] = pair(stream, ["streamId", "idleTimeoutMs"])?;
        Some(ClientOp::stream_start(
            self.group()?,
            value::id(stream_id)?,
            value::optional(idle_timeout_ms, value::integer),
            present(self.data).is_some() || present(self.data_type).is_some(),
            self.no_echo()?,
            self.ack_id()?,
        ))
    }

    pub(super) fn stream_data(&self) -> Option<ClientOp<'a>> {
        let stream_id = value::id(self.stream_id)?;
        let sequence_id = value::optional(self.stream_sequence_id, value::integer);
        Some(ClientOp::stream_data(stream_id, sequence_id, self.part()))
    }

    /// The payload of a part, which unlike other messages must name its data type.
    fn part(&self) -> Optional<Payload> {
        match (present(self.data_type), present(self.data)) {
            (None, None) => Some(None),
            (Some(_), Some(_)) => self.payload(),
            _ => None,
        }
    }

    pub(super) fn stream_end(&self) -> Option<ClientOp<'a>> {
        let stream_id = value::id(self.stream_id)?;
        Some(match value::optional(self.error, failure) {
            Some(error) => ClientOp::StreamEnd { stream_id, error },
            None => ClientOp::MalformedStream { stream_id },
        })
    }
}

fn failure(error: &RawValue) -> Option<StreamFailure<'_>> {
    let [message, user_error_code] = pair(error, ["message", "userErrorCode"])?;
    let text = |text| -> Optional<Cow<'_, str>> { value::optional(text, value::string) };
    Some(StreamFailure { message: text(message)?, user_error_code: text(user_error_code)? })
}
