//! Streams that this client publishes (client-protocols.md §6.2).

use std::collections::{BTreeMap, VecDeque};

use super::{CallId, Error, Output, Reply, Session, StreamKey};
use crate::pubsub::{AckError, Data, Frame, Request, StreamFailure};

/// Parts of a stream that may be under way; a writer waits beyond that.
const PARTS_MAX: usize = 256;

#[derive(Debug)]
struct Stream {
    id: String,
    phase: Phase,
    /// The number of the next part.
    next: u64,
    /// Parts that the service has not confirmed.
    unconfirmed: VecDeque<(u64, Frame)>,
    /// A writer that waits until there is room.
    writer: Option<CallId>,
    /// What the last nack expected: each part behind a gap brings one.
    nacked: Option<u64>,
}

#[derive(Debug)]
enum Phase {
    /// The start is not confirmed; `unsent`: it has not been sent.
    Starting {
        call: CallId,
        unsent: Option<Frame>,
    },
    Open,
    /// The end is sent, or to be sent. Nobody may wait for it.
    Ending {
        call: Option<CallId>,
        end: Frame,
    },
    /// It is over, and its writer does not know yet.
    Closed(Why),
}

#[derive(Debug, Clone)]
enum Why {
    Service(AckError),
    Disconnected,
}

impl From<Why> for Error {
    fn from(why: Why) -> Self {
        match why {
            Why::Service(error) => Self::Stream(error),
            Why::Disconnected => Self::Disconnected,
        }
    }
}

#[derive(Debug)]
pub(super) struct Streams {
    /// By key.
    all: BTreeMap<StreamKey, Stream>,
    last_key: u64,
    prefix: String,
}

impl Streams {
    pub(super) fn new(prefix: String) -> Self {
        Self { all: BTreeMap::new(), last_key: 0, prefix }
    }

    /// How many wait for their start to be confirmed.
    pub(super) fn starting(&self) -> usize {
        self.all.values().filter(|stream| matches!(stream.phase, Phase::Starting { .. })).count()
    }

    fn named(&mut self, id: &str) -> Option<(StreamKey, &mut Stream)> {
        self.all.iter_mut().find(|(_, stream)| stream.id == id).map(|(key, stream)| (*key, stream))
    }

    /// A socket is there: what is to be sent on it. The service throws away what it has already.
    pub(super) fn resend(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for stream in self.all.values_mut() {
            stream.nacked = None;
            if let Phase::Starting { unsent, .. } = &mut stream.phase {
                frames.extend(unsent.take());
            }
            frames.extend(stream.unconfirmed.iter().map(|(_, frame)| frame.clone()));
            if let Phase::Ending { end, .. } = &stream.phase {
                frames.push(end.clone());
            }
        }
        frames
    }

    /// A socket is lost: nobody can say whether a stream whose start was sent exists.
    pub(super) fn socket_lost(&mut self) -> Vec<CallId> {
        let lost = self
            .all
            .extract_if(.., |_, stream| matches!(&stream.phase, Phase::Starting { unsent: None, .. }));
        lost.filter_map(|(_, stream)| stream.waiting()).collect()
    }

    /// The connection is gone, and its streams with it.
    pub(super) fn connection_ended(&mut self) -> Vec<CallId> {
        let ending = self.all.extract_if(.., |_, stream| matches!(stream.phase, Phase::Ending { .. }));
        let mut calls: Vec<_> = ending.filter_map(|(_, stream)| stream.waiting()).collect();
        for stream in self.all.values_mut() {
            // What was not begun yet begins on the next connection.
            if !matches!(stream.phase, Phase::Starting { .. }) {
                calls.extend(stream.close(Why::Disconnected));
            }
        }
        calls
    }

    /// Forgets everything, and says who waits.
    pub(super) fn clear(&mut self) -> Vec<CallId> {
        std::mem::take(&mut self.all).into_values().filter_map(|stream| stream.waiting()).collect()
    }
}

