//! The handle of a client: calls go to its task, answers come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::builder::Builder;
use super::credential::Credential;
use super::driver::{Order, Request};
use super::group_streams::GroupStreams;
use super::queue::Callers;
use super::stream_writer::{GroupStreamWriter, StreamOptions};
use crate::error::Error;
use crate::pubsub::{Data, Frame, GroupState, Metadata, SendOptions};
use crate::session::{Call, CallId, Cancel, Command, Reply};

/// A Web PubSub client that recovers and reconnects by itself. A clone is another handle of the same client.
///
/// Made by [`WebPubSubClient::builder`]. The client stops when [`stop`](Self::stop) is called, or when its last handle
/// is dropped.
///
/// # Requests
/// A request waits for the service's answer. While there is no connection it waits for one. When the socket is lost, a
/// reliable client sends what was not answered again after the recovery, in its order and under its number, and the
/// service carries out nothing twice. If a connection ends for good, joins and leaves are repeated on the next one, and
/// messages whose answer was lost fail with [`Error::Disconnected`]: only the program knows whether they may be sent
/// twice.
///
/// # Order
/// Requests go out in the order in which they were made, that is, in which their futures were polled for the first time;
/// none overtakes another, however many wait. So a program may make many and await their answers later, which may come in
/// any order. Tasks that the runtime starts in an order of its own make their requests in that order: to keep yours, poll
/// the futures in one task, as `join!` does.
///
/// While 512 requests have no answer, further ones wait. Of invocations 100 are under way at a time, since a service
/// refuses more; further ones wait for their turn without holding up other requests. What waits for a connection goes out
/// with it: first requests, then invocations, then new streams.
///
/// # Cancellation
/// Every method may be dropped while it waits. The request may have been carried out then. A dropped
/// [`invoke_event`](Self::invoke_event) also tells the service to give up the invocation.
#[derive(Debug, Clone)]
pub struct WebPubSubClient {
    calls: Callers,
    cancels: mpsc::UnboundedSender<Cancel>,
    last_call: Arc<AtomicU64>,
}

impl WebPubSubClient {
    /// Begins to make a client that connects with a client access URL, or with what [`Credential::provider`] gets.
    pub fn builder(credential: impl Into<Credential>) -> Builder {
        Builder::new(credential.into())
    }

    pub(super) fn new(calls: Callers, cancels: mpsc::UnboundedSender<Cancel>) -> Self {
        Self { calls, cancels, last_call: Arc::new(AtomicU64::new(CallId::CONNECT.0)) }
    }

    /// Joins a group. A later connection joins it again.
    ///
    /// # Errors
    /// The service refuses it ([`Error::Ack`]), gives no answer ([`Error::Timeout`]), or the client has stopped; or the name
    /// cannot be one of a group ([`Error::Request`]).
    pub async fn join_group(&self, group: impl Into<String>) -> Result<(), Error> {
        self.done(Command::Join { group: group.into() }).await
    }

    /// Leaves a group. When this returns, nothing that is published from now on arrives.
    ///
    /// # Errors
    /// As [`join_group`](Self::join_group).
    pub async fn leave_group(&self, group: impl Into<String>) -> Result<(), Error> {
        self.done(Command::Leave { group: group.into() }).await
    }

    /// Publishes to a group. If this client is a member, it gets the message too.
    ///
    /// # Errors
    /// As [`join_group`](Self::join_group); [`Error::Disconnected`]: it may have been published or not. Also data that no
    /// service takes is an [`Error::Request`]: JSON `null`, JSON with more than 64 levels in its message, bytes that are no
    /// `google.protobuf.Any`.
    pub async fn send_to_group(&self, group: impl Into<String>, data: impl Into<Data>) -> Result<(), Error> {
        self.send_to_group_with(group, data, SendOptions::default()).await
    }

