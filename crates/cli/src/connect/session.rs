//! A PubSub client: commands go out, events come in, until one side closes.

use std::pin::pin;
use std::time::Duration;

use hublet_client::pubsub::{Frame, Message, Protocol};
use hublet_client::{CloseReason, Error, Event, Events, WebPubSubClient};
use tokio::time::{Instant, sleep_until};

use super::command;
use super::input::{Input, Line};
use super::requests::{Outcome, Requests};
use super::screen::Screen;
use super::show::{self, Kind};
use crate::failure::Failure;
use crate::output::{ReaderGone, printable};

/// How long answers are waited for after the input has ended.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// The same when a person waits.
const ANSWER_WAIT_OF_PEOPLE: Duration = Duration::from_secs(2);
/// What to do about missing answers.
const SEE_LOG: &str = "See the log of the service, or of the app server for events.";

/// How a session is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// Show messages as they are.
    pub(super) json: bool,
    /// Stay when the input ends.
    pub(super) stay: bool,
    /// Nobody types: the input is a pipe or a file.
    pub(super) scripted: bool,
}

impl Options {
    /// The input has ended: until when answers are waited for.
    pub(super) fn answers_until(self) -> Instant {
        Instant::now() + if self.scripted { ANSWER_WAIT } else { ANSWER_WAIT_OF_PEOPLE }
    }
}

/// Why a session ended without a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// This side closed.
    Here,
    /// The service closed with 1000.
    Service,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines are read.
    Reading,
    /// The input has ended, and the service may go on.
    Staying,
    /// The input has ended, and answers are missing.
    Draining { until: Instant },
    /// All answers have come; a last pong is the last thing to wait for.
    Pinged { until: Instant },
    /// This side closes.
    Closing,
}

pub(super) struct Session {
    client: WebPubSubClient,
    events: Events,
    protocol: Protocol,
    screen: Screen,
    options: Options,
    requests: Requests,
    /// Lines that were no commands, and requests that failed.
    failed: usize,
    state: State,
    /// The socket is lost.
    is_away: bool,
}

impl Session {
    pub(super) fn new(
        (client, events): (WebPubSubClient, Events),
        protocol: Protocol,
        screen: Screen,
        options: Options,
    ) -> Self {
        let requests = Requests::new(client.clone());
        let state = State::Reading;
        Self { client, events, protocol, screen, options, requests, failed: 0, state, is_away: false }
    }

    /// Goes on until the connection is closed.
    pub(super) async fn run(&mut self, input: &mut Input) -> anyhow::Result<End> {
        let outcome = self.exchange(input).await;
        // Also for whoever ends the program by closing its output, and wants it to end well.
        if matches!(&outcome, Err(error) if error.is::<ReaderGone>()) {
            self.client.stop().await;
        }
        outcome
    }

