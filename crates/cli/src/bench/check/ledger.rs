//! What was sent, who was where when, and what arrived. Everything has its place in one order of events.

use std::collections::{BTreeMap, HashSet};

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

#[derive(Debug, Default)]
struct Client {
    is_reliable: bool,
    /// By group.
    memberships: BTreeMap<usize, Vec<Membership>>,
    /// Numbers of messages, in the order in which they came.
    received: Vec<usize>,
    known: HashSet<usize>,
    /// A reliable connection that could not be recovered has lost what it has lost.
    is_lost: bool,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Violation {
    /// A reliable member did not get a message.
    Lost { client: usize, message: usize },
    /// A message came twice.
    Twice { client: usize, message: usize },
    /// A message of the same sender to the same group came after a later one.
    Disordered { client: usize, message: usize, after: usize },
    /// A message that was sent after the leave had been acknowledged, or before any join.
    NotAMember { client: usize, message: usize },
    /// Something came that nobody sent, or to another group.
    Unknown { client: usize },
    /// A reliable connection was not recovered.
    ConnectionLost { client: usize },
    /// A request failed that should not.
    Refused { client: usize, what: String },
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
}

#[derive(Debug)]
pub(super) struct Ledger {
    now: Tick,
    messages: Vec<Message>,
    clients: Vec<Client>,
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
    pub(super) fn received(&mut self, client: usize, group: Option<usize>, message: Option<usize>) {
        self.tick();
        self.counts.deliveries += 1;
        let sent = message.and_then(|number| Some((number, self.messages.get(number)?)));
        let Some((number, sent)) = sent.filter(|(_, sent)| Some(sent.group) == group) else {
            return self.seen.push(Violation::Unknown { client });
        };
        let (group, began) = (sent.group, sent.began);
        let Some(receiver) = self.clients.get_mut(client) else { return };
        if !receiver.known.insert(number) {
            return self.seen.push(Violation::Twice { client, message: number });
        }
        receiver.received.push(number);
        let mut memberships = receiver.memberships.get(&group).into_iter().flatten();
        if !memberships.any(|membership| membership.left.is_none_or(|left| began < left)) {
            self.seen.push(Violation::NotAMember { client, message: number });
        }
    }

    pub(super) fn connection_lost(&mut self, client: usize) {
        if self.is_over {
            return;
        }
        self.counts.reconnections += 1;
        let Some(lost) = self.clients.get_mut(client) else { return };
        if lost.is_reliable {
            lost.is_lost = true;
            self.seen.push(Violation::ConnectionLost { client });
        }
    }

    /// A request failed for another reason than a lost connection.
    pub(super) fn refused(&mut self, client: usize, what: String) {
        self.pending = self.pending.saturating_sub(1);
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
            if !member.is_reliable || member.is_lost {
                continue;
            }
            for (group, memberships) in &member.memberships {
                for (message, began, sent) in by_group.get(*group).into_iter().flatten() {
                    let was_member = memberships.iter().any(|membership| {
                        membership.joined.is_some_and(|joined| joined < *began)
                            && membership.leaving.is_none_or(|leaving| *sent < leaving)
                    });
                    if was_member && !member.known.contains(message) {
                        missing.push(Violation::Lost { client, message: *message });
                    }
                }
            }
        }
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
                    disordered.push(Violation::Disordered { client, message: *number, after: *last });
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
        violations
    }

    /// The counts at the end.
    pub(super) fn totals(&self) -> Counts {
        let unknown = self.messages.iter().filter(|message| message.outcome == Outcome::Unknown).count();
        Counts { messages: self.messages.len(), unknown, ..self.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender, and a reliable member of group 0.
    fn ledger() -> Ledger {
        let mut ledger = Ledger::new(2);
        ledger.add_client(true);
        ledger.add_client(true);
        ledger.joining(1, 0);
        ledger.joined(1, 0);
        ledger
    }

    fn send(ledger: &mut Ledger) -> usize {
        let message = ledger.sending(0, 0);
        ledger.sent(message);
        message
    }

    #[test]
    fn what_is_right() {
        let mut ledger = ledger();
        for _ in 0..3 {
            let message = send(&mut ledger);
            ledger.received(1, Some(0), Some(message));
        }
        // What was sent while the member left may come or not, but not later.
        let late = ledger.sending(0, 0);
        ledger.leaving(1, 0);
        ledger.sent(late);
        ledger.left(1, 0);
        assert_eq!(ledger.violations(), []);
        ledger.received(1, Some(0), Some(late));
        assert_eq!(ledger.violations(), []);
        // What nobody confirmed may be missing.
        let unknown = ledger.sending(0, 0);
        ledger.unknown(unknown);
        assert!(ledger.is_quiet());
        assert_eq!((ledger.violations(), ledger.totals().unknown), (Vec::new(), 1));
    }

    #[test]
    fn what_is_wrong() {
        let mut ledger = ledger();
        let first = send(&mut ledger);
        let second = send(&mut ledger);
        assert_eq!(
            ledger.missing(),
            [Violation::Lost { client: 1, message: first }, Violation::Lost { client: 1, message: second }]
        );
        ledger.received(1, Some(0), Some(second));
        ledger.received(1, Some(0), Some(first));
        assert_eq!(ledger.violations(), [Violation::Disordered { client: 1, message: first, after: second }]);
        ledger.received(1, Some(0), Some(first));
        ledger.received(1, Some(1), Some(first));
        ledger.received(1, Some(0), Some(99));
        ledger.leaving(1, 0);
        ledger.left(1, 0);
        let after = send(&mut ledger);
        ledger.received(1, Some(0), Some(after));
        assert_eq!(
            ledger.violations()[..4],
            [
                Violation::Twice { client: 1, message: first },
                Violation::Unknown { client: 1 },
                Violation::Unknown { client: 1 },
                Violation::NotAMember { client: 1, message: after }
            ]
        );
    }

    #[test]
    fn connections_that_end() {
        let mut ledger = ledger();
        let plain = ledger.add_client(false);
        ledger.joining(plain, 0);
        ledger.joined(plain, 0);
        ledger.connection_lost(plain);
        let message = send(&mut ledger);
        assert_eq!(ledger.missing(), [Violation::Lost { client: 1, message }]);
        ledger.connection_lost(1);
        assert_eq!(ledger.violations(), [Violation::ConnectionLost { client: 1 }]);
    }
}
