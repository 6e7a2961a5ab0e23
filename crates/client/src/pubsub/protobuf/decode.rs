//! Messages from protobuf: the fields of `DownstreamMessage` (client-protocols.md §4.3).

use hublet_wire::client::protobuf::{Value, fields};

use crate::error::Error;
use crate::pubsub::{
    AckError, Data, GroupMessage, GroupState, GroupStateItem, GroupStateKind, GroupStateMessage, Message,
    Metadata, ServerMessage, StreamError, StreamPart,
};

/// Reads a binary message of the service.
pub(in crate::pubsub) fn decode(message: &[u8]) -> Result<Message, Error> {
    let malformed = Error::Message("it is not a protobuf message of the subprotocol");
    // The last member of a oneof counts.
    let member = fields(message).try_fold(None, |_, field| field.map(Some)).ok_or(malformed)?;
    let Some((number, value)) = member else { return Err(Error::Message("it is empty")) };
    let bytes = value.bytes().ok_or(Error::Message("a field has another type than in the schema"))?;
    let read = match number {
        1 => ack(bytes),
        2 => return data_message(bytes),
        3 => system(bytes),
        4 => Some(Message::Pong),
        5 => invoke_response(bytes),
        6 => Strings::read(bytes).map(|strings| Message::StreamAck {
            stream_id: strings.first,
            expected_sequence_id: strings.second_number,
        }),
        7 => stream_nack(bytes),
        8 => stream_closed(bytes),
        9 => group_state(GroupStateKind::Update, bytes),
        10 => group_state(GroupStateKind::Snapshot, bytes),
        _ => Some(Message::Unknown(format!("protobuf message {number} of {} bytes", bytes.len()))),
    };
    read.ok_or(Error::Message("a field is malformed, or has another type than in the schema"))
}

/// Text in field 1 and a number in field 2.
#[derive(Default)]
struct Strings {
    first: String,
    second_number: u64,
}

impl Strings {
    fn read(message: &[u8]) -> Option<Self> {
        let mut strings = Self::default();
        for field in fields(message) {
            match field? {
                (1, value) => strings.first = text(value)?,
                (2, value) => strings.second_number = value.number()?,
                _ => {}
            }
        }
        Some(strings)
    }
}

