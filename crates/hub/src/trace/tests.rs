use hublet_wire::ws::Event;

use super::*;
use crate::testing::Bench;
use crate::{Command, ConnOp, Millis, Verdict};

fn bench(level: TraceLevel) -> Bench {
    let mut bench = Bench::new();
    bench.shard.set_trace_level(level);
    bench
}

/// What was told, without what the application is told.
fn facts(bench: &mut Bench) -> Vec<Trace> {
    bench.shard.settle();
    let trace = |effect| match effect {
        Effect::Trace(trace) => Some(*trace),
        _ => None,
    };
    bench.shard.take_effects().into_iter().filter_map(trace).collect()
}

fn kinds(bench: &mut Bench) -> Vec<String> {
    let short = |trace: Trace| match trace.fact {
        Fact::Ended { reason, expected } => format!("ended {expected} {reason}"),
        Fact::Joined(group) => format!("joined {group}"),
        Fact::Left(group) => format!("left {group}"),
        Fact::SentToGroup(group, payload) => format!("to {group} {}", payload.bytes().len()),
        Fact::SentEvent(event, payload) => format!("event {event} {}", payload.bytes().len()),
        Fact::Published { receivers, .. } => format!("published {receivers}"),
        Fact::Delivered { group: Some(group), .. } => format!("delivered for {group}"),
        Fact::Delivered { group: None, .. } => "delivered".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    facts(bench).into_iter().map(short).collect()
}

const SEND: &str = r#"{"type":"sendToGroup","group":"g","dataType":"text","data":"hi","ackId":1}"#;

#[test]
fn nothing_is_told_when_nobody_looks() {
    let mut bench = bench(TraceLevel::Nothing);
    let id = bench.connect(false);
    bench.text(id, SEND);
    bench.publish("x");
    bench.cut(id);
    assert_eq!(kinds(&mut bench), [""; 0]);
}

#[test]
fn how_connections_begin_and_end_is_told_without_messages() {
    let mut bench = bench(TraceLevel::Lifecycle);
    let id = bench.connect(false);
    bench.shard.attached(id.slot);
    let started = facts(&mut bench);
    assert_eq!((started.len(), &started[0].fact, started[0].conn), (1, &Fact::Started, Some(id)));
    bench.text(id, SEND);
    bench.cut(id);
    assert_eq!(kinds(&mut bench), ["ended false The connection ended."]);
    let id = bench.connect(false);
    bench.shard.received(id.slot, Event::Close { code: Some(1000), reason: "bye" }, Millis::MIN);
    assert_eq!(kinds(&mut bench), ["ended true bye"]);
    let id = bench.connect(false);
    operate(&mut bench, ConnOp::Close { reason: "".into(), excluded: [].into() });
    assert_eq!(kinds(&mut bench), ["ended true Application server closed the connection."]);
    bench.cut(id);
    let id = bench.connect(true);
    bench.cut(id);
    assert!(bench.come_back(id));
    assert_eq!(kinds(&mut bench), ["detached", "resumed"]);
}

/// The app server does something to all connections.
fn operate(bench: &mut Bench, op: ConnOp) {
    let (hub, target) = (Arc::from("chat"), Target::All);
    bench.shard.apply(Command::Connections { hub, target, filter: None, op, reply: None }, 0);
}

#[test]
fn messages_are_told_with_their_receivers() {
    let mut bench = bench(TraceLevel::Messages);
    let id = bench.connect(false);
    bench.text(id, SEND);
    assert_eq!(kinds(&mut bench), ["to g 2", "published 1", "delivered for g"]);
    let groups: Arc<[Arc<str>]> = [Arc::from("g"), Arc::from("h")].into();
    operate(&mut bench, ConnOp::Join(Arc::clone(&groups)));
    assert_eq!(kinds(&mut bench), ["joined h"], "it is in the other one already");
    operate(&mut bench, ConnOp::Leave(groups));
    bench.publish("x");
    assert_eq!(kinds(&mut bench), ["left g", "left h"], "nobody gets the message");
    bench.text(id, r#"{"type":"event","event":"order","dataType":"text","data":"tea"}"#);
    assert_eq!(kinds(&mut bench), ["event order 3"]);
    let reply = Some((Payload::Text("served".into()), Vec::new()));
    bench.answer(id, 2, Verdict::Handled { reply, state: None });
    assert_eq!(kinds(&mut bench), ["delivered"]);
}

#[test]
fn many_receivers_are_told_once() {
    let mut bench = bench(TraceLevel::Messages);
    for _ in 0..=TOLD_RECEIVERS_MAX {
        bench.connect(false);
    }
    kinds(&mut bench);
    bench.publish("x");
    assert_eq!(kinds(&mut bench), [format!("published {}", TOLD_RECEIVERS_MAX + 1)]);
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let mut bench = bench(TraceLevel::Messages);
    let id = bench.connect(false);
    kinds(&mut bench);
    for ack in ["", r#","ackId":7"#] {
        bench.text(
            id,
            &format!(r#"{{"type":"sendToGroup","group":"other","dataType":"text","data":"x"{ack}}}"#),
        );
        let told = kinds(&mut bench);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[1].starts_with("refused"), "{told:?}");
    }
}
