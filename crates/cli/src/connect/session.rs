//! One connection: lines go out, messages come in, until one side closes.

use std::pin::pin;
use std::time::Duration;

use hublet_client::Error;
use hublet_client::pubsub::{Message, Request};
use hublet_client::ws::{Connection, Event};
use tokio::time::{Instant, sleep_until};

use super::Protocol;
use super::command::{self, Command};
use super::input::{Input, Line};
use super::pending::Pending;
use super::screen::Screen;
use super::show::{self, Kind};
use crate::failure::Failure;
use crate::output::{ReaderGone, printable};

/// How long answers are waited for after the input has ended.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// The same when a person waits.
const ANSWER_WAIT_OF_PEOPLE: Duration = Duration::from_secs(2);
/// Closes a raw client; everything else that is typed is sent.
const RAW_QUIT: &str = "/quit";
/// What to do about missing answers.
const SEE_LOG: &str = "See the log of the service, or of the app server for events.";

/// How a session is held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) protocol: Protocol,
    /// Show messages as they are.
    pub(super) json: bool,
    /// Stay when the input ends.
    pub(super) stay: bool,
    /// Nobody types: the input is a pipe or a file.
    pub(super) scripted: bool,
}

/// Why a session ended without a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// This side closed.
    Here,
    /// The service closed with 1000.
    Service,
}

pub(super) struct Session {
    connection: Connection,
    screen: Screen,
    options: Options,
    pending: Pending,
    /// Lines that were no commands, and requests that the service refused.
    failed: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines are read.
    Reading,
    /// The input has ended, and the service may go on.
    Staying,
    /// The input has ended, and answers are missing.
    Draining { until: Instant },
    /// All answers have come; the pong of the WebSocket is the last thing to wait for.
    Pinged { until: Instant },
    /// This side closes.
    Closing,
}

impl Session {
    pub(super) fn new(connection: Connection, screen: Screen, options: Options) -> Self {
        Self { connection, screen, options, pending: Pending::default(), failed: 0, state: State::Reading }
    }

    /// Goes on until the connection is closed.
    pub(super) async fn run(&mut self, input: &mut Input) -> anyhow::Result<End> {
        match self.exchange(input).await {
            // Whoever ends the program by closing its output wants it to end well.
            Err(error) if error.is::<ReaderGone>() => {
                self.connection.close(1000, "").await.ok();
                Err(error)
            }
            outcome => outcome,
        }
    }

