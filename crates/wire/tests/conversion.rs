//! The conversion matrix: what each kind of payload, from each kind of sender, is for each kind of receiver
//! (client-protocols.md §2.4, §3.7).
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use hublet_wire::client::{ClientOp, Format, Message, MessageFrom, Metadata, Payload, json, protobuf, raw};

mod hex;
use hex::hex;

/// What the receivers get of one payload.
struct Row {
    /// The requests that all mean this payload.
    from_json: &'static str,
    from_protobuf: &'static str,
    /// Opcode and payload of the frame.
    simple: (u8, Vec<u8>),
    /// The members of the JSON message.
    json: &'static str,
    /// The `MessageData`.
    protobuf: &'static str,
}

fn rows() -> [Row; 6] {
    [
        Row {
            from_json: r#""dataType":"text","data":"h\u00fc\n""#,
            from_protobuf: "0a0468c3bc0a",
            simple: (0x81, "hü\n".into()),
            json: r#""dataType":"text","data":"hü\n""#,
            protobuf: "0a0468c3bc0a",
        },
        Row {
            from_json: r#""dataType":"text","data":"""#,
            from_protobuf: "0a00",
            simple: (0x81, Vec::new()),
            json: r#""dataType":"text","data":"""#,
            protobuf: "0a00",
        },
        Row {
            from_json: r#""data":{"a": 1}"#,
            from_protobuf: "22087b2261223a20317d",
            simple: (0x81, r#"{"a": 1}"#.into()),
            json: r#""dataType":"json","data":{"a": 1}"#,
            protobuf: "22087b2261223a20317d",
        },
        Row {
            from_json: r#""dataType":"binary","data":"BQEB""#,
            from_protobuf: "1203050101",
            simple: (0x82, vec![5, 1, 1]),
            json: r#""dataType":"binary","data":"BQEB""#,
            protobuf: "1203050101",
        },
        Row {
            from_json: r#""dataType":"binary","data":"""#,
            from_protobuf: "1200",
            simple: (0x82, Vec::new()),
            json: r#""dataType":"binary","data":"""#,
            protobuf: "1200",
        },
        // The documented Any: its envelope goes to protobuf clients as it came, everybody else gets its bytes.
        Row {
            from_json: r#""dataType":"protobuf","data":"Ci90eXBlLmdvb2dsZWFwaXMuY29tL2F6dXJlLndlYnB1YnN1Yi5UZXN0TWVzc2FnZRICCAE=""#,
            from_protobuf: "1a35 0a2f747970652e676f6f676c65617069732e636f6d2f617a7572652e7765627075627375622e546573744d65737361676512020801",
            simple: (
                0x82,
                hex(
                    "0a2f747970652e676f6f676c65617069732e636f6d2f617a7572652e7765627075627375622e546573744d65737361676512020801",
                ),
            ),
            json: r#""dataType":"protobuf","data":"Ci90eXBlLmdvb2dsZWFwaXMuY29tL2F6dXJlLndlYnB1YnN1Yi5UZXN0TWVzc2FnZRICCAE=""#,
            protobuf: "1a35 0a2f747970652e676f6f676c65617069732e636f6d2f617a7572652e7765627075627375622e546573744d65737361676512020801",
        },
    ]
}

fn payload(op: ClientOp<'_>) -> Payload {
    match op {
        ClientOp::SendToGroup { payload, .. } => payload,
        other => unreachable!("not a send: {other:?}"),
    }
}

/// A text or binary frame of at most 125 bytes.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let short = u8::try_from(payload.len()).unwrap();
    let header = if short < 126 { vec![opcode, short] } else { vec![opcode, 126, 0, short] };
    [header, payload.to_vec()].concat()
}

/// A field of at most 127 bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 128);
    [&[number << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

#[test]
fn every_sender_and_every_receiver() {
    for row in rows() {
        let request = format!(r#"{{"type":"sendToGroup","group":"g",{}}}"#, row.from_json);
        let sent_as_json = payload(json::decode(&request).unwrap());
        let request = field(1, &[field(1, b"g"), field(3, &hex(row.from_protobuf))].concat());
        let sent_as_protobuf = payload(protobuf::decode(&request).unwrap());
        assert_eq!(sent_as_json, sent_as_protobuf);

        let (opcode, bytes) = &row.simple;
        assert_eq!(raw::message_frame(&sent_as_json), frame(*opcode, bytes));
        // A simple sender's own frame is one of the two kinds that such a frame can be.
        let simple_kind = match opcode {
            0x81 => Payload::Text(bytes.clone().into()),
            _ => Payload::Binary(bytes.clone().into()),
        };
        assert_eq!(raw::message_frame(&simple_kind), frame(*opcode, bytes));

        let metadata = Metadata::new();
        for (from, json, protobuf) in [
            (
                MessageFrom::Group { group: "g", from_user: Some("u") },
                r#""type":"message","from":"group","group":"g","fromUserId":"u","#,
                [field(1, b"group"), field(2, b"g")].concat(),
            ),
            (MessageFrom::Server, r#""type":"message","from":"server","#, field(1, b"server")),
        ] {
            let message = Message { from, payload: &sent_as_json, metadata: &metadata, stream: None };
            let rest = format!("{json}{}}}", row.json);
            assert_eq!(Format::Json.message_frame(&message), frame(0x81, format!("{{{rest}").as_bytes()));
            let (head, body) = Format::Json.shared_message(&message).split(3);
            assert_eq!(
                [&head[..], &body].concat(),
                frame(0x81, format!(r#"{{"sequenceId":3,{rest}"#).as_bytes())
            );

            let rest = [protobuf, field(3, &hex(row.protobuf))].concat();
            assert_eq!(Format::Protobuf.message_frame(&message), frame(0x82, &field(2, &rest)));
            let (head, body) = Format::Protobuf.shared_message(&message).split(3);
            assert_eq!(
                [&head[..], &body].concat(),
                frame(0x82, &field(2, &[&[0x20, 3][..], &rest].concat()))
            );
        }
    }
}