    /// Publishes to a group with options.
    ///
    /// # Errors
    /// As [`send_to_group`](Self::send_to_group); the metadata breaks a rule ([`Error::Metadata`]).
    pub async fn send_to_group_with(
        &self,
        group: impl Into<String>,
        data: impl Into<Data>,
        options: SendOptions,
    ) -> Result<(), Error> {
        self.done(Command::SendToGroup { group: group.into(), data: data.into(), options }).await
    }

    /// Sets the state of this client in a group, a preview feature: names and values that others can
    /// [subscribe](Self::subscribe_group_state) to. It replaces the one that was set before.
    ///
    /// The client must be a member of the group, or have the role to join it. A later connection sets the state again; a
    /// recovered one still has it. It is cleared when the client leaves the group or its connection ends. hublet takes up to
    /// 8 KiB, names and values together.
    ///
    /// # Errors
    /// As [`join_group`](Self::join_group).
    pub async fn set_group_state(&self, group: impl Into<String>, state: GroupState) -> Result<(), Error> {
        self.done(Command::SetState { group: group.into(), state: Some(state) }).await
    }

    /// Clears the state of this client in a group.
    ///
    /// # Errors
    /// As [`join_group`](Self::join_group).
    pub async fn clear_group_state(&self, group: impl Into<String>) -> Result<(), Error> {
        self.done(Command::SetState { group: group.into(), state: None }).await
    }

    /// Subscribes to the states in a group, for which the client needs the role to join it. They come as
    /// [`Event::GroupState`](crate::Event::GroupState): first a snapshot of all, then each change;
    /// [`GroupStateView`](crate::pubsub::GroupStateView) puts them together.
    ///
    /// A later connection subscribes again, and then another snapshot comes; a recovered one is subscribed still.
    ///
    /// # Errors
    /// As [`join_group`](Self::join_group).
    pub async fn subscribe_group_state(&self, group: impl Into<String>) -> Result<(), Error> {
        self.done(Command::Subscribe { group: group.into() }).await
    }

    /// Ends a subscription to the states in a group.
    ///
    /// # Errors
    /// As [`join_group`](Self::join_group).
    pub async fn unsubscribe_group_state(&self, group: impl Into<String>) -> Result<(), Error> {
        self.done(Command::Unsubscribe { group: group.into() }).await
    }

    /// Sends an event to the app server, and waits until it has been handled.
    ///
    /// # Errors
    /// As [`send_to_group`](Self::send_to_group). If nobody handles the event, or its handler fails, the service
    /// refuses it.
    pub async fn send_event(&self, event: impl Into<String>, data: impl Into<Data>) -> Result<(), Error> {
        self.send_event_with(event, data, Metadata::new()).await
    }

    /// Sends an event to the app server with metadata.
    ///
    /// # Errors
    /// As [`send_event`](Self::send_event).
    pub async fn send_event_with(
        &self,
        event: impl Into<String>,
        data: impl Into<Data>,
        metadata: Metadata,
    ) -> Result<(), Error> {
        self.done(Command::SendEvent { event: event.into(), data: data.into(), metadata }).await
    }

