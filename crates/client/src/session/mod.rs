//! One client over all its connections and sockets, without I/O and without a clock.
//!
//! Whatever happens comes in by a function with the time: a call of the program, a message, a lost socket. What is to be
//! done goes out as [`Output`]s. The rules are those that the official SDKs follow (client-protocols.md §10.1).

mod calls;
mod checks;
mod connected;
mod invocations;
mod life;
mod requests;
mod states;
mod streams;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

pub(crate) use calls::{Call, CallId, Cancel, Command, Reply, StreamKey};
use invocations::Invocations;
use requests::Requests;
use states::OwnStates;
use streams::Streams;

use crate::client::{CloseReason, Event};
use crate::error::Error;
use crate::pubsub::{Frame, Message, Protocol, Request};
use crate::ws;

/// How often is looked for what is overdue, and messages are acknowledged.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// Messages after which they are acknowledged at once. The service keeps 1,000 (client-protocols.md §5.3).
const UNACKNOWLEDGED_MAX: u64 = 300;
/// How long a recovered socket may be silent until it counts as accepted: a service need not say `connected` again, and
/// one that refuses says so at once (client-protocols.md §10.2).
const ACCEPTED_AFTER: Duration = Duration::from_secs(1);

/// What a session goes by.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) protocol: Protocol,
    /// Make a new connection when one has ended.
    pub(crate) reconnects: bool,
    /// Join the groups of the old connection on the new one.
    pub(crate) rejoins: bool,
    /// How long the recovery of a connection is tried.
    pub(crate) recovery: Duration,
    /// From one try to the next.
    pub(crate) retry_delay: Duration,
    /// How long an ack is waited for until a request is repeated.
    pub(crate) ack_timeout: Duration,
    /// Repetitions of a request.
    pub(crate) repetitions_max: u32,
    /// From one ping to the next.
    pub(crate) ping_interval: Duration,
    /// Silence after which a socket counts as broken.
    pub(crate) silence_max: Duration,
    /// How long a new socket may be silent.
    pub(crate) connect_timeout: Duration,
    /// Requests without an answer.
    pub(crate) requests_max: usize,
}

/// What is to be done, in this order.
#[derive(Debug)]
pub(crate) enum Output {
    /// Open a socket.
    Connect(Attempt),
    /// Send a message on the socket.
    Send(Frame),
    /// Close the socket in good order.
    Close,
    /// Let go of the socket.
    Drop,
    /// Tell the program.
    Event(Event),
    /// Answer a call of the program.
    Answer(CallId, Result<Reply, Error>),
}

/// What a socket is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// A new connection.
    New,
    /// The connection that has lost its socket.
    Recovery { connection_id: String, token: String },
}

/// The connection that the service knows.
#[derive(Debug)]
struct Identity {
    connection_id: String,
    token: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// A socket is being opened.
    Connecting { purpose: Purpose },
    /// A socket is open and has brought nothing yet.
    Opening { purpose: Purpose, until: Instant },
    /// All is well.
    Connected { housekeeping_at: Instant },
    /// For the next try.
    Waiting { purpose: Purpose, until: Instant },
    /// For good.
    Stopped,
}

#[derive(Debug, Clone, Copy)]
enum Purpose {
    New,
    /// To be given up at the end.
    Recovery {
        end: Instant,
    },
}

#[derive(Debug)]
pub(crate) struct Session {
    options: Options,
    state: State,
    /// The last try began.
    tried_at: Instant,
    /// The first connection has been made.
    established: bool,
    identity: Option<Identity>,
    /// What the service said before it closed.
    farewell: Option<String>,
    /// Highest sequence id that arrived, and that was acknowledged.
    arrived: u64,
    acknowledged: u64,
    heard_at: Instant,
    pinged_at: Instant,
    /// Pings without a pong, and who waits for it.
    pings: VecDeque<Option<CallId>>,
    /// Groups to join again.
    groups: BTreeSet<String>,
    states: OwnStates,
    requests: Requests,
    invocations: Invocations,
    streams: Streams,
    outputs: VecDeque<Output>,
}

impl Session {
    /// Begins to connect. `stream_prefix` makes ids of streams that nobody else uses.
    pub(crate) fn new(options: Options, stream_prefix: String, now: Instant) -> Self {
        let mut session = Self {
            options,
            state: State::Stopped,
            tried_at: now,
            established: false,
            identity: None,
            farewell: None,
            arrived: 0,
            acknowledged: 0,
            heard_at: now,
            pinged_at: now,
            pings: VecDeque::new(),
            groups: BTreeSet::new(),
            states: OwnStates::default(),
            requests: Requests::default(),
            invocations: Invocations::default(),
            streams: Streams::new(stream_prefix),
            outputs: VecDeque::new(),
        };
        session.try_now(now, Purpose::New);
        session
    }

    /// What to do next.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`tick`](Self::tick) is due; `None`: something else must happen first.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { .. } | State::Stopped => None,
            State::Opening { until, .. } | State::Waiting { until, .. } => Some(until),
            State::Connected { housekeeping_at } => Some(housekeeping_at),
        }
    }

    /// Whether another call can be taken.
    pub(crate) fn takes_calls(&self) -> bool {
        self.requests.len() + self.invocations.len() + self.streams.starting() < self.options.requests_max
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped)
    }

    /// Reads what came on the socket.
    pub(crate) fn decode(&self, event: &ws::Event) -> Result<Option<Message>, Error> {
        self.options.protocol.decode(event)
    }

    fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// Sends now; nothing is kept.
    fn send(&mut self, request: &Request<'_>) {
        let frame = self.options.protocol.encode(request, None);
        self.outputs.push_back(Output::Send(frame));
    }

    fn answer(&mut self, call: CallId, result: Result<Reply, Error>) {
        self.outputs.push_back(Output::Answer(call, result));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

#[cfg(test)]
mod tests;
