//! HTTP/1.1 on an accepted socket: REST calls and what describes them, health, and the handshakes of WebSocket clients.
//!
//! Requests are served by the shard that accepted the socket, but handlers reach the hub only through [`Node`].

mod api_page;
mod auth;
mod candidate;
mod cors;
mod files;
mod metrics;
mod negotiate;
mod portal_page;
mod prefix;
mod quirks;
mod refusal;
mod respond;
mod router;
mod upgrade;
mod viewer;

use std::convert::Infallible;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hublet_upstream::Courier;
use hublet_wire::ws::{self, CloseCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

pub(crate) use auth::{authenticate_request, authenticate_subject, bearer, endpoint, host, host_name, now_s};
pub(crate) use portal_page::policy as portal_policy;
pub(crate) use refusal::reason as refusal_reason;
pub(crate) use respond::{Response, empty, json, typed};
pub(crate) use router::decode;

use self::upgrade::Newcomer;
use crate::Endpoint;
use crate::audit::Audit;
use crate::config::Config;
use crate::hubs::Hubs;
use crate::issuer::Issuers;
use crate::keys::Rotation;
use crate::log_tail::LogTail;
use crate::metrics::{History, HttpMeter, HttpMeters};
use crate::node::Node;
use crate::portal::Portal;
use crate::refusals::Refusals;
use crate::rest::RateLimit;
use crate::stream::Stream;
use crate::trace::Tracer;

/// Longest head of a request. Tokens and the `excluded` ids of REST travel in it (rest-api.md §13 row 19).
const HEAD_BYTES_MAX: usize = 40 << 10;
/// How long a connection may go without a new request, be it idle or slow with a head or a body; it is dropped after one
/// to two times this. The head of the first request has less time.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Why the socket of a client is closed that cannot come back (client-protocols.md §5.4).
const NOT_RECOVERED: &str = "The connection could not be recovered.";
/// And that of a new one whose connection ended before it had a socket (client-protocols.md §9.2).
const NOT_ACTIVATED: &str = "The connection could not be activated.";
/// How long a refused peer may go on sending before its socket is dropped, so that it gets the answer and no reset.
const LINGER: Duration = Duration::from_secs(1);
/// And how much it may send in that time.
const LINGER_BYTES_MAX: usize = 1 << 20;

/// What all requests share, on whatever shard.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) node: Node,
    pub(crate) config: Arc<Config>,
    pub(crate) hubs: Arc<Hubs>,
    pub(crate) rate_limit: Option<Arc<RateLimit>>,
    pub(crate) refusals: Arc<Refusals>,
    /// `None`: only tokens of access keys are good.
    pub(crate) issuers: Option<Arc<Issuers>>,
    /// The addresses in use.
    pub(crate) listeners: Arc<[Endpoint]>,
    pub(crate) rotation: Arc<Rotation>,
    pub(crate) audit: Arc<Audit>,
    /// `None`: it is turned off.
    pub(crate) portal: Option<Arc<Portal>>,
    pub(crate) tracer: Arc<Tracer>,
    pub(crate) log_tail: LogTail,
    /// One for each shard.
    pub(crate) meters: HttpMeters,
    pub(crate) history: Arc<History>,
}

/// What all requests on one shard share.
#[derive(Debug)]
pub(crate) struct HttpContext {
    shared: Shared,
    pub(crate) courier: Courier,
    pub(crate) shard: usize,
    in_flight: AtomicUsize,
    idle: Notify,
}

impl Deref for HttpContext {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl HttpContext {
    pub(crate) fn new(shared: Shared, courier: Courier, shard: usize) -> Self {
        Self { shared, courier, shard, in_flight: AtomicUsize::new(0), idle: Notify::new() }
    }

    /// Counts the requests on this shard. `None`: there is no such shard.
    pub(crate) fn meter(&self) -> Option<&HttpMeter> {
        self.meters.get(self.shard)
    }

    /// How long a TLS handshake and the head of the first request may take.
    pub(crate) fn head_timeout(&self) -> Duration {
        self.config.limits.head_timeout
    }

    /// Waits until no request is being answered.
    pub(crate) async fn idle(&self) {
        while self.in_flight.load(Ordering::Acquire) > 0 {
            self.idle.notified().await;
        }
    }
}

/// Counts a request as being answered while it lives.
struct InFlight<'a>(&'a HttpContext);

impl<'a> InFlight<'a> {
    fn new(context: &'a HttpContext) -> Self {
        context.in_flight.fetch_add(1, Ordering::AcqRel);
        Self(context)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_one();
        }
    }
}