    /// Sends an event to the app server, and returns its answer; `None`: it has none.
    ///
    /// There is no time limit: use [`tokio::time::timeout`]. Dropping the future cancels the invocation. While 100 are
    /// under way, further ones wait for their turn.
    ///
    /// # Errors
    /// The invocation failed ([`Error::Invocation`]); the socket was lost, since invocations are not repeated
    /// ([`Error::Disconnected`]); name or data cannot be sent ([`Error::Request`]); the client has stopped.
    pub async fn invoke_event(
        &self,
        event: impl Into<String>,
        data: impl Into<Option<Data>>,
    ) -> Result<Option<Data>, Error> {
        let command = Command::Invoke { event: event.into(), data: data.into(), metadata: Metadata::new() };
        let id = self.next_call();
        let mut guard = CancelInvocation { cancels: &self.cancels, call: Some(id) };
        let reply = self.ask(id, command).await;
        guard.call = None;
        match reply? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Done | Reply::Stream(..) => Ok(None),
        }
    }

    /// Opens a stream to a group: an ordered sequence of parts, with an end.
    ///
    /// # Errors
    /// The service refuses it ([`Error::Stream`]), the socket was lost ([`Error::Disconnected`]), or the name cannot be one
    /// of a group ([`Error::Request`]).
    pub async fn open_group_stream(
        &self,
        group: impl Into<String>,
        options: StreamOptions,
    ) -> Result<GroupStreamWriter, Error> {
        let StreamOptions { no_echo, idle_timeout } = options;
        let idle_timeout_ms =
            idle_timeout.map(|idle| u32::try_from(idle.as_millis()).unwrap_or(u32::MAX).max(1));
        let command = Command::OpenStream { group: group.into(), no_echo, idle_timeout_ms };
        match self.ask(self.next_call(), command).await? {
            Reply::Stream(key, id) => Ok(GroupStreamWriter::new(self.clone(), key, id)),
            Reply::Done | Reply::Answer(_) => Err(Error::Stopped),
        }
    }

    /// Receives the streams of a group, which must be joined as well. From now on their parts come here, and not as
    /// [`Event::GroupMessage`](crate::Event::GroupMessage).
    ///
    /// # Errors
    /// The client has stopped.
    pub async fn group_streams(&self, group: impl Into<String>) -> Result<GroupStreams, Error> {
        let (streams, receiver) = GroupStreams::channel();
        let (done, is_done) = oneshot::channel();
        let _place = self.calls.enter(Order::Streams { group: group.into(), streams, done })?;
        is_done.await.map_err(|_| Error::Stopped)?;
        Ok(receiver)
    }

    /// Asks whether the service is there, and waits for its answer. What the service sent before has arrived then.
    ///
    /// # Errors
    /// There is no connection, or its socket was lost ([`Error::Disconnected`]); the client has stopped.
    pub async fn ping(&self) -> Result<(), Error> {
        self.done(Command::Ping).await
    }

    /// Sends a message that the program wrote itself, for tools. Its answer is only seen with
    /// [`Builder::raw_messages`].
    ///
    /// # Errors
    /// There is no connection ([`Error::Disconnected`]); the client has stopped.
    pub async fn send_raw(&self, frame: Frame) -> Result<(), Error> {
        self.done(Command::Raw(frame)).await
    }

    /// Cuts the socket without a close frame and opens no other one for a while, as a broken network does: to see what
    /// a program does then.
    pub async fn cut(&self, away: Duration) {
        let (done, is_done) = oneshot::channel();
        // A client that has stopped has no socket.
        if let Ok(_place) = self.calls.enter(Order::Cut { away, done }) {
            let _ = is_done.await;
        }
    }

    /// Closes the connection and ends the client. Requests without an answer fail with [`Error::Stopped`].
    pub async fn stop(&self) {
        self.calls.stop().await;
    }

    pub(super) async fn done(&self, command: Command) -> Result<(), Error> {
        self.ask(self.next_call(), command).await.map(|_| ())
    }

    fn next_call(&self) -> CallId {
        CallId(self.last_call.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn ask(&self, id: CallId, command: Command) -> Result<Reply, Error> {
        let (answer, answered) = oneshot::channel();
        let request = Request { call: Call { id, command }, answer };
        let _place = self.calls.enter(Order::Call(request))?;
        answered.await.unwrap_or(Err(Error::Stopped))
    }

    pub(super) fn cancel(&self, cancel: Cancel) {
        // A client that has stopped has nothing to cancel.
        let _ = self.cancels.send(cancel);
    }
}

/// Cancels an invocation that is dropped before its answer.
struct CancelInvocation<'a> {
    cancels: &'a mpsc::UnboundedSender<Cancel>,
    call: Option<CallId>,
}

impl Drop for CancelInvocation<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            // A client that has stopped has nothing to cancel.
            let _ = self.cancels.send(Cancel::Invocation(call));
        }
    }
}
