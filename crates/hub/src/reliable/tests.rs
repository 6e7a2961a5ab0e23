use hublet_wire::ws::Event;

use super::*;
use crate::testing::{Bench, RETENTION_MS};
use crate::{Command, ConnOp, Target};

/// Sequence id and data; `connected` by its name.
const MESSAGE: &[&str] = &["/event", "/sequenceId", "/data"];

#[test]
fn what_was_not_acknowledged_comes_again_in_order() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    bench.publish("a");
    bench.publish("b");
    assert_eq!(bench.read_members(id, MESSAGE), ["1 a", "2 b"]);
    bench.text(id, r#"{"type":"sequenceAck","sequenceId":1}"#);
    bench.cut(id);
    assert_eq!(bench.told(), ["drop socket"]);
    bench.publish("c");
    assert!(bench.read(id).is_empty(), "there is no socket");
    assert!(bench.come_back(id));
    bench.publish("d");
    assert_eq!(bench.read_members(id, MESSAGE), ["connected", "2 b", "3 c", "4 d"]);
    assert!(bench.told().is_empty(), "the application learns nothing of it");
}

#[test]
fn which_closes_let_the_client_come_back() {
    for (code, reason, is_kept) in
        [(Some(1000), "bye", false), (Some(1001), "", true), (Some(3001), "", true), (None, "", true)]
    {
        let mut bench = Bench::new();
        let id = bench.connect(true);
        bench.shard.received(id.slot, Event::Close { code, reason }, 0);
        bench.publish("late");
        let shown = format!("close {}", code.unwrap_or_default());
        assert_eq!(bench.read(id), [shown], "the close frame is answered and nothing is sent behind it");
        let told = if is_kept { vec!["drop socket"] } else { vec!["disconnected bye", "drop"] };
        assert_eq!(bench.told(), told);
        assert_eq!(bench.come_back(id), is_kept);
        if is_kept {
            assert_eq!(bench.read_members(id, MESSAGE), ["connected", "1 late"]);
        }
    }
}

#[test]
fn a_connection_waits_for_its_client_and_no_longer() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    bench.cut(id);
    bench.told();
    bench.pass(RETENTION_MS - 1);
    assert!(bench.come_back(id), "until the last moment");
    bench.cut(id);
    bench.pass(RETENTION_MS);
    assert_eq!(bench.told(), ["drop socket", &format!("disconnected {RECOVERY_TIMED_OUT}"), "drop"]);
    assert!(!bench.come_back(id));
    let id = bench.connect(false);
    bench.cut(id);
    assert!(!bench.come_back(id), "others end with their socket");
}

#[test]
fn a_client_that_is_being_let_in_does_not_time_out() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    bench.cut(id);
    let (_, attempt) = bench.shard.resume(id, "chat").unwrap();
    bench.pass(RETENTION_MS);
    assert!(bench.shard.has(id));
    bench.shard.not_resumed(id, attempt);
    bench.pass(1);
    assert!(!bench.shard.has(id), "but it may not stay in the door");
}

#[test]
fn the_last_attempt_counts() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    bench.cut(id);
    let (_, first) = bench.shard.resume(id, "chat").unwrap();
    let (_, second) = bench.shard.resume(id, "chat").unwrap();
    bench.shard.not_resumed(id, first);
    assert_eq!(bench.shard.resumed(id, first, "token"), Err(NotResumed::GoesOn));
    assert_eq!(bench.shard.resumed(id, second, "token"), Ok(()));
    assert_eq!(bench.shard.resumed(id, second, "token"), Err(NotResumed::GoesOn), "once");
    assert!(bench.shard.resume(id, "other").is_none(), "in its own hub");
}

/// The client is told so instead of being cut: see the driver.
#[test]
fn a_connection_may_end_while_its_client_is_let_in() {
    for attached in [true, false] {
        let mut bench = Bench::new();
        let id = bench.connect(true);
        if !attached {
            bench.cut(id);
        }
        let (_, attempt) = bench.shard.resume(id, "chat").unwrap();
        let op = ConnOp::Close { reason: "".into(), excluded: [].into() };
        let (hub, target) = ("chat".into(), Target::Connection(id));
        bench.shard.apply(Command::Connections { hub, target, filter: None, op, reply: None }, 0);
        assert_eq!(bench.shard.has(id), attached, "the old socket has its close frame first");
        assert_eq!(bench.shard.resumed(id, attempt, "token"), Err(NotResumed::Ended));
    }
    let mut bench = Bench::new();
    let id = bench.connect(true);
    bench.cut(id);
    let (_, attempt) = bench.shard.resume(id, "chat").unwrap();
    bench.shard.apply(Command::Stop { keep_reliable: true }, 0);
    assert_eq!(bench.shard.resumed(id, attempt, "token"), Err(NotResumed::GoesOn));
}

