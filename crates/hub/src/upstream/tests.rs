use std::io::IoSlice;

use hublet_wire::client::{Format, Subprotocol};
use hublet_wire::ws::{Decoder, Event, Role};

use super::*;
use crate::{Accept, Command, ConnOp, Directory, Limits, Permissions, Target};

const JSON: Protocol = Protocol::PubSub(Subprotocol { format: Format::Json, reliable: false });

/// One client of a hub whose application wants everything.
struct Bench {
    shard: Shard,
    id: ConnId,
    decoder: Decoder,
}

impl Bench {
    fn new(protocol: Protocol) -> Self {
        let mut shard = Shard::new(0, 1, Limits::default(), Arc::new(Directory::new(1)));
        let policy = HubPolicy {
            wants_lifecycle: true,
            wants_presence: true,
            wants_user_events: true,
            keep_alive_interval_s: None,
        };
        shard.apply(Command::Configure(Arc::new([(Arc::from("chat"), policy)].into())), 0);
        let id = shard.reserve([7; 11], 0);
        let accept = Accept {
            hub: "chat".into(),
            user: Some("ann".into()),
            permissions: Permissions::from_roles(["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"]),
            groups: vec!["g".into()],
            protocol,
            custom_subprotocol: None,
            host: "localhost".into(),
            state: Some("s0".into()),
        };
        shard.activate(id, accept, None, 0);
        shard.attached(id.slot);
        Self { shard, id, decoder: Decoder::new(Role::Client, 1 << 20) }
    }

    fn text(&mut self, text: &str) {
        self.shard.received(self.id.slot, Event::Text(text), 0);
    }

    fn answer(&mut self, event: u64, reply: &str) {
        let reply = Some((Payload::Text(reply.to_owned().into()), Vec::new()));
        let verdict = Verdict::Handled { reply, state: None };
        self.shard.apply(Command::Verdict { conn: self.id, event, verdict }, 0);
    }

    /// What the application is told, in short.
    fn told(&mut self) -> Vec<String> {
        let short = |effect| match effect {
            Effect::Event(event) => {
                assert_eq!(event.client.user.as_deref(), Some("ann"));
                let what = match event.kind {
                    EventKind::Connected => "connected".to_owned(),
                    EventKind::Disconnected { reason } => format!("disconnected {reason:?}"),
                    EventKind::User { name, payload, .. } => {
                        format!("{name} {}", String::from_utf8_lossy(payload.bytes()))
                    }
                    EventKind::GroupJoined(group) => format!("joined {group}"),
                    EventKind::GroupLeft(group) => format!("left {group}"),
                    EventKind::Connect(_) => unreachable!(),
                };
                format!("{} {what}", event.id)
            }
            Effect::CancelEvent { event, .. } => format!("cancel {event}"),
            Effect::DropSocket(_) => unreachable!("no client is reliable"),
            Effect::Trace(_) => unreachable!("nobody looks"),
            Effect::Resume(_) => "resume".to_owned(),
            Effect::Drop(_) => "drop".to_owned(),
            Effect::Forward { .. } => unreachable!("there is one shard"),
        };
        self.shard.take_effects().into_iter().map(short).collect()
    }

    /// The data frames that the client read, and close frames by their code.
    fn read(&mut self) -> Vec<String> {
        self.shard.settle();
        let mut bytes = Vec::new();
        while let Some(queue) = self.shard.queue(self.id.slot).filter(|queue| !queue.is_empty()) {
            let mut slices = [IoSlice::new(&[]); 16];
            let count = queue.io_slices(&mut slices);
            let chunk: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            self.shard.wrote(self.id.slot, chunk.len());
            bytes.extend(chunk);
        }
        let (mut input, mut texts) = (&mut bytes[..], Vec::new());
        while let Some(event) = self.decoder.next(&mut input).unwrap() {
            match event {
                Event::Text(text) => texts.push(text.to_owned()),
                Event::Close { code, .. } => texts.push(format!("close {}", code.unwrap_or_default())),
                other => texts.push(format!("{other:?}")),
            }
        }
        texts
    }
}

