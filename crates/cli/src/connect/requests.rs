//! What was asked and is not answered yet.

use std::collections::BTreeMap;
use std::future::{pending, ready};
use std::task::{Context, Poll, Waker};

use hublet_client::pubsub::{Frame, StreamFailure};
use hublet_client::{Error, GroupStreamWriter, StreamOptions, WebPubSubClient};
use serde::Deserialize;
use tokio::task::JoinSet;

use super::command::Command;
use super::show::{self, Kind};

/// Requests that wait for their answers; beyond that no line is read.
const PENDING_MAX: usize = 256;

/// How a request ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It succeeded: what has happened, and what it was about.
    Done(Kind, String),
    /// It failed: what was asked, and why it failed.
    Failed(String, Error),
    /// The answer to [`Requests::last_ping`] has come, or is lost with the socket.
    LastPing { is_answered: bool },
}

/// The end of a task: the outcome, and what became of the stream.
type Ended = (Outcome, Lent);

/// The stream after a task that worked with it.
#[derive(Debug)]
enum Lent {
    /// The task had none.
    Nothing,
    Back(GroupStreamWriter),
    Over,
}

/// The requests that are waited for, each in a task of its own.
pub(super) struct Requests {
    client: WebPubSubClient,
    tasks: JoinSet<Ended>,
    /// The stream that is open.
    stream: Option<GroupStreamWriter>,
    /// A task has it.
    stream_is_busy: bool,
    /// Requests that a person wrote out, by ack id.
    raw: BTreeMap<u64, String>,
    raw_pings: usize,
}

impl Requests {
    pub(super) fn new(client: WebPubSubClient) -> Self {
        let tasks = JoinSet::new();
        Self { client, tasks, stream: None, stream_is_busy: false, raw: BTreeMap::new(), raw_pings: 0 }
    }

