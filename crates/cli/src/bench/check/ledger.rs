//! What was sent, who was where when, and what arrived. Everything has its place in one order of events.

mod stray;
mod streams;
mod violation;

use std::collections::{BTreeMap, HashSet};

pub(super) use self::stray::Arrival;
use self::streams::Streams;
pub(super) use self::streams::{Ending, PartRead};
pub(super) use self::violation::{Violation, What};

/// A place in the order of everything that happens in this process.
pub(super) type Tick = u64;

/// How a request to publish ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nobody knows yet.
    Pending,
    /// The service said yes.
    Sent(Tick),
    /// The connection ended without an answer: it may arrive once, or not at all.
    Unknown,
}

#[derive(Debug)]
struct Message {
    sender: usize,
    group: usize,
    began: Tick,
    outcome: Outcome,
}

/// A time in a group, from the request to join on.
#[derive(Debug, Default)]
struct Membership {
    joined: Option<Tick>,
    leaving: Option<Tick>,
    left: Option<Tick>,
}

impl Membership {
    /// Whether it went on during all of this time.
    fn covers(&self, began: Tick, ended: Tick) -> bool {
        self.joined.is_some_and(|joined| joined < began) && self.leaving.is_none_or(|leaving| ended < leaving)
    }
}

#[derive(Debug, Default)]
struct Client {
    is_reliable: bool,
    /// The id of its connection, and how many it has lost before.
    connection_id: String,
    connections_lost: usize,
    /// Sockets that it lost, and invocations whose answers were lost.
    sockets_lost: usize,
    answers_lost: usize,
    /// By group.
    memberships: BTreeMap<usize, Vec<Membership>>,
    /// Numbers of messages, in the order in which they came.
    received: Vec<usize>,
    known: HashSet<usize>,
    /// A reliable connection that could not be recovered has lost what it has lost.
    is_lost: bool,
}

impl Client {
    /// Whether it must have got whatever was published to the group at some time from `began` to `ended`.
    fn must_have(&self, group: usize, began: Tick, ended: Tick) -> bool {
        let mut memberships = self.memberships.get(&group).into_iter().flatten();
        self.is_reliable && !self.is_lost && memberships.any(|membership| membership.covers(began, ended))
    }

    /// Whether it may get what a sender began to publish then.
    fn may_have(&self, group: usize, began: Tick) -> bool {
        let mut memberships = self.memberships.get(&group).into_iter().flatten();
        memberships.any(|membership| membership.left.is_none_or(|left| began < left))
    }
}

/// How often things happened.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) messages: usize,
    pub(super) unknown: usize,
    pub(super) deliveries: usize,
    pub(super) memberships: usize,
    pub(super) cuts: usize,
    pub(super) recoveries: usize,
    pub(super) reconnections: usize,
    pub(super) restarts: usize,
    pub(super) streams: usize,
    /// Their parts, as publishers sent them and as members got them.
    pub(super) parts: usize,
    pub(super) parts_received: usize,
    pub(super) invocations: usize,
    pub(super) answers_lost: usize,
}

#[derive(Debug)]
pub(super) struct Ledger {
    now: Tick,
    messages: Vec<Message>,
    clients: Vec<Client>,
    streams: Streams,
    group_count: usize,
    /// What was seen when it happened; the rest is found at the end.
    seen: Vec<Violation>,
    pending: usize,
    /// Clients are being stopped, and lose their connections rightly.
    is_over: bool,
    pub(super) counts: Counts,
}

impl Ledger {
    pub(super) fn new(group_count: usize) -> Self {
        Self {
            now: 0,
            messages: Vec::new(),
            clients: Vec::new(),
            streams: Streams::default(),
            group_count,
            seen: Vec::new(),
            pending: 0,
            is_over: false,
            counts: Counts::default(),
        }
    }

    fn tick(&mut self) -> Tick {
        self.now += 1;
        self.now
    }

