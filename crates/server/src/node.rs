//! The handle that HTTP handlers hold: it reaches every shard and no shard's state.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hublet_hub::directory::Topic;
use hublet_hub::{
    Accept, Attempt, Command, ConnOp, Directory, HubPolicies, MemberEntry, Millis, Outcome, Publish, Saved,
    ShardSet, Target,
};
use hublet_wire::client::Subprotocol;
use hublet_wire::id::ConnId;
use hublet_wire::odata::Filter;
use tokio::sync::{mpsc, oneshot, watch};

use crate::mailbox::{Letter, Mailbox};
use crate::stream::Stream;
use crate::view::View;

/// A shard's mailbox is over its high-water mark, or its sessions are on their way to the next process: the caller should
/// try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The service is overloaded or restarts. Try again in a moment.")]
pub(crate) struct Overloaded;

/// Why a client was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// There are as many as there may be.
    Full,
    /// The service is stopping.
    Stopping,
}

/// All shards of this process.
#[derive(Debug, Clone)]
pub(crate) struct Node(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: Arc<Directory>,
    mailboxes: Box<[Arc<Mailbox>]>,
    connections: AtomicUsize,
    stopping: watch::Sender<bool>,
    started: Instant,
    /// Shards that have something to do with clients during a stop.
    restless: AtomicUsize,
    /// Shards have logs of sessions: what is acknowledged has to be there first.
    has_logs: bool,
}

impl Node {
    /// A node of `shards` shards, at least one and at most [`hublet_hub::directory::SHARDS_MAX`].
    pub(crate) fn new(shards: usize, has_logs: bool) -> Self {
        Self(Arc::new(Inner {
            directory: Arc::new(Directory::new(shards)),
            mailboxes: (0..shards).map(|_| Arc::new(Mailbox::default())).collect(),
            connections: AtomicUsize::new(0),
            stopping: watch::Sender::new(false),
            started: Instant::now(),
            restless: AtomicUsize::new(shards),
            has_logs,
        }))
    }

    /// Sends a message to the shards that have receivers. When it returns, the message survives as long as sessions do.
    ///
    /// # Errors
    /// [`Overloaded`] when one of them is too far behind, then none gets it; or when a stop has come so far that one of them
    /// cannot keep it for its sessions.
    pub(crate) async fn publish(&self, publish: Publish) -> Result<(), Overloaded> {
        let shards = self.0.directory.shards_of(&publish.hub, &publish.target);
        self.check_load(shards)?;
        let (bytes, publish) = (publish.payload.bytes().len(), Arc::new(publish));
        let taken = self.hand_out(shards, bytes, || Command::Deliver(Arc::clone(&publish)));
        self.written(shards).await;
        if taken { Ok(()) } else { Err(Overloaded) }
    }

    /// Acts on the connections of a target on all shards. When it returns, what changed survives as long as sessions do.
    ///
    /// # Errors
    /// [`Overloaded`] when a shard is too far behind; then nothing happens.
    pub(crate) async fn apply(
        &self,
        hub: Arc<str>,
        target: Target,
        filter: Option<Arc<Filter>>,
        op: ConnOp,
    ) -> Result<Outcome, Overloaded> {
        let shards = self.0.directory.shards_of(&hub, &target);
        self.check_load(shards)?;
        let changes = !matches!(op, ConnOp::Exists | ConnOp::Check(..));
        let (answers, mut received) = mpsc::channel(hublet_hub::directory::SHARDS_MAX);
        for mailbox in self.mailboxes(shards) {
            let answer = answers.clone();
            let reply = Box::new(move |outcome| {
                // The channel has room for every shard; a caller that went away needs no answer.
                let _ = answer.try_send(outcome);
            });
            let (hub, target, filter, op) = (Arc::clone(&hub), target.clone(), filter.clone(), op.clone());
            let command = Command::Connections { hub, target, filter, op, reply: Some(reply) };
            mailbox.push(Letter::Command(command), 0);
        }
        drop(answers);
        let mut total = Outcome::default();
        while let Some(Outcome { selected, refused }) = received.recv().await {
            total.selected += selected;
            total.refused += refused;
        }
        if changes {
            self.written(shards).await;
        }
        Ok(total)
    }