fn text(value: Value<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn ack(message: &[u8]) -> Option<Message> {
    let (mut ack_id, mut success, mut error) = (0, false, None);
    for field in fields(message) {
        match field? {
            (1, value) => ack_id = value.number()?,
            (2, value) => success = value.number()? != 0,
            (3, value) => error = Some(refusal(value.bytes()?)?),
            _ => {}
        }
    }
    Some(Message::Ack { ack_id, outcome: outcome(success, error) })
}

fn outcome(success: bool, error: Option<AckError>) -> Result<(), AckError> {
    match (success, error) {
        (true, _) => Ok(()),
        (false, Some(error)) => Err(error),
        // Proto3 leaves empty text out, and with it perhaps the whole error.
        (false, None) => Err(AckError { name: String::new(), message: String::new() }),
    }
}

fn refusal(message: &[u8]) -> Option<AckError> {
    let mut error = AckError { name: String::new(), message: String::new() };
    for field in fields(message) {
        match field? {
            (1, value) => error.name = text(value)?,
            (2, value) => error.message = text(value)?,
            _ => {}
        }
    }
    Some(error)
}

/// A group's or the app server's message.
fn data_message(message: &[u8]) -> Result<Message, Error> {
    let malformed = Error::Message("a field is malformed, or has another type than in the schema");
    let read = DataMessage::read(message).ok_or(malformed)?;
    let data = read.data.ok_or(Error::Message("its data is missing"))?;
    let (metadata, sequence_id) = (read.metadata, read.sequence_id);
    match (read.from.as_str(), read.group) {
        ("group", Some(group)) => Ok(Message::Group(GroupMessage {
            group,
            from_user_id: None,
            data,
            metadata,
            sequence_id,
            stream: read.stream,
        })),
        ("group", None) => Err(Error::Message("group is missing")),
        ("server", _) => Ok(Message::Server(ServerMessage { data, metadata, sequence_id })),
        (other, _) => Ok(Message::Unknown(format!("data message from {other}"))),
    }
}

#[derive(Default)]
struct DataMessage {
    from: String,
    group: Option<String>,
    data: Option<Data>,
    sequence_id: Option<u64>,
    metadata: Metadata,
    stream: Option<StreamPart>,
}

impl DataMessage {
    fn read(message: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        for field in fields(message) {
            match field? {
                (1, value) => read.from = text(value)?,
                (2, value) => read.group = Some(text(value)?),
                (3, value) => read.data = data(value.bytes()?)?,
                (4, value) => read.sequence_id = Some(value.number()?),
                (5, value) => read.metadata.extend([entry(value.bytes()?)?]),
                (6, value) => read.stream = Some(part(value.bytes()?)?),
                _ => {}
            }
        }
        Some(read)
    }
}

/// `Some(None)`: no member is set, or one that is not known.
fn data(message: &[u8]) -> Option<Option<Data>> {
    let mut data = None;
    for field in fields(message) {
        data = Some(match field? {
            (1, value) => Data::Text(text(value)?),
            (2, value) => Data::Binary(value.bytes()?.to_vec()),
            (3, value) => Data::Protobuf(value.bytes()?.to_vec()),
            (4, value) => Data::Json(text(value)?),
            _ => continue,
        });
    }
    Some(data)
}

fn entry(message: &[u8]) -> Option<(String, String)> {
    let mut entry = (String::new(), String::new());
    for field in fields(message) {
        match field? {
            (1, value) => entry.0 = text(value)?,
            (2, value) => entry.1 = text(value)?,
            _ => {}
        }
    }
    Some(entry)
}

fn part(message: &[u8]) -> Option<StreamPart> {
    let mut part = StreamPart { stream_id: String::new(), sequence_id: 0, end: false, error: None };
    for field in fields(message) {
        match field? {
            (1, value) => part.stream_id = text(value)?,
            (2, value) => part.sequence_id = value.number()?,
            (3, value) => part.end = value.number()? != 0,
            (4, value) => part.error = Some(stream_error(value.bytes()?)?),
            _ => {}
        }
    }
    Some(part)
}

fn stream_error(message: &[u8]) -> Option<StreamError> {
    let mut error = StreamError { name: String::new(), message: None, user_error_code: None };
    for field in fields(message) {
        match field? {
            (1, value) => error.name = text(value)?,
            (2, value) => error.message = Some(text(value)?),
            (3, value) => error.user_error_code = Some(text(value)?),
            _ => {}
        }
    }
    Some(error)
}

fn system(message: &[u8]) -> Option<Message> {
    let mut read = None;
    for field in fields(message) {
        read = Some(match field? {
            (1, value) => connected(value.bytes()?)?,
            (2, value) => {
                let mut message = String::new();
                for field in fields(value.bytes()?) {
                    if let (2, value) = field? {
                        message = text(value)?;
                    }
                }
                Message::Disconnected { message }
            }
            (number, _) => Message::Unknown(format!("system message {number}")),
        });
    }
    read
}

fn connected(message: &[u8]) -> Option<Message> {
    let (mut connection_id, mut user_id, mut reconnection_token) = (String::new(), None, None);
    for field in fields(message) {
        match field? {
            (1, value) => connection_id = text(value)?,
            // An anonymous connection has an empty one.
            (2, value) => user_id = Some(text(value)?).filter(|user| !user.is_empty()),
            (3, value) => reconnection_token = Some(text(value)?),
            _ => {}
        }
    }
    Some(Message::Connected { connection_id, user_id, reconnection_token })
}

fn invoke_response(message: &[u8]) -> Option<Message> {
    let (mut invocation_id, mut success, mut answer, mut error) = (String::new(), false, None, None);
    for field in fields(message) {
        match field? {
            (1, value) => invocation_id = text(value)?,
            (2, value) => success = value.number()? != 0,
            (3, value) => answer = data(value.bytes()?)?,
            (4, value) => error = Some(refusal(value.bytes()?)?),
            _ => {}
        }
    }
    Some(Message::InvokeResponse { invocation_id, outcome: outcome(success, error).map(|()| answer) })
}

fn stream_nack(message: &[u8]) -> Option<Message> {
    let (mut stream_id, mut expected_sequence_id) = (String::new(), 0);
    let mut error = AckError { name: String::new(), message: String::new() };
    for field in fields(message) {
        match field? {
            (1, value) => stream_id = text(value)?,
            (2, value) => error.name = text(value)?,
            (3, value) => error.message = text(value)?,
            (4, value) => expected_sequence_id = value.number()?,
            _ => {}
        }
    }
    Some(Message::StreamNack { stream_id, expected_sequence_id, error })
}

fn stream_closed(message: &[u8]) -> Option<Message> {
    let (mut stream_id, mut error) = (String::new(), None);
    for field in fields(message) {
        match field? {
            (1, value) => stream_id = text(value)?,
            (2, value) => error = Some(refusal(value.bytes()?)?),
            _ => {}
        }
    }
    Some(Message::StreamClosed { stream_id, error })
}

fn group_state(kind: GroupStateKind, message: &[u8]) -> Option<Message> {
    let mut states = GroupStateMessage { group: String::new(), kind, items: Vec::new(), sequence_id: None };
    for field in fields(message) {
        match field? {
            (1, value) => states.group = text(value)?,
            (2, value) => states.items.push(group_state_item(value.bytes()?)?),
            (3, value) => states.sequence_id = Some(value.number()?),
            _ => {}
        }
    }
    Some(Message::GroupState(states))
}

fn group_state_item(message: &[u8]) -> Option<GroupStateItem> {
    let mut item =
        GroupStateItem { connection_id: String::new(), user_id: None, state: None, updated_at_ms: 0 };
    for field in fields(message) {
        match field? {
            (1, value) => item.connection_id = text(value)?,
            (2, value) => item.user_id = Some(text(value)?),
            (3, value) => {
                let state = item.state.get_or_insert_with(GroupState::new);
                for field in fields(value.bytes()?) {
                    if let (1, value) = field? {
                        state.extend([entry(value.bytes()?)?]);
                    }
                }
            }
            // A negative number is written as its two's complement.
            (4, value) => item.updated_at_ms = value.number()?.cast_signed(),
            _ => {}
        }
    }
    Some(item)
}

#[cfg(test)]
mod tests;
