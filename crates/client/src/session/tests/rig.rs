//! A session, its clock, and what it did.

use std::time::{Duration, Instant};

use crate::client::{CloseReason, Event};
use crate::error::Error;
use crate::pubsub::{Frame, Message, Protocol};
use crate::session::{Attempt, Call, CallId, Command, Options, Output, Reply, Session};

pub(super) struct Rig {
    pub(super) session: Session,
    pub(super) now: Instant,
    last_call: u64,
}

pub(super) fn options(protocol: Protocol) -> Options {
    Options {
        protocol,
        reconnects: true,
        rejoins: true,
        recovery: Duration::from_secs(30),
        retry_delay: Duration::from_secs(1),
        ack_timeout: Duration::from_secs(30),
        repetitions_max: 2,
        ping_interval: Duration::from_secs(20),
        silence_max: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(10),
        requests_max: 8,
    }
}

impl Rig {
    /// A session that begins to connect.
    pub(super) fn new(options: Options) -> Self {
        let now = Instant::now();
        Self { session: Session::new(options, "p".to_owned(), now), now, last_call: 0 }
    }

    /// A session with a connection `c1`, whose socket brought the token `t1`.
    pub(super) fn connected(protocol: Protocol) -> Self {
        let mut rig = Self::new(options(protocol));
        assert_eq!(rig.done(), ["connect"]);
        rig.socket_opened();
        rig.welcome("c1", "t1");
        assert_eq!(rig.done(), ["event connected c1", "answer 0 done"]);
        rig
    }

    pub(super) fn socket_opened(&mut self) {
        self.session.socket_opened(self.now);
    }

    pub(super) fn welcome(&mut self, id: &str, token: &str) {
        let reconnection_token = self.session.options.protocol.is_reliable().then(|| token.to_owned());
        self.receive(Message::Connected { connection_id: id.to_owned(), user_id: None, reconnection_token });
    }

    pub(super) fn receive(&mut self, message: Message) {
        self.session.received(message, self.now);
    }

    /// A message as JSON.
    pub(super) fn json(&mut self, text: &str) {
        let message = Protocol::Json.decode(&crate::ws::Event::Text(text.to_owned())).unwrap().unwrap();
        self.receive(message);
    }

    pub(super) fn ack(&mut self, id: u64) {
        self.receive(Message::Ack { ack_id: id, outcome: Ok(()) });
    }

    /// A group's message with a sequence id.
    pub(super) fn group(&mut self, sequence_id: u64) {
        self.json(&format!(
            r#"{{"type":"message","from":"group","group":"g","dataType":"text","data":"m{sequence_id}","sequenceId":{sequence_id}}}"#
        ));
    }

    pub(super) fn call(&mut self, command: Command) -> CallId {
        self.last_call += 1;
        let id = CallId(self.last_call);
        self.session.call(Call { id, command }, self.now);
        id
    }

    pub(super) fn lost(&mut self) {
        self.session.socket_lost(None, self.now);
    }

    pub(super) fn closed(&mut self, code: u16) {
        let close = CloseReason { code: Some(code), reason: String::new() };
        self.session.socket_lost(Some(close), self.now);
    }

    pub(super) fn refused(&mut self) {
        self.session.socket_failed(Error::Ended, self.now);
    }

    /// Time passes, and ticks come when they are due.
    pub(super) fn pass(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.session.tick(self.now);
        }
        self.now = end;
    }

    /// What the session did since the last time, in words.
    pub(super) fn done(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.next_output()).map(words).collect()
    }
}

fn words(output: Output) -> String {
    match output {
        Output::Connect(Attempt::New) => "connect".to_owned(),
        Output::Connect(Attempt::Recovery { connection_id, token }) => {
            format!("recover {connection_id} {token}")
        }
        Output::Send(Frame::Text(text)) => text.to_string(),
        Output::Send(Frame::Binary(bytes)) => format!("{bytes:x?}"),
        Output::Close => "close".to_owned(),
        Output::Drop => "drop".to_owned(),
        Output::Event(event) => format!("event {}", event_words(event)),
        Output::Answer(CallId(id), result) => match result {
            Ok(Reply::Done) => format!("answer {id} done"),
            Ok(Reply::Answer(data)) => format!("answer {id} {data:?}"),
            Ok(Reply::Stream(key, name)) => format!("answer {id} stream {} {name}", key.0),
            Err(Error::Disconnected) => format!("answer {id} disconnected"),
            Err(Error::Stopped) => format!("answer {id} stopped"),
            Err(error) => format!("answer {id} {error}"),
        },
    }
}

fn event_words(event: Event) -> String {
    match event {
        Event::Connected { connection_id, .. } => format!("connected {connection_id}"),
        Event::Recovering { .. } => "recovering".to_owned(),
        Event::Recovered => "recovered".to_owned(),
        Event::Disconnected { connection_id, message, close } => {
            let message = message.map(|message| format!(" {message}")).unwrap_or_default();
            let code = close.and_then(|close| close.code).map(|code| format!(" ({code})"));
            format!("disconnected {connection_id}{message}{}", code.unwrap_or_default())
        }
        Event::RejoinFailed { group, error } => format!("rejoin of {group} failed: {}", error.name),
        Event::StateLost { group, error } => format!("state in {group} lost: {}", error.name),
        Event::SubscriptionLost { group, error } => format!("subscription to {group} lost: {}", error.name),
        Event::GroupState(message) => format!("{} states of {}", message.items.len(), message.group),
        Event::GroupMessage(message) => message.data.as_str().unwrap_or_default().to_owned(),
        Event::ServerMessage(_) => "server message".to_owned(),
        Event::Raw(_) => "raw".to_owned(),
        Event::Stopped => "stopped".to_owned(),
    }
}