    /// Waits until what these shards were sent before is in their logs of sessions, if there are any.
    async fn written(&self, shards: ShardSet) {
        if !self.0.has_logs {
            return;
        }
        let (unwritten, mut all) = mpsc::channel(1);
        for mailbox in self.mailboxes(shards) {
            // One that has ended has written everything.
            mailbox.push(Letter::Unwritten(unwritten.clone()), 0);
        }
        drop(unwritten);
        while all.recv().await.is_some() {}
    }

    /// The first `limit` members of a group whose ids come after `after`, in the order of their text.
    ///
    /// # Errors
    /// [`Overloaded`].
    pub(crate) async fn members(
        &self,
        hub: Arc<str>,
        group: Arc<str>,
        after: Arc<str>,
        limit: usize,
    ) -> Result<Vec<MemberEntry>, Overloaded> {
        let shards = self.0.directory.lookup(&hub, Topic::Group(&group));
        self.check_load(shards)?;
        let (answers, mut received) = mpsc::channel(hublet_hub::directory::SHARDS_MAX);
        for mailbox in self.mailboxes(shards) {
            let answer = answers.clone();
            let reply = Box::new(move |members| {
                let _ = answer.try_send(members);
            });
            let (hub, group, after) = (Arc::clone(&hub), Arc::clone(&group), Arc::clone(&after));
            mailbox.push(Letter::Command(Command::Members { hub, group, after, limit, reply }), 0);
        }
        drop(answers);
        let mut members = Vec::new();
        while let Some(mut found) = received.recv().await {
            members.append(&mut found);
        }
        members.sort_unstable();
        members.truncate(limit);
        Ok(members)
    }