    pub(super) fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// From now on connections may end.
    pub(super) fn close(&mut self) {
        self.is_over = true;
    }

    pub(super) fn add_client(&mut self, is_reliable: bool) -> usize {
        self.clients.push(Client { is_reliable, ..Client::default() });
        self.clients.len() - 1
    }

    /// A client begins to send; the number of the message is returned.
    pub(super) fn sending(&mut self, sender: usize, group: usize) -> usize {
        let began = self.tick();
        self.pending += 1;
        self.messages.push(Message { sender, group, began, outcome: Outcome::Pending });
        self.messages.len() - 1
    }

    /// The service said yes.
    pub(super) fn sent(&mut self, message: usize) {
        let now = self.tick();
        self.end(message, Outcome::Sent(now));
    }

    /// The answer is lost.
    pub(super) fn unknown(&mut self, message: usize) {
        self.end(message, Outcome::Unknown);
    }

    fn end(&mut self, message: usize, outcome: Outcome) {
        self.pending = self.pending.saturating_sub(1);
        if let Some(message) = self.messages.get_mut(message) {
            message.outcome = outcome;
        }
    }

    pub(super) fn joining(&mut self, client: usize, group: usize) {
        self.pending += 1;
        if let Some(joining) = self.clients.get_mut(client) {
            joining.memberships.entry(group).or_default().push(Membership::default());
        }
    }

    pub(super) fn joined(&mut self, client: usize, group: usize) {
        let now = self.tick();
        self.counts.memberships += 1;
        self.pending = self.pending.saturating_sub(1);
        if let Some(membership) = self.membership(client, group) {
            membership.joined = Some(now);
        }
    }

    pub(super) fn leaving(&mut self, client: usize, group: usize) {
        let now = self.tick();
        self.pending += 1;
        if let Some(membership) = self.membership(client, group) {
            membership.leaving = Some(now);
        }
    }

    pub(super) fn left(&mut self, client: usize, group: usize) {
        let now = self.tick();
        self.pending = self.pending.saturating_sub(1);
        if let Some(membership) = self.membership(client, group) {
            membership.left = Some(now);
        }
    }

    fn membership(&mut self, client: usize, group: usize) -> Option<&mut Membership> {
        self.clients.get_mut(client)?.memberships.get_mut(&group)?.last_mut()
    }

    /// A message came. `message`: its number, if it had one.
    pub(super) fn received(&mut self, client: usize, arrival: &Arrival<'_>, message: Option<usize>) {
        self.tick();
        self.counts.deliveries += 1;
        let sent = message.and_then(|number| Some((number, self.messages.get(number)?)));
        let Some((number, sent)) = sent.filter(|(_, sent)| Some(sent.group) == arrival.group) else {
            let what = self.stray_message(client, arrival, message);
            return self.seen.push(Violation::Unknown { client, what });
        };
        let (group, began) = (sent.group, sent.began);
        let Some(receiver) = self.clients.get_mut(client) else { return };
        let what = What::Message(number);
        if !receiver.known.insert(number) {
            return self.seen.push(Violation::Twice { client, what });
        }
        receiver.received.push(number);
        if !receiver.may_have(group, began) {
            self.seen.push(Violation::NotAMember { client, what });
        }
    }

    /// It has a connection: the first one, or another one than before.
    pub(super) fn connected(&mut self, client: usize, connection_id: String) {
        if let Some(client) = self.clients.get_mut(client) {
            client.connection_id = connection_id;
        }
    }

    /// It has lost its connection. `why`: what the service said, or nothing.
    pub(super) fn connection_lost(&mut self, client: usize, why: &str) {
        let Some(lost) = self.clients.get_mut(client) else { return };
        lost.connections_lost += 1;
        if self.is_over {
            return;
        }
        self.counts.reconnections += 1;
        if lost.is_reliable {
            lost.is_lost = true;
            self.seen.push(Violation::ConnectionLost { client, why: why.to_owned() });
        }
    }

