//! Messages as JSON, whatever they came as: for tools that show them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::pubsub::{AckError, Data, GroupStateItem, GroupStateKind, Message, Metadata, StreamPart};

impl Message {
    /// The message as one line of JSON, with the members that the JSON subprotocols have for it.
    pub fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Connected { connection_id, user_id, reconnection_token } => {
                let mut value = json!({
                    "type": "system", "event": "connected", "userId": user_id, "connectionId": connection_id
                });
                if let Some(token) = reconnection_token {
                    value["reconnectionToken"] = json!(token);
                }
                value
            }
            Self::Disconnected { message } => {
                json!({ "type": "system", "event": "disconnected", "message": message })
            }
            Self::Ack { ack_id, outcome } => {
                let value = json!({ "type": "ack", "ackId": ack_id, "success": outcome.is_ok() });
                with_error(value, outcome.as_ref().err())
            }
            Self::Group(message) => {
                let mut value = json!({
                    "type": "message",
                    "from": "group",
                    "group": message.group,
                    "fromUserId": message.from_user_id,
                });
                if let Some(part) = &message.stream {
                    value["stream"] = stream(part);
                }
                with_content(value, &message.data, &message.metadata, message.sequence_id)
            }
            Self::Server(message) => {
                let value = json!({ "type": "message", "from": "server" });
                with_content(value, &message.data, &message.metadata, message.sequence_id)
            }
            Self::GroupState(message) => {
                let kind = match message.kind {
                    GroupStateKind::Snapshot => "groupStateSnapshot",
                    GroupStateKind::Update => "groupStateUpdate",
                };
                let items: Vec<Value> = message.items.iter().map(item).collect();
                let value = json!({ "type": kind, "group": message.group, "items": items });
                with_sequence_id(value, message.sequence_id)
            }
            Self::Pong => json!({ "type": "pong" }),
            Self::InvokeResponse { invocation_id, outcome } => {
                let value = json!({
                    "type": "invokeResponse", "invocationId": invocation_id, "success": outcome.is_ok()
                });
                match outcome {
                    Ok(Some(data)) => with_content(value, data, &Metadata::new(), None),
                    Ok(None) => value,
                    Err(error) => with_error(value, Some(error)),
                }
            }
            Self::StreamAck { stream_id, expected_sequence_id } => json!({
                "type": "streamAck", "streamId": stream_id, "expectedSequenceId": expected_sequence_id
            }),
            Self::StreamNack { stream_id, expected_sequence_id, error } => json!({
                "type": "streamNack",
                "streamId": stream_id,
                "name": error.name,
                "message": error.message,
                "expectedSequenceId": expected_sequence_id,
            }),
            Self::StreamClosed { stream_id, error } => {
                with_error(json!({ "type": "streamClosed", "streamId": stream_id }), error.as_ref())
            }
            Self::Unknown(text) => json!({ "type": "unknown", "message": text }),
        }
    }
}

fn with_error(mut value: Value, error: Option<&AckError>) -> Value {
    if let Some(error) = error {
        value["error"] = json!({ "name": error.name, "message": error.message });
    }
    value
}

fn with_content(mut value: Value, data: &Data, metadata: &Metadata, sequence_id: Option<u64>) -> Value {
    value["dataType"] = data.type_name().into();
    value["data"] = match data {
        Data::Text(text) => text.as_str().into(),
        // A value that is no JSON after all is shown as text.
        Data::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Data::Binary(bytes) | Data::Protobuf(bytes) => STANDARD.encode(bytes).into(),
    };
    if !metadata.is_empty() {
        value["metadata"] = json!(metadata);
    }
    with_sequence_id(value, sequence_id)
}

fn with_sequence_id(mut value: Value, sequence_id: Option<u64>) -> Value {
    if let Some(sequence_id) = sequence_id {
        value["sequenceId"] = sequence_id.into();
    }
    value
}

fn item(item: &GroupStateItem) -> Value {
    let mut value = json!({ "connectionId": item.connection_id });
    if let Some(user_id) = &item.user_id {
        value["userId"] = user_id.as_str().into();
    }
    if let Some(state) = &item.state {
        value["state"] = json!(state);
    }
    value["updatedAt"] = item.updated_at_ms.into();
    value
}

fn stream(part: &StreamPart) -> Value {
    let mut members = Map::new();
    members.insert("streamId".to_owned(), part.stream_id.as_str().into());
    members.insert("streamSequenceId".to_owned(), part.sequence_id.into());
    if part.end {
        members.insert("endOfStream".to_owned(), true.into());
    }
    if let Some(error) = &part.error {
        members.insert(
            "error".to_owned(),
            json!({ "name": error.name, "message": error.message, "userErrorCode": error.user_error_code }),
        );
    }
    members.into()
}

#[cfg(test)]
mod tests {
    use crate::pubsub::Protocol;
    use crate::ws::Event;

    #[test]
    fn what_is_shown_reads_as_what_came() {
        for text in [
            r#"{"type":"system","event":"connected","userId":"u","connectionId":"c","reconnectionToken":"t"}"#,
            r#"{"type":"system","event":"disconnected","message":"m"}"#,
            r#"{"type":"ack","ackId":1,"success":true}"#,
            r#"{"type":"ack","ackId":2,"success":false,"error":{"name":"Forbidden","message":"no"}}"#,
            r#"{"type":"message","from":"group","group":"g","fromUserId":null,"dataType":"json","data":{"a":1},"metadata":{"a":"b"},"sequenceId":7}"#,
            r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"text","data":"","stream":{"streamId":"s","streamSequenceId":2,"endOfStream":true,"error":{"name":"UserError","message":"m","userErrorCode":"c"}}}"#,
            r#"{"type":"message","from":"server","dataType":"binary","data":"BQEB"}"#,
            r#"{"type":"groupStateSnapshot","group":"g","items":[{"connectionId":"c","userId":"u","state":{"k":"v"},"updatedAt":1}],"sequenceId":7}"#,
            r#"{"type":"groupStateUpdate","group":"g","items":[{"connectionId":"c","updatedAt":1}]}"#,
            r#"{"type":"pong"}"#,
            r#"{"type":"invokeResponse","invocationId":"1","success":true,"dataType":"text","data":"p"}"#,
            r#"{"type":"invokeResponse","invocationId":"1","success":false,"error":{"name":"N","message":"no"}}"#,
            r#"{"type":"streamAck","streamId":"1","expectedSequenceId":3}"#,
            r#"{"type":"streamNack","streamId":"1","name":"N","message":"m","expectedSequenceId":2}"#,
            r#"{"type":"streamClosed","streamId":"1","error":{"name":"N","message":"m"}}"#,
        ] {
            let read = |text: &str| Protocol::Json.decode(&Event::Text(text.to_owned())).unwrap().unwrap();
            let message = read(text);
            assert_eq!(read(&message.to_json()), message, "{text}");
        }
    }
}
