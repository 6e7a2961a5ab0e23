//! How other threads reach a shard: one queue, drained whole, accounted in bytes.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use hublet_hub::{Accept, Attempt, Command, Saved, Slot};
use hublet_wire::client::Subprotocol;
use hublet_wire::id::ConnId;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::node::Attach;
use crate::view::Look;

/// Cost of a letter beside its payload, in bytes.
const LETTER_BYTES: usize = 256;
/// Above this many waiting bytes publishers are slowed down: shards stop reading, REST answers 503.
const HIGH_WATER_BYTES: usize = 16 << 20;

/// Stands for what is not yet written to the logs of sessions: when all copies are dropped, it is. Nothing is ever sent.
pub(crate) type Unwritten = mpsc::Sender<Infallible>;

/// Something for a shard.
pub(crate) enum Letter {
    /// Carry out a command.
    Command(Command),
    /// Drop it when everything that came before is in the log of sessions.
    Unwritten(Unwritten),
    /// Let somebody look at the shard.
    Look(Look),
    /// End sessions that the process before had and that no shard takes up.
    End(Saved),
    /// Make an id for a client that an event handler is asked about; without an answer it is refused.
    Reserve(oneshot::Sender<ConnId>),
    /// Register a client whose handshake is about to be answered: under its reserved id, or under a new one. Its id is
    /// the answer; without an answer it is refused.
    Accept(Option<ConnId>, Box<Accept>, oneshot::Sender<ConnId>),
    /// Begin to let a client back in to its connection on this hub, and tell the subprotocol; without an answer it is
    /// refused.
    Resume(ConnId, Arc<str>, oneshot::Sender<(Subprotocol, Attempt)>),
    /// The client that was to be let back in never came.
    NotResumed(ConnId, Attempt),
    /// Take over the socket of a registered client, or of one that is let back in.
    Attach(Box<Attach>),
    /// The socket of a reserved or registered client never came.
    Abandon(ConnId),
}

#[derive(Default)]
struct Letters {
    waiting: Vec<Letter>,
    state: State,
}

/// Whether letters are taken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The shard has ended, and nobody misses what is sent to it.
    Closed,
    /// The shard has ended, and its sessions go on without what is sent to it.
    Left,
}

/// The inbox of one shard. Letters of one sender keep their order.
#[derive(Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Letters>,
    waiting_bytes: AtomicUsize,
    ready: Mutex<Vec<Slot>>,
    wake: Notify,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("waiting_bytes", &self.waiting_bytes).finish_non_exhaustive()
    }
}

impl Mailbox {
    /// Appends a letter that carries `payload_bytes`. A closed mailbox drops it: whoever waits for an answer learns
    /// that there is none. False when somebody will miss it.
    pub(crate) fn push(&self, letter: Letter, payload_bytes: usize) -> bool {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.state != State::Open {
            return letters.state == State::Closed;
        }
        self.waiting_bytes.fetch_add(payload_bytes + LETTER_BYTES, Ordering::Relaxed);
        letters.waiting.push(letter);
        let was_empty = letters.waiting.len() == 1;
        drop(letters);
        if was_empty {
            self.wake.notify_one();
        }
        true
    }

    /// Takes all letters into `into`, which must be empty. Returns whether the mailbox was congested before.
    pub(crate) fn take(&self, into: &mut Vec<Letter>) -> bool {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut letters.waiting, into);
        self.waiting_bytes.swap(0, Ordering::Relaxed) > HIGH_WATER_BYTES
    }

    /// Whether letters wait.
    pub(crate) fn has_letters(&self) -> bool {
        !self.letters.lock().unwrap_or_else(PoisonError::into_inner).waiting.is_empty()
    }

    /// Takes the last letters: the shard ends, and all that is still sent is dropped. `leaves_sessions`: somebody misses it.
    pub(crate) fn close(&self, leaves_sessions: bool) -> Vec<Letter> {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.state = if leaves_sessions { State::Left } else { State::Closed };
        self.waiting_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut letters.waiting)
    }

    /// Whether publishers should hold back.
    pub(crate) fn is_congested(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) > HIGH_WATER_BYTES
    }

    /// Notes that a socket of the shard may be ready to read or write.
    pub(crate) fn socket_ready(&self, slot: Slot) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.push(slot);
        let was_empty = ready.len() == 1;
        drop(ready);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Moves the ready sockets to the end of `into`.
    pub(crate) fn take_ready(&self, into: &mut Vec<Slot>) {
        into.append(&mut self.ready.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes the shard look at its work once more.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until there is a letter, a ready socket or a wake-up. If it need not wait, HTTP requests and the poller get
    /// their turn all the same: a client that never stops sending makes its socket ready in each turn, and without the
    /// poller nobody else would be read.
    pub(crate) async fn woken(&self) {
        let mut woken = pin!(self.wake.notified());
        let is_woken = poll_fn(|cx| Poll::Ready(woken.as_mut().poll(cx).is_ready()));
        if is_woken.await {
            tokio::task::yield_now().await;
        } else {
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use tokio::io::AsyncReadExt;
    use tokio::task::coop::unconstrained;

    use super::*;

    #[test]
    fn others_have_their_turn_when_there_is_always_work() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(unconstrained(async {
            let (mut here, there) = UnixStream::pair().unwrap();
            there.set_nonblocking(true).unwrap();
            let mut there = tokio::net::UnixStream::from_std(there).unwrap();
            let reader = tokio::spawn(async move { there.read_u8().await.unwrap() });
            let mailbox = Mailbox::default();
            for turn in 0..100 {
                // A client that never stops sending does so in each turn.
                mailbox.wake();
                mailbox.woken().await;
                if turn == 10 {
                    // Only the poller can tell the reader.
                    here.write_all(&[7]).unwrap();
                }
            }
            assert!(reader.is_finished());
            assert_eq!(reader.await.unwrap(), 7);
        }));
    }
}
