//! Requests as protobuf: the fields of `UpstreamMessage` (client-protocols.md §4.2).

use hublet_wire::client::protobuf::{Out, count};

use crate::pubsub::{Data, Metadata, Request};

/// The bytes of a request.
pub(in crate::pubsub) fn encode(request: &Request<'_>, ack_id: Option<u64>) -> Vec<u8> {
    let content = |out: &mut Out<'_>| put(out, request, ack_id);
    let mut bytes = Vec::with_capacity(count(content));
    content(&mut Out::Write(&mut bytes));
    bytes
}

fn put(out: &mut Out<'_>, request: &Request<'_>, ack_id: Option<u64>) {
    match *request {
        Request::SendToGroup { group, data, options } => out.message(1, |out| {
            out.text(1, group);
            put_ack_id(out, 2, ack_id);
            put_data(out, 3, data);
            if options.no_echo {
                out.number(4, 1);
            }
            if let Some(seconds) = options.ttl_seconds {
                out.number(5, seconds.into());
            }
            put_metadata(out, 6, &options.metadata);
        }),
        Request::StreamStart { group, stream_id, no_echo, idle_timeout_ms } => out.message(1, |out| {
            out.text(1, group);
            if no_echo {
                out.number(4, 1);
            }
            out.message(7, |out| {
                out.text(1, stream_id);
                if let Some(ms) = idle_timeout_ms {
                    out.number(2, ms.into());
                }
            });
        }),
        Request::Event { event, data, metadata } => out.message(5, |out| {
            out.text(1, event);
            put_data(out, 2, data);
            put_ack_id(out, 3, ack_id);
            put_metadata(out, 4, metadata);
        }),
        Request::JoinGroup { group } => put_group(out, 6, group, ack_id),
        Request::LeaveGroup { group } => put_group(out, 7, group, ack_id),
        Request::SequenceAck { sequence_id } => out.message(8, |out| out.number(1, sequence_id)),
        Request::Ping => out.message(9, |_| {}),
        Request::Invoke { invocation_id, event, data, metadata } => out.message(10, |out| {
            out.text(1, event);
            out.text(2, invocation_id);
            if let Some(data) = data {
                put_data(out, 3, data);
            }
            put_metadata(out, 4, metadata);
        }),
        Request::CancelInvocation { invocation_id } => out.message(11, |out| out.text(1, invocation_id)),
        Request::StreamData { stream_id, sequence_id, data } => out.message(13, |out| {
            out.text(1, stream_id);
            out.number(2, sequence_id);
            put_data(out, 3, data);
        }),
        Request::StreamKeepalive { stream_id } => out.message(13, |out| out.text(1, stream_id)),
        Request::StreamEnd { stream_id, error } => out.message(14, |out| {
            out.text(1, stream_id);
            if let Some(failure) = error {
                out.message(2, |out| {
                    if let Some(message) = &failure.message {
                        out.bytes(1, message.as_bytes());
                    }
                    if let Some(code) = &failure.user_error_code {
                        out.bytes(2, code.as_bytes());
                    }
                });
            }
        }),
        Request::SetGroupState { group, state } => out.message(15, |out| {
            out.text(1, group);
            put_ack_id(out, 2, ack_id);
            if let Some(state) = state {
                out.message(3, |out| state.iter().for_each(|(name, value)| out.entry(1, name, value)));
            }
        }),
        Request::SubscribeGroupState { group } => put_group(out, 16, group, ack_id),
        Request::UnsubscribeGroupState { group } => put_group(out, 17, group, ack_id),
    }
}

/// A request that names a group and nothing else.
fn put_group(out: &mut Out<'_>, field: u8, group: &str, ack_id: Option<u64>) {
    out.message(field, |out| {
        out.text(1, group);
        put_ack_id(out, 2, ack_id);
    });
}

/// Zero is an ack id as well.
fn put_ack_id(out: &mut Out<'_>, field: u8, ack_id: Option<u64>) {
    if let Some(ack_id) = ack_id {
        out.number(field, ack_id);
    }
}

fn put_data(out: &mut Out<'_>, field: u8, data: &Data) {
    let (kind, bytes) = match data {
        Data::Text(text) => (1, text.as_bytes()),
        Data::Binary(bytes) => (2, bytes.as_slice()),
        Data::Protobuf(bytes) => (3, bytes.as_slice()),
        Data::Json(text) => (4, text.as_bytes()),
    };
    // An empty one is written too: it says which kind it is.
    out.message(field, |out| out.bytes(kind, bytes));
}

