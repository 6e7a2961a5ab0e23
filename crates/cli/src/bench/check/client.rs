//! A client of the checker: it sends, joins, leaves and loses its socket at random.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use hublet_client::pubsub::{Protocol, ServerMessage, StreamPart};
use hublet_client::{ClientAccess, Credential, Event, Events, WebPubSubClient};
use tokio::time::{Instant, sleep_until};

use super::Run;
use super::ledger::{Arrival, PartRead};
use super::publish::{self, PARTS_PER_MESSAGE};
use super::random::Random;

/// How often a client joins or leaves, in seconds on average.
const MOVE_INTERVAL: f64 = 1.0;
/// Messages that may wait for a client that is away. A service keeps 1,000. Up to 300 that the client had not acknowledged
/// before the cut are among them, and after an outage what all clients have under way, with parts of some open streams.
const MISSED_MAX: f64 = 250.0;
/// Longest absence.
const AWAY_SECONDS_MAX: f64 = 5.0;

pub(super) struct Member {
    pub(super) run: Rc<Run>,
    pub(super) number: usize,
    pub(super) client: WebPubSubClient,
    pub(super) random: RefCell<Random>,
    /// Messages and invocations without an answer.
    pub(super) under_way: Cell<usize>,
    pub(super) open_streams: Cell<usize>,
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
            open_streams: Cell::new(0),
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
                self.publish();
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
        let rate = f64::from(self.run.args.rate) * (1.0 + PARTS_PER_MESSAGE);
        let longest = (MISSED_MAX / rate).min(AWAY_SECONDS_MAX);
        let mut random = self.random.borrow_mut();
        let share = if random.below(2) == 0 { 0.0 } else { random.fraction() };
        Duration::from_secs_f64(longest * share)
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
                member.client.join_group(run.groups.name(group)).await
            } else {
                run.ledger.borrow_mut().leaving(number, group);
                member.client.leave_group(run.groups.name(group)).await
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
            Event::Connected { connection_id, .. } => ledger.connected(number, connection_id),
            Event::GroupMessage(message) => {
                let arrival = Arrival {
                    group: run.groups.number(&message.group),
                    group_name: Some(&message.group),
                    sequence_id: message.sequence_id,
                    data: &message.data,
                };
                match &message.stream {
                    None => ledger.received(number, &arrival, publish::read_message(&message.data)),
                    Some(StreamPart { stream_id, sequence_id, end, error }) => {
                        let part = PartRead {
                            id: stream_id,
                            number: *sequence_id,
                            content: publish::read_part(&message.data),
                            end: end.then_some(error.as_ref().map(|error| error.name.as_str())),
                        };
                        ledger.received_part(number, &arrival, part);
                    }
                }
            }
            Event::ServerMessage(ServerMessage { data, sequence_id, .. }) => {
                let arrival = Arrival { group: None, group_name: None, sequence_id, data: &data };
                ledger.received(number, &arrival, None);
            }
            Event::Recovering { .. } => ledger.socket_lost(number),
            Event::Recovered => ledger.counts.recoveries += 1,
            Event::Disconnected { close, .. } => {
                ledger.socket_lost(number);
                ledger.connection_lost(number, &close.map(|close| close.reason).unwrap_or_default());
            }
            Event::RejoinFailed { error, .. } => {
                ledger.refused(number, format!("a group could not be joined again: {error}"));
            }
            _ => {}
        }
    }
}
