//! No bytes make a decoder panic or break a rule: the checks of the fuzz targets over requests that are nearly valid.

use proptest::prelude::*;
use proptest::sample::{Index, select};

mod hex;
use hex::hex;

#[path = "../../../fuzz/fuzz_targets/checks/json_message.rs"]
mod json_message;
#[path = "../../../fuzz/fuzz_targets/checks/protobuf_message.rs"]
mod protobuf_message;
#[path = "../../../fuzz/fuzz_targets/checks/request.rs"]
mod request;

/// Requests of every kind.
const PROTOBUF: &[&str] = &[
    "0a1f 0a0567726f7570 10b960 1a11 220f 7b2276616c7565223a22787a79227d 2001",
    "0a1e 0a0567726f7570 10b960 1a10 1a0e 0a076578616d706c65 120378797a 2001",
    "0a12 0a0167 1a030a0161 2805 3206 0a016b120176",
    "0a0d 0a0167 3a08 0a027331 10e0a712",
    "2a0e 0a056576656e74 1205 0a03787a79",
    "320b 0a0567726f7570 10e5d802",
    "4204 08c0c407",
    "520f 0a046563686f 120131 1a040a026869",
    "6a0b 0a027331 1001 1a030a0161",
    "720d 0a0173 1208 0a036d7367 120163",
    "7a23 0a09636861742d726f6f6d 1001 1a14 0a12 0a086163746976697479 1206747970696e67",
];

/// Members of requests, good and bad.
const JSON: &[&str] = &[
    r#""group":"g""#,
    r#""group":" ""#,
    r#""event":"e""#,
    r#""ackId":1"#,
    r#""ackId":null"#,
    r#""target":"event""#,
    r#""target":"group""#,
    r#""invocationId":"1""#,
    r#""invocationId":"""#,
    r#""streamId":"s""#,
    r#""streamSequenceId":1"#,
    r#""streamSequenceId":0"#,
    r#""dataType":"text""#,
    r#""dataType":"binary""#,
    r#""data":"AQ==""#,
    r#""data":null"#,
    r#""data":{"a":[1]}"#,
    r#""stream":{"streamId":"s","idleTimeoutMs":5}"#,
    r#""stream":{"streamId":"s","idleTimeoutMs":0}"#,
    r#""stream":{"streamId":1}"#,
    r#""error":{"message":"m"}"#,
    r#""error":{"message":1}"#,
    r#""state":{"k":"v","k":""}"#,
    r#""state":{"k":1}"#,
    r#""metadata":{"k":"v"}"#,
    r#""metadata":{"k":"v","k":"v"}"#,
    r#""sequenceId":5"#,
    r#""ttlSeconds":300"#,
    r#""noEcho":true"#,
];

const TYPES: &[&str] = &[
    "joinGroup",
    "leaveGroup",
    "sendToGroup",
    "event",
    "ping",
    "sequenceAck",
    "invoke",
    "cancelInvocation",
    "streamData",
    "streamEnd",
    "setGroupState",
    "subscribeGroupState",
    "unsubscribeGroupState",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn protobuf_requests_with_changed_bytes(
        request in select(PROTOBUF),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        cut in prop::option::weighted(0.2, any::<Index>()),
        more in prop::option::weighted(0.2, select(PROTOBUF)),
    ) {
        let mut bytes = hex(request);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes.extend(hex(more.unwrap_or_default()));
        protobuf_message::check(&bytes);
    }

    #[test]
    fn any_bytes_as_protobuf(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        protobuf_message::check(&bytes);
    }

    #[test]
    fn json_requests_of_any_members(
        kind in select(TYPES),
        members in prop::collection::vec(select(JSON), 0..7),
    ) {
        let members: String = members.iter().flat_map(|member| [",", member]).collect();
        json_message::check(format!(r#"{{"type":"{kind}"{members}}}"#).as_bytes());
    }
}
