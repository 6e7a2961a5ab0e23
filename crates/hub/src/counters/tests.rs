//! Each way to end is counted once, and so is each message for each receiver.

use hublet_wire::id::ConnId;
use hublet_wire::ws::{Event, ProtocolError};

use super::*;
use crate::testing::{Bench, RETENTION_MS};
use crate::{Command, ConnOp, Target, Verdict};

/// What a client can meet, and how its end is counted.
type Case = (CloseCategory, bool, fn(&mut Bench, ConnId));

const CASES: [Case; 13] = [
    (CloseCategory::Normal, false, |bench, id| {
        bench.shard.received(id.slot, Event::Close { code: Some(1000), reason: "" }, 0);
    }),
    (CloseCategory::Normal, false, |bench, id| bench.shard.disconnected(id.slot)),
    (CloseCategory::Normal, true, |bench, id| {
        bench.cut(id);
        bench.pass(RETENTION_MS);
    }),
    (CloseCategory::BadRequest, false, |bench, id| bench.text(id, "{")),
    (CloseCategory::BadRequest, false, |bench, id| {
        bench.shard.received(id.slot, Event::Binary(b"x"), 0);
    }),
    (CloseCategory::BadRequest, true, |bench, id| {
        bench.shard.protocol_error(id.slot, &ProtocolError::TooLarge, 0);
    }),
    (CloseCategory::ClosedByAppServer, true, |bench, id| {
        let op = ConnOp::Close { reason: "".into(), excluded: [].into() };
        let target = Target::Connection(id);
        let hub = "chat".into();
        bench.shard.apply(Command::Connections { hub, target, filter: None, op, reply: None }, 0);
    }),
    (CloseCategory::PingTimeout, false, |bench, _| (0..200).for_each(|_| bench.pass(1_000))),
    (CloseCategory::PingTimeout, true, |bench, _| (0..200).for_each(|_| bench.pass(1_000))),
    (CloseCategory::SlowClient, false, |bench, _| flood(bench)),
    (CloseCategory::SlowClient, true, |bench, _| flood(bench)),
    (CloseCategory::ServiceReload, false, |bench, _| {
        bench.shard.apply(Command::Stop { keep_reliable: true }, 0);
    }),
    (CloseCategory::ServiceReload, true, |bench, _| {
        bench.shard.apply(Command::Stop { keep_reliable: false }, 0);
    }),
];

/// More than a client that does not read may leave in its queue.
fn flood(bench: &mut Bench) {
    let large = "x".repeat(1 << 20);
    (0..64).for_each(|_| {
        bench.publish(&large);
        bench.shard.settle();
    });
}

#[test]
fn each_end_has_its_category() {
    for (at, (category, reliable, act)) in CASES.into_iter().enumerate() {
        let mut bench = Bench::new();
        let id = bench.connect(reliable);
        act(&mut bench, id);
        let numbers = bench.shard.numbers();
        assert_eq!((numbers.counters.opened, bench.shard.hub_counts().len()), (1, 0), "{at}");
        let closed = numbers.counters.closed;
        assert_eq!((closed.of(category), closed.total()), (1, 1), "{at} {category:?} {closed:?}");
        assert_eq!(numbers.counters.slow_consumers, u64::from(category == CloseCategory::SlowClient));
        let expired = reliable && matches!(category, CloseCategory::Normal | CloseCategory::PingTimeout);
        assert_eq!(numbers.counters.expired, u64::from(expired), "{at}");
    }
}