/// One HTTP connection and what its handshake left behind, if it had one.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) context: Arc<HttpContext>,
    /// The address that it comes from.
    pub(crate) peer: IpAddr,
    /// The socket is under TLS.
    pub(crate) secure: bool,
    /// Its address is for metrics and health alone.
    monitors: bool,
    upgrade: Mutex<Option<(OnUpgrade, Newcomer)>>,
    /// Requests so far whose head has come.
    requests: AtomicUsize,
    /// An event handler is being asked about the client.
    asking: AtomicBool,
}

/// An event handler is being asked while this lives.
struct Asking<'a>(&'a AtomicBool);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Connection {
    /// Makes the socket a client's once the response was written.
    fn upgrade(&self, on_upgrade: OnUpgrade, newcomer: Newcomer) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some((on_upgrade, newcomer));
    }

    /// Notes that an event handler is being asked, which takes as long as that handler may take.
    fn asking(&self) -> Asking<'_> {
        self.asking.store(true, Ordering::Relaxed);
        Asking(&self.asking)
    }

    fn take_upgrade(&self) -> Option<(OnUpgrade, Newcomer)> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Serves requests until the peer goes, breaks the protocol, is too slow, or becomes a WebSocket client.
/// `monitors`: it may see metrics and health, and nothing else.
pub(crate) async fn serve_connection(
    stream: Stream,
    peer: IpAddr,
    context: Arc<HttpContext>,
    monitors: bool,
) {
    let connection = Arc::new(Connection {
        peer,
        secure: matches!(stream, Stream::Tls(_)),
        context,
        monitors,
        upgrade: Mutex::default(),
        requests: AtomicUsize::new(0),
        asking: AtomicBool::new(false),
    });
    let service = service_fn(|mut request| {
        let connection = Arc::clone(&connection);
        async move {
            connection.requests.fetch_add(1, Ordering::Relaxed);
            let in_flight = InFlight::new(&connection.context);
            prefix::strip(&connection.context.config, &mut request);
            let response = router::handle(&connection, request).await;
            drop(in_flight);
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // One timer a connection: one for each head and each body costs as much as reading them.
    let (mut patience, mut seen) = (connection.context.head_timeout(), 0);
    let ended = loop {
        if let Ok(ended) = timeout(patience, &mut http).await {
            break ended;
        }
        let requests = connection.requests.load(Ordering::Relaxed);
        if requests == seen && !connection.asking.load(Ordering::Relaxed) {
            // Idle, or too slow with a head or a body.
            return;
        }
        (patience, seen) = (KEEP_ALIVE, requests);
    };
    match ended {
        Ok(()) => {
            if let Some((on_upgrade, newcomer)) = connection.take_upgrade() {
                hand_over(&connection.context, on_upgrade, newcomer).await;
            }
        }
        Err(error) => {
            tracing::debug!(%error, "an HTTP connection failed");
            if (error.is_parse() || error.is_parse_too_large())
                && let Some(parts) = http.into_parts()
            {
                linger(parts.io.into_inner()).await;
            }
        }
    }
}

/// Gives the socket of a finished handshake to the shard, or sends its client away.
async fn hand_over(context: &HttpContext, on_upgrade: OnUpgrade, newcomer: Newcomer) {
    let Ok(upgraded) = on_upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<TokioIo<Stream>>() else { return };
    let stream = parts.io.into_inner();
    match newcomer {
        Newcomer::Client(reservation) => {
            let resumes = reservation.resumes();
            if let Some(stream) = reservation.attach(stream, parts.read_buf).await {
                if resumes && let Some(meter) = context.meter() {
                    meter.not_recovered();
                }
                send_away(stream, if resumes { NOT_RECOVERED } else { NOT_ACTIVATED }).await;
            }
        }
        Newcomer::Viewer(viewer) => viewer.serve(stream, parts.read_buf).await,
        Newcomer::Stranger => send_away(stream, NOT_RECOVERED).await,
    }
}

/// Closes the socket of a client that has no connection.
async fn send_away(mut stream: Stream, why: &str) {
    let close = ws::encode_close(CloseCode::POLICY_VIOLATION, why);
    let sending = timeout(LINGER, stream.write_all(&close)).await;
    if let Ok(Ok(())) = sending {
        linger(stream).await;
    }
}

/// Reads on for a moment after a refusal: closing a socket with unread bytes resets it, and the answer would be lost.
async fn linger(mut stream: Stream) {
    let reading = async {
        stream.shutdown().await?;
        let mut buffer = [0; 4096];
        let mut left = LINGER_BYTES_MAX;
        while left > 0 {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        std::io::Result::Ok(())
    };
    // Whatever happens, the socket is dropped now.
    let _ = timeout(LINGER, reading).await;
}