fn event(name: &str, data: &str, ack: u64) -> String {
    format!(r#"{{"type":"event","event":"{name}","dataType":"text","data":"{data}","ackId":{ack}}}"#)
}

#[test]
fn numbers_begin_with_connected_and_groups_are_told_after_it() {
    let mut bench = Bench::new(Protocol::SimpleEvent);
    assert_eq!(bench.told(), ["1 connected", "2 joined g"]);
    bench.text("hi");
    assert_eq!(bench.told(), ["3 message hi"]);
    bench.shard.disconnected(bench.id.slot);
    let end = ["cancel 3", "4 left g", "5 disconnected \"The connection ended.\"", "drop"];
    assert_eq!(bench.told(), end);
}

#[test]
fn a_simple_client_waits_for_each_answer() {
    let mut bench = Bench::new(Protocol::SimpleEvent);
    bench.told();
    bench.text("a");
    bench.text("b");
    bench.shard.received(bench.id.slot, Event::Ping(b"p"), 0);
    assert_eq!(bench.told(), ["3 message a"]);
    assert_eq!(bench.read().len(), 1, "a ping is answered without waiting");
    bench.answer(9, "no such event");
    assert!(bench.read().is_empty() && bench.told().is_empty());
    bench.answer(3, "re a");
    assert_eq!((bench.read(), bench.told()), (vec!["re a".to_owned()], vec!["4 message b".to_owned()]));
    bench.answer(4, "re b");
    assert_eq!(bench.read(), ["re b"]);
}

#[test]
fn a_simple_client_is_closed_when_its_event_fails() {
    let mut bench = Bench::new(Protocol::SimpleEvent);
    bench.text("a");
    bench.text("never told");
    bench.told();
    bench.shard.apply(Command::Verdict { conn: bench.id, event: 3, verdict: Verdict::Failed }, 0);
    assert_eq!(bench.read(), ["close 1011"]);
    assert_eq!(bench.told(), ["4 left g", "5 disconnected \"Internal server error\""]);
}

#[test]
fn replies_come_before_their_ack_and_later_requests_after_it() {
    let mut bench = Bench::new(JSON);
    bench.read();
    bench.text(&event("e", "x", 1));
    bench.text(r#"{"type":"ping"}"#);
    bench.text(r#"{"type":"sendToGroup","group":"g","dataType":"text","data":"m","ackId":2}"#);
    assert_eq!(bench.read(), [r#"{"type":"pong"}"#], "only the ping does not wait");
    bench.answer(3, "r");
    let read = bench.read();
    assert!(read[0].contains(r#""from":"server""#) && read[0].contains(r#""data":"r""#), "{read:?}");
    assert!(read[1].contains(r#""ackId":1,"success":true"#), "{read:?}");
    assert!(read[2].contains(r#""from":"group""#) && read[3].contains(r#""ackId":2"#), "{read:?}");
}

#[test]
fn a_failed_ack_id_may_be_used_again_and_a_good_one_not() {
    let mut bench = Bench::new(JSON);
    bench.read();
    bench.told();
    bench.text(&event("e", "x", 1));
    bench.shard.apply(Command::Verdict { conn: bench.id, event: 3, verdict: Verdict::Failed }, 0);
    let read = bench.read();
    assert!(read[0].contains(r#""success":false"#) && read[0].contains("InternalServerError"), "{read:?}");
    bench.text(&event("e", "x", 1));
    bench.answer(4, "");
    assert_eq!(bench.told(), ["3 e x", "4 e x"]);
    bench.read();
    bench.text(&event("e", "x", 1));
    assert!(bench.read()[0].contains("Duplicate") && bench.told().is_empty());
}

#[test]
fn who_sends_too_much_meanwhile_is_read_no_further() {
    let mut bench = Bench::new(Protocol::SimpleEvent);
    bench.told();
    let large = "x".repeat(HELD_BYTES_MAX / 2);
    for _ in 0..3 {
        assert!(!bench.shard.is_paused(bench.id.slot));
        bench.text(&large);
    }
    assert!(bench.shard.is_paused(bench.id.slot));
    bench.shard.tick(1_000_000);
    assert!(bench.shard.has(bench.id), "who is not read for now is not taken for dead");
    bench.told();
    bench.answer(3, "");
    assert!(!bench.shard.is_paused(bench.id.slot));
    assert!(bench.told().iter().any(|effect| effect == "resume"));
}

#[test]
fn what_was_sent_before_a_clean_close_is_told() {
    let mut bench = Bench::new(Protocol::SimpleEvent);
    bench.told();
    for text in ["a", "b", "c"] {
        bench.text(text);
    }
    bench.shard.received(bench.id.slot, Event::Close { code: Some(1000), reason: "bye" }, 0);
    let told = bench.told();
    assert_eq!(told, ["3 message a", "4 message b", "5 message c", "6 left g", "7 disconnected \"bye\""]);
    bench.answer(3, "nobody reads it");
    assert_eq!(bench.read(), ["close 1000"]);
}

#[test]
fn a_client_without_a_socket_is_not_told_of() {
    let mut bench = Bench::new(Protocol::SimpleEvent);
    let mut reserved = |index: u8| {
        let id = bench.shard.reserve([index; 11], 0);
        bench.shard.take_effects();
        id
    };
    let (first, second) = (reserved(1), reserved(2));
    bench.shard.disconnected(first.slot);
    assert_eq!(bench.told(), ["drop"]);
    bench.shard.apply(Command::Stop { keep_reliable: false }, 0);
    assert!(!bench.shard.has(second), "a stop ends reservations");
}

#[test]
fn an_application_that_closes_a_client_is_told_its_own_reason() {
    let mut bench = Bench::new(JSON);
    bench.told();
    let op = ConnOp::Close { reason: "kick".into(), excluded: Arc::new([]) };
    let target = Target::Connection(bench.id);
    bench.shard.apply(Command::Connections { hub: "chat".into(), target, filter: None, op, reply: None }, 0);
    let last = bench.told().pop().unwrap();
    assert_eq!(last, "4 disconnected \"Application server closed the connection. Reason: kick\"");
}
