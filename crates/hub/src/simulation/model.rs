//! Clients and what the application knows, as the model has them.

use std::collections::{BTreeSet, VecDeque};

use hublet_wire::odata::Filter;
use hublet_wire::ws::Decoder;

use super::speak::Speaks;
use crate::limits::UNACKED_MESSAGES_MAX;
use crate::{Slot, Target};

/// A client as the model knows it.
pub(super) struct Client {
    pub(super) shard: usize,
    pub(super) slot: Slot,
    pub(super) id: hublet_wire::id::ConnId,
    pub(super) hub: &'static str,
    pub(super) user: Option<&'static str>,
    pub(super) speaks: Speaks,
    pub(super) reliable: Option<Ledger>,
    pub(super) groups: BTreeSet<&'static str>,
    pub(super) decoder: Decoder,
    /// Texts of data messages and acks that must arrive, in order.
    pub(super) expected: VecDeque<String>,
    pub(super) reads: bool,
    pub(super) next_ack: u64,
    pub(super) closing: bool,
    /// The application owes it an answer: it sends nothing meanwhile.
    pub(super) waits: bool,
}

/// What a reliable client must get, and what it has.
#[derive(Default)]
pub(super) struct Ledger {
    /// All data messages, the one with number 1 first.
    pub(super) messages: Vec<String>,
    /// It has the messages up to this number.
    pub(super) seen: u64,
    /// It said that it has the messages up to this number.
    pub(super) acknowledged: u64,
    /// It is without a socket.
    pub(super) cut: bool,
}

/// What the application knows of a connection.
#[derive(Default)]
pub(super) struct Told {
    pub(super) groups: BTreeSet<String>,
    pub(super) last_id: u64,
    pub(super) gone: bool,
}

impl Client {
    /// Whether it can send a request now.
    pub(super) fn can_ask(&self) -> bool {
        self.speaks != Speaks::Simple && !self.waits && !self.is_cut()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.reliable.as_ref().is_some_and(|ledger| ledger.cut)
    }

    /// A data message must arrive.
    pub(super) fn expect(&mut self, text: String) {
        match &mut self.reliable {
            Some(ledger) => {
                ledger.messages.push(text);
                if ledger.messages.len() as u64 - ledger.acknowledged > UNACKED_MESSAGES_MAX {
                    self.closing = true;
                    self.expected.push_back("closed".to_owned());
                }
            }
            None => self.expected.push_back(text),
        }
    }
}

pub(super) fn selects(target: &Target, client: &Client) -> bool {
    match target {
        Target::All => true,
        Target::Connection(id) => client.id == *id,
        Target::User(user) => client.user == Some(user),
        Target::Group(group) => client.groups.contains(&**group),
    }
}

/// The filters of the simulation are memberships.
pub(super) fn passes(filter: Option<&Filter>, client: &Client) -> bool {
    filter
        .and_then(|filter| filter.text().split('\'').nth(1))
        .is_none_or(|group| client.groups.contains(group))
}
