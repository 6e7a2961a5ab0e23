//! A simple client: lines go out as they are, messages come in, until one side closes.

use std::pin::pin;
use std::time::Duration;

use hublet_client::Error;
use hublet_client::ws::{Connection, Event};
use tokio::time::{Instant, sleep_until};

use super::input::{Input, Line};
use super::screen::Screen;
use super::session::{End, Options, stop_signal};
use super::show::{self, Kind};
use crate::failure::Failure;
use crate::output::{ReaderGone, printable};

/// Closes the client; everything else that is typed is sent.
const QUIT: &str = "/quit";

/// How long what still comes is shown in the end, if it does not stop coming.
const LISTEN_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines are read.
    Reading,
    /// The input has ended, and the service may go on.
    Staying,
    /// The input has ended. The pong says that what was sent was taken.
    Pinged { until: Instant },
    /// There are no answers, so what comes is shown until nothing does.
    Listening { quiet_at: Instant, until: Instant },
    /// This side closes.
    Closing,
}

pub(super) struct Simple {
    connection: Connection,
    screen: Screen,
    options: Options,
    state: State,
    /// How long nothing may come until nothing more is expected.
    wait: Duration,
    /// The input could not be read.
    is_broken: bool,
}

impl Simple {
    pub(super) fn new(connection: Connection, screen: Screen, options: Options, wait: Duration) -> Self {
        Self { connection, screen, options, state: State::Reading, wait, is_broken: false }
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
        self.show(Kind::Connected, "as a simple client")?;
        let mut stop = pin!(stop_signal());
        loop {
            let until = match self.state {
                State::Closing => break,
                State::Pinged { until } => Some(until),
                State::Listening { quiet_at, until } => Some(quiet_at.min(until)),
                State::Reading | State::Staying => None,
            };
            // What arrives goes first: one line can bring several messages, and who does not read them is cut off.
            tokio::select! {
                biased;
                () = &mut stop => {
                    self.connection.close(1000, "").await?;
                    return Ok(End::Here);
                }
                event = self.connection.next() => match event? {
                    Some(Event::Close { code: Some(1000), .. }) | None => return Ok(End::Service),
                    Some(Event::Close { code, reason }) => return Err(Error::Closed { code, reason }.into()),
                    Some(Event::Pong(_)) => self.ponged(),
                    Some(event) => self.arrived(&event)?,
                },
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.state = State::Closing;
                }
                line = input.next(), if self.state == State::Reading => self.typed(line).await?,
            }
        }
        self.connection.close(1000, "").await?;
        if self.is_broken && self.options.scripted {
            return Err(Failure::new("The input could not be read to its end.", "See above.").into());
        }
        Ok(End::Here)
    }

    async fn typed(&mut self, line: Line) -> anyhow::Result<()> {
        match line {
            Line::Text(line) if line == QUIT => self.drain().await?,
            Line::Text(line) => {
                let sent = self.connection.send_text(&line).await;
                self.delivered(sent).await?;
            }
            Line::End if self.options.stay => self.state = State::Staying,
            Line::End => self.drain().await?,
            Line::Interrupted => self.state = State::Closing,
            Line::Broken(what) => {
                self.is_broken = true;
                self.screen.note(&format!("The input cannot be read: {}.", printable(&what)));
                self.drain().await?;
            }
        }
        Ok(())
    }

    /// The input has ended.
    async fn drain(&mut self) -> anyhow::Result<()> {
        self.state = State::Pinged { until: self.options.answers_until() };
        let sent = self.connection.ping(b"").await;
        self.delivered(sent).await
    }

    /// What could not be sent may be so because the service has closed, and then it has said why.
    async fn delivered(&mut self, sent: Result<(), Error>) -> anyhow::Result<()> {
        let Err(error) = sent else { return Ok(()) };
        loop {
            match self.connection.next().await {
                Ok(Some(Event::Close { code, reason })) => return Err(Error::Closed { code, reason }.into()),
                Ok(Some(event)) => self.arrived(&event)?,
                Ok(None) | Err(_) => return Err(error.into()),
            }
        }
    }

    fn ponged(&mut self) {
        if let State::Pinged { .. } = self.state {
            // Who types has seen what came before the end.
            self.state = if self.options.scripted {
                let now = Instant::now();
                State::Listening { quiet_at: now + self.wait, until: now + self.wait + LISTEN_MAX }
            } else {
                State::Closing
            };
        }
    }

    fn arrived(&mut self, event: &Event) -> anyhow::Result<()> {
        if let State::Listening { quiet_at, .. } = &mut self.state {
            *quiet_at = Instant::now() + self.wait;
        }
        if self.options.json {
            return show::simple_json(event).map_or(Ok(()), |line| self.screen.line(&line));
        }
        show::simple(event).map_or(Ok(()), |text| self.show(Kind::Message, &text))
    }

    /// Shows a line to a person; programs get the messages themselves.
    fn show(&mut self, kind: Kind, text: &str) -> anyhow::Result<()> {
        if self.options.json {
            return Ok(());
        }
        self.screen.line(&show::line(kind, text, self.screen.in_colour))
    }
}
