//! Messages from JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::pubsub::{
    AckError, Data, GroupMessage, GroupState, GroupStateItem, GroupStateKind, GroupStateMessage, Message,
    Metadata, ServerMessage, StreamError, StreamPart,
};

/// A message on the wire: every member of every kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    r#type: String,
    event: Option<String>,
    message: Option<String>,
    connection_id: Option<String>,
    user_id: Option<String>,
    reconnection_token: Option<String>,
    ack_id: Option<u64>,
    #[serde(default)]
    success: bool,
    error: Option<WireError>,
    from: Option<String>,
    group: Option<String>,
    from_user_id: Option<String>,
    data_type: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    metadata: Option<Metadata>,
    sequence_id: Option<u64>,
    stream: Option<WirePart>,
    invocation_id: Option<String>,
    stream_id: Option<String>,
    expected_sequence_id: Option<u64>,
    name: Option<String>,
    /// Read when the type is known: others may have members of this name.
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireError {
    name: String,
    message: Option<String>,
    user_error_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WirePart {
    stream_id: String,
    stream_sequence_id: u64,
    #[serde(default)]
    end_of_stream: bool,
    error: Option<WireError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireItem {
    connection_id: String,
    user_id: Option<String>,
    state: Option<GroupState>,
    updated_at: i64,
}

impl From<WireItem> for GroupStateItem {
    fn from(item: WireItem) -> Self {
        let WireItem { connection_id, user_id, state, updated_at } = item;
        Self { connection_id, user_id, state, updated_at_ms: updated_at }
    }
}

impl From<WireError> for AckError {
    fn from(error: WireError) -> Self {
        Self { name: error.name, message: error.message.unwrap_or_default() }
    }
}

impl From<WirePart> for StreamPart {
    fn from(part: WirePart) -> Self {
        let error = part.error.map(|WireError { name, message, user_error_code }| StreamError {
            name,
            message,
            user_error_code,
        });
        Self {
            stream_id: part.stream_id,
            sequence_id: part.stream_sequence_id,
            end: part.end_of_stream,
            error,
        }
    }
}

/// Reads a text message of the service.
pub(in crate::pubsub) fn decode(text: &str) -> Result<Message, Error> {
    let wire: Wire<'_> = serde_json::from_str(text)
        .map_err(|_| Error::Message("it is not a JSON object of the subprotocol"))?;
    match (wire.r#type.as_str(), wire.event.as_deref(), wire.from.as_deref()) {
        ("system", Some("connected"), _) => Ok(Message::Connected {
            connection_id: needed(wire.connection_id, "connectionId is missing")?,
            user_id: wire.user_id,
            reconnection_token: wire.reconnection_token,
        }),
        ("system", Some("disconnected"), _) => {
            Ok(Message::Disconnected { message: wire.message.unwrap_or_default() })
        }
        ("ack", ..) => Ok(Message::Ack {
            ack_id: needed(wire.ack_id, "ackId is missing")?,
            outcome: outcome(wire.success, wire.error)?,
        }),
        ("message", _, Some("group")) => Ok(Message::Group(GroupMessage {
            data: needed(data(&wire)?, NO_DATA)?,
            group: needed(wire.group, "group is missing")?,
            from_user_id: wire.from_user_id,
            metadata: wire.metadata.unwrap_or_default(),
            sequence_id: wire.sequence_id,
            stream: wire.stream.map(StreamPart::from),
        })),
        ("message", _, Some("server")) => Ok(Message::Server(ServerMessage {
            data: needed(data(&wire)?, NO_DATA)?,
            metadata: wire.metadata.unwrap_or_default(),
            sequence_id: wire.sequence_id,
        })),
        ("pong", ..) => Ok(Message::Pong),
        ("invokeResponse", ..) => {
            let data = data(&wire)?;
            Ok(Message::InvokeResponse {
                invocation_id: needed(wire.invocation_id, "invocationId is missing")?,
                outcome: outcome(wire.success, wire.error)?.map(|()| data),
            })
        }
        ("streamAck", ..) => Ok(Message::StreamAck {
            stream_id: needed(wire.stream_id, NO_STREAM)?,
            expected_sequence_id: needed(wire.expected_sequence_id, NO_EXPECTED)?,
        }),
        ("streamNack", ..) => Ok(Message::StreamNack {
            stream_id: needed(wire.stream_id, NO_STREAM)?,
            expected_sequence_id: needed(wire.expected_sequence_id, NO_EXPECTED)?,
            error: AckError {
                name: wire.name.unwrap_or_default(),
                message: wire.message.unwrap_or_default(),
            },
        }),
        ("streamClosed", ..) => Ok(Message::StreamClosed {
            stream_id: needed(wire.stream_id, NO_STREAM)?,
            error: wire.error.map(AckError::from),
        }),
        ("groupStateSnapshot", ..) => group_state(GroupStateKind::Snapshot, wire),
        ("groupStateUpdate", ..) => group_state(GroupStateKind::Update, wire),
        _ => Ok(Message::Unknown(text.to_owned())),
    }
}

fn group_state(kind: GroupStateKind, wire: Wire<'_>) -> Result<Message, Error> {
    let items = needed(wire.items, "items is missing")?;
    let items: Vec<WireItem> = serde_json::from_str(items.get())
        .map_err(|_| Error::Message("its items are not those of a group state message"))?;
    Ok(Message::GroupState(GroupStateMessage {
        group: needed(wire.group, "group is missing")?,
        kind,
        items: items.into_iter().map(GroupStateItem::from).collect(),
        sequence_id: wire.sequence_id,
    }))
}

const NO_DATA: &str = "dataType or data is missing";
const NO_STREAM: &str = "streamId is missing";
const NO_EXPECTED: &str = "expectedSequenceId is missing";

fn needed<T>(value: Option<T>, what: &'static str) -> Result<T, Error> {
    value.ok_or(Error::Message(what))
}

fn outcome(success: bool, error: Option<WireError>) -> Result<Result<(), AckError>, Error> {
    match (success, error) {
        (true, _) => Ok(Ok(())),
        (false, Some(error)) => Ok(Err(error.into())),
        (false, None) => Err(Error::Message("error is missing")),
    }
}

fn data(wire: &Wire<'_>) -> Result<Option<Data>, Error> {
    match (wire.data_type.as_deref(), wire.data) {
        (Some(data_type), Some(data)) => value(data_type, data).map(Some),
        // `Option` takes the value `null` for an absent one.
        (Some("json"), None) => Ok(Some(Data::Json("null".to_owned()))),
        _ => Ok(None),
    }
}

fn value(data_type: &str, data: &RawValue) -> Result<Data, Error> {
    let text =
        || serde_json::from_str::<String>(data.get()).map_err(|_| Error::Message("data is not a string"));
    let bytes = || STANDARD.decode(text()?).map_err(|_| Error::Message("data is not base64"));
    match data_type {
        "text" => text().map(Data::Text),
        "json" => Ok(Data::Json(data.get().to_owned())),
        "binary" => bytes().map(Data::Binary),
        "protobuf" => bytes().map(Data::Protobuf),
        _ => Err(Error::Message("its dataType is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(data: Data) -> GroupMessage {
        GroupMessage {
            group: "g".to_owned(),
            from_user_id: Some("u".to_owned()),
            data,
            metadata: Metadata::new(),
            sequence_id: None,
            stream: None,
        }
    }

    #[test]
    fn messages_of_the_reference() {
        let refusal =
            |name: &str, message: &str| AckError { name: name.to_owned(), message: message.to_owned() };
        let part = |end| StreamPart { stream_id: "s".to_owned(), sequence_id: 2, end, error: None };
        let failed = StreamError {
            name: "UserError".to_owned(),
            message: Some("m".to_owned()),
            user_error_code: Some("c".to_owned()),
        };
        let id = || "1".to_owned();
        for (text, expected) in [
            (
                r#"{"type":"system","event":"connected","userId":null,"connectionId":"c"}"#,
                Message::Connected { connection_id: "c".to_owned(), user_id: None, reconnection_token: None },
            ),
            (
                r#"{"type":"system","event":"connected","userId":"u","connectionId":"c","reconnectionToken":"t"}"#,
                Message::Connected {
                    connection_id: "c".to_owned(),
                    user_id: Some("u".to_owned()),
                    reconnection_token: Some("t".to_owned()),
                },
            ),
            (
                r#"{"type":"system","event":"disconnected","message":"m"}"#,
                Message::Disconnected { message: "m".to_owned() },
            ),
            (r#"{"type":"ack","ackId":1,"success":true}"#, Message::Ack { ack_id: 1, outcome: Ok(()) }),
            (
                r#"{"type":"ack","ackId":2,"success":false,"error":{"name":"Forbidden","message":"no"}}"#,
                Message::Ack { ack_id: 2, outcome: Err(refusal("Forbidden", "no")) },
            ),
            (
                r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"json","data":{"a": 1.50}}"#,
                Message::Group(group(Data::Json("{\"a\": 1.50}".to_owned()))),
            ),
            (
                r#"{"sequenceId":7,"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"protobuf","data":"CAE=","metadata":{"a":"b"}}"#,
                Message::Group(GroupMessage {
                    sequence_id: Some(7),
                    metadata: Metadata::from([("a".to_owned(), "b".to_owned())]),
                    ..group(Data::Protobuf(vec![8, 1]))
                }),
            ),
            (
                r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"text","data":"","stream":{"streamId":"s","streamSequenceId":2,"endOfStream":true,"error":{"name":"UserError","message":"m","userErrorCode":"c"}}}"#,
                Message::Group(GroupMessage {
                    stream: Some(StreamPart { error: Some(failed), ..part(true) }),
                    ..group(Data::Text(String::new()))
                }),
            ),
            (
                r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"text","data":"a","stream":{"streamId":"s","streamSequenceId":2}}"#,
                Message::Group(GroupMessage {
                    stream: Some(part(false)),
                    ..group(Data::Text("a".to_owned()))
                }),
            ),
            (
                r#"{"type":"message","from":"server","dataType":"binary","data":"BQEB"}"#,
                Message::Server(ServerMessage {
                    data: Data::Binary(vec![5, 1, 1]),
                    metadata: Metadata::new(),
                    sequence_id: None,
                }),
            ),
            (
                r#"{"type":"message","from":"server","dataType":"json","data":null}"#,
                Message::Server(ServerMessage {
                    data: Data::Json("null".to_owned()),
                    metadata: Metadata::new(),
                    sequence_id: None,
                }),
            ),
            (r#"{"type":"pong"}"#, Message::Pong),
            (
                r#"{"type":"invokeResponse","invocationId":"1","success":true,"dataType":"text","data":"p"}"#,
                Message::InvokeResponse {
                    invocation_id: id(),
                    outcome: Ok(Some(Data::Text("p".to_owned()))),
                },
            ),
            (
                r#"{"type":"invokeResponse","invocationId":"1","success":true}"#,
                Message::InvokeResponse { invocation_id: id(), outcome: Ok(None) },
            ),
            (
                r#"{"type":"invokeResponse","invocationId":"1","success":false,"error":{"name":"BadRequest","message":"no"}}"#,
                Message::InvokeResponse { invocation_id: id(), outcome: Err(refusal("BadRequest", "no")) },
            ),
            (
                r#"{"type":"streamAck","streamId":"1","expectedSequenceId":3}"#,
                Message::StreamAck { stream_id: id(), expected_sequence_id: 3 },
            ),
            (
                r#"{"type":"streamNack","streamId":"1","name":"InvalidSequenceId","message":"m","expectedSequenceId":2}"#,
                Message::StreamNack {
                    stream_id: id(),
                    expected_sequence_id: 2,
                    error: refusal("InvalidSequenceId", "m"),
                },
            ),
            (
                r#"{"type":"streamClosed","streamId":"1"}"#,
                Message::StreamClosed { stream_id: id(), error: None },
            ),
            (
                r#"{"type":"streamClosed","streamId":"1","error":{"name":"IdleTimeout","message":"m"}}"#,
                Message::StreamClosed { stream_id: id(), error: Some(refusal("IdleTimeout", "m")) },
            ),
            (
                r#"{"sequenceId":4,"type":"groupStateSnapshot","group":"g","items":[{"connectionId":"c1","userId":"u","state":{"k":"v"},"updatedAt":1741652405000}]}"#,
                Message::GroupState(GroupStateMessage {
                    group: "g".to_owned(),
                    kind: GroupStateKind::Snapshot,
                    items: vec![GroupStateItem {
                        connection_id: "c1".to_owned(),
                        user_id: Some("u".to_owned()),
                        state: Some(GroupState::from([("k".to_owned(), "v".to_owned())])),
                        updated_at_ms: 1_741_652_405_000,
                    }],
                    sequence_id: Some(4),
                }),
            ),
            (
                r#"{"type":"groupStateUpdate","group":"g","items":[{"connectionId":"c1","userId":null,"updatedAt":2}]}"#,
                Message::GroupState(GroupStateMessage {
                    group: "g".to_owned(),
                    kind: GroupStateKind::Update,
                    items: vec![GroupStateItem {
                        connection_id: "c1".to_owned(),
                        user_id: None,
                        state: None,
                        updated_at_ms: 2,
                    }],
                    sequence_id: None,
                }),
            ),
            (r#"{"type":"newer","items":7}"#, Message::Unknown(r#"{"type":"newer","items":7}"#.to_owned())),
        ] {
            assert_eq!(decode(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type":"ack","success":true}"#,
            r#"{"type":"ack","ackId":1,"success":false}"#,
            r#"{"type":"system","event":"connected"}"#,
            r#"{"type":"message","from":"server","dataType":"text","data":1}"#,
            r#"{"type":"message","from":"server","dataType":"binary","data":"%"}"#,
            r#"{"type":"message","from":"server","dataType":"new","data":"x"}"#,
            r#"{"type":"message","from":"group","dataType":"text","data":"x"}"#,
            r#"{"type":"message","from":"group","group":"g"}"#,
            r#"{"type":"streamAck","streamId":"1"}"#,
            r#"{"type":"groupStateUpdate","group":"g"}"#,
            r#"{"type":"groupStateUpdate","items":[]}"#,
            r#"{"type":"groupStateUpdate","group":"g","items":[{"connectionId":"c"}]}"#,
            r#"{"type":"groupStateUpdate","group":"g","items":[{"connectionId":"c","updatedAt":1,"state":{"k":1}}]}"#,
        ] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
