//! Requests as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::pubsub::{Data, GroupState, Metadata, Request, SendOptions};

/// A request on the wire; what is absent is left out.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_id: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<Start<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_sequence_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_seconds: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a GroupState>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Start<'a> {
    stream_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_timeout_ms: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_error_code: Option<&'a str>,
}

/// The text of a request.
pub(in crate::pubsub) fn encode(request: &Request<'_>, ack_id: Option<u64>) -> String {
    let named = |r#type| Wire { r#type, ..Wire::default() };
    let wire = match *request {
        Request::JoinGroup { group } => Wire { group: Some(group), ack_id, ..named("joinGroup") },
        Request::LeaveGroup { group } => Wire { group: Some(group), ack_id, ..named("leaveGroup") },
        Request::SendToGroup { group, data, options } => {
            let SendOptions { no_echo, metadata, ttl_seconds } = options;
            let (no_echo, ttl_seconds) = (*no_echo, *ttl_seconds);
            let wire = Wire { group: Some(group), ack_id, no_echo, ttl_seconds, ..named("sendToGroup") };
            wire.with_data(Some(data)).with_metadata(metadata)
        }
        Request::Event { event, data, metadata } => {
            let wire = Wire { event: Some(event), ack_id, ..named("event") };
            wire.with_data(Some(data)).with_metadata(metadata)
        }
        Request::Ping => named("ping"),
        Request::SequenceAck { sequence_id } => {
            Wire { sequence_id: Some(sequence_id), ..named("sequenceAck") }
        }
        Request::Invoke { invocation_id, event, data, metadata } => {
            let target = Some("event");
            let wire =
                Wire { invocation_id: Some(invocation_id), target, event: Some(event), ..named("invoke") };
            wire.with_data(data).with_metadata(metadata)
        }
        Request::CancelInvocation { invocation_id } => {
            Wire { invocation_id: Some(invocation_id), ..named("cancelInvocation") }
        }
        Request::StreamStart { group, stream_id, no_echo, idle_timeout_ms } => {
            let stream = Some(Start { stream_id, idle_timeout_ms });
            Wire { group: Some(group), no_echo, stream, ..named("sendToGroup") }
        }
        Request::StreamData { stream_id, sequence_id, data } => {
            let wire = Wire { stream_sequence_id: Some(sequence_id), ..named("streamData") };
            Wire { stream_id: Some(stream_id), ..wire }.with_data(Some(data))
        }
        Request::StreamKeepalive { stream_id } => Wire { stream_id: Some(stream_id), ..named("streamData") },
        Request::StreamEnd { stream_id, error } => {
            let error = error.map(|failure| Failure {
                message: failure.message.as_deref(),
                user_error_code: failure.user_error_code.as_deref(),
            });
            Wire { stream_id: Some(stream_id), error, ..named("streamEnd") }
        }
        Request::SetGroupState { group, state } => {
            Wire { group: Some(group), ack_id, state, ..named("setGroupState") }
        }
        Request::SubscribeGroupState { group } => {
            Wire { group: Some(group), ack_id, ..named("subscribeGroupState") }
        }
        Request::UnsubscribeGroupState { group } => {
            Wire { group: Some(group), ack_id, ..named("unsubscribeGroupState") }
        }
    };
    // Strings, numbers and checked JSON always serialise.
    serde_json::to_string(&wire).unwrap_or_default()
}

impl<'a> Wire<'a> {
    fn with_data(self, data: Option<&'a Data>) -> Self {
        Self { data_type: data.map(Data::type_name), data: data.and_then(raw), ..self }
    }

    fn with_metadata(self, metadata: &'a Metadata) -> Self {
        Self { metadata: Some(metadata).filter(|metadata| !metadata.is_empty()), ..self }
    }
}

