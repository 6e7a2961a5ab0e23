//! A client of the checker: it sends, joins, leaves and loses its socket at random.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use hublet_client::pubsub::{Data, Protocol};
use hublet_client::{ClientAccess, Credential, Error, Event, Events, WebPubSubClient};
use tokio::time::{Instant, sleep_until};

use super::Run;
use super::random::Random;
use crate::bench::stamp;

/// Messages of one client without an answer; beyond that it sends nothing.
const UNDER_WAY_MAX: usize = 64;
/// How often a client joins or leaves, in seconds on average.
const MOVE_INTERVAL: f64 = 1.0;
/// Messages that may wait for a client that is away. A service keeps 1,000, and those that were not acknowledged before
/// the cut are among them.
const MISSED_MAX: f64 = 400.0;
/// Longest absence.
const AWAY_SECONDS_MAX: f64 = 5.0;
/// Longest filling of a message.
const FILLING_BYTES_MAX: usize = 2_000;

pub(super) struct Member {
    run: Rc<Run>,
    number: usize,
    client: WebPubSubClient,
    random: RefCell<Random>,
    under_way: Cell<usize>,
    /// By group; while a join or a leave is under way it is not touched.
    groups: RefCell<Vec<Group>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Out,
    In,
    Busy,
}

impl Member {
    /// Connects a client; the subprotocols take turns.
    pub(super) async fn connect(run: &Rc<Run>, random: Random) -> Result<Rc<Self>> {
        let service = run.args.service.connection_string()?;
        let hub = run.args.service.hub.clone();
        let credential = Credential::provider(move || {
            let roles = ["webpubsub.joinLeaveGroup".to_owned(), "webpubsub.sendToGroup".to_owned()];
            let access = ClientAccess { roles: &roles, ..ClientAccess::new(&hub) };
            let url = service.client_access(&access).map(|access| access.url());
            async { url }
        });
        let count = run.ledger.borrow().client_count();
        let protocol = Protocol::ALL[count % Protocol::ALL.len()];
        let builder = WebPubSubClient::builder(credential).protocol(protocol).tls(run.args.service.tls());
        let (client, events) = builder.connect().await?;
        let number = run.ledger.borrow_mut().add_client(protocol.is_reliable());
        tokio::task::spawn_local(listen(Rc::clone(run), number, events));
        Ok(Rc::new(Self {
            run: Rc::clone(run),
            number,
            client,
            random: RefCell::new(random),
            under_way: Cell::new(0),
            groups: RefCell::new(vec![Group::Out; run.args.groups as usize]),
        }))
    }

    /// Does random things until the time is over.
    pub(super) async fn act(self: Rc<Self>) {
        let send_interval = f64::from(self.run.args.clients) / f64::from(self.run.args.rate);
        let cut_interval = self.run.args.cut_interval;
        let wait = |mean: f64| Instant::now() + self.random.borrow_mut().wait(mean);
        // Most are members of something from the start.
        self.change_membership();
        self.change_membership();
        let mut next_send = wait(send_interval);
        let mut next_move = wait(MOVE_INTERVAL);
        let mut next_cut = (cut_interval > 0.0).then(|| wait(cut_interval));
        loop {
            let next = next_send.min(next_move).min(next_cut.unwrap_or(next_send));
            if next >= self.run.end {
                return;
            }
            sleep_until(next).await;
            if next == next_send {
                self.send();
                next_send = wait(send_interval);
            } else if next == next_move {
                self.change_membership();
                next_move = wait(MOVE_INTERVAL);
            } else {
                self.run.ledger.borrow_mut().counts.cuts += 1;
                self.client.cut(self.away()).await;
                next_cut = Some(wait(cut_interval));
            }
        }
    }

    pub(super) async fn stop(&self) {
        self.client.stop().await;
    }

    /// How long a cut lasts: half of them are over at once.
    fn away(&self) -> Duration {
        // So that a client that is in all groups misses less than a service keeps for it.
        let longest = (MISSED_MAX / f64::from(self.run.args.rate)).min(AWAY_SECONDS_MAX);
        let mut random = self.random.borrow_mut();
        let share = if random.below(2) == 0 { 0.0 } else { random.fraction() };
        Duration::from_secs_f64(longest * share)
    }

