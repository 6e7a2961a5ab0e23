//! Requests to event handlers: pooled connections, HTTP/1.1 and HTTP/2, no redirects, and limits on what comes back
//! (event-handlers.md §4.6, §7.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;

use crate::connector::Connector;
use crate::fault::Fault;

/// Longest body of an answer (event-handlers.md §7.3).
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Longest head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most headers of an answer over HTTP/1.1.
const HEADERS_MAX: usize = 256;
/// Most interim answers (1xx) before an answer.
const INTERIM_ANSWERS_MAX: usize = 16;
/// How much is read of a body that nobody needs, so that its connection can be used again.
const DRAINED_BYTES_MAX: usize = 64 << 10;
/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a connection without a request is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often an HTTP/2 connection with requests is tried: one that is dead would take them all along.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to that may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests. Its connections live in the runtime that it is used in.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl Transport {
    pub(crate) fn new(connector: Connector) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            // Head and body of an event are small: one copy costs less than a gathered write.
            .http1_writev(false)
            // It fits: the constant is small.
            .http2_max_header_list_size(u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX))
            .build(connector);
        Self { client }
    }

    /// Sends a request and waits for the head of the answer. Dropping the future ends the request at the handler too.
    ///
    /// # Errors
    /// There is no answer.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        // The client reads on for as long as interim answers come, and its thread does nothing else meanwhile.
        let (interims, too_many) = (AtomicUsize::new(0), Arc::new(Notify::new()));
        let tell = Arc::clone(&too_many);
        hyper::ext::on_informational(&mut request, move |_| {
            if interims.fetch_add(1, Ordering::Relaxed) == INTERIM_ANSWERS_MAX {
                tell.notify_one();
            }
        });
        let answer = tokio::select! {
            biased;
            () = too_many.notified() => return Err(Fault::HeadTooLarge),
            answer = self.client.request(request) => answer.map_err(|error| Fault::of(&error))?,
        };
        // The client's own limits are for what it reads at a time, so that more can come through.
        let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        if answer.headers().iter().map(line).sum::<usize>() > HEAD_BYTES_MAX {
            return Err(Fault::HeadTooLarge);
        }
        Ok(answer)
    }
}

/// The body of an answer, whole.
///
/// # Errors
/// It is longer than `bytes_max`, or it breaks off.
pub(crate) async fn read(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Fault> {
    // A length that is too long need not be waited for.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Fault::BodyTooLarge);
    }
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| Fault::of(&error))?.into_data() else { continue };
        if whole.len() + joined.len() + data.len() > bytes_max {
            return Err(Fault::BodyTooLarge);
        }
        if whole.is_empty() && joined.is_empty() {
            // Most answers come in one piece, which is not copied.
            whole = data;
        } else {
            // Pieces are not kept as such: each costs more than it holds if the peer makes it small.
            joined.extend_from_slice(&std::mem::take(&mut whole));
            joined.extend_from_slice(&data);
        }
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

/// The first `kept_max` bytes of a body that decides nothing. If it is short, its connection can be used again.
pub(crate) async fn drain(mut body: Incoming, kept_max: usize) -> Bytes {
    let mut kept = BytesMut::new();
    let mut bytes = 0;
    let read = async {
        while let Some(Ok(frame)) = body.frame().await {
            let Some(data) = frame.data_ref() else { continue };
            bytes += data.len();
            kept.extend_from_slice(&data[..data.len().min(kept_max.saturating_sub(kept.len()))]);
            if bytes > DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    // What came until then is enough.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, read).await;
    kept.freeze()
}