/// The value of `data`; `None` if it was not checked when it was made, and is not JSON.
fn raw(data: &Data) -> Option<Box<RawValue>> {
    match data {
        Data::Text(text) => to_raw_value(text),
        Data::Json(text) => RawValue::from_string(text.clone()),
        Data::Binary(bytes) | Data::Protobuf(bytes) => to_raw_value(&STANDARD.encode(bytes)),
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pubsub::StreamFailure;

    #[test]
    fn requests_on_the_wire() {
        let text = Data::Text("a \"b\" ü".to_owned());
        let json = Data::json("[1.50, 1e400]").unwrap();
        let binary = Data::Binary(vec![1, 2, 3]);
        let none = &Metadata::new();
        let trace = &Metadata::from([("trace".to_owned(), "7".to_owned())]);
        let typing = &GroupState::from([("k".to_owned(), "v".to_owned())]);
        let quiet = &SendOptions { no_echo: true, ..SendOptions::default() };
        let full = &SendOptions { metadata: trace.clone(), ttl_seconds: Some(60), ..SendOptions::default() };
        let failure = &StreamFailure { message: Some("m".to_owned()), user_error_code: Some("c".to_owned()) };
        for (request, ack_id, expected) in [
            (Request::JoinGroup { group: "r" }, Some(1), r#"{"type":"joinGroup","group":"r","ackId":1}"#),
            (Request::LeaveGroup { group: "r" }, None, r#"{"type":"leaveGroup","group":"r"}"#),
            (
                Request::SendToGroup { group: "r", data: &text, options: quiet },
                Some(u64::MAX),
                r#"{"type":"sendToGroup","group":"r","ackId":18446744073709551615,"noEcho":true,"dataType":"text","data":"a \"b\" ü"}"#,
            ),
            (
                Request::SendToGroup { group: "r", data: &binary, options: full },
                None,
                r#"{"type":"sendToGroup","group":"r","dataType":"binary","data":"AQID","metadata":{"trace":"7"},"ttlSeconds":60}"#,
            ),
            (
                Request::Event { event: "e", data: &json, metadata: none },
                Some(0),
                r#"{"type":"event","event":"e","ackId":0,"dataType":"json","data":[1.50, 1e400]}"#,
            ),
            (Request::Ping, Some(1), r#"{"type":"ping"}"#),
            (Request::SequenceAck { sequence_id: 12 }, None, r#"{"type":"sequenceAck","sequenceId":12}"#),
            (
                Request::Invoke { invocation_id: "1", event: "echo", data: Some(&text), metadata: none },
                None,
                r#"{"type":"invoke","invocationId":"1","target":"event","event":"echo","dataType":"text","data":"a \"b\" ü"}"#,
            ),
            (
                Request::Invoke { invocation_id: "2", event: "echo", data: None, metadata: none },
                None,
                r#"{"type":"invoke","invocationId":"2","target":"event","event":"echo"}"#,
            ),
            (
                Request::CancelInvocation { invocation_id: "1" },
                None,
                r#"{"type":"cancelInvocation","invocationId":"1"}"#,
            ),
            (
                Request::StreamStart {
                    group: "g",
                    stream_id: "s",
                    no_echo: true,
                    idle_timeout_ms: Some(300),
                },
                None,
                r#"{"type":"sendToGroup","group":"g","noEcho":true,"stream":{"streamId":"s","idleTimeoutMs":300}}"#,
            ),
            (
                Request::StreamData { stream_id: "s", sequence_id: 1, data: &binary },
                None,
                r#"{"type":"streamData","streamId":"s","streamSequenceId":1,"dataType":"binary","data":"AQID"}"#,
            ),
            (Request::StreamKeepalive { stream_id: "s" }, None, r#"{"type":"streamData","streamId":"s"}"#),
            (
                Request::StreamEnd { stream_id: "s", error: None },
                None,
                r#"{"type":"streamEnd","streamId":"s"}"#,
            ),
            (
                Request::StreamEnd { stream_id: "s", error: Some(failure) },
                None,
                r#"{"type":"streamEnd","streamId":"s","error":{"message":"m","userErrorCode":"c"}}"#,
            ),
            (
                Request::SetGroupState { group: "g", state: Some(typing) },
                Some(1),
                r#"{"type":"setGroupState","group":"g","ackId":1,"state":{"k":"v"}}"#,
            ),
            (
                Request::SetGroupState { group: "g", state: None },
                Some(2),
                r#"{"type":"setGroupState","group":"g","ackId":2}"#,
            ),
            (
                Request::SubscribeGroupState { group: "g" },
                Some(3),
                r#"{"type":"subscribeGroupState","group":"g","ackId":3}"#,
            ),
            (
                Request::UnsubscribeGroupState { group: "g" },
                Some(4),
                r#"{"type":"unsubscribeGroupState","group":"g","ackId":4}"#,
            ),
        ] {
            assert_eq!(encode(&request, ack_id), expected);
        }
    }
}