    fn send(self: &Rc<Self>) {
        if self.under_way.get() >= UNDER_WAY_MAX {
            return;
        }
        let group = self.random.borrow_mut().below(self.run.args.groups as usize);
        let (kind, filling) = {
            let mut random = self.random.borrow_mut();
            (random.below(3), random.below(FILLING_BYTES_MAX))
        };
        self.under_way.set(self.under_way.get() + 1);
        let member = Rc::clone(self);
        // Tasks run in the order in which they were made, so numbers go out in their order.
        tokio::task::spawn_local(async move {
            let number = member.run.ledger.borrow_mut().sending(member.number, group);
            let sent = member.client.send_to_group(name(group), content(number, kind, filling)).await;
            member.under_way.set(member.under_way.get() - 1);
            let mut ledger = member.run.ledger.borrow_mut();
            match sent {
                Ok(()) => ledger.sent(number),
                Err(Error::Disconnected) => ledger.unknown(number),
                Err(error) => ledger.refused(member.number, format!("a message was refused: {error}")),
            }
        });
    }

    fn change_membership(self: &Rc<Self>) {
        let group = self.random.borrow_mut().below(self.run.args.groups as usize);
        let before = std::mem::replace(&mut self.groups.borrow_mut()[group], Group::Busy);
        if before == Group::Busy {
            return;
        }
        let member = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let (number, run) = (member.number, &member.run);
            let joins = before == Group::Out;
            let done = if joins {
                run.ledger.borrow_mut().joining(number, group);
                member.client.join_group(name(group)).await
            } else {
                run.ledger.borrow_mut().leaving(number, group);
                member.client.leave_group(name(group)).await
            };
            let mut ledger = run.ledger.borrow_mut();
            match done {
                Ok(()) if joins => ledger.joined(number, group),
                Ok(()) => ledger.left(number, group),
                Err(error) => ledger.refused(number, format!("a join or leave was refused: {error}")),
            }
            member.groups.borrow_mut()[group] = if joins { Group::In } else { Group::Out };
        });
    }
}

/// Writes down what comes.
async fn listen(run: Rc<Run>, number: usize, mut events: Events) {
    while let Some(event) = events.next().await {
        let mut ledger = run.ledger.borrow_mut();
        match event {
            Event::GroupMessage(message) => {
                let group = message.group.strip_prefix(PREFIX).and_then(|number| number.parse().ok());
                ledger.received(number, group, read(&message.data));
            }
            Event::ServerMessage(_) => ledger.received(number, None, None),
            Event::Recovered => ledger.counts.recoveries += 1,
            Event::Disconnected { .. } => ledger.connection_lost(number),
            Event::RejoinFailed { error, .. } => {
                ledger.refused(number, format!("a group could not be joined again: {error}"));
            }
            _ => {}
        }
    }
}

const PREFIX: &str = "check-";

fn name(group: usize) -> String {
    format!("{PREFIX}{group}")
}

/// A message with its number, in one of the kinds that all clients can read.
fn content(number: usize, kind: usize, filling: usize) -> Data {
    let mut text = stamp::payload(stamp::DIGITS + filling).into_bytes();
    stamp::write(&mut text, number as u64);
    match kind {
        0 => Data::Binary(text),
        kind => {
            // Digits and letters are text.
            let text = String::from_utf8(text).unwrap_or_default();
            if kind == 1 { Data::Text(text) } else { Data::Json(format!("\"{text}\"")) }
        }
    }
}

fn read(data: &Data) -> Option<usize> {
    let bytes = match data {
        Data::Json(text) => text.trim_matches('"').as_bytes(),
        Data::Text(text) => text.as_bytes(),
        Data::Binary(bytes) | Data::Protobuf(bytes) => bytes,
    };
    usize::try_from(stamp::read(bytes)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_through_in_all_kinds() {
        for kind in 0..3 {
            let data = content(77, kind, 10);
            assert_eq!((read(&data), data.is_empty()), (Some(77), false), "{data:?}");
        }
        assert_eq!(read(&Data::from("hello")), None);
    }
}
