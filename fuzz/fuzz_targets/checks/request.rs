//! What holds for every decoded request, whichever format it came in; and reading back what it becomes.

use hublet_wire::client::{
    ClientOp, GROUP_STATE_BYTES_MAX, Head, ID_BYTES_MAX, Message, MessageFrom, Metadata, Payload,
    SharedMessage, any, json, raw,
};
use hublet_wire::name;
use hublet_wire::ws::{Decoder, Event, FRAGMENT_BYTES_MAX, Role};

/// Checks the limits and rules that the type of a request cannot express.
pub(crate) fn check(op: &ClientOp<'_>) {
    match op {
        ClientOp::SendToGroup { group, payload, metadata, ttl_seconds, .. } => {
            assert!(name::is_valid_group(group));
            assert!(ttl_seconds.is_none_or(|ttl| ttl <= 300));
            check_payload(payload);
            check_metadata(metadata);
        }
        ClientOp::Event { event, payload, metadata, .. } => {
            assert!(name::is_valid_event(event));
            check_payload(payload);
            check_metadata(metadata);
        }
        ClientOp::Invoke { invocation_id, event, payload, metadata } => {
            assert!((1..=ID_BYTES_MAX).contains(&invocation_id.len()));
            assert!(name::is_valid_event(event));
            payload.iter().for_each(check_payload);
            check_metadata(metadata);
        }
        ClientOp::StreamStart { group, stream_id, idle_timeout_ms, .. } => {
            assert!(name::is_valid_group(group));
            assert!((1..=ID_BYTES_MAX).contains(&stream_id.len()));
            assert!(*idle_timeout_ms > 0);
        }
        ClientOp::StreamData { stream_id, sequence_id, payload } => {
            assert!(!stream_id.is_empty() && *sequence_id > 0);
            check_payload(payload);
        }
        ClientOp::SetGroupState { group, state, .. } => {
            assert!(name::is_valid_group(group));
            let bytes = |(key, value): (&str, &str)| key.len() + value.len();
            if let Some(state) = state {
                assert_eq!(state.bytes(), state.iter().map(bytes).sum::<usize>());
                assert!(state.bytes() <= GROUP_STATE_BYTES_MAX);
            }
        }
        ClientOp::JoinGroup { group, .. }
        | ClientOp::LeaveGroup { group, .. }
        | ClientOp::SubscribeGroupState { group, .. }
        | ClientOp::UnsubscribeGroupState { group, .. } => assert!(name::is_valid_group(group)),
        ClientOp::MalformedInvoke { invocation_id: id }
        | ClientOp::CancelInvocation { invocation_id: id }
        | ClientOp::MalformedStreamStart { stream_id: id, .. }
        | ClientOp::StreamKeepalive { stream_id: id }
        | ClientOp::StreamEnd { stream_id: id, .. }
        | ClientOp::MalformedStream { stream_id: id } => assert!(!id.is_empty()),
        ClientOp::Ping | ClientOp::SequenceAck { .. } | ClientOp::MalformedGroupState { .. } => {}
    }
}

fn check_payload(payload: &Payload) {
    match payload {
        Payload::Text(text) => assert!(std::str::from_utf8(text).is_ok()),
        Payload::Json(json) => {
            let json = std::str::from_utf8(json).expect("JSON is text");
            assert!(json.trim() != "null" && json::is_valid(json));
        }
        Payload::Binary(_) => {}
        Payload::Protobuf(bytes) => assert!(any::is_any(bytes)),
    }
    raw::message_frame(payload);
}

fn check_metadata(metadata: &Metadata) {
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(bytes <= 8 << 10);
    for (index, (key, value)) in metadata.iter().enumerate() {
        assert!((1..=256).contains(&key.len()) && key.is_ascii() && value.len() <= 1_024 && value.is_ascii());
        // Enough of the earlier keys to notice a missing check, few enough to stay quick.
        assert!(metadata[..index].iter().take(50).all(|(earlier, _)| earlier != key));
    }
}

/// What a request is published as, and what is left of it after a round trip.
pub(crate) struct Published {
    pub(crate) group: String,
    pub(crate) payload: Payload,
    pub(crate) metadata: Metadata,
}

/// What of a request would go to other clients.
pub(crate) fn published(op: ClientOp<'_>) -> Option<Published> {
    let (group, payload, metadata) = match op {
        ClientOp::SendToGroup { group, payload, metadata, .. } => (group, payload, metadata),
        ClientOp::Event { event, payload, metadata, .. } => (event, payload, metadata),
        ClientOp::Invoke { event, payload: Some(payload), metadata, .. } => (event, payload, metadata),
        ClientOp::StreamData { payload, .. } => ("g".into(), payload, Metadata::new()),
        _ => return None,
    };
    Some(Published { group: group.into_owned(), payload, metadata })
}

impl Published {
    pub(crate) fn message(&self) -> Message<'_> {
        let from = MessageFrom::Group { group: &self.group, from_user: Some("u\"\\\n") };
        Message { from, payload: &self.payload, metadata: &self.metadata, stream: None }
    }

    /// The same as a request.
    pub(crate) fn request(self) -> ClientOp<'static> {
        ClientOp::SendToGroup {
            group: self.group.into(),
            ack_id: None,
            no_echo: false,
            payload: self.payload,
            metadata: self.metadata,
            ttl_seconds: None,
        }
    }
}

/// The payload of the one message that `frames` must hold.
pub(crate) fn payload(frames: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(Role::Client, usize::MAX >> 1);
    let mut frames = frames.to_vec();
    let mut input = frames.as_mut_slice();
    let payload = match decoder.next(&mut input) {
        Ok(Some(Event::Text(text))) => text.as_bytes().to_vec(),
        Ok(Some(Event::Binary(bytes))) => bytes.to_vec(),
        other => unreachable!("not a data message: {other:?}"),
    };
    assert_eq!(decoder.next(&mut input), Ok(None), "one message");
    payload
}

/// The payload of a shared message for the receiver to which it has this sequence id.
pub(crate) fn shared_payload(message: &SharedMessage, sequence_id: u64) -> Vec<u8> {
    let (head, body): (Head, _) = message.split(sequence_id);
    assert_eq!(head.len() + body.len(), message.frame_len(sequence_id));
    // The opcode, not a continuation; the end of the message if there is one frame.
    let is_whole = head.len() + body.len() <= FRAGMENT_BYTES_MAX;
    assert!(head[0] & 0x0f != 0 && (!is_whole || head[0] & 0x80 != 0));
    payload(&[&head[..], &body].concat())
}
