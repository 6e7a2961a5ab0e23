//! The table of client-protocols.md §6.2.2, row by row.

use crate::testing::{Bench, RETENTION_MS};
use hublet_wire::id::ConnId;

/// What publishers are told.
const ANSWER: &[&str] = &["/type", "/streamId", "/expectedSequenceId", "/error/name"];
/// What members get.
const PART: &[&str] = &["/data", "/stream/streamSequenceId", "/stream/endOfStream", "/stream/error/name"];

/// A publisher that does not want its own parts, and a member.
fn pair(reliable: bool) -> (Bench, ConnId, ConnId) {
    let mut bench = Bench::new();
    let (ann, bob) = (bench.connect(reliable), bench.connect(false));
    start(&mut bench, ann, "");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamAck s 1"]);
    (bench, ann, bob)
}

fn start(bench: &mut Bench, id: ConnId, more: &str) {
    let text =
        format!(r#"{{"type":"sendToGroup","group":"g","noEcho":true,"stream":{{"streamId":"s"{more}}}}}"#);
    bench.text(id, &text);
}

fn data(bench: &mut Bench, id: ConnId, number: u64, text: &str) {
    bench.text(
        id,
        &format!(r#"{{"type":"streamData","streamId":"s","streamSequenceId":{number},"dataType":"text","data":"{text}"}}"#),
    );
}

#[test]
fn starts() {
    let (mut bench, ann, bob) = pair(false);
    start(&mut bench, ann, "");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamClosed s BadRequest"], "the id is taken");
    data(&mut bench, ann, 1, "a");
    assert_eq!(bench.read_members(bob, PART), ["a 1"], "the open stream stays as it is");
    bench.text(ann, r#"{"type":"sendToGroup","group":"other","stream":{"streamId":"t"}}"#);
    assert_eq!(bench.read_members(ann, ANSWER), ["streamAck s 2", "streamClosed t Forbidden"]);
    bench.text(ann, r#"{"type":"sendToGroup","group":"g","data":"x","stream":{"streamId":"t"}}"#);
    assert_eq!(bench.read_members(ann, ANSWER), ["streamClosed t BadRequest"]);
    bench.text(ann, r#"{"type":"sendToGroup","group":"g","ackId":7,"stream":{"streamId":"t"}}"#);
    assert_eq!(
        bench.read_members(ann, &["/type", "/ackId", "/expectedSequenceId"]),
        ["ack 7", "streamAck 1"]
    );
    bench.text(ann, r#"{"type":"sendToGroup","group":"g","ackId":8,"stream":{"streamId":"t"}}"#);
    assert_eq!(
        bench.read_members(ann, &["/type", "/error/name"]),
        ["ack BadRequest", "streamClosed BadRequest"]
    );
}

/// client-protocols.md §5.8: a start is a request like any other.
#[test]
fn a_start_that_is_repeated_is_a_duplicate() {
    const TOLD: &[&str] = &["/type", "/ackId", "/streamId", "/expectedSequenceId", "/error/name"];
    let (mut bench, ann, bob) = pair(true);
    bench.text(
        ann,
        r#"{"type":"sendToGroup","group":"g","ackId":1,"dataType":"text","data":"x","noEcho":true}"#,
    );
    bench.text(ann, r#"{"type":"sendToGroup","group":"g","ackId":1,"stream":{"streamId":"t"}}"#);
    assert_eq!(bench.read_members(ann, TOLD), ["ack 1", "ack 1 Duplicate"], "the id was another request's");
    bench.text(ann, r#"{"type":"streamData","streamId":"t"}"#);
    assert_eq!(bench.read_members(ann, TOLD), ["streamClosed t StreamNotFound"], "no second stream began");

    let start = r#"{"type":"sendToGroup","group":"g","noEcho":true,"ackId":2,"stream":{"streamId":"t"}}"#;
    bench.text(ann, start);
    assert_eq!(bench.read_members(ann, TOLD), ["ack 2", "streamAck t 1"]);
    bench.cut(ann);
    assert!(bench.come_back(ann));
    bench.read(ann);
    bench.text(ann, start);
    assert_eq!(bench.read_members(ann, TOLD), ["ack 2 Duplicate", "streamAck t 1"]);
    let part = |number| {
        format!(
            r#"{{"type":"streamData","streamId":"t","streamSequenceId":{number},"dataType":"text","data":"a"}}"#
        )
    };
    bench.text(ann, &part(1));
    bench.text(ann, start);
    bench.text(ann, &part(2));
    assert_eq!(
        bench.read_members(ann, TOLD),
        ["ack 2 Duplicate", "streamAck t 2", "streamAck t 3"],
        "the stream goes on"
    );
    assert_eq!(bench.read_members(bob, PART), ["x", "a 1", "a 2"]);

    bench.text(ann, r#"{"type":"sendToGroup","group":"g","ackId":2,"data":1,"stream":{"streamId":"t"}}"#);
    assert_eq!(bench.read_members(ann, TOLD), ["ack 2 Duplicate", "streamAck t 3"], "whatever is in it");
    bench.text(ann, r#"{"type":"streamEnd","streamId":"t"}"#);
    bench.text(ann, start);
    assert_eq!(bench.read_members(ann, TOLD), ["streamClosed t", "ack 2 Duplicate"], "it is over");
}

#[test]
fn a_refused_start_uses_up_no_ack_id() {
    const TOLD: &[&str] = &["/type", "/ackId", "/error/name"];
    let (mut bench, ann, _) = pair(false);
    bench.text(ann, r#"{"type":"sendToGroup","group":"other","ackId":1,"stream":{"streamId":"t"}}"#);
    assert_eq!(bench.read_members(ann, TOLD), ["ack 1 Forbidden", "streamClosed Forbidden"]);
    bench.text(ann, r#"{"type":"sendToGroup","group":"g","ackId":1,"stream":{"streamId":"t"}}"#);
    assert_eq!(bench.read_members(ann, TOLD), ["ack 1", "streamAck"]);
}

#[test]
fn numbers() {
    let (mut bench, ann, bob) = pair(false);
    data(&mut bench, ann, 1, "a");
    data(&mut bench, ann, 2, "b");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamAck s 3"], "one for both");
    data(&mut bench, ann, 1, "again");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamAck s 3"]);
    data(&mut bench, ann, 4, "gap");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamNack s 3"]);
    assert_eq!(bench.read_members(bob, PART), ["a 1", "b 2"]);
    data(&mut bench, ann, 0, "x");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamClosed s BadRequest"]);
    assert_eq!(bench.read_members(bob, PART), [" 3 true Cancelled"]);
    data(&mut bench, ann, 3, "late");
    assert_eq!(bench.read_members(ann, ANSWER), ["streamClosed s StreamNotFound"]);
    assert!(bench.read(bob).is_empty());
}

#[test]
fn ends() {
    for (end, error) in [("", ""), (r#","error":{"message":"m"}"#, " UserError")] {
        let (mut bench, ann, bob) = pair(false);
        data(&mut bench, ann, 1, "a");
        bench.text(ann, &format!(r#"{{"type":"streamEnd","streamId":"s"{end}}}"#));
        assert_eq!(bench.read_members(bob, PART), ["a 1".to_owned(), format!(" 2 true{error}")]);
        let told = bench.read_members(ann, ANSWER);
        assert_eq!(told.last().map(String::as_str), Some("streamClosed s"), "without an error: {told:?}");
        start(&mut bench, ann, "");
        assert_eq!(bench.read_members(ann, ANSWER), ["streamAck s 1"], "the id is free again");
    }
}

#[test]
fn idleness() {
    let mut bench = Bench::new();
    let (ann, bob) = (bench.connect(false), bench.connect(false));
    start(&mut bench, ann, r#","idleTimeoutMs":1000"#);
    bench.read(ann);
    for touch in [
        r#"{"type":"streamData","streamId":"s"}"#,
        r#"{"type":"streamData","streamId":"s","streamSequenceId":1,"dataType":"text","data":"a"}"#,
        r#"{"type":"streamData","streamId":"s","streamSequenceId":9,"dataType":"text","data":"gap"}"#,
    ] {
        bench.pass(999);
        bench.text(ann, touch);
    }
    bench.pass(999);
    assert_eq!(bench.read_members(bob, PART), ["a 1"]);
    bench.read(ann);
    bench.pass(1);
    assert_eq!(bench.read_members(ann, ANSWER), ["streamClosed s IdleTimeout"]);
    assert_eq!(bench.read_members(bob, PART), [" 2 true IdleTimeout"]);
    assert!(bench.shard.streaming.is_empty());
}

#[test]
fn a_publisher_that_is_away() {
    let (mut bench, ann, bob) = pair(true);
    data(&mut bench, ann, 1, "a");
    bench.cut(ann);
    assert!(bench.come_back(ann));
    data(&mut bench, ann, 1, "again");
    data(&mut bench, ann, 2, "b");
    assert_eq!(bench.read_members(ann, ANSWER), ["system", "streamAck s 3"]);
    assert_eq!(bench.read_members(bob, PART), ["a 1", "b 2"]);
    // The idle time goes on while it is away; nobody is told twice.
    bench.cut(ann);
    bench.pass(RETENTION_MS);
    assert_eq!(bench.read_members(bob, PART), [" 3 true Cancelled"]);
    assert!(bench.shard.streaming.is_empty());

    let (mut bench, ann, bob) = pair(false);
    bench.cut(ann);
    assert_eq!(bench.read_members(bob, PART), [" 1 true Cancelled"]);
}
