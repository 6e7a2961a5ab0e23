//! What clients of the checker publish: messages, streams and invocations, all with numbers in them.

use std::rc::Rc;

use hublet_client::pubsub::{Data, StreamFailure};
use hublet_client::{Error, StreamOptions};
use tokio::time::{Instant, sleep};

use super::client::Member;
use super::ledger::Ending;
use super::random::Random;
use crate::bench::stamp;

/// Messages and invocations of one client without an answer; beyond that it sends nothing.
const UNDER_WAY_MAX: usize = 64;
/// The same of all clients together. After an outage all of it comes at once, and a receiver that is slower than that is
/// ended by right: a service keeps 1,000 messages for it, those that it missed before among them.
const UNDER_WAY_TOTAL_MAX: usize = 200;
/// Of so many things that a client publishes, one is a stream.
const STREAM_SHARE: usize = 80;
/// Likewise invocations, if there are any.
const INVOCATION_SHARE: usize = 10;
/// Of so many things one is published while clients come back after a restart.
const COMING_BACK_SHARE: usize = 4;
/// Most parts of a stream, its end not counted.
const PARTS_MAX: usize = 40;
/// Parts of streams for each message.
pub(super) const PARTS_PER_MESSAGE: f64 = (PARTS_MAX / 2) as f64 / STREAM_SHARE as f64;
/// Between two parts, in seconds on average.
const PART_INTERVAL: f64 = 0.05;
/// Streams of one client at the same time.
const STREAMS_MAX: usize = 8;
/// Of so many streams one is ended as a failure.
const FAILURE_SHARE: usize = 5;
/// Longest filling of a message.
const FILLING_BYTES_MAX: usize = 2_000;
/// The event that clients invoke.
const EVENT: &str = "check";
/// Bits of a part's number within its stream.
const PART_BITS: u32 = 24;

impl Member {
    /// Publishes something.
    pub(super) fn publish(self: &Rc<Self>) {
        let (is_stream, is_invocation, is_one_of_few) = {
            let mut random = self.random.borrow_mut();
            let mut one_in = |count| random.below(count) == 0;
            (one_in(STREAM_SHARE), one_in(INVOCATION_SHARE), one_in(COMING_BACK_SHARE))
        };
        if !is_one_of_few && self.run.back_at.get().is_some_and(|back| Instant::now() < back) {
            return;
        }
        if is_stream && !self.run.args.without_streams {
            self.stream();
        } else if is_invocation && self.run.args.invocations {
            self.invoke();
        } else {
            self.send();
        }
    }

    fn send(self: &Rc<Self>) {
        if !self.may_send() {
            return;
        }
        let group = self.any_group();
        let mut random = self.random.borrow_mut().fork();
        self.count_under_way(1);
        let member = Rc::clone(self);
        // Tasks run in the order in which they were made, so numbers go out in their order.
        tokio::task::spawn_local(async move {
            let number = member.run.ledger.borrow_mut().sending(member.number, group);
            let data = any_content(number as u64, &mut random);
            let sent = member.client.send_to_group(member.run.groups.name(group), data).await;
            member.count_under_way(-1);
            let mut ledger = member.run.ledger.borrow_mut();
            match sent {
                Ok(()) => ledger.sent(number),
                Err(Error::Disconnected) => ledger.unknown(number),
                Err(error) => ledger.refused(member.number, format!("a message was refused: {error}")),
            }
        });
    }

    fn invoke(self: &Rc<Self>) {
        if !self.may_send() {
            return;
        }
        self.count_under_way(1);
        self.run.ledger.borrow_mut().invoking();
        let mut random = self.random.borrow_mut().fork();
        let member = Rc::clone(self);
        tokio::task::spawn_local(async move {
            // Nobody else sends this, so an answer that belongs to another invocation is seen.
            let question = any_content(random.any(), &mut random);
            let answer = member.client.invoke_event(EVENT, Some(question.clone())).await;
            member.count_under_way(-1);
            let mut ledger = member.run.ledger.borrow_mut();
            match answer {
                Ok(answer) => ledger.invoked(member.number, answer.is_some_and(|answer| answer == question)),
                Err(Error::Disconnected) => ledger.answer_lost(member.number),
                Err(error) => ledger.refused(member.number, format!("an invocation was refused: {error}")),
            }
        });
    }

    fn stream(self: &Rc<Self>) {
        if self.open_streams.get() >= STREAMS_MAX {
            return;
        }
        self.open_streams.set(self.open_streams.get() + 1);
        let group = self.any_group();
        let random = self.random.borrow_mut().fork();
        let member = Rc::clone(self);
        tokio::task::spawn_local(async move {
            member.publish_stream(group, random).await;
            member.open_streams.set(member.open_streams.get() - 1);
        });
    }

