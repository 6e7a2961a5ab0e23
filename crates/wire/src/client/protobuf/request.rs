//! The fields of a request as they stand in its bytes.
//!
//! Strict where proto3 lets a reader choose: a known field with another wire type, text that is not UTF-8 and a message
//! that does not end where it says are errors. Unknown fields are skipped, whatever they hold.

use bytes::Bytes;

use super::read::{Value, fields};
use crate::client::metadata::{InvalidMetadata, MetadataBuilder};
use crate::client::op::Optional;
use crate::client::{GroupState, GroupStateTooLarge, Payload, StreamFailure, any, json};

/// The members of the upstream message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SendToGroup,
    Event,
    JoinGroup,
    LeaveGroup,
    SequenceAck,
    Ping,
    Invoke,
    CancelInvocation,
    StreamData,
    StreamEnd,
    SetGroupState,
    SubscribeGroupState,
    UnsubscribeGroupState,
}

impl Kind {
    fn numbered(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::SendToGroup,
            5 => Self::Event,
            6 => Self::JoinGroup,
            7 => Self::LeaveGroup,
            8 => Self::SequenceAck,
            9 => Self::Ping,
            10 => Self::Invoke,
            11 => Self::CancelInvocation,
            13 => Self::StreamData,
            14 => Self::StreamEnd,
            15 => Self::SetGroupState,
            16 => Self::SubscribeGroupState,
            17 => Self::UnsubscribeGroupState,
            _ => return None,
        })
    }
}

/// The fields of all members; each uses some of them. Rules are checked when all are known, because a request that
/// breaks one may still be answered.
pub(super) struct Request<'a> {
    pub(super) kind: Kind,
    /// Group, event, or the id of a stream or of a cancelled invocation: field 1 of all that have text there.
    pub(super) name: &'a str,
    pub(super) invocation_id: &'a str,
    /// An ack id, or the number of a message or of a part of a stream.
    pub(super) id: Option<u64>,
    pub(super) data: Option<Data<'a>>,
    pub(super) no_echo: bool,
    pub(super) ttl_seconds: Option<u64>,
    pub(super) metadata: Result<MetadataBuilder, InvalidMetadata>,
    pub(super) stream: Option<StreamStart<'a>>,
    pub(super) error: Option<StreamFailure<'a>>,
    pub(super) state: Result<Option<GroupState>, GroupStateTooLarge>,
}

/// A `MessageData`, which may be there without a member.
#[derive(Default)]
pub(super) struct Data<'a> {
    member: Option<Member<'a>>,
}

#[derive(Clone, Copy)]
enum Member<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Protobuf(&'a [u8]),
    Json(&'a str),
}

#[derive(Default)]
pub(super) struct StreamStart<'a> {
    pub(super) stream_id: &'a str,
    pub(super) idle_timeout_ms: Option<u64>,
}

/// The last member of the oneof counts; one that comes again is merged with what came right before it.
pub(super) fn read(message: &[u8]) -> Option<Request<'_>> {
    let mut request: Option<Request<'_>> = None;
    for field in fields(message) {
        let (number, value) = field?;
        let Some(kind) = Kind::numbered(number) else { continue };
        if request.as_ref().is_none_or(|request| request.kind != kind) {
            request = Some(Request::new(kind));
        }
        request.as_mut()?.read(value.bytes()?)?;
    }
    request
}