fn put_metadata(out: &mut Out<'_>, field: u8, metadata: &Metadata) {
    for (key, value) in metadata {
        out.entry(field, key, value);
    }
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::protobuf::decode;
    use hublet_wire::client::{ClientOp, Payload};

    use super::*;
    use crate::pubsub::{GroupState, SendOptions, StreamFailure};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_vectors_of_the_reference() {
        let none = &Metadata::new();
        let (text, part) = (&Data::Text("xzy".to_owned()), &Data::Text("a".to_owned()));
        let (hi, json) = (&Data::Text("hi".to_owned()), &Data::json(r#"{"value":"xyz"}"#).unwrap());
        let any = &Data::Protobuf(b"\x0a\x07example\x12\x03xyz".to_vec());
        let typing = &GroupState::from([("activity".to_owned(), "typing".to_owned())]);
        let plain = &SendOptions::default();
        let quiet = &SendOptions { no_echo: true, ..SendOptions::default() };
        let send = |data, options| Request::SendToGroup { group: "group", data, options };
        for (request, ack_id, expected) in [
            (Request::JoinGroup { group: "group" }, None, "32070a0567726f7570"),
            (Request::JoinGroup { group: "group" }, Some(44133), "320b0a0567726f757010e5d802"),
            (Request::JoinGroup { group: "room" }, Some(0), "32080a04726f6f6d1000"),
            (Request::LeaveGroup { group: "group" }, Some(12345), "3a0a0a0567726f757010b960"),
            (send(text, plain), None, "0a0e0a0567726f75701a050a03787a79"),
            (
                send(json, quiet),
                Some(12345),
                "0a1f0a0567726f757010b9601a11220f7b2276616c7565223a2278797a227d2001",
            ),
            (
                send(any, quiet),
                Some(12345),
                "0a1e0a0567726f757010b9601a101a0e0a076578616d706c65120378797a2001",
            ),
            (
                Request::Event { event: "event", data: text, metadata: none },
                None,
                "2a0e0a056576656e7412050a03787a79",
            ),
            (Request::SequenceAck { sequence_id: 123_456 }, None, "420408c0c407"),
            (Request::Ping, Some(1), "4a00"),
            (
                Request::Invoke { invocation_id: "1", event: "echo", data: Some(hi), metadata: none },
                None,
                "520f0a046563686f1201311a040a026869",
            ),
            (Request::CancelInvocation { invocation_id: "1" }, None, "5a030a0131"),
            (
                Request::StreamStart {
                    group: "g",
                    stream_id: "s1",
                    no_echo: false,
                    idle_timeout_ms: Some(300_000),
                },
                None,
                "0a0d0a01673a080a02733110e0a712",
            ),
            (
                Request::StreamData { stream_id: "s1", sequence_id: 1, data: part },
                None,
                "6a0b0a02733110011a030a0161",
            ),
            (Request::StreamKeepalive { stream_id: "s1" }, None, "6a040a027331"),
            (Request::StreamEnd { stream_id: "s1", error: None }, None, "72040a027331"),
            (
                Request::SetGroupState { group: "chat-room", state: Some(typing) },
                Some(1),
                "7a230a09636861742d726f6f6d10011a140a120a0861637469766974791206747970696e67",
            ),
            (
                Request::SetGroupState { group: "chat-room", state: None },
                Some(2),
                "7a0d0a09636861742d726f6f6d1002",
            ),
            (
                Request::SubscribeGroupState { group: "chat-room" },
                Some(3),
                "82010d0a09636861742d726f6f6d1003",
            ),
            (
                Request::UnsubscribeGroupState { group: "chat-room" },
                Some(4),
                "8a010d0a09636861742d726f6f6d1004",
            ),
        ] {
            assert_eq!(hex(&encode(&request, ack_id)), expected, "{request:?}");
        }
    }

    #[test]
    fn what_the_vectors_leave_out_is_read_as_it_was_meant() {
        let metadata = Metadata::from([("k".to_owned(), "v".to_owned())]);
        let options = SendOptions { no_echo: false, metadata, ttl_seconds: Some(9) };
        let data = Data::Binary(Vec::new());
        let bytes = encode(&Request::SendToGroup { group: "g", data: &data, options: &options }, Some(1));
        let expected = ClientOp::SendToGroup {
            group: "g".into(),
            ack_id: Some(1),
            no_echo: false,
            payload: Payload::Binary(Default::default()),
            metadata: vec![("k".to_owned(), "v".to_owned())],
            ttl_seconds: Some(9),
        };
        assert_eq!(decode(&bytes), Ok(expected));
        let failure = StreamFailure { message: Some("m".to_owned()), user_error_code: None };
        let bytes = encode(&Request::StreamEnd { stream_id: "s", error: Some(&failure) }, None);
        let error = hublet_wire::client::StreamFailure { message: Some("m".into()), user_error_code: None };
        assert_eq!(decode(&bytes), Ok(ClientOp::StreamEnd { stream_id: "s".into(), error: Some(error) }));
        // An empty state is one; none is a request to clear it.
        let empty = Request::SetGroupState { group: "g", state: Some(&GroupState::new()) };
        let state = Some(Default::default());
        assert_eq!(
            decode(&encode(&empty, None)),
            Ok(ClientOp::SetGroupState { group: "g".into(), ack_id: None, state })
        );
    }
}