    async fn publish_stream(&self, group: usize, mut random: Random) {
        let ledger = &self.run.ledger;
        let no_echo = random.below(2) == 0;
        let opening = ledger.borrow_mut().stream_opening(self.number, group, no_echo);
        let options = StreamOptions { no_echo, idle_timeout: None };
        let mut writer = match self.client.open_group_stream(self.run.groups.name(group), options).await {
            Ok(writer) => writer,
            // Its start need not have been confirmed when the socket was lost.
            Err(Error::Disconnected) => return ledger.borrow_mut().stream_not_opened(),
            Err(error) => {
                return ledger.borrow_mut().refused(self.number, format!("a stream was refused: {error}"));
            }
        };
        let stream = ledger.borrow_mut().stream_opened(opening, writer.id());
        for _ in 0..random.below(PARTS_MAX + 1) {
            sleep(random.wait(PART_INTERVAL)).await;
            let part = ledger.borrow_mut().sending_part(stream);
            let data = any_content((stream as u64) << PART_BITS | part, &mut random);
            if let Err(error) = writer.write(data).await {
                return self.stream_failed(stream, error);
            }
        }
        let fails = random.below(FAILURE_SHARE) == 0;
        ledger.borrow_mut().ending_stream(stream, if fails { Ending::Failed } else { Ending::Finished });
        let ended = if fails { writer.fail(StreamFailure::default()).await } else { writer.finish().await };
        match ended {
            Ok(()) => ledger.borrow_mut().stream_done(stream),
            Err(error) => self.stream_failed(stream, error),
        }
    }

    fn stream_failed(&self, stream: usize, error: Error) {
        let mut ledger = self.run.ledger.borrow_mut();
        ledger.stream_broken(stream);
        // The end of a reliable connection is told by itself.
        if !matches!(error, Error::Disconnected) {
            ledger.stream_refused(self.number, format!("stream {stream} was ended by the service: {error}"));
        }
    }

    fn may_send(&self) -> bool {
        self.under_way.get() < UNDER_WAY_MAX && self.run.under_way.get() < UNDER_WAY_TOTAL_MAX
    }

    fn count_under_way(&self, change: isize) {
        for count in [&self.under_way, &self.run.under_way] {
            count.set(count.get().saturating_add_signed(change));
        }
    }

    fn any_group(&self) -> usize {
        self.random.borrow_mut().below(self.run.args.groups as usize)
    }
}

/// The names of the groups. Each run has names of its own: connections that an earlier run or another one has left behind,
/// and their streams, are in other groups.
pub(super) struct GroupNames {
    prefix: String,
}

impl GroupNames {
    /// `run`: a number that no other run has.
    pub(super) fn new(run: u64) -> Self {
        Self { prefix: format!("check-{run:x}-") }
    }

    pub(super) fn name(&self, group: usize) -> String {
        format!("{}{group}", self.prefix)
    }

    /// `None`: it is no group of this run.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        name.strip_prefix(&self.prefix)?.parse().ok()
    }
}

/// A message of any kind and length with a number.
fn any_content(number: u64, random: &mut Random) -> Data {
    content(number, random.below(3), random.below(FILLING_BYTES_MAX))
}

/// A message with its number, in one of the kinds that all clients can read.
fn content(number: u64, kind: usize, filling: usize) -> Data {
    let mut text = stamp::payload(stamp::DIGITS + filling).into_bytes();
    stamp::write(&mut text, number);
    match kind {
        0 => Data::Binary(text),
        kind => {
            // Digits and letters are text.
            let text = String::from_utf8(text).unwrap_or_default();
            if kind == 1 { Data::Text(text) } else { Data::Json(format!("\"{text}\"")) }
        }
    }
}

fn read(data: &Data) -> Option<u64> {
    stamp::read(match data {
        Data::Json(text) => text.trim_matches('"').as_bytes(),
        Data::Text(text) => text.as_bytes(),
        Data::Binary(bytes) | Data::Protobuf(bytes) => bytes,
    })
}

/// The number of a message.
pub(super) fn read_message(data: &Data) -> Option<usize> {
    usize::try_from(read(data)?).ok()
}

/// The numbers of a stream and its part.
pub(super) fn read_part(data: &Data) -> Option<(usize, u64)> {
    let number = read(data)?;
    Some((usize::try_from(number >> PART_BITS).ok()?, number & ((1 << PART_BITS) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_through_in_all_kinds() {
        for kind in 0..3 {
            let data = content(77, kind, 10);
            assert_eq!((read_message(&data), data.is_empty()), (Some(77), false), "{data:?}");
            assert_eq!(read_part(&content(5 << PART_BITS | 3, kind, 10)), Some((5, 3)));
        }
        assert_eq!(read_message(&Data::from("hello")), None);
    }

    #[test]
    fn runs_have_groups_of_their_own() {
        let groups = GroupNames::new(77);
        assert_eq!(groups.number(&groups.name(12)), Some(12));
        assert_eq!(groups.number(&GroupNames::new(78).name(12)), None);
    }
}
