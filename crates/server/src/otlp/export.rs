//! The way of spans to the collector (OTLP/HTTP), on the control thread.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use hublet_upstream::Client;
use tokio::sync::watch;
use tokio::time::timeout;

use super::encode;
use super::queue::Queue;
use super::span::{Attribute, Span};
use crate::config::Otlp;

/// How long the collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before further attempts, if the first one failed in a way that may pass.
const RETRY_DELAYS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Longest pause that a collector may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How often the log says at most that spans are not exported.
const COMPLAINT_PERIOD: Duration = Duration::from_secs(60);

/// Sends batches.
#[derive(Debug)]
pub(super) struct Exporter {
    client: Client,
    url: Uri,
    headers: HeaderMap,
    resource: Vec<Attribute>,
    complained: Option<Instant>,
    /// Spans that the log was not told of.
    lost: u64,
}

/// Why a batch did not arrive.
struct Failure {
    /// Without anything of the request or from the collector.
    why: String,
    /// Another attempt is worth it, after this time if the collector says so.
    retry: Option<Option<Duration>>,
}

impl Exporter {
    pub(super) fn new(client: Client, settings: &Otlp, resource: Vec<Attribute>) -> Self {
        let (url, headers) = (settings.url.clone(), settings.headers.clone());
        Self { client, url, headers, resource, complained: None, lost: 0 }
    }

    /// Sends all that waits. At an `ending` nothing is sent twice.
    pub(super) async fn drain(&mut self, queue: &Queue, ending: &mut watch::Receiver<bool>) {
        loop {
            let (batch, dropped) = queue.take();
            if dropped > 0 {
                self.complain(dropped, "they come faster than the collector takes them");
            }
            if batch.is_empty() {
                return;
            }
            self.deliver(&batch, ending).await;
        }
    }

    /// Says what was not said so far.
    pub(super) fn end(&mut self) {
        if self.lost > 0 {
            self.complained = None;
            self.complain(0, "the service stops");
        }
    }

    async fn deliver(&mut self, batch: &[Span], ending: &mut watch::Receiver<bool>) {
        let body = Bytes::from(encode::request(&self.resource, batch));
        let mut delays = RETRY_DELAYS.iter();
        loop {
            let failure = match timeout(TIMEOUT, self.send(body.clone())).await {
                Ok(Ok(0)) => return,
                Ok(Ok(rejected)) => return self.complain(rejected, "the collector rejects them"),
                Ok(Err(failure)) => failure,
                Err(_) => Failure { why: format!("no answer in {TIMEOUT:?}"), retry: Some(None) },
            };
            let retry = failure.retry.filter(|_| !*ending.borrow()).zip(delays.next());
            let Some((asked, delay)) = retry else {
                return self.complain(batch.len() as u64, &failure.why);
            };
            self.complain(0, &failure.why);
            // At an ending there is no time to wait: the next attempt is the last.
            let _ = timeout(asked.unwrap_or(*delay), super::ended(ending)).await;
        }
    }

    /// Sends a request, and says how many spans were rejected.
    async fn send(&self, body: Bytes) -> Result<u64, Failure> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("hublet/", env!("CARGO_PKG_VERSION"))));
        headers.extend(self.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let answer = self.client.send(request, ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|why| Failure { why, retry: Some(None) })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(encode::rejected(answer.body()));
        }
        // Those that OTLP names.
        let may_pass = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let asked = asked.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        Err(Failure { why: format!("the collector answers {status}"), retry: may_pass.then_some(asked) })
    }

    /// Tells the log now and then.
    fn complain(&mut self, lost: u64, why: &str) {
        self.lost += lost;
        if self.complained.is_some_and(|complained| complained.elapsed() < COMPLAINT_PERIOD) {
            return;
        }
        self.complained = Some(Instant::now());
        tracing::warn!(
            lost = std::mem::take(&mut self.lost),
            url = %self.url,
            "spans are not exported: {why}. Check the collector and `otlp`."
        );
    }
}