    /// A request failed for another reason than a lost connection.
    pub(super) fn refused(&mut self, client: usize, what: String) {
        self.pending = self.pending.saturating_sub(1);
        self.seen.push(Violation::Refused { client, what });
    }

    /// A socket is gone, with its connection or without.
    pub(super) fn socket_lost(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            client.sockets_lost += 1;
        }
    }

    pub(super) fn invoking(&mut self) {
        self.pending += 1;
        self.counts.invocations += 1;
    }

    /// The handler has answered, with what it was sent or with something else.
    pub(super) fn invoked(&mut self, client: usize, is_right: bool) {
        self.pending = self.pending.saturating_sub(1);
        if !is_right {
            self.seen.push(Violation::WrongAnswer { client });
        }
    }

    /// The answer is lost, as it may be with a socket.
    pub(super) fn answer_lost(&mut self, client: usize) {
        self.pending = self.pending.saturating_sub(1);
        if let Some(client) = self.clients.get_mut(client) {
            client.answers_lost += 1;
        }
    }

    fn answers_lost(&self) -> impl Iterator<Item = Violation> {
        let clients = self.clients.iter().enumerate();
        let lost = clients.filter(|(_, client)| client.answers_lost > 0 && client.sockets_lost == 0);
        lost.map(|(client, _)| Violation::AnswerLost { client })
    }

    /// The service ended a stream that it should not.
    pub(super) fn stream_refused(&mut self, client: usize, what: String) {
        self.seen.push(Violation::Refused { client, what });
    }

    /// Whether all requests are answered.
    pub(super) fn is_quiet(&self) -> bool {
        self.pending == 0
    }

    /// What reliable members should have got and did not.
    pub(super) fn missing(&self) -> Vec<Violation> {
        let mut by_group = vec![Vec::new(); self.group_count];
        for (number, message) in self.messages.iter().enumerate() {
            if let (Outcome::Sent(sent), Some(group)) = (message.outcome, by_group.get_mut(message.group)) {
                group.push((number, message.began, sent));
            }
        }
        let mut missing = Vec::new();
        for (client, member) in self.clients.iter().enumerate() {
            for group in member.memberships.keys() {
                for (message, began, sent) in by_group.get(*group).into_iter().flatten() {
                    if !member.known.contains(message) && member.must_have(*group, *began, *sent) {
                        missing.push(Violation::Lost { client, what: What::Message(*message) });
                    }
                }
            }
        }
        missing.extend(self.missing_parts());
        missing
    }

    fn disordered(&self) -> Vec<Violation> {
        let mut disordered = Vec::new();
        for (client, member) in self.clients.iter().enumerate() {
            let mut last: BTreeMap<(usize, usize), usize> = BTreeMap::new();
            for number in &member.received {
                let Some(Message { sender, group, outcome: Outcome::Sent(_), .. }) =
                    self.messages.get(*number)
                else {
                    // Without an answer nobody can say when it was sent.
                    continue;
                };
                let last = last.entry((*sender, *group)).or_insert(*number);
                if *last > *number {
                    let (what, after) = (What::Message(*number), What::Message(*last));
                    disordered.push(Violation::Disordered { client, what, after });
                }
                *last = (*last).max(*number);
            }
        }
        disordered
    }

    /// Everything that is wrong.
    pub(super) fn violations(&self) -> Vec<Violation> {
        let mut violations = self.seen.clone();
        violations.append(&mut self.missing());
        violations.append(&mut self.disordered());
        violations.extend(self.wrong_ends());
        violations.extend(self.answers_lost());
        violations
    }

    /// The counts at the end.
    pub(super) fn totals(&self) -> Counts {
        let unknown = self.messages.iter().filter(|message| message.outcome == Outcome::Unknown).count();
        let answers_lost = self.clients.iter().map(|client| client.answers_lost).sum();
        Counts { messages: self.messages.len(), unknown, answers_lost, ..self.counts }
    }
}

#[cfg(test)]
mod tests;
