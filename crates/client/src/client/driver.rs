//! The task of a client: it carries out what the session says, and tells the session what happens.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::pin::Pin;
use std::time::{Duration, Instant};

use hublet_wire::percent;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use super::credential::Credential;
use super::event::{CloseReason, Event};
use super::group_streams::GroupStream;
use super::inbound::{Delivery, Inbound};
use super::queue::Waiting;
use crate::error::Error;
use crate::pubsub::Frame;
use crate::session::{Attempt, Call, CallId, Cancel, Output, Reply, Session};
use crate::ws::{self, ConnectOptions, Connection};

/// Bytes that may wait to be written; beyond that no calls are taken.
const UNSENT_BYTES_MAX: usize = 1 << 20;

type Answer = oneshot::Sender<Result<Reply, Error>>;
/// Who waits for the first connection.
type Connected = oneshot::Sender<Result<(), Error>>;

/// A call, and who waits for its answer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) answer: Answer,
}

/// What handles tell the task.
#[derive(Debug)]
pub(super) enum Order {
    Call(Request),
    /// Somebody wants the streams of a group.
    Streams {
        group: String,
        streams: mpsc::Sender<GroupStream>,
        done: oneshot::Sender<()>,
    },
    /// Cut the socket, and open no other one for a while.
    Cut {
        away: Duration,
        done: oneshot::Sender<()>,
    },
}

type Opening = Pin<Box<dyn Future<Output = Result<(String, Connection), Error>> + Send>>;

enum Socket {
    None,
    Opening(Opening),
    Open(Box<Connection>),
}

/// What happened on the socket.
enum Happened {
    Opened(Result<(String, Connection), Error>),
    Received(ws::Event),
    Lost(Option<CloseReason>),
}

pub(super) struct Driver {
    session: Session,
    credential: Credential,
    options: ConnectOptions,
    raw_messages: bool,
    /// What the last connection was made with: a recovery goes there too.
    url: String,
    socket: Socket,
    /// Before that no socket is opened.
    away_until: Option<Instant>,
    calls: HashMap<CallId, Answer>,
    inbound: Inbound,
    deliveries: VecDeque<Delivery>,
}

impl Driver {
    pub(super) fn new(
        session: Session,
        credential: Credential,
        options: ConnectOptions,
        raw_messages: bool,
    ) -> Self {
        Self {
            session,
            credential,
            options,
            raw_messages,
            url: String::new(),
            socket: Socket::None,
            away_until: None,
            calls: HashMap::new(),
            inbound: Inbound::default(),
            deliveries: VecDeque::new(),
        }
    }

    /// Goes on until the client is stopped and its program has been told.
    pub(super) async fn run(
        mut self,
        connected: Connected,
        mut orders: Waiting,
        mut cancels: mpsc::UnboundedReceiver<Cancel>,
        events: mpsc::Sender<Event>,
    ) {
        let mut connected = Some(connected);
        loop {
            self.carry_out(&mut connected).await;
            if self.session.is_stopped() {
                break;
            }
            let is_full = !self.session.takes_calls() || self.socket.unsent() >= UNSENT_BYTES_MAX;
            let deadline = self.session.deadline();
            let reads = self.deliveries.is_empty();
            // What arrives goes before what is asked for, so that queues get shorter before they get longer.
            tokio::select! {
                biased;
                () = deliver(&mut self.deliveries, &events), if !reads => {}
                happened = self.socket.next(reads) => self.happened(happened),
                Some(cancel) = cancels.recv() => self.session.cancel(cancel),
                order = orders.next(is_full) => match order {
                    Some(order) => self.take(order),
                    None => self.session.stop(),
                },
                () = sleep_until(deadline.unwrap_or_else(Instant::now).into()), if deadline.is_some() => {
                    self.session.tick(Instant::now());
                }
            }
        }
        // Callers learn at once that the client is no more; the program takes the last events when it likes.
        drop(orders);
        drop(self.calls);
        self.inbound = Inbound::default();
        while !self.deliveries.is_empty() {
            deliver(&mut self.deliveries, &events).await;
        }
    }

    async fn carry_out(&mut self, connected: &mut Option<Connected>) {
        while let Some(output) = self.session.next_output() {
            match output {
                Output::Connect(attempt) => self.socket = Socket::Opening(self.open(attempt)),
                Output::Send(frame) => {
                    if let Socket::Open(connection) = &mut self.socket {
                        match &frame {
                            Frame::Text(text) => connection.queue_text(text),
                            Frame::Binary(bytes) => connection.queue_binary(bytes),
                        }
                    }
                }
                Output::Close => {
                    if let Socket::Open(mut connection) = std::mem::replace(&mut self.socket, Socket::None) {
                        // A peer that is gone already has heard enough.
                        let _ = connection.close(1000, "").await;
                    }
                }
                Output::Drop => self.socket = Socket::None,
                Output::Event(event) => self.deliveries.extend(self.inbound.deliveries(event)),
                Output::Answer(CallId::CONNECT, result) => {
                    if let Some(connected) = connected.take() {
                        // Whoever has lost interest has dropped the handles too.
                        let _ = connected.send(result.map(|_| ()));
                    }
                }
                Output::Answer(id, result) => {
                    if let Some(answer) = self.calls.remove(&id) {
                        // A caller that is gone needs no answer.
                        let _ = answer.send(result);
                    }
                }
            }
        }
    }