    /// Looks at one shard, in a turn of that shard: whatever was sent to it before has been carried out. `None`: it has ended.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        shard: usize,
        look: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, seen) = oneshot::channel();
        let look = move |view: &View<'_>| {
            // Whoever asked may be gone.
            let _ = answer.send(look(view));
        };
        self.0.mailboxes.get(shard)?.push(Letter::Look(Box::new(look)), 0);
        seen.await.ok()
    }

    /// Number of shards.
    pub(crate) fn shards(&self) -> usize {
        self.0.mailboxes.len()
    }

    /// Makes an id for a client that may not come in yet.
    ///
    /// # Errors
    /// There are `connections_max` clients already, or the service is stopping.
    pub(crate) async fn reserve(
        &self,
        shard: usize,
        connections_max: usize,
    ) -> Result<Reservation, NotAccepted> {
        self.enter(shard, connections_max, Letter::Reserve).await
    }

    /// Registers a client on a shard. When it returns, messages for the client are kept until its socket is attached.
    ///
    /// # Errors
    /// As [`Node::reserve`].
    pub(crate) async fn accept(
        &self,
        shard: usize,
        accept: Accept,
        connections_max: usize,
    ) -> Result<Reservation, NotAccepted> {
        self.enter(shard, connections_max, |answer| Letter::Accept(None, Box::new(accept), answer)).await
    }

    /// Begins to let a client back in to its reliable connection on this hub. `None`: there is no such connection.
    pub(crate) async fn resume(&self, id: ConnId, hub: Arc<str>) -> Option<(Reservation, Subprotocol)> {
        let mailbox = Arc::clone(self.0.mailboxes.get(usize::from(id.shard))?);
        let (answer, begun) = oneshot::channel();
        mailbox.push(Letter::Resume(id, hub, answer), 0);
        let (subprotocol, attempt) = begun.await.ok()?;
        Some((Reservation { mailbox, id: Some(id), resumes: Some(attempt), is_paced: false }, subprotocol))
    }

    async fn enter(
        &self,
        shard: usize,
        connections_max: usize,
        letter: impl FnOnce(oneshot::Sender<ConnId>) -> Letter,
    ) -> Result<Reservation, NotAccepted> {
        let mailbox = Arc::clone(self.0.mailboxes.get(shard).ok_or(NotAccepted::Stopping)?);
        if self.0.connections.fetch_add(1, Ordering::Relaxed) >= connections_max {
            self.detached();
            return Err(NotAccepted::Full);
        }
        let (answer, id) = oneshot::channel();
        mailbox.push(letter(answer), 0);
        let id = id.await.map_err(|_| NotAccepted::Stopping)?;
        Ok(Reservation { mailbox, id: Some(id), resumes: None, is_paced: false })
    }

    /// The time that all shards go by.
    pub(crate) fn now(&self) -> Millis {
        self.time_of(Instant::now())
    }

    /// A moment in that time.
    pub(crate) fn time_of(&self, moment: Instant) -> Millis {
        u64::try_from(moment.duration_since(self.0.started).as_millis()).unwrap_or(Millis::MAX)
    }

    /// When the service was started.
    pub(crate) fn started_at(&self) -> SystemTime {
        SystemTime::now() - self.0.started.elapsed()
    }

    /// Whether a stop has begun: no new connections are accepted.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    /// Waits until a stop begins.
    pub(crate) async fn stopped(&self) {
        // The sender lives as long as this.
        let _ = self.0.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Begins a stop: every connection is told and closed. With `keep_reliable` the reliable ones only lose their sockets.
    pub(crate) fn stop(&self, keep_reliable: bool) {
        self.0.stopping.send_replace(true);
        for mailbox in &self.0.mailboxes {
            mailbox.push(Letter::Command(Command::Stop { keep_reliable }), 0);
        }
    }

    /// A shard has nothing more to do with clients. What it sent to others before has been sent.
    pub(crate) fn rests(&self) {
        if self.0.restless.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_all();
        }
    }

    /// Whether no shard has anything to do with clients, so that none will get anything more from another.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.0.restless.load(Ordering::Acquire) == 0
    }

    /// Connections are there without having been accepted.
    pub(crate) fn entered(&self, connections: usize) {
        self.0.connections.fetch_add(connections, Ordering::Relaxed);
    }

    /// Lets the first shard end sessions of a shard that is no more.
    pub(crate) fn end_sessions(&self, saved: Saved) {
        self.entered(saved.len());
        if let Some(mailbox) = self.0.mailboxes.first() {
            mailbox.push(Letter::End(saved), 0);
        }
    }

    /// A connection that was accepted is gone, or was refused by its shard.
    pub(crate) fn detached(&self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.0.directory
    }

    pub(crate) fn mailbox(&self, shard: usize) -> Option<&Arc<Mailbox>> {
        self.0.mailboxes.get(shard)
    }

    /// Hands a message of a shard to others, however busy they are; the sender's reading is what gets slowed.
    pub(crate) fn forward(&self, from: usize, shards: ShardSet, number: u64, publish: &Arc<Publish>) {
        let bytes = publish.payload.bytes().len();
        let letter = || Command::Forwarded { from, number, publish: Arc::clone(publish) };
        self.hand_out(shards, bytes, letter);
    }

    /// False when the sessions of one of the shards miss it.
    fn hand_out(&self, shards: ShardSet, bytes: usize, command: impl Fn() -> Command) -> bool {
        let mut taken = true;
        for mailbox in self.mailboxes(shards) {
            taken &= mailbox.push(Letter::Command(command()), bytes);
        }
        taken
    }

    /// Whether some shard is so far behind that clients of all shards should be read no further for now.
    pub(crate) fn is_congested(&self) -> bool {
        self.0.mailboxes.iter().any(|mailbox| mailbox.is_congested())
    }

    /// Tells all shards the settings of the hubs.
    pub(crate) fn configure(&self, policies: &Arc<HubPolicies>) {
        for mailbox in &self.0.mailboxes {
            mailbox.push(Letter::Command(Command::Configure(Arc::clone(policies))), 0);
        }
    }

    /// Wakes every shard, so that those that stopped reading look again.
    pub(crate) fn wake_all(&self) {
        self.0.mailboxes.iter().for_each(|mailbox| mailbox.wake());
    }

    fn check_load(&self, shards: ShardSet) -> Result<(), Overloaded> {
        if self.mailboxes(shards).any(|mailbox| mailbox.is_congested()) { Err(Overloaded) } else { Ok(()) }
    }

    fn mailboxes(&self, shards: ShardSet) -> impl Iterator<Item = &Arc<Mailbox>> {
        shards.iter().filter_map(|shard| self.0.mailboxes.get(shard))
    }
}

