use std::sync::Arc;

use hublet_wire::client::{Format, Payload, Subprotocol};
use hublet_wire::ws::Event;
use proptest::prelude::*;

mod log;

use super::*;
use crate::Millis;
use crate::{
    Command, Directory, Effect, EventKind, HubPolicies, HubPolicy, Limits, Permission, Permissions, Publish,
    Target,
};

const ROLES: [&str; 4] = [
    "webpubsub.sendToGroup",
    "webpubsub.joinLeaveGroup.room",
    "webpubsub.joinLeaveGroups.a*b",
    "webpubsub.sendToGroups.x.**",
];

struct Bench {
    shard: Shard,
    clients: u8,
}

impl Bench {
    fn new(index: usize) -> Self {
        let mut shard = Shard::new(index, 1, Limits::default(), Arc::new(Directory::new(index + 1)));
        let all = HubPolicy {
            wants_lifecycle: true,
            wants_presence: true,
            wants_user_events: true,
            ..HubPolicy::default()
        };
        let policies: HubPolicies = [(Arc::from("chat"), all)].into();
        shard.apply(Command::Configure(Arc::new(policies)), 0);
        Self { shard, clients: 0 }
    }

    fn connect(&mut self, user: Option<&str>, format: Format, reliable: bool) -> ConnId {
        self.clients += 1;
        let id = self.shard.reserve([self.clients; 11], 0);
        let accept = Accept {
            hub: "chat".into(),
            user: user.map(Into::into),
            permissions: Permissions::from_roles(ROLES),
            groups: vec!["room".into(), "hall".into()],
            protocol: Protocol::PubSub(Subprotocol { format, reliable }),
            custom_subprotocol: None,
            host: "localhost".into(),
            state: Some("state".into()),
        };
        self.shard.activate(id, accept, Some("token"), 0);
        self.shard.attached(id.slot);
        id
    }

    fn ask(&mut self, id: ConnId, request: &str) {
        self.shard.received(id.slot, Event::Text(request), 0);
    }

    fn publish(&mut self, text: &str, expires: Option<Millis>) {
        let payload = Payload::Text(text.to_owned().into());
        let mut message = Publish::new("chat".into(), Target::Group("room".into()), payload);
        message.metadata = vec![("key".to_owned(), "value".to_owned())];
        message.expires = expires;
        self.shard.deliver(Arc::new(message));
        self.shard.settle();
    }

    fn save(&mut self, epoch_ms: u64) -> Vec<u8> {
        let mut all = Vec::new();
        let saved = self.shard.save(epoch_ms, |chunk| {
            all.extend_from_slice(chunk);
            Ok::<(), ()>(())
        });
        saved.expect("it cannot fail");
        all
    }

    /// What waits in the queue of a client.
    fn waiting(&mut self, id: ConnId) -> String {
        self.shard.settle();
        let queue = self.shard.queue(id.slot).expect("a connection");
        String::from_utf8_lossy(&queue.joined().concat()).into_owned()
    }