    fn open(&self, attempt: Attempt) -> Opening {
        let (credential, options) = (self.credential.clone(), self.options.clone());
        let (last_url, away_until) = (self.url.clone(), self.away_until);
        Box::pin(async move {
            if let Some(until) = away_until {
                sleep_until(until.into()).await;
            }
            let (url, target) = match attempt {
                Attempt::New => {
                    let url = credential.url().await?;
                    (url.clone(), url)
                }
                Attempt::Recovery { connection_id, token } => {
                    let target = recovery_url(&last_url, &connection_id, &token);
                    (last_url, target)
                }
            };
            let connection = Connection::connect(&target, &options).await?;
            if connection.subprotocol() != options.subprotocol.as_deref() {
                return Err(Error::Handshake("it does not choose the subprotocol"));
            }
            Ok((url, connection))
        })
    }

    fn happened(&mut self, happened: Happened) {
        let now = Instant::now();
        match happened {
            Happened::Opened(Ok((url, connection))) => {
                self.url = url;
                self.socket = Socket::Open(Box::new(connection));
                self.session.socket_opened(now);
            }
            Happened::Opened(Err(error)) => {
                self.socket = Socket::None;
                self.session.socket_failed(error, now);
            }
            Happened::Received(event) => {
                if self.raw_messages {
                    self.deliveries.extend(raw(&event).map(|frame| Delivery::Event(Event::Raw(frame))));
                }
                match self.session.decode(&event) {
                    Ok(Some(message)) => self.session.received(message, now),
                    Ok(None) => {}
                    // Nobody knows what was lost with it; a recovery brings it again.
                    Err(_) => self.lost(None, now),
                }
            }
            Happened::Lost(close) => self.lost(close, now),
        }
    }

    fn lost(&mut self, close: Option<CloseReason>, now: Instant) {
        self.socket = Socket::None;
        self.session.socket_lost(close, now);
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Call(Request { call, answer }) => {
                self.calls.insert(call.id, answer);
                self.session.call(call, Instant::now());
            }
            // Whoever has lost interest in the end of these needs no word of it.
            Order::Streams { group, streams, done } => {
                self.inbound.receive(group, streams);
                let _ = done.send(());
            }
            Order::Cut { away, done } => {
                let now = Instant::now();
                self.away_until = now.checked_add(away);
                if let Socket::Open(_) = self.socket {
                    self.lost(None, now);
                }
                let _ = done.send(());
            }
        }
    }
}

impl Socket {
    /// What happens next; forever nothing without a socket. Cancel-safe. Without `reads` it only writes.
    async fn next(&mut self, reads: bool) -> Happened {
        match self {
            Self::None => pending().await,
            Self::Opening(opening) => Happened::Opened(opening.await),
            Self::Open(connection) if reads => match connection.next().await {
                Ok(Some(ws::Event::Close { code, reason })) => {
                    Happened::Lost(Some(CloseReason { code, reason }))
                }
                Ok(Some(event)) => Happened::Received(event),
                Ok(None) | Err(_) => Happened::Lost(None),
            },
            Self::Open(connection) => match connection.flush().await {
                Ok(()) => pending().await,
                Err(_) => Happened::Lost(None),
            },
        }
    }

    fn unsent(&self) -> usize {
        match self {
            Self::Open(connection) => connection.unsent(),
            Self::None | Self::Opening(_) => 0,
        }
    }
}

/// Delivers the first thing that waits. Cancel-safe. Who is gone needs nothing.
async fn deliver(deliveries: &mut VecDeque<Delivery>, events: &mpsc::Sender<Event>) {
    match deliveries.front() {
        None => {}
        Some(Delivery::Event(_)) => {
            let permit = events.reserve().await;
            if let (Ok(permit), Some(Delivery::Event(event))) = (permit, deliveries.pop_front()) {
                permit.send(event);
            }
        }
        Some(Delivery::Stream(streams, _)) => {
            let permit = streams.clone().reserve_owned().await;
            if let (Ok(permit), Some(Delivery::Stream(_, stream))) = (permit, deliveries.pop_front()) {
                permit.send(stream);
            }
        }
        Some(Delivery::Part(parts, _)) => {
            let permit = parts.clone().reserve_owned().await;
            if let (Ok(permit), Some(Delivery::Part(_, part))) = (permit, deliveries.pop_front()) {
                permit.send(part);
            }
        }
    }
}

fn raw(event: &ws::Event) -> Option<Frame> {
    match event {
        ws::Event::Text(text) => Some(Frame::Text(text.as_str().into())),
        ws::Event::Binary(bytes) => Some(Frame::Binary(bytes.as_slice().into())),
        ws::Event::Pong(_) | ws::Event::Close { .. } => None,
    }
}

/// The URL of the connection, with the connection that is to be recovered (client-protocols.md §5.4).
fn recovery_url(url: &str, connection_id: &str, token: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    let (id, token) = (percent::encode(connection_id), percent::encode(token));
    format!("{url}{separator}awps_connection_id={id}&awps_reconnection_token={token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_recoveries() {
        for (url, expected) in [
            ("ws://h/c", "ws://h/c?awps_connection_id=a_b&awps_reconnection_token=t%2B"),
            ("ws://h/c?x=y", "ws://h/c?x=y&awps_connection_id=a_b&awps_reconnection_token=t%2B"),
        ] {
            assert_eq!(recovery_url(url, "a_b", "t+"), expected);
        }
    }
}
