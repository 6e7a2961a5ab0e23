//! What a log tells is what there was.

use super::*;
use crate::saved::Undelivered;
use crate::{ConnOp, Verdict};

/// A shard with a log, which knows what it was at each chunk.
struct Logged {
    bench: Bench,
    chunks: Vec<Vec<u8>>,
    /// What the shard was like after each of them.
    states: Vec<Vec<u8>>,
}

impl Logged {
    fn new(index: usize) -> Self {
        let mut bench = Bench::new(index);
        bench.shard.begin_log(0, &Undelivered::default());
        let begin = bench.save(0);
        Self { bench, chunks: vec![begin.clone()], states: vec![begin] }
    }

    /// Writes what has changed since the last time. Returns whether there was anything.
    fn write(&mut self) -> bool {
        let before = self.chunks.len();
        let write = |chunk: &[u8]| {
            self.chunks.push(chunk.to_vec());
            Ok::<(), ()>(())
        };
        self.bench.shard.write_log(write).expect("it cannot fail");
        if self.chunks.len() > before {
            self.states.push(self.bench.save(0));
        }
        self.chunks.len() > before
    }

    fn ask(&mut self, id: ConnId, request: &str) {
        self.bench.ask(id, request);
        assert!(self.write(), "{request}");
    }

    fn operate(&mut self, id: ConnId, op: ConnOp) {
        let target = Target::Connection(id);
        let command = Command::Connections { hub: "chat".into(), target, filter: None, op, reply: None };
        self.bench.shard.apply(command, 0);
        assert!(self.write());
    }
}

fn replay<'a>(chunks: impl IntoIterator<Item = &'a Vec<u8>>) -> Saved {
    let mut saved = Saved::new(0);
    chunks.into_iter().for_each(|chunk| saved.read(chunk).expect("what was written"));
    saved
}

/// A shard that goes on from these chunks.
fn go_on(index: usize, chunks: &[Vec<u8>]) -> Bench {
    let mut saved = [(index, replay(chunks))];
    let undelivered = Undelivered::take(&mut saved);
    let mut states = SavedStates::take(&mut saved);
    let [(_, saved)] = saved;
    let mut bench = Bench::new(index);
    bench.shard.restore(saved);
    states.restore(&mut bench.shard);
    states.clear(&mut [&mut bench.shard]);
    bench.shard.begin_log(0, &undelivered);
    bench
}

