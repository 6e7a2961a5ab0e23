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
    // Again with the same ack id: the first one succeeded.
    bench.text(ann, r#"{"type":"sendToGroup","group":"g","ackId":8,"stream":{"streamId":"t"}}"#);
    assert_eq!(
        bench.read_members(ann, &["/type", "/error/name"]),
        ["ack BadRequest", "streamClosed BadRequest"]
    );
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
