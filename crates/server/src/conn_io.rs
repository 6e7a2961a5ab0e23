//! One connection's socket: reads into a lent buffer, writes straight from the shared frames.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use hublet_hub::{Slot, queue::OutQueue};
use hublet_wire::ws::{Decoder, Role};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::runtime::Handle;

use crate::mailbox::Mailbox;
use crate::stream::Stream;

/// Most frames that go into one system call.
const SLICES_MAX: usize = 64;
/// How long what a client sends lies there if it must not be answered at once.
const PAUSE: Duration = Duration::from_millis(5);

/// A socket with its decoder. It holds no buffer while idle.
#[derive(Debug)]
pub(crate) struct ConnIo {
    stream: Stream,
    pub(crate) decoder: Decoder,
    waker: Waker,
    wake: Arc<SocketWaker>,
    /// The writing side was closed; what arrives is thrown away.
    shut: bool,
    /// What was read and is to be decoded later; a box, since hardly any connection has it.
    #[expect(clippy::box_collection, reason = "8 bytes instead of 24 in every connection")]
    kept: Option<Box<Vec<u8>>>,
}

/// Tells a socket from any other while it exists.
pub(crate) struct Mark(Arc<SocketWaker>);

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Puts its slot into the mailbox's ready list, once until the shard looks at it.
#[derive(Debug)]
struct SocketWaker {
    mailbox: Arc<Mailbox>,
    slot: Slot,
    queued: AtomicBool,
    /// Runs the pause before the shard looks, where there is one; a box, since hardly any connection has it.
    pause: Option<Box<Handle>>,
}

impl Wake for SocketWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        match &self.pause {
            None => self.mailbox.socket_ready(self.slot),
            Some(runtime) => {
                let waker = Arc::clone(self);
                drop(runtime.spawn(async move {
                    tokio::time::sleep(PAUSE).await;
                    waker.mailbox.socket_ready(waker.slot);
                }));
            }
        }
    }
}

/// What a read found.
pub(crate) enum Read {
    /// So many bytes are in the buffer, and the socket may have more.
    Bytes(usize),
    /// Nothing now; the shard is woken when there is.
    Pending,
    /// The peer closed, or the socket failed.
    Ended,
}

/// How far a write came.
pub(crate) enum Write {
    /// So many bytes were taken.
    Bytes(usize),
    /// The socket is full; the shard is woken when it takes more.
    Pending,
    /// The socket failed.
    Ended,
}

impl ConnIo {
    /// `is_paced`: what the client sends is read after a pause. To be called where the shard runs.
    pub(crate) fn new(
        stream: Stream,
        message_bytes_max: usize,
        slot: Slot,
        mailbox: &Arc<Mailbox>,
        is_paced: bool,
    ) -> Self {
        let wake = Arc::new(SocketWaker {
            mailbox: Arc::clone(mailbox),
            slot,
            queued: AtomicBool::new(false),
            pause: is_paced.then(|| Box::new(Handle::current())),
        });
        let waker = Waker::from(Arc::clone(&wake));
        let decoder = Decoder::new(Role::Server, message_bytes_max);
        Self { stream, decoder, waker, wake, shut: false, kept: None }
    }

    /// Keeps bytes that were read and must not be decoded yet.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.kept.get_or_insert_default().extend_from_slice(bytes);
        }
    }

    /// Whether the peer is known to be gone, without reading from it.
    pub(crate) fn is_hung_up(&self) -> bool {
        let ready = std::pin::pin!(self.stream.tcp().ready(Interest::READABLE));
        match ready.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(ready)) => ready.is_read_closed(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        }
    }

    /// Takes what was kept.
    pub(crate) fn take_kept(&mut self) -> Vec<u8> {
        self.kept.take().map(|kept| *kept).unwrap_or_default()
    }

    /// The shard looks at the socket now: later readiness is news again.
    pub(crate) fn rearm(&self) {
        self.wake.queued.store(false, Ordering::Release);
    }

    /// Asks to be looked at in the next turn.
    pub(crate) fn wake(&self) {
        self.waker.wake_by_ref();
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Read {
        let mut buffer = ReadBuf::new(buffer);
        let mut cx = Context::from_waker(&self.waker);
        match Pin::new(&mut self.stream).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => Read::Bytes(buffer.filled().len()),
            Poll::Ready(_) => Read::Ended,
            Poll::Pending => Read::Pending,
        }
    }

    /// Writes from the front of the queue with one system call.
    pub(crate) fn write(&mut self, queue: &OutQueue) -> Write {
        let joined;
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = queue.io_slices(&mut slices);
        if count == 0 {
            joined = queue.joined();
            for (slice, block) in slices.iter_mut().zip(&joined) {
                *slice = IoSlice::new(block);
                count += 1;
            }
        }
        let mut cx = Context::from_waker(&self.waker);
        let stream = Pin::new(&mut self.stream);
        let result = match &slices[..count] {
            [only] => stream.poll_write(&mut cx, only),
            many => stream.poll_write_vectored(&mut cx, many),
        };
        Self::outcome(result)
    }

    /// Pushes out what TLS holds back; without TLS there is nothing to do.
    pub(crate) fn flush(&mut self) -> Write {
        match self.stream {
            Stream::Plain(_) => Write::Bytes(0),
            Stream::Tls(_) => {
                let mut cx = Context::from_waker(&self.waker);
                Self::outcome(Pin::new(&mut self.stream).poll_flush(&mut cx).map_ok(|()| 0))
            }
        }
    }

    /// Equal to that of another only if it is the same socket.
    pub(crate) fn mark(&self) -> Mark {
        Mark(Arc::clone(&self.wake))
    }

    /// The address of the client, if the system still knows it.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        self.stream.peer()
    }

    /// Closes the writing side; reading goes on so that the peer gets our close frame and not a reset.
    pub(crate) fn shutdown(&mut self) -> Write {
        if self.shut {
            return Write::Bytes(0);
        }
        let mut cx = Context::from_waker(&self.waker);
        let result = Pin::new(&mut self.stream).poll_shutdown(&mut cx).map_ok(|()| 0);
        self.shut = result.is_ready();
        Self::outcome(result)
    }

    fn outcome(result: Poll<io::Result<usize>>) -> Write {
        match result {
            Poll::Ready(Ok(written)) => Write::Bytes(written),
            Poll::Ready(Err(_)) => Write::Ended,
            Poll::Pending => Write::Pending,
        }
    }
}