/// A bit of everything that changes sessions.
fn a_life() -> (Logged, ConnId) {
    let mut log = Logged::new(0);
    let gone = log.bench.connect(Some("bob"), Format::Protobuf, true);
    let id = log.bench.connect(Some("ann"), Format::Json, true);
    assert!(log.write() && !log.write(), "nothing is written twice");
    log.bench.connect(Some("simple"), Format::Json, false);
    assert!(!log.write(), "who cannot come back is not in the log");
    for request in [
        r#"{"type":"leaveGroup","group":"room","ackId":1}"#,
        r#"{"type":"joinGroup","group":"room","ackId":2}"#,
        r#"{"type":"joinGroup","group":"a-b"}"#,
        r#"{"type":"sendToGroup","group":"room","data":1,"ackId":3}"#,
        r#"{"type":"sendToGroup","group":"x","stream":{"streamId":"s","idleTimeoutMs":500000},"ackId":12}"#,
        r#"{"type":"streamData","streamId":"s","streamSequenceId":1,"dataType":"text","data":"part"}"#,
        r#"{"type":"sequenceAck","sequenceId":1}"#,
        r#"{"type":"event","event":"e","dataType":"text","data":"","ackId":4}"#,
    ] {
        log.ask(id, request);
    }
    let told = log.bench.shard.take_effects();
    let event = told.iter().rev().find_map(|effect| match effect {
        Effect::Event(event) => Some(event.id),
        _ => None,
    });
    let reply = Some((Payload::Text("reply".into()), Vec::new()));
    let verdict = Verdict::Handled { reply, state: Some("new state".into()) };
    log.bench.shard.apply(Command::Verdict { conn: id, event: event.expect("an event"), verdict }, 0);
    assert!(log.write());
    log.operate(id, ConnOp::Revoke(Permission::SendToGroup, "hall".into()));
    log.operate(id, ConnOp::Grant(Permission::JoinLeaveGroup, "hall".into()));
    log.operate(gone, ConnOp::LeaveAll);
    log.ask(id, r#"{"type":"subscribeGroupState","group":"room"}"#);
    log.ask(id, r#"{"type":"setGroupState","group":"room","state":{"mood":"good"}}"#);
    log.bench.publish("one", None);
    log.bench.publish("two", Some(5_000));
    assert!(log.write());
    // Another client in the place of one that ends, and messages to both, in one chunk.
    log.bench.publish("before", None);
    log.bench.shard.received(gone.slot, Event::Close { code: Some(1000), reason: "" }, 0);
    assert_eq!(log.bench.shard.flushed(gone.slot), crate::AfterFlush::Drop);
    log.bench.shard.disconnected(gone.slot);
    let next = log.bench.connect(Some("eve"), Format::Json, true);
    assert_eq!(next.slot, gone.slot);
    log.bench.publish("after", None);
    assert!(log.write());
    log.ask(id, r#"{"type":"streamData","streamId":"s","streamSequenceId":2,"dataType":"text","data":"","endOfStream":true}"#);
    (log, id)
}

#[test]
fn every_prefix_of_a_log_is_what_there_was() {
    let (log, id) = a_life();
    assert_eq!(log.chunks.len(), log.states.len());
    for len in 1..=log.chunks.len() {
        let mut after = go_on(0, &log.chunks[..len]);
        assert!(after.save(0) == log.states[len - 1], "after {len} chunks");
    }
    let mut after = go_on(0, &log.chunks);
    let read = after.come_back(id);
    for part in [r#""data":"reply""#, r#""mood":"good""#, r#""data":"two""#, r#""data":"after""#] {
        assert!(read.contains(part), "{part}: {read}");
    }
    after.shard.disconnected(id.slot);
    after.come_back(id);
    for ack_id in [1, 2, 3, 4, 12] {
        let request = format!(r#"{{"type":"leaveGroup","group":"none","ackId":{ack_id}}}"#);
        after.ask(id, &request);
    }
    let read = after.waiting(id);
    assert_eq!(read.matches("Duplicate").count(), 5, "{read}");
}

/// Numbers go on behind the gaps that expired messages leave.
#[test]
fn a_log_tells_which_messages_made_room() {
    let mut log = Logged::new(0);
    let id = log.bench.connect(Some("ann"), Format::Json, true);
    log.bench.publish("first", None);
    (2..=1_000).for_each(|_| log.bench.publish("old", Some(1_000)));
    log.bench.shard.begin_turn(1_000);
    log.bench.publish("new", Some(5_000));
    assert!(log.write());
    assert_eq!(log.bench.shard.numbers().unacked, 2);
    let mut after = go_on(0, &log.chunks);
    assert!(after.save(0) == log.states[log.chunks.len() - 1]);
    assert_eq!(after.shard.numbers().unacked, 2);
    // A restart writes the session itself, gap and all.
    let mut again = Bench::new(0);
    again.shard.restore(saved(&after.save(0), 0));
    again.publish("newer", None);
    let read = again.come_back(id);
    for part in [r#""sequenceId":1,"#, r#""sequenceId":1001,"#, r#""sequenceId":1002,"#] {
        assert!(read.contains(part), "{part}: {read}");
    }
    assert!(!read.contains("old"), "{read}");
}

#[test]
fn a_log_goes_on_where_another_one_ended() {
    let (log, id) = a_life();
    let mut after = go_on(0, &log.chunks);
    let mut chunks = vec![after.save(0)];
    after.publish("later", None);
    after.ask(id, r#"{"type":"sequenceAck","sequenceId":3}"#);
    let written = after.shard.write_log(|chunk| {
        chunks.push(chunk.to_vec());
        Ok::<(), ()>(())
    });
    written.expect("it cannot fail");
    assert!(go_on(0, &chunks).save(0) == after.save(0));
}

#[test]
fn a_write_that_fails_ends_the_log_and_nothing_else() {
    let mut log = Logged::new(0);
    let id = log.bench.connect(Some("ann"), Format::Json, true);
    assert_eq!(log.bench.shard.write_log(|_| Err("full")), Err("full"));
    log.bench.shard.end_log();
    log.bench.publish("one", None);
    assert!(!log.write(), "there is no log any more");
    assert!(log.bench.waiting(id).contains("one"));
}

#[test]
fn messages_between_shards_come_once_whoever_has_begun_a_new_log() {
    let mut sender = Logged::new(0);
    let publisher = sender.bench.connect(Some("ann"), Format::Json, true);
    let mut receiver = Logged::new(1);
    let id = receiver.bench.connect(Some("bob"), Format::Json, true);
    receiver.bench.publish("begin", None);
    assert!(receiver.write());
    let letter = |number: u64, text: &str| {
        let mut publish =
            Publish::new("chat".into(), Target::Group("room".into()), Payload::Text(text.to_owned().into()));
        publish.from_user = Some("ann".into());
        (number, Arc::new(publish))
    };
    for (number, text) in [letter(1, "first"), letter(2, "second"), letter(3, "third")] {
        let log = sender.bench.shard.log.as_mut().expect("a log");
        assert_eq!(log.sent(crate::ShardSet::only(1), &text), number);
        assert!(sender.write());
        if number == 1 {
            receiver.bench.shard.apply(Command::Forwarded { from: 0, number, publish: text }, 0);
            assert!(receiver.write());
            let unnumbered =
                Publish::new("chat".into(), Target::User("nobody".into()), Payload::Text("".into()));
            let command = Command::Forwarded { from: 0, number: 0, publish: Arc::new(unnumbered) };
            receiver.bench.shard.apply(command, 0);
            assert!(!receiver.write(), "a sender without a log changes no numbers");
        }
    }
    let read = |chunks: [&[Vec<u8>]; 2]| {
        let mut saved = [(0, replay(chunks[0])), (1, replay(chunks[1]))];
        let undelivered = Undelivered::take(&mut saved);
        saved.map(|(index, saved)| {
            let mut bench = Bench::new(index);
            bench.shard.restore(saved);
            undelivered.deliver(&mut bench.shard);
            bench.shard.begin_log(0, &undelivered);
            bench
        })
    };
    let [mut new_sender, mut new_receiver] = read([&sender.chunks, &receiver.chunks]);
    assert!(new_sender.shard.has(publisher));
    let new_sender = [new_sender.save(0)];
    let new_receiver = [new_receiver.save(0)];
    for chunks in [
        [&sender.chunks[..], &receiver.chunks[..]],
        [&sender.chunks, &new_receiver],
        [&new_sender, &receiver.chunks],
        [&new_sender, &new_receiver],
    ] {
        let [mut sender, mut receiver] = read(chunks);
        let got = receiver.come_back(id);
        let places: Vec<_> = ["begin", "first", "second", "third"].map(|text| got.find(text)).into();
        assert!(places.is_sorted() && places[0].is_some(), "{got}");
        assert_eq!(got.matches("sequenceId").count(), 4, "{got}");
        let publish = letter(0, "next").1;
        let next = sender.shard.log.as_mut().expect("a log").sent(crate::ShardSet::only(1), &publish);
        assert_eq!(next, 4, "no number is used twice");
    }
    // The log of the sender is lost: its numbers go on.
    let [mut empty, _] = read([&[], &new_receiver]);
    let publish = letter(0, "next").1;
    assert_eq!(empty.shard.log.as_mut().expect("a log").sent(crate::ShardSet::only(1), &publish), 4);
}

proptest! {
    #[test]
    fn damaged_chunks_are_refused_or_make_other_sessions(at: prop::sample::Index, chunk: prop::sample::Index, byte: u8, cut in 0_usize..4) {
        let (log, _) = a_life();
        let mut chunks = log.chunks;
        let chunk = chunk.index(chunks.len());
        let bytes = &mut chunks[chunk];
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
        }
        let mut saved = Saved::new(0);
        let _ = chunks.iter().try_for_each(|chunk| saved.read(chunk));
        let mut saved = [(0, saved)];
        let undelivered = Undelivered::take(&mut saved);
        let [(_, saved)] = saved;
        let mut after = Bench::new(0);
        after.shard.restore(saved);
        undelivered.deliver(&mut after.shard);
        after.shard.tick(u64::from(u32::MAX));
        prop_assert_eq!(after.shard.connections(), 0);
    }
}
