//! One program that reads the live trace by a socket: SignalR over WebSocket (tunnel.md §8.2).
//!
//! It reads along in what is kept for all, so it has no queue of its own: one that is too slow misses the oldest events,
//! and is told how many.

mod session;

use std::time::Duration;

use bytes::Bytes;
use hublet_wire::ws::{self, CloseCode, Decoder, Opcode, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, interval_at, sleep_until, timeout};

use self::session::Session;
use super::Tracer;
use crate::stream::Stream;

/// Longest message of a reader: what it has to say is short.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// How often the reader is told that the service lives. Its library gives up after 30 seconds without a word.
const PING: Duration = Duration::from_secs(15);
/// How long it may be silent. Its library says something every 15 seconds.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a write may take, and the first word of the reader.
const PATIENCE: Duration = Duration::from_secs(30);
/// Least time between two looks at what is new, so that a busy service makes messages of many events.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells the reader what happens until it goes, breaks a rule, or the service stops.
pub(crate) async fn serve(
    mut stream: Stream,
    leftover: Bytes,
    tracer: &Tracer,
    stopped: impl Future<Output = ()>,
) {
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
    let mut session = Session::new(tracer);
    let mut news = tracer.recent().news();
    let mut pings = interval_at(Instant::now() + PING, PING);
    let (mut heard, mut look) = (Instant::now(), Instant::now());
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    let mut input = leftover.to_vec();
    tokio::pin!(stopped);
    loop {
        if !input.is_empty() {
            heard = Instant::now();
            let ended = session.receive(&mut decoder, &mut input);
            if !write(&mut stream, session.take_output()).await || ended {
                // The reader gets what was said last before the socket goes.
                let _ = timeout(PATIENCE, stream.shutdown()).await;
                return;
            }
            input.clear();
        }
        let now = Instant::now();
        if now >= look && session.is_streaming(now) {
            // What comes from now on is news; what is there is told, and looked for once more after a pause.
            news.mark_unchanged();
            if session.tell(tracer) {
                look = now + PAUSE;
            }
            if !write(&mut stream, session.take_output()).await {
                return;
            }
        }
        let silent = heard + if session.is_open() { SILENCE } else { PATIENCE };
        let pause = if now < look { Some(look) } else { session.begins() };
        let changed = async {
            match pause {
                Some(time) => sleep_until(time).await,
                // The sender lives as long as the tracer.
                None => _ = news.changed().await,
            }
        };
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(count) if count > 0 => input.extend_from_slice(&buffer[..count]),
                _ => return,
            },
            () = changed => {}
            _ = pings.tick() => if session.is_open() && !write(&mut stream, Session::ping()).await {
                return;
            },
            () = sleep_until(silent) => return,
            () = &mut stopped => {
                let _ = write(&mut stream, Session::farewell()).await;
                let _ = timeout(PATIENCE, stream.shutdown()).await;
                return;
            }
        }
    }
}

/// Writes all of it; false: the reader is gone, or too slow to be there.
async fn write(stream: &mut Stream, bytes: Vec<u8>) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let writing = async {
        stream.write_all(&bytes).await?;
        stream.flush().await
    };
    matches!(timeout(PATIENCE, writing).await, Ok(Ok(())))
}

/// A text message as a frame.
fn frame(text: &str) -> Vec<u8> {
    ws::encode_message(Opcode::Text, text.as_bytes()).to_vec()
}

/// The end of the connection as a frame.
fn close_frame(code: CloseCode, reason: &str) -> Vec<u8> {
    ws::encode_close(code, reason).to_vec()
}