    async fn exchange(&mut self, input: &mut Input) -> anyhow::Result<End> {
        let mut stop = pin!(stop_signal());
        loop {
            if let State::Draining { until } = self.state
                && self.requests.is_empty()
                && !self.is_away
            {
                // After the last answer it makes sure that the messages before it have come too, and that the service
                // has not ended the connection because of what was sent.
                self.requests.last_ping();
                self.state = State::Pinged { until };
            }
            let until = match self.state {
                State::Closing => break,
                State::Draining { until } | State::Pinged { until } => Some(until),
                State::Reading | State::Staying => None,
            };
            let reads = self.state == State::Reading && self.requests.take_more();
            // What arrives goes first: one line can bring several messages, and who does not read them is cut off.
            tokio::select! {
                biased;
                () = &mut stop => {
                    // What is not answered yet was given up with this.
                    self.client.stop().await;
                    return Ok(End::Here);
                }
                event = self.events.next() => {
                    if let Some(end) = self.arrived(event).await? {
                        // What was not answered, the service did not want to answer any more.
                        return if self.failed > 0 { self.sum().map(|()| end) } else { Ok(end) };
                    }
                }
                outcome = self.requests.next() => self.answered(outcome)?,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.state = State::Closing;
                }
                line = input.next(), if reads => self.typed(line),
            }
        }
        self.client.stop().await;
        self.sum().map(|()| End::Here)
    }

    /// Whether everything went well: a script must know, a person has seen it.
    fn sum(&self) -> anyhow::Result<()> {
        if !self.options.scripted {
            return Ok(());
        }
        let failure = match (self.failed, self.requests.len()) {
            (0, 0) if self.is_away => not_recovered(),
            (0, 0) => return Ok(()),
            (0, 1) => Failure::new("One request was not answered.", SEE_LOG),
            (0, unanswered) => Failure::new(format!("{unanswered} requests were not answered."), SEE_LOG),
            (1, _) => Failure::new("One request failed.", "The lines above say why."),
            (failed, _) => Failure::new(format!("{failed} requests failed."), "The lines above say why."),
        };
        Err(failure.into())
    }

    fn typed(&mut self, line: Line) {
        match line {
            Line::Text(line) => match command::parse(&line) {
                Ok(command::Command::Help) => {
                    let lines = command::HELP.iter().map(|(usage, what)| format!("  {usage:<27}  {what}"));
                    self.screen.note(&lines.collect::<Vec<_>>().join("\n"));
                }
                Ok(command::Command::Quit) => self.drain(),
                Ok(command) => {
                    if let Err(what) = self.requests.ask(command) {
                        self.complain(what);
                    }
                }
                Err(what) => self.complain(&what),
            },
            Line::End if self.options.stay => self.state = State::Staying,
            Line::End => self.drain(),
            Line::Interrupted => self.state = State::Closing,
            Line::Broken(what) => {
                self.complain(&format!("The input cannot be read: {what}."));
                self.drain();
            }
        }
    }

    fn drain(&mut self) {
        self.state = State::Draining { until: self.options.answers_until() };
    }

    fn complain(&mut self, what: &str) {
        self.failed += 1;
        self.screen.note(&printable(what));
    }

    /// A request has ended.
    fn answered(&mut self, outcome: Outcome) -> anyhow::Result<()> {
        match outcome {
            Outcome::LastPing { is_answered } => {
                if let State::Pinged { until } = self.state {
                    // Without an answer the next event tells whether the connection has ended or is to be recovered.
                    self.state = if is_answered { State::Closing } else { State::Draining { until } };
                }
                Ok(())
            }
            Outcome::Done(kind, what) => self.show(kind, &what),
            // The end of the connection is told once, and not by each request.
            Outcome::Failed(_, Error::Stopped) => {
                self.failed += 1;
                Ok(())
            }
            Outcome::Failed(what, error) => {
                self.failed += 1;
                self.show(Kind::Refused, &format!("{what}  {error}"))
            }
        }
    }

    /// Returns how the session ended, if it did.
    async fn arrived(&mut self, event: Option<Event>) -> anyhow::Result<Option<End>> {
        match event {
            None | Some(Event::Stopped) => return Ok(Some(End::Service)),
            Some(Event::Raw(frame)) => self.raw(&frame).await?,
            Some(Event::Connected { connection_id, user_id }) => {
                let user = user_id.map_or_else(|| "anonymous".to_owned(), |user| format!("as {user}"));
                self.show(Kind::Connected, &format!("{connection_id}  {user}"))?;
            }
            Some(Event::Recovering { .. }) => {
                self.is_away = true;
                self.own_line("recovering")?;
                self.show(Kind::Lost, "reconnecting…")?;
            }
            Some(Event::Recovered) => {
                self.is_away = false;
                self.own_line("recovered")?;
                self.show(Kind::Recovered, "nothing is lost")?;
            }
            Some(Event::Disconnected { message, close, .. }) => {
                if let Some(message) = message {
                    self.show(Kind::Closing, &message)?;
                }
                return self.ended(close).map(Some);
            }
            Some(Event::GroupMessage(message)) => {
                let (kind, text) = show::group(&message);
                self.show(kind, &text)?;
            }
            Some(Event::ServerMessage(message)) => {
                self.show(Kind::Server, &show::data(&message.data))?;
            }
            Some(Event::GroupState(message)) => {
                for line in show::states(&message) {
                    self.show(Kind::State, &line)?;
                }
            }
            Some(Event::StateLost { group, error }) => {
                self.show(Kind::Refused, &format!("set state in {group}  {error}"))?;
            }
            Some(Event::SubscriptionLost { group, error }) => {
                self.show(Kind::Refused, &format!("watch states in {group}  {error}"))?;
            }
            Some(_) => {}
        }
        Ok(None)
    }

    fn ended(&self, close: Option<CloseReason>) -> anyhow::Result<End> {
        if self.is_away {
            return Err(not_recovered().into());
        }
        match close {
            Some(CloseReason { code: Some(1000), .. }) => Ok(End::Service),
            Some(CloseReason { code, reason }) => Err(Error::Closed { code, reason }.into()),
            None => Err(Error::Ended.into()),
        }
    }

    /// A message as it came: for programs, and what the client itself has no event for.
    async fn raw(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let message = self.protocol.decode_frame(frame);
        // The pong of the last ping is nothing that was asked for.
        let is_hidden =
            matches!(self.state, State::Pinged { .. }) && matches!(message, Ok(Some(Message::Pong)));
        if self.options.json && !is_hidden {
            self.screen.line(&show::raw_json(frame, message.as_ref().ok().and_then(Option::as_ref)))?;
        }
        match message {
            Ok(Some(Message::Group(_) | Message::Server(_) | Message::GroupState(_))) => return Ok(()),
            Ok(Some(Message::Ack { ack_id, outcome })) => {
                if let Some(what) = self.requests.raw_answered(ack_id) {
                    self.answered(match outcome {
                        Ok(()) => Outcome::Done(Kind::Done, what),
                        Err(error) => Outcome::Failed(what, Error::Ack(error)),
                    })?;
                }
            }
            Ok(Some(Message::Pong)) if self.requests.raw_ponged() => self.show(Kind::Pong, "")?,
            Ok(Some(Message::Unknown(text))) => self.show(Kind::Other, &text)?,
            Ok(_) => {}
            Err(_) => self.show(Kind::Other, &show::frame(frame))?,
        }
        // What it answers is shown before what came behind it. The task that waits for it can go on already.
        tokio::task::yield_now().await;
        if let Some(outcome) = self.requests.try_next() {
            self.answered(outcome)?;
        }
        Ok(())
    }

    /// Something that happened to the client itself, for programs.
    fn own_line(&mut self, event: &str) -> anyhow::Result<()> {
        if self.options.json {
            self.screen.line(&format!(r#"{{"type":"client","event":"{event}"}}"#))?;
        }
        Ok(())
    }

    /// Shows a line to a person; programs get the messages themselves.
    fn show(&mut self, kind: Kind, text: &str) -> anyhow::Result<()> {
        if self.options.json {
            return Ok(());
        }
        self.screen.line(&show::line(kind, text, self.screen.in_colour))
    }
}

fn not_recovered() -> Failure {
    let hint = "It was away for too long, or the service has forgotten it: connect again.";
    Failure::new("The connection could not be recovered.", hint)
}

/// Waits until the process is told to end.
pub(super) async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = async {
            match signal(SignalKind::terminate()) {
                Ok(mut signal) => drop(signal.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupt => {}
            () = terminate => {}
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