#[test]
fn messages_are_counted_for_each_receiver() {
    let mut bench = Bench::new();
    let ids = [false, true, true].map(|reliable| bench.connect(reliable));
    bench.cut(ids[2]);
    bench.publish("a");
    bench.publish("b");
    bench.shard.settle();
    bench.text(ids[0], r#"{"type":"sendToGroup","group":"g","dataType":"text","data":"c","noEcho":true}"#);
    bench.shard.settle();
    let numbers = bench.shard.numbers();
    assert_eq!((numbers.counters.messages_in, numbers.counters.messages_out), (1, 8));
    assert_eq!(numbers.unacked, 6);
    let hubs = bench.shard.hub_counts();
    assert_eq!(hubs[0].by_protocol, [0, 1, 2, 0, 0]);
    assert_eq!((hubs[0].groups, hubs[0].users), (1, 0));
    bench.text(ids[1], r#"{"type":"sequenceAck","sequenceId":2}"#);
    assert!(bench.come_back(ids[2]));
    let numbers = bench.shard.numbers();
    assert_eq!((numbers.unacked, numbers.counters.recovered), (4, 1));
    assert!(numbers.queued_bytes > 0 && numbers.counters.bytes_out > 0);
    let written = numbers.counters.bytes_out;
    let read: usize = ids.iter().map(|id| bench.read(*id).iter().map(String::len).sum::<usize>()).sum();
    let numbers = bench.shard.numbers();
    assert!(numbers.counters.bytes_out >= written + read as u64);
    assert_eq!(numbers.queued_bytes, 0);
}

/// operations.md §3: `wps_messages_total` counts data messages alone.
#[test]
fn what_carries_data_is_a_message() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    let requests = [
        (r#"{"type":"ping"}"#, 0),
        (r#"{"type":"joinGroup","group":"g","ackId":1}"#, 0),
        (r#"{"type":"leaveGroup","group":"g"}"#, 0),
        (r#"{"type":"sequenceAck","sequenceId":0}"#, 0),
        (r#"{"type":"sendToGroup","group":"g","dataType":"text","data":"a","ackId":2}"#, 1),
        (r#"{"type":"sendToGroup","group":"g","dataType":"text","data":"a","ackId":2}"#, 1),
        (r#"{"type":"invoke","invocationId":"1","target":"event","event":"e"}"#, 1),
        (r#"{"type":"cancelInvocation","invocationId":"1"}"#, 0),
        (r#"{"type":"invoke","invocationId":"1","target":"group","event":"e"}"#, 0),
        (r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#, 0),
        (r#"{"type":"streamData","streamId":"s","streamSequenceId":1,"dataType":"text","data":"a"}"#, 1),
        (r#"{"type":"streamData","streamId":"s"}"#, 0),
        (r#"{"type":"streamEnd","streamId":"s"}"#, 0),
        (r#"{"type":"setGroupState","group":"g","state":{"k":"v"}}"#, 1),
        (r#"{"type":"setGroupState","group":"g"}"#, 0),
        (r#"{"type":"subscribeGroupState","group":"g"}"#, 0),
        (r#"{"type":"event","event":"e","dataType":"text","data":"a"}"#, 1),
        // It waits for the event's handler, and counts when its turn comes.
        (r#"{"type":"event","event":"e","dataType":"text","data":"b"}"#, 0),
        (r#"{"type":"ping"}"#, 0),
    ];
    let messages = |bench: &Bench| bench.shard.numbers().counters.messages_in;
    for (request, count) in requests {
        let before = messages(&bench);
        bench.text(id, request);
        assert_eq!(messages(&bench) - before, count, "{request}");
    }
    let before = messages(&bench);
    let last = bench
        .told()
        .iter()
        .rev()
        .find_map(|told| told.strip_prefix("event ")?.split(' ').next()?.parse().ok());
    bench.answer(id, last.unwrap(), Verdict::Heard);
    assert_eq!(messages(&bench) - before, 1);
    bench.text(id, "{bad");
    assert_eq!(messages(&bench) - before, 1, "no message of its subprotocol");
}

#[test]
fn each_message_of_a_simple_client_counts() {
    let mut bench = Bench::new();
    let [asks, sends] =
        [Protocol::SimpleEvent, Protocol::SimpleSendToGroup { group: "g".into(), no_echo: false }]
            .map(|protocol| bench.connect_as(protocol));
    bench.text(asks, "a");
    bench.text(sends, "b");
    bench.text(sends, "");
    assert_eq!(bench.shard.numbers().counters.messages_in, 3);
}

#[test]
fn categories_have_their_places() {
    let mut closed = Closed::default();
    for (at, category) in CloseCategory::ALL.into_iter().enumerate() {
        assert_eq!(category as usize, at);
        (0..=at).for_each(|_| closed.count(category));
    }
    closed.add(&closed.clone());
    let counts: Vec<u64> = CloseCategory::ALL.iter().map(|category| closed.of(*category)).collect();
    assert_eq!(counts, (1..=11).map(|count| 2 * count).collect::<Vec<u64>>());
}

#[test]
fn protocols_have_their_places() {
    for name in PROTOCOLS {
        let subprotocol = Subprotocol::named(name);
        let protocol = subprotocol.map_or(Protocol::SimpleEvent, Protocol::PubSub);
        assert_eq!(PROTOCOLS[protocol.index()], name);
    }
}