impl Stream {
    /// Who waits for something.
    fn waiting(&self) -> Option<CallId> {
        match &self.phase {
            Phase::Starting { call, .. } => Some(*call),
            Phase::Ending { call, .. } => *call,
            Phase::Open | Phase::Closed(_) => self.writer,
        }
    }

    /// It is over; who waits is returned.
    fn close(&mut self, why: Why) -> Option<CallId> {
        let waiting = self.waiting();
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(why);
        }
        self.writer = None;
        self.unconfirmed.clear();
        waiting
    }

    /// The service has all parts before this one.
    fn confirm(&mut self, expected: u64) -> Option<CallId> {
        while self.unconfirmed.front().is_some_and(|(number, _)| *number < expected) {
            self.unconfirmed.pop_front();
        }
        if self.unconfirmed.len() < PARTS_MAX { self.writer.take() } else { None }
    }
}

impl Session {
    pub(super) fn open_stream(
        &mut self,
        call: CallId,
        group: &str,
        no_echo: bool,
        idle_timeout_ms: Option<u32>,
    ) {
        self.streams.last_key += 1;
        let key = StreamKey(self.streams.last_key);
        let id = format!("{}-{}", self.streams.prefix, key.0);
        let request = Request::StreamStart { group, stream_id: &id, no_echo, idle_timeout_ms };
        let frame = self.options.protocol.encode(&request, None);
        let unsent = if self.is_connected() {
            self.outputs.push_back(Output::Send(frame));
            None
        } else {
            Some(frame)
        };
        let phase = Phase::Starting { call, unsent };
        let stream = Stream { id, phase, next: 1, unconfirmed: VecDeque::new(), writer: None, nacked: None };
        self.streams.all.insert(key, stream);
    }

    /// Sends a part. The call is answered when there is room for another one.
    pub(super) fn stream_data(&mut self, call: CallId, key: StreamKey, data: &Data) {
        let is_connected = self.is_connected();
        let Some(stream) = self.streams.all.get_mut(&key) else {
            return self.answer(call, Err(Error::Disconnected));
        };
        if let Phase::Closed(why) = &stream.phase {
            let why = why.clone();
            return self.answer(call, Err(why.into()));
        }
        let request = Request::StreamData { stream_id: &stream.id, sequence_id: stream.next, data };
        let frame = self.options.protocol.encode(&request, None);
        stream.unconfirmed.push_back((stream.next, frame.clone()));
        stream.next += 1;
        let has_room = stream.unconfirmed.len() < PARTS_MAX;
        // A writer whose future was dropped does not wait any more.
        stream.writer = (!has_room).then_some(call);
        if is_connected {
            self.outputs.push_back(Output::Send(frame));
        }
        if has_room {
            self.answer(call, Ok(Reply::Done));
        }
    }

    pub(super) fn stream_keepalive(&mut self, call: CallId, key: StreamKey) {
        let is_connected = self.is_connected();
        let result = match self.streams.all.get(&key) {
            None => Err(Error::Disconnected),
            Some(Stream { phase: Phase::Closed(why), .. }) => Err(why.clone().into()),
            Some(stream) => {
                if is_connected {
                    let request = Request::StreamKeepalive { stream_id: &stream.id };
                    self.outputs.push_back(Output::Send(self.options.protocol.encode(&request, None)));
                }
                Ok(Reply::Done)
            }
        };
        self.answer(call, result);
    }

    pub(super) fn stream_end(&mut self, call: CallId, key: StreamKey, error: Option<&StreamFailure>) {
        let is_connected = self.is_connected();
        let Some(stream) = self.streams.all.get_mut(&key) else {
            return self.answer(call, Err(Error::Disconnected));
        };
        if let Phase::Closed(why) = &stream.phase {
            let why = why.clone();
            return self.answer(call, Err(why.into()));
        }
        let request = Request::StreamEnd { stream_id: &stream.id, error };
        let end = self.options.protocol.encode(&request, None);
        stream.writer = None;
        stream.phase = Phase::Ending { call: Some(call), end: end.clone() };
        if is_connected {
            self.outputs.push_back(Output::Send(end));
        }
    }