    /// How many answers are missing.
    pub(super) fn len(&self) -> usize {
        self.tasks.len() + self.raw.len() + self.raw_pings
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another command can be taken. The parts of a stream go one after the other.
    pub(super) fn take_more(&self) -> bool {
        self.tasks.len() < PENDING_MAX && !self.stream_is_busy
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// It cannot be carried out now; the text says why.
    pub(super) fn ask(&mut self, command: Command) -> Result<(), &'static str> {
        let client = self.client.clone();
        match command {
            Command::Join { group } => self.spawn(async move {
                let done = client.join_group(&group).await;
                ended(done, Kind::Joined, group)
            }),
            Command::Leave { group } => self.spawn(async move {
                let done = client.leave_group(&group).await;
                ended(done, Kind::Left, group)
            }),
            Command::Send { group, data } => self.spawn(async move {
                let done = client.send_to_group(&group, data).await;
                ended(done, Kind::Sent, format!("to {group}"))
            }),
            Command::Event { name, data } => self.spawn(async move {
                let done = client.send_event(&name, data).await;
                ended(done, Kind::Handled, format!("event {name}"))
            }),
            Command::Invoke { name, data } => self.spawn(async move {
                match client.invoke_event(&name, data).await {
                    Ok(answer) => {
                        let answer = answer.map(|data| show::data(&data)).unwrap_or_default();
                        Outcome::Done(Kind::Answered, format!("{name}  {answer}"))
                    }
                    Err(error) => Outcome::Failed(format!("invoke {name}"), error),
                }
            }),
            Command::Stream { group } => return self.open(group),
            Command::Part { data } => {
                return self.with_stream(|mut stream| async move {
                    match stream.write(data).await {
                        Ok(()) => (Outcome::Done(Kind::Sent, "part".to_owned()), Lent::Back(stream)),
                        Err(error) => (Outcome::Failed("part".to_owned(), error), Lent::Over),
                    }
                });
            }
            Command::End { error } => {
                return self.with_stream(|stream| async move {
                    let done = match error {
                        None => stream.finish().await,
                        Some(text) => {
                            stream.fail(StreamFailure { message: Some(text), user_error_code: None }).await
                        }
                    };
                    (ended(done, Kind::Ended, "stream".to_owned()), Lent::Over)
                });
            }
            Command::SetState { group, state: Some(state) } => self.spawn(async move {
                let done = client.set_group_state(&group, state).await;
                ended(done, Kind::Set, format!("state in {group}"))
            }),
            Command::SetState { group, state: None } => self.spawn(async move {
                let done = client.clear_group_state(&group).await;
                ended(done, Kind::Cleared, format!("state in {group}"))
            }),
            Command::WatchState { group } => self.spawn(async move {
                let done = client.subscribe_group_state(&group).await;
                ended(done, Kind::Watching, format!("states in {group}"))
            }),
            Command::UnwatchState { group } => self.spawn(async move {
                let done = client.unsubscribe_group_state(&group).await;
                ended(done, Kind::Unwatched, format!("states in {group}"))
            }),
            Command::Ping => self.spawn(async move { ended(client.ping().await, Kind::Pong, String::new()) }),
            Command::Raw { text } => {
                self.note_raw(&text);
                self.spawn(async move {
                    match client.send_raw(Frame::Text(text.into())).await {
                        Ok(()) => Outcome::Done(Kind::Sent, "as it is".to_owned()),
                        Err(error) => Outcome::Failed("raw".to_owned(), error),
                    }
                });
            }
            Command::Cut { away } => self.spawn(async move {
                client.cut(away).await;
                Outcome::Done(Kind::Done, "cut".to_owned())
            }),
            Command::Help | Command::Quit | Command::Nothing => {}
        }
        Ok(())
    }

    /// Asks for a last answer, behind everything that came before.
    pub(super) fn last_ping(&mut self) {
        let client = self.client.clone();
        self.spawn(async move { Outcome::LastPing { is_answered: client.ping().await.is_ok() } });
    }

    /// The next request that ends; forever nothing when there is none. Cancel-safe.
    pub(super) async fn next(&mut self) -> Outcome {
        loop {
            match self.tasks.join_next().await {
                None => pending().await,
                Some(Ok(ended)) => return self.take_back(ended),
                // No task is aborted, and a panic has been told.
                Some(Err(_)) => {}
            }
        }
    }

    /// A request that has ended, if there is one.
    pub(super) fn try_next(&mut self) -> Option<Outcome> {
        let ended = self.tasks.try_join_next()?.ok()?;
        Some(self.take_back(ended))
    }

    /// A task gives the stream back that it had borrowed, unless that is over.
    fn take_back(&mut self, (outcome, stream): Ended) -> Outcome {
        match stream {
            Lent::Nothing => {}
            Lent::Back(stream) => (self.stream, self.stream_is_busy) = (Some(stream), false),
            Lent::Over => self.stream_is_busy = false,
        }
        outcome
    }

    /// What was asked with an ack id by a message that a person wrote out.
    pub(super) fn raw_answered(&mut self, ack_id: u64) -> Option<String> {
        self.raw.remove(&ack_id)
    }

    /// Whether a pong answers a ping that a person wrote out.
    pub(super) fn raw_ponged(&mut self) -> bool {
        let was_asked = self.raw_pings > 0;
        self.raw_pings = self.raw_pings.saturating_sub(1);
        was_asked
    }

    fn spawn(&mut self, request: impl Future<Output = Outcome> + Send + 'static) {
        self.begin(async move { (request.await, Lent::Nothing) });
    }

    /// Makes a request now, so that requests are made in the order of the lines, and waits for its answer in a task.
    fn begin(&mut self, request: impl Future<Output = Ended> + Send + 'static) {
        let mut request = Box::pin(request);
        // Nobody need be woken: the task looks for itself first.
        match request.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => self.tasks.spawn(ready(ended)),
            Poll::Pending => self.tasks.spawn(request),
        };
    }

    fn open(&mut self, group: String) -> Result<(), &'static str> {
        if self.stream.is_some() {
            return Err("A stream is open: type end first.");
        }
        let client = self.client.clone();
        self.stream_is_busy = true;
        self.begin(async move {
            match client.open_group_stream(&group, StreamOptions::default()).await {
                Ok(stream) => {
                    (Outcome::Done(Kind::Opened, format!("{group}  {}", stream.id())), Lent::Back(stream))
                }
                Err(error) => (Outcome::Failed(format!("stream {group}"), error), Lent::Over),
            }
        });
        Ok(())
    }

    fn with_stream<F>(&mut self, work: impl FnOnce(GroupStreamWriter) -> F) -> Result<(), &'static str>
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let stream = self.stream.take().ok_or("No stream is open: type stream GROUP first.")?;
        self.stream_is_busy = true;
        self.begin(work(stream));
        Ok(())
    }

    /// If the service will answer, the answer is waited for.
    fn note_raw(&mut self, text: &str) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            r#type: String,
            ack_id: Option<u64>,
        }
        match serde_json::from_str::<Raw>(text) {
            Ok(raw) if raw.r#type == "ping" => self.raw_pings += 1,
            Ok(Raw { r#type, ack_id: Some(id) }) => {
                self.raw.insert(id, r#type);
            }
            _ => {}
        }
    }
}

/// A failed request begins with what would have happened.
fn ended(done: Result<(), Error>, kind: Kind, what: String) -> Outcome {
    match done {
        Ok(()) => Outcome::Done(kind, what),
        Err(error) => Outcome::Failed(format!("{}{what}", kind.request()), error),
    }
}