/// A reserved or registered client whose socket is still HTTP's. Dropped before that changes, it ends the client.
#[derive(Debug)]
pub(crate) struct Reservation {
    mailbox: Arc<Mailbox>,
    id: Option<ConnId>,
    /// The client was here before.
    resumes: Option<Attempt>,
    /// See [`Attach::is_paced`].
    pub(crate) is_paced: bool,
}

impl Reservation {
    /// The connection id; `None` when the client is attached.
    pub(crate) fn id(&self) -> Option<ConnId> {
        self.id
    }

    /// Registers a client that was only reserved. When it returns, messages for the client are kept until its socket is
    /// attached.
    ///
    /// # Errors
    /// The service is stopping.
    pub(crate) async fn activate(&self, accept: Accept) -> Result<(), NotAccepted> {
        let (answer, id) = oneshot::channel();
        self.mailbox.push(Letter::Accept(self.id, Box::new(accept), answer), 0);
        id.await.map(drop).map_err(|_| NotAccepted::Stopping)
    }

    /// Gives the upgraded socket to the shard, with the bytes that were read beyond the handshake. Gives it back when the
    /// client's connection has ended meanwhile: then the client is to be told.
    pub(crate) async fn attach(mut self, stream: Stream, leftover: Bytes) -> Option<Stream> {
        let id = self.id.take()?;
        let bytes = leftover.len();
        let (ended, sent_back) = oneshot::channel();
        let attach = Attach { id, stream, leftover, resumes: self.resumes, is_paced: self.is_paced, ended };
        self.mailbox.push(Letter::Attach(Box::new(attach)), bytes);
        sent_back.await.ok()
    }

    /// Whether the client was here before.
    pub(crate) fn resumes(&self) -> bool {
        self.resumes.is_some()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let letter = match self.resumes {
                Some(attempt) => Letter::NotResumed(id, attempt),
                None => Letter::Abandon(id),
            };
            self.mailbox.push(letter, 0);
        }
    }
}

/// An upgraded socket on its way to its shard.
#[derive(Debug)]
pub(crate) struct Attach {
    pub(crate) id: ConnId,
    pub(crate) stream: Stream,
    pub(crate) leftover: Bytes,
    /// The client was here before.
    pub(crate) resumes: Option<Attempt>,
    /// The client must not be answered at once.
    pub(crate) is_paced: bool,
    /// Gets the socket when the connection has ended; nobody gets it when the client is to come back at once.
    pub(crate) ended: oneshot::Sender<Stream>,
}

#[cfg(test)]
mod tests {
    use hublet_hub::Target;
    use hublet_wire::client::Payload;

    use super::*;

    #[tokio::test]
    async fn a_shard_that_is_behind_takes_nothing_more_from_rest() {
        let node = Node::new(1, false);
        let hub: Arc<str> = "chat".into();
        let publish = |bytes| {
            let payload = Payload::Binary(Bytes::from(vec![0; bytes]));
            node.publish(Publish::new(Arc::clone(&hub), Target::All, payload))
        };
        let exists = || node.apply(Arc::clone(&hub), Target::All, None, ConnOp::Exists);
        let members = || node.members(Arc::clone(&hub), "group".into(), "".into(), 1);

        assert_eq!(publish(17 << 20).await, Ok(()), "one message may be larger than the mark");
        assert_eq!(publish(1).await, Err(Overloaded));
        assert_eq!(exists().await, Err(Overloaded));
        assert_eq!(members().await, Err(Overloaded));

        let mut letters = Vec::new();
        assert!(node.mailbox(0).unwrap().take(&mut letters));
        assert_eq!((letters.len(), publish(1).await), (1, Ok(())), "drained");
    }
}