    /// The writer is gone: receivers are told that the stream is not complete.
    pub(super) fn abandon_stream(&mut self, key: StreamKey) {
        let is_connected = self.is_connected();
        let Some(stream) = self.streams.all.get_mut(&key) else { return };
        match &mut stream.phase {
            Phase::Starting { unsent: Some(_), .. } | Phase::Closed(_) => {
                self.streams.all.remove(&key);
            }
            // The end is on its way, and is still to arrive.
            Phase::Ending { call, .. } => *call = None,
            Phase::Starting { .. } | Phase::Open => {
                let message = Some("The publisher dropped the stream before its end.".to_owned());
                let failure = StreamFailure { message, user_error_code: Some("Dropped".to_owned()) };
                let request = Request::StreamEnd { stream_id: &stream.id, error: Some(&failure) };
                let end = self.options.protocol.encode(&request, None);
                stream.writer = None;
                stream.phase = Phase::Ending { call: None, end: end.clone() };
                if is_connected {
                    self.outputs.push_back(Output::Send(end));
                }
            }
        }
    }

    pub(super) fn stream_acked(&mut self, id: &str, expected: u64) {
        let Some((key, stream)) = self.streams.named(id) else { return };
        let confirmed = stream.confirm(expected);
        let opened = match &stream.phase {
            Phase::Starting { call, .. } => Some((*call, Reply::Stream(key, id.to_owned()))),
            _ => None,
        };
        if opened.is_some() {
            stream.phase = Phase::Open;
        }
        for (call, reply) in opened.into_iter().chain(confirmed.map(|call| (call, Reply::Done))) {
            self.answer(call, Ok(reply));
        }
    }

    /// The service misses a part: everything from there on is sent again, once.
    pub(super) fn stream_nacked(&mut self, id: &str, expected: u64) {
        let Some((_, stream)) = self.streams.named(id) else { return };
        let confirmed = stream.confirm(expected);
        if stream.nacked.replace(expected) != Some(expected) {
            let mut frames: Vec<_> = stream.unconfirmed.iter().map(|(_, frame)| frame.clone()).collect();
            if let Phase::Ending { end, .. } = &stream.phase {
                frames.push(end.clone());
            }
            self.outputs.extend(frames.into_iter().map(Output::Send));
        }
        if let Some(call) = confirmed {
            self.answer(call, Ok(Reply::Done));
        }
    }

    pub(super) fn stream_closed(&mut self, id: &str, error: Option<AckError>) {
        let Some((key, stream)) = self.streams.named(id) else { return };
        match &stream.phase {
            Phase::Ending { call, .. } => {
                // An end that is sent again after a recovery may find that the first one had arrived.
                let error = error.filter(|error| error.name != "StreamNotFound");
                let call = *call;
                self.streams.all.remove(&key);
                if let Some(call) = call {
                    self.answer(call, error.map_or(Ok(Reply::Done), |error| Err(Error::Stream(error))));
                }
            }
            Phase::Starting { call, .. } => {
                let call = *call;
                self.streams.all.remove(&key);
                self.answer(call, Err(Why::Service(error.unwrap_or_else(closed)).into()));
            }
            Phase::Open | Phase::Closed(_) => {
                let why = Why::Service(error.unwrap_or_else(closed));
                if let Some(call) = stream.close(why.clone()) {
                    self.answer(call, Err(why.into()));
                }
            }
        }
    }
}

/// For a service that closes a stream that was not ended, and does not say why.
fn closed() -> AckError {
    AckError { name: "Closed".to_owned(), message: "The service ended the stream.".to_owned() }
}