    async fn exchange(&mut self, input: &mut Input) -> anyhow::Result<End> {
        if self.options.protocol == Protocol::Raw {
            self.show(Kind::Connected, "as a simple client")?;
        }
        let mut stop = pin!(stop_signal());
        loop {
            self.advance().await?;
            let until = match self.state {
                State::Closing => break,
                State::Draining { until } | State::Pinged { until } => Some(until),
                State::Reading | State::Staying => None,
            };
            // What arrives goes first: one line can bring several messages, and who does not read them is cut off.
            tokio::select! {
                biased;
                () = &mut stop => {
                    // What is not answered yet was given up with this.
                    self.connection.close(1000, "").await?;
                    return Ok(End::Here);
                }
                event = self.connection.next() => match event? {
                    Some(Event::Close { code: Some(1000), .. }) | None => return Ok(End::Service),
                    Some(Event::Close { code, reason }) => return Err(Error::Closed { code, reason }.into()),
                    Some(Event::Pong(_)) if matches!(self.state, State::Pinged { .. }) => {
                        self.state = State::Closing;
                    }
                    Some(event) => self.arrived(&event)?,
                },
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.state = State::Closing;
                }
                line = input.next(), if self.state == State::Reading => self.typed(line).await?,
            }
        }
        self.connection.close(1000, "").await?;
        self.sum().map(|()| End::Here)
    }

    /// After the last answer a ping of the WebSocket makes sure that the messages before it have come too, and with a
    /// simple client, which gets no answers, that what it sent was taken.
    async fn advance(&mut self) -> anyhow::Result<()> {
        if let State::Draining { until } = self.state
            && self.pending.len() == 0
        {
            self.connection.ping(b"").await?;
            self.state = State::Pinged { until };
        }
        Ok(())
    }

    /// Whether everything went well: a script must know, a person has seen it.
    fn sum(&self) -> anyhow::Result<()> {
        if !self.options.scripted {
            return Ok(());
        }
        let failure = match (self.failed, self.pending.len()) {
            (0, 0) => return Ok(()),
            (0, 1) => Failure::new("One request was not answered.", SEE_LOG),
            (0, unanswered) => Failure::new(format!("{unanswered} requests were not answered."), SEE_LOG),
            (1, _) => Failure::new("One request failed.", "The lines above say why."),
            (failed, _) => Failure::new(format!("{failed} requests failed."), "The lines above say why."),
        };
        Err(failure.into())
    }

    async fn typed(&mut self, line: Line) -> anyhow::Result<()> {
        match line {
            Line::Text(line) if self.options.protocol == Protocol::Raw => match line.as_str() {
                RAW_QUIT => self.drain(),
                line => self.connection.send_text(line).await?,
            },
            Line::Text(line) => match command::parse(&line) {
                Ok(command) => self.perform(command).await?,
                Err(what) => {
                    self.failed += 1;
                    self.screen.note(&printable(&what));
                }
            },
            Line::End if self.options.stay => self.state = State::Staying,
            Line::End => self.drain(),
            Line::Interrupted => self.state = State::Closing,
            Line::Broken(what) => {
                self.failed += 1;
                self.screen.note(&format!("The input cannot be read: {}.", printable(&what)));
                self.drain();
            }
        }
        Ok(())
    }

    fn drain(&mut self) {
        let wait = if self.options.scripted { ANSWER_WAIT } else { ANSWER_WAIT_OF_PEOPLE };
        self.state = State::Draining { until: Instant::now() + wait };
    }

    async fn perform(&mut self, command: Command) -> anyhow::Result<()> {
        match command {
            Command::Join { group } => {
                let id = self.pending.ask(Kind::Joined, group.clone());
                self.request(&Request::JoinGroup { group: &group }, Some(id)).await?;
            }
            Command::Leave { group } => {
                let id = self.pending.ask(Kind::Left, group.clone());
                self.request(&Request::LeaveGroup { group: &group }, Some(id)).await?;
            }
            Command::Send { group, data } => {
                let id = self.pending.ask(Kind::Sent, format!("to {group}"));
                self.request(&Request::SendToGroup { group: &group, data: &data, no_echo: false }, Some(id))
                    .await?;
            }
            Command::Event { name, data } => {
                let id = self.pending.ask(Kind::Handled, format!("event {name}"));
                self.request(&Request::Event { event: &name, data: &data }, Some(id)).await?;
            }
            Command::Ping => {
                self.pending.ask_pong();
                self.request(&Request::Ping, None).await?;
            }
            Command::Raw { text } => {
                self.pending.ask_raw(&text);
                self.connection.send_text(&text).await?;
            }
            Command::Help => {
                let lines = command::HELP.iter().map(|(usage, what)| format!("  {usage:<20}  {what}"));
                self.screen.note(&lines.collect::<Vec<_>>().join("\n"));
            }
            Command::Quit => self.drain(),
            Command::Nothing => {}
        }
        Ok(())
    }

    async fn request(&mut self, request: &Request<'_>, ack_id: Option<u64>) -> Result<(), Error> {
        self.connection.send_text(&request.to_json(ack_id)).await
    }

    fn arrived(&mut self, event: &Event) -> anyhow::Result<()> {
        match (self.options.protocol, event) {
            (Protocol::Raw, event) if self.options.json => {
                show::simple_json(event).map_or(Ok(()), |line| self.screen.line(&line))
            }
            (Protocol::Raw, event) => {
                show::simple(event).map_or(Ok(()), |text| self.show(Kind::Message, &text))
            }
            (Protocol::Json, Event::Text(text)) => self.message(text),
            // The subprotocol has no binary messages.
            (Protocol::Json, _) => Ok(()),
        }
    }

    fn message(&mut self, text: &str) -> anyhow::Result<()> {
        if self.options.json {
            // Line ends can only be between the parts of a JSON value.
            self.screen.line(&text.replace(['\r', '\n'], " "))?;
        }
        match Message::parse(text) {
            Ok(Message::Connected { connection_id, user_id }) => {
                let user = user_id.map_or_else(|| "anonymous".to_owned(), |user| format!("as {user}"));
                self.show(Kind::Connected, &format!("{connection_id}  {user}"))
            }
            Ok(Message::Disconnected { message }) => self.show(Kind::Closing, &message),
            Ok(Message::Ack { ack_id, outcome }) => {
                let asked = self.pending.answered(ack_id);
                let (done, what) =
                    asked.map_or((Kind::Done, format!("request {ack_id}")), |a| (a.done, a.what));
                match outcome {
                    Ok(()) => self.show(done, &what),
                    Err(error) => {
                        self.failed += 1;
                        self.show(Kind::Refused, &format!("{}{what}  {error}", done.request()))
                    }
                }
            }
            Ok(Message::Group { group, from_user_id, data }) => {
                let user = from_user_id.map(|user| format!("{user}: ")).unwrap_or_default();
                self.show(Kind::Group, &format!("{group}  {user}{}", show::data(&data)))
            }
            Ok(Message::Server { data }) => self.show(Kind::Server, &show::data(&data)),
            Ok(Message::Pong) => {
                self.pending.ponged();
                self.show(Kind::Pong, "")
            }
            Ok(Message::Unknown(_)) | Err(_) => self.show(Kind::Other, text),
        }
    }

    /// Shows a line to a person; programs get the messages themselves.
    fn show(&mut self, kind: Kind, text: &str) -> anyhow::Result<()> {
        if self.options.json {
            return Ok(());
        }
        self.screen.line(&show::line(kind, text, self.screen.in_colour))
    }
}

/// Waits until the process is told to end.
async fn stop_signal() {
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
