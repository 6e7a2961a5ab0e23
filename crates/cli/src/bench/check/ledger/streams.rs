//! Streams: their parts are numbered, and come to each member in this order, without a gap, up to their end.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Arrival, Ledger, Tick, Violation, What};

/// How a publisher ends a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Ending {
    /// All is sent.
    Finished,
    /// The application calls it a failure.
    Failed,
}

impl Ending {
    /// The error that receivers are told.
    fn error(self) -> Option<&'static str> {
        match self {
            Self::Finished => None,
            Self::Failed => Some("UserError"),
        }
    }
}

/// What receivers are told when the publisher's connection has ended.
const CANCELLED: &str = "Cancelled";

/// A part that came.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct PartRead<'a> {
    /// The id of its stream.
    pub(in super::super) id: &'a str,
    /// Its number.
    pub(in super::super) number: u64,
    /// Stream and number as its content says.
    pub(in super::super) content: Option<(usize, u64)>,
    /// Set at the end of a stream, which has no content: the error, if it has one.
    pub(in super::super) end: Option<Option<&'a str>>,
}

/// A stream that a publisher asked for.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Opening {
    publisher: usize,
    /// Connections that the publisher had lost by then, as far as was known.
    connections_lost: usize,
    group: usize,
    /// Its publisher does not get it. A later connection of the publisher is another member, and may.
    no_echo: bool,
}

#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) all: Vec<Stream>,
    pub(super) by_id: HashMap<String, usize>,
    /// By receiver and stream.
    received: BTreeMap<(usize, usize), Received>,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) opening: Opening,
    opened: Tick,
    /// When its publisher began to send each part, the end included.
    pub(super) began: Vec<Tick>,
    /// When it was known that the service had published a part, for as many as that is known of. Somebody who has a part
    /// proves it for all before.
    published: Vec<Tick>,
    ending: Option<Ending>,
    /// The publisher's connection ended: so does the stream, at any part.
    is_broken: bool,
}

#[derive(Debug, Default)]
struct Received {
    numbers: HashSet<u64>,
    last: u64,
    /// The end has come: the error, if it has one.
    end: Option<Option<String>>,
}

impl Opening {
    pub(super) fn publisher(&self) -> usize {
        self.publisher
    }

    pub(super) fn group(&self) -> usize {
        self.group
    }

    /// Whether a client that has lost so many connections must not get the stream. It is one connection that wants no echo:
    /// what the service had taken from it, and its end, may come to the next one.
    pub(super) fn excludes(&self, client: usize, connections_lost: usize) -> bool {
        self.no_echo && self.publisher == client && self.connections_lost == connections_lost
    }
}

impl Stream {
    fn published_up_to(&mut self, number: u64, now: Tick) {
        let count = self.began.len().min(usize::try_from(number).unwrap_or(usize::MAX));
        if self.published.len() < count {
            self.published.resize(count, now);
        }
    }

    /// When it was begun to send a part.
    fn began(&self, number: u64) -> Option<Tick> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.began.get(index).copied()
    }

    /// Whether it may end so.
    fn may_end_with(&self, error: Option<&str>) -> bool {
        self.ending.is_some_and(|ending| ending.error() == error)
            || (self.is_broken && error == Some(CANCELLED))
    }
}

impl Ledger {
    /// A publisher asks for a stream.
    pub(in super::super) fn stream_opening(
        &mut self,
        publisher: usize,
        group: usize,
        no_echo: bool,
    ) -> Opening {
        self.pending += 1;
        // A stream that is asked for while a connection is being lost may belong to a later one, never to an earlier one.
        let connections_lost = self.clients.get(publisher).map_or(0, |publisher| publisher.connections_lost);
        Opening { publisher, connections_lost, group, no_echo }
    }