#[test]
fn a_thousand_messages_may_wait() {
    for attached in [true, false] {
        let mut bench = Bench::new();
        let id = bench.connect(true);
        if !attached {
            bench.cut(id);
        }
        bench.told();
        for number in 0..UNACKED_MESSAGES_MAX {
            bench.publish(&number.to_string());
        }
        bench.shard.settle();
        assert!(bench.shard.is_open(id.slot));
        bench.publish("one too many");
        bench.shard.settle();
        let mut told = vec![format!("disconnected {}", BUFFER_FULL.told)];
        if attached {
            let read = bench.read_members(id, &["/data", "/message"]);
            assert_eq!(read.len() as u64, UNACKED_MESSAGES_MAX + 3);
            assert_eq!(read[read.len() - 2..], [BUFFER_FULL.told, "close 1008"]);
        } else {
            told.push("drop".to_owned());
        }
        assert_eq!(bench.told(), told);
        assert!(!bench.come_back(id));
    }
}

#[test]
fn bytes_are_counted_until_they_are_acknowledged() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    let large = "x".repeat(UNACKED_BYTES_MAX / 4);
    for round in 1..=3 {
        for _ in 0..4 {
            bench.publish(&large);
            bench.read(id);
        }
        assert!(bench.shard.is_open(id.slot));
        bench.text(id, &format!(r#"{{"type":"sequenceAck","sequenceId":{}}}"#, round * 4));
    }
    bench.publish("x");
    for _ in 0..4 {
        bench.publish(&large);
        bench.read(id);
    }
    assert!(!bench.shard.is_open(id.slot));
}

#[test]
fn messages_of_which_some_expired() {
    let mut bench = Bench::new();
    let (id, sender) = (bench.connect(true), bench.connect(false));
    bench.cut(id);
    for (ttl_seconds, text) in [(10, "a"), (0, "b"), (20, "c"), (10, "d")] {
        bench.text(
            sender,
            &format!(
                r#"{{"type":"sendToGroup","group":"g","dataType":"text","data":"{text}","ttlSeconds":{ttl_seconds}}}"#
            ),
        );
    }
    bench.pass(9_999);
    assert!(bench.come_back(id));
    assert_eq!(bench.read_members(id, MESSAGE), ["connected", "1 a", "2 b", "3 c", "4 d"]);
    bench.cut(id);
    bench.pass(1);
    assert!(bench.come_back(id));
    assert_eq!(bench.read_members(id, MESSAGE), ["connected", "2 b", "3 c"]);
}

/// client-protocols.md §9.4: what has expired is in nobody's way, and SDKs tolerate gaps in the numbers.
#[test]
fn expired_messages_make_room() {
    for attached in [true, false] {
        let mut bench = Bench::new();
        let (id, sender) = (bench.connect(true), bench.connect(false));
        if !attached {
            bench.cut(id);
        }
        let send = |bench: &mut Bench, text: &str, ttl_seconds| {
            let what = format!(r#""dataType":"text","data":"{text}","ttlSeconds":{ttl_seconds}"#);
            bench.text(sender, &format!(r#"{{"type":"sendToGroup","group":"g","noEcho":true,{what}}}"#));
        };
        send(&mut bench, "first", 0);
        for _ in 1..UNACKED_MESSAGES_MAX {
            send(&mut bench, "old", 10);
        }
        bench.pass(10_000);
        bench.read(id);
        send(&mut bench, "new", 10);
        bench.shard.settle();
        assert!(bench.shard.is_open(id.slot), "attached: {attached}");
        assert_eq!(bench.shard.numbers().unacked, 2);
        if attached {
            assert_eq!(bench.read_members(id, MESSAGE), ["1001 new"]);
            bench.cut(id);
        }
        assert!(bench.come_back(id));
        assert_eq!(bench.read_members(id, MESSAGE), ["connected", "1 first", "1001 new"]);
        bench.text(id, r#"{"type":"sequenceAck","sequenceId":500}"#);
        assert_eq!(bench.shard.numbers().unacked, 1);
        for _ in 1..UNACKED_MESSAGES_MAX {
            send(&mut bench, "more", 0);
        }
        bench.shard.settle();
        assert!(bench.shard.is_open(id.slot));
        send(&mut bench, "one too many", 0);
        bench.shard.settle();
        assert!(!bench.shard.is_open(id.slot), "nothing of it has expired");
    }
}