    /// What a client of JSON reads that comes back.
    fn come_back(&mut self, id: ConnId) -> String {
        let (_, attempt) = self.shard.resume(id, "chat").unwrap();
        assert!(self.shard.resumed(id, attempt, "again").is_ok());
        self.shard.settle();
        let queue = self.shard.queue(id.slot).expect("a connection");
        let mut slices = [std::io::IoSlice::new(&[]); 8];
        let count = queue.io_slices(&mut slices);
        let mut bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
        self.shard.wrote(id.slot, bytes.len());
        let queue = self.shard.queue(id.slot).expect("a connection");
        queue.joined().iter().for_each(|block| bytes.extend_from_slice(block));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn saved(bytes: &[u8], epoch_ms: u64) -> Saved {
    let mut saved = Saved::new(epoch_ms);
    saved.read(bytes).expect("what was saved");
    saved
}

fn told(shard: &mut Shard) -> Vec<EventKind> {
    let event = |effect| match effect {
        Effect::Event(event) => Some(event.kind),
        _ => None,
    };
    shard.take_effects().into_iter().filter_map(event).collect()
}

#[test]
fn everything_about_a_session_outlives_the_process() {
    let mut before = Bench::new(0);
    let json = before.connect(Some("ann"), Format::Json, true);
    before.connect(None, Format::Protobuf, true);
    before.connect(Some("bob"), Format::Json, false);
    before.ask(json, r#"{"type":"leaveGroup","group":"room","ackId":7}"#);
    before.ask(json, r#"{"type":"joinGroup","group":"room","ackId":8}"#);
    before.ask(json, r#"{"type":"joinGroup","group":"a-b","ackId":11}"#);
    before.ask(
        json,
        r#"{"type":"sendToGroup","group":"x","stream":{"streamId":"s","idleTimeoutMs":500000},"ackId":12}"#,
    );
    let op = crate::ConnOp::Revoke(Permission::SendToGroup, "hall".into());
    let target = Target::Connection(json);
    before.shard.apply(Command::Connections { hub: "chat".into(), target, filter: None, op, reply: None }, 0);
    before.publish("one", None);
    before.publish("two", None);
    before.ask(json, r#"{"type":"sequenceAck","sequenceId":1}"#);
    before.publish("gone", Some(5_000));
    before.publish("kept", Some(9_000));
    before.shard.apply(Command::Stop { keep_reliable: true }, 0);
    let bytes = before.save(1_000_000);
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("kept").count(), 1, "one copy for two sessions");
    assert!(!text.contains("bob"), "who is not reliable does not come back");

    // Eight seconds later.
    let mut after = Bench::new(0);
    after.shard.begin_turn(1_000);
    assert_eq!(after.shard.restore(saved(&bytes, 1_007_000)), 2);
    assert!(told(&mut after.shard).is_empty(), "the application knows all that");
    let read = after.come_back(json);
    assert!(
        read.contains("connected") && read.contains("again") && read.contains(r#""userId":"ann""#),
        "{read}"
    );
    for (message, is_there) in [("one", false), ("two", true), ("gone", false), ("kept", true)] {
        assert_eq!(read.contains(&format!(r#""data":"{message}""#)), is_there, "{message}: {read}");
    }
    assert!(read.contains(r#"{"sequenceId":4,"#) && read.contains(r#""metadata":{"key":"value"}"#), "{read}");
    after.shard.disconnected(json.slot);
    after.publish("five", None);
    let read = after.come_back(json);
    assert!(read.contains(r#"{"sequenceId":5,"#), "numbers go on: {read}");
    for (request, answer) in [
        (r#"{"type":"joinGroup","group":"room","ackId":8}"#, "Duplicate"),
        (r#"{"type":"joinGroup","group":"other","ackId":9}"#, "Forbidden"),
        (r#"{"type":"joinGroup","group":"axb","ackId":9}"#, r#"{"type":"ack","ackId":9,"success":true}"#),
        (r#"{"type":"sendToGroup","group":"hall","data":1,"ackId":10}"#, "Forbidden"),
        (
            r#"{"type":"streamData","streamId":"s","streamSequenceId":2,"dataType":"text","data":""}"#,
            "streamNack",
        ),
    ] {
        after.ask(json, request);
        let read = after.waiting(json);
        assert!(read.contains(answer), "{request}: {read}");
    }
    let joined = EventKind::GroupJoined("axb".into());
    assert_eq!(told(&mut after.shard), [joined], "and what is new is told");
}

#[test]
fn who_does_not_come_back_is_gone() {
    let mut before = Bench::new(0);
    let id = before.connect(Some("ann"), Format::Json, true);
    let bytes = before.save(0);
    let mut after = Bench::new(0);
    after.shard.restore(saved(&bytes, 0));
    after.shard.tick(59_999);
    assert!(after.shard.has(id) && told(&mut after.shard).is_empty());
    after.shard.tick(60_000);
    assert!(!after.shard.has(id));
    let groups_and_end = told(&mut after.shard);
    assert!(
        matches!(&groups_and_end[..], [EventKind::GroupLeft(_), EventKind::GroupLeft(_), EventKind::Disconnected { reason }] if &**reason == RECOVERY_TIMED_OUT),
        "{groups_and_end:?}"
    );
}

#[test]
fn sessions_of_a_shard_that_is_no_more_end() {
    let mut before = Bench::new(1);
    before.connect(Some("ann"), Format::Json, true);
    let bytes = before.save(0);
    let mut after = Bench::new(0);
    let own = after.connect(Some("bob"), Format::Json, true);
    told(&mut after.shard);
    after.shard.end_sessions(saved(&bytes, 0));
    let ended = told(&mut after.shard);
    assert!(matches!(ended.last(), Some(EventKind::Disconnected { .. })), "{ended:?}");
    assert!(after.shard.has(own) && after.shard.connections() == 1);
    // Also if they seem to belong here: who is connected keeps its place.
    let mut same = Bench::new(0);
    same.connect(Some("ann"), Format::Json, true);
    after.shard.end_sessions(saved(&same.save(0), 0));
    assert!(matches!(told(&mut after.shard).last(), Some(EventKind::Disconnected { .. })));
    assert!(after.shard.has(own) && after.shard.connections() == 1);
}

#[test]
fn sessions_of_another_shard_are_recognised() {
    let mut before = Bench::new(1);
    let id = before.connect(Some("ann"), Format::Json, true);
    let bytes = before.save(0);
    let mut own = saved(&bytes, 0);
    assert!(own.take_strangers(1).is_empty() && own.len() == 1);
    let mut strangers = own.take_strangers(0);
    assert!(own.is_empty() && strangers.ids().eq([id]));
    strangers.forget(&[id].into());
    assert!(strangers.is_empty());
    // They end even so.
    let mut after = Bench::new(0);
    assert_eq!(after.shard.restore(saved(&bytes, 0)), 1);
    assert!(matches!(told(&mut after.shard).last(), Some(EventKind::Disconnected { .. })));
    assert_eq!(after.shard.connections(), 0);
}

#[test]
fn a_stop_keeps_only_who_can_come_back() {
    let mut bench = Bench::new(0);
    let reliable = bench.connect(Some("ann"), Format::Json, true);
    let other = bench.connect(Some("bob"), Format::Json, false);
    bench.shard.apply(Command::Stop { keep_reliable: true }, 0);
    let queued = bench.waiting(reliable);
    assert!(queued.contains("Service reloading, reconnect") && queued.contains("disconnected"), "{queued}");
    bench.ask(reliable, r#"{"type":"leaveGroup","group":"room"}"#);
    bench.publish("late", None);
    assert!(!bench.waiting(reliable).contains("late"), "nothing comes after the close frame");
    assert!(!bench.shard.is_at_rest());
    assert!(bench.shard.resume(reliable, "chat").is_none());
    bench.shard.received(reliable.slot, Event::Close { code: Some(1012), reason: "" }, 0);
    assert_eq!(bench.shard.flushed(reliable.slot), crate::AfterFlush::Drop);
    bench.shard.disconnected(reliable.slot);
    // Who does not answer is dropped after a while.
    bench.shard.tick(3_000);
    assert!(!bench.shard.has(other) && bench.shard.has(reliable) && bench.shard.is_at_rest());
    let ends = told(&mut bench.shard);
    let gone = ends.iter().filter(|kind| matches!(kind, EventKind::Disconnected { .. })).count();
    assert_eq!(gone, 1, "only of the one that is gone: {ends:?}");
    let bytes = bench.save(0);
    assert_eq!(saved(&bytes, 0).len(), 1);
    assert!(String::from_utf8_lossy(&bytes).contains("late"));
}

proptest! {
    #[test]
    fn bytes_that_are_no_sessions_are_refused(at in 0_usize..2_000, byte: u8, cut in 0_usize..2_000) {
        let mut bench = Bench::new(0);
        bench.connect(Some("ann"), Format::Json, true);
        bench.publish("one", None);
        let mut bytes = bench.save(0);
        let at = at % bytes.len();
        bytes[at] ^= byte;
        bytes.truncate(bytes.len() - cut % 20);
        let mut saved = Saved::new(0);
        if saved.read(&bytes).is_ok() {
            // A name or a number may be another one; the shard has to live with it.
            let mut after = Bench::new(0);
            after.shard.restore(saved);
            after.shard.tick(u64::from(u32::MAX));
            prop_assert_eq!(after.shard.connections(), 0);
        }
    }
}