    /// It has none.
    pub(in super::super) fn stream_not_opened(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    /// It has one; its number is returned.
    pub(in super::super) fn stream_opened(&mut self, opening: Opening, id: &str) -> usize {
        let opened = self.tick();
        self.counts.streams += 1;
        let number = self.streams.all.len();
        self.streams.by_id.insert(id.to_owned(), number);
        self.streams.all.push(Stream {
            opening,
            opened,
            began: Vec::new(),
            published: Vec::new(),
            ending: None,
            is_broken: false,
        });
        number
    }

    /// The publisher begins to send the next part; its number is returned.
    pub(in super::super) fn sending_part(&mut self, stream: usize) -> u64 {
        self.counts.parts += 1;
        self.next_part(stream)
    }

    /// The publisher begins to end the stream.
    pub(in super::super) fn ending_stream(&mut self, stream: usize, ending: Ending) {
        self.next_part(stream);
        if let Some(stream) = self.streams.all.get_mut(stream) {
            stream.ending = Some(ending);
        }
    }

    fn next_part(&mut self, stream: usize) -> u64 {
        let now = self.tick();
        let Some(stream) = self.streams.all.get_mut(stream) else { return 0 };
        stream.began.push(now);
        stream.began.len() as u64
    }

    /// The service has taken all of it, the end included.
    pub(in super::super) fn stream_done(&mut self, stream: usize) {
        let now = self.tick();
        self.pending = self.pending.saturating_sub(1);
        if let Some(stream) = self.streams.all.get_mut(stream) {
            stream.published_up_to(u64::MAX, now);
        }
    }

    /// The publisher has lost its connection, and the stream with it.
    pub(in super::super) fn stream_broken(&mut self, stream: usize) {
        self.pending = self.pending.saturating_sub(1);
        if let Some(stream) = self.streams.all.get_mut(stream) {
            stream.is_broken = true;
        }
    }

    /// A part of a stream came, or its end.
    pub(in super::super) fn received_part(
        &mut self,
        client: usize,
        arrival: &Arrival<'_>,
        part: PartRead<'_>,
    ) {
        let now = self.tick();
        self.counts.parts_received += 1;
        let PartRead { id, number, content, end } = part;
        let Some(&stream) = self.streams.by_id.get(id) else {
            // A stream whose start was not confirmed to its publisher can end, and nothing else.
            if end.is_none() || number != 1 {
                let what = self.stray_part(client, arrival, &part);
                self.seen.push(Violation::Unknown { client, what });
            }
            return;
        };
        let (Some(known), Some(receiver)) = (self.streams.all.get_mut(stream), self.clients.get(client))
        else {
            return;
        };
        let opening = known.opening;
        let is_own = opening.excludes(client, receiver.connections_lost);
        let is_said = content == Some((stream, number)) || (end.is_some() && content.is_none());
        // A broken stream ends where the service has come to, which may be behind the last part.
        let last = known.began.last().copied().unwrap_or(known.opened);
        let began = known.began(number).or(end.map(|_| last));
        let Some(began) = began.filter(|_| is_said && !is_own && arrival.group == Some(opening.group)) else {
            let what = self.stray_part(client, arrival, &part);
            return self.seen.push(Violation::Unknown { client, what });
        };
        // The part at which a stream was broken need not have been published.
        let proven = if end == Some(Some(CANCELLED)) { number.saturating_sub(1) } else { number };
        known.published_up_to(proven, now);
        if !receiver.may_have(opening.group, began) {
            self.seen.push(Violation::NotAMember { client, what: What::Part { stream, part: number } });
        }
        let received = self.streams.received.entry((client, stream)).or_default();
        let what = What::Part { stream, part: number };
        if received.numbers.contains(&number) {
            self.seen.push(Violation::Twice { client, what });
        } else if number <= received.last || received.end.is_some() {
            let after = What::Part { stream, part: received.last };
            self.seen.push(Violation::Disordered { client, what, after });
        }
        received.numbers.insert(number);
        received.last = received.last.max(number);
        if let Some(error) = end {
            received.end = Some(error.map(str::to_owned));
        }
    }

    /// Parts that reliable members should have got and did not.
    pub(super) fn missing_parts(&self) -> impl Iterator<Item = Violation> {
        let streams = self.streams.all.iter().enumerate();
        streams.flat_map(move |(stream, known)| {
            let parts = known.began.iter().zip(&known.published).zip(1_u64..);
            parts.flat_map(move |((began, published), part)| {
                let members = self.clients.iter().enumerate().filter(move |(client, member)| {
                    let is_excluded = known.opening.no_echo && known.opening.publisher == *client;
                    let received = self.streams.received.get(&(*client, stream));
                    !is_excluded
                        && received.is_none_or(|received| !received.numbers.contains(&part))
                        && member.must_have(known.opening.group, *began, *published)
                });
                members.map(move |(client, _)| Violation::Lost { client, what: What::Part { stream, part } })
            })
        })
    }

    /// Ends that are not those of the publishers.
    pub(super) fn wrong_ends(&self) -> impl Iterator<Item = Violation> {
        self.streams.received.iter().filter_map(|((client, stream), received)| {
            let (end, known) = (received.end.as_ref()?, self.streams.all.get(*stream)?);
            if known.may_end_with(end.as_deref()) {
                return None;
            }
            let way = end.clone().unwrap_or_else(|| "no error".to_owned());
            Some(Violation::WrongEnd { client: *client, stream: *stream, way })
        })
    }
}

#[cfg(test)]
mod tests;