impl<'a> Request<'a> {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            name: "",
            invocation_id: "",
            id: None,
            data: None,
            no_echo: false,
            ttl_seconds: None,
            metadata: Ok(MetadataBuilder::default()),
            stream: None,
            error: None,
            state: Ok(None),
        }
    }

    /// Takes the fields of one member; `None` when they are not well-formed.
    fn read(&mut self, message: &'a [u8]) -> Option<()> {
        for field in fields(message) {
            let (number, value) = field?;
            match (self.kind, number) {
                (Kind::SequenceAck, 1)
                | (
                    Kind::SendToGroup
                    | Kind::JoinGroup
                    | Kind::LeaveGroup
                    | Kind::StreamData
                    | Kind::SetGroupState
                    | Kind::SubscribeGroupState
                    | Kind::UnsubscribeGroupState,
                    2,
                )
                | (Kind::Event, 3) => self.id = Some(value.number()?),
                (Kind::Ping | Kind::SequenceAck, _) => {}
                (_, 1) => self.name = value.text()?,
                (Kind::Invoke, 2) => self.invocation_id = value.text()?,
                (Kind::StreamEnd, 2) => self.read_error(value.bytes()?)?,
                (Kind::Event, 2) | (Kind::SendToGroup | Kind::Invoke | Kind::StreamData, 3) => {
                    self.data.get_or_insert_default().read(value.bytes()?)?;
                }
                (Kind::SetGroupState, 3) => self.read_state(value.bytes()?)?,
                (Kind::SendToGroup, 4) => self.no_echo = value.number()? != 0,
                (Kind::SendToGroup, 5) => self.ttl_seconds = Some(value.number()?),
                (Kind::SendToGroup, 6) | (Kind::Event | Kind::Invoke, 4) => self.read_metadata(value)?,
                (Kind::SendToGroup, 7) | (Kind::Event | Kind::Invoke, 5) => {
                    self.stream.get_or_insert_default().read(value.bytes()?)?;
                }
                _ => {}
            }
        }
        Some(())
    }

    fn read_metadata(&mut self, value: Value<'_>) -> Option<()> {
        let (key, value) = entry(value)?;
        if let Ok(metadata) = &mut self.metadata
            && let Err(invalid) = metadata.push(key.to_owned(), value.to_owned())
        {
            self.metadata = Err(invalid);
        }
        Some(())
    }

    fn read_state(&mut self, message: &[u8]) -> Option<()> {
        if let Ok(state) = &mut self.state {
            state.get_or_insert_default();
        }
        for field in fields(message) {
            let (number, value) = field?;
            if number != 1 {
                continue;
            }
            let (key, value) = entry(value)?;
            if let Ok(Some(state)) = &mut self.state
                && let Err(too_large) = state.insert(key.to_owned(), value.to_owned())
            {
                self.state = Err(too_large);
            }
        }
        Some(())
    }

    fn read_error(&mut self, message: &'a [u8]) -> Option<()> {
        let error = self.error.get_or_insert_default();
        for field in fields(message) {
            match field? {
                (1, value) => error.message = Some(value.text()?.into()),
                (2, value) => error.user_error_code = Some(value.text()?.into()),
                _ => {}
            }
        }
        Some(())
    }
}

impl<'a> Data<'a> {
    fn read(&mut self, message: &'a [u8]) -> Option<()> {
        for field in fields(message) {
            let (number, value) = field?;
            self.member = Some(match number {
                1 => Member::Text(value.text()?),
                2 => Member::Binary(value.bytes()?),
                3 => Member::Protobuf(value.bytes()?),
                4 => Member::Json(value.text()?),
                _ => continue,
            });
        }
        Some(())
    }

    /// The payload of a member, `Some(None)` when no member is set. JSON must be valid and not `null`
    /// (client-protocols.md §3.3, §3.7), and an `Any` well-formed.
    pub(super) fn payload(&self) -> Optional<Payload> {
        let Some(member) = self.member else { return Some(None) };
        let copy = Bytes::copy_from_slice;
        Some(Some(match member {
            Member::Text(text) => Payload::Text(copy(text.as_bytes())),
            Member::Binary(bytes) => Payload::Binary(copy(bytes)),
            Member::Protobuf(any) if any::is_any(any) => Payload::Protobuf(copy(any)),
            Member::Json(json) if json::is_valid(json) && json.trim_ascii() != "null" => {
                Payload::Json(copy(json.as_bytes()))
            }
            Member::Protobuf(_) | Member::Json(_) => return None,
        }))
    }
}

impl<'a> StreamStart<'a> {
    fn read(&mut self, message: &'a [u8]) -> Option<()> {
        for field in fields(message) {
            match field? {
                (1, value) => self.stream_id = value.text()?,
                (2, value) => self.idle_timeout_ms = Some(value.number()?),
                _ => {}
            }
        }
        Some(())
    }
}

/// An entry of a map of strings; both default to empty.
fn entry<'a>(value: Value<'a>) -> Option<(&'a str, &'a str)> {
    let (mut key, mut text) = ("", "");
    for field in fields(value.bytes()?) {
        match field? {
            (1, value) => key = value.text()?,
            (2, value) => text = value.text()?,
            _ => {}
        }
    }
    Some((key, text))
}
