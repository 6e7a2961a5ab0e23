//! Abuse protection: a handler gets events only if it says that it wants them (event-handlers.md §3).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hublet_wire::cloudevents::{VERSION, header};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::origin::Origin;
use crate::pace::Pace;
use crate::retry;
use crate::transport::{Transport, drain};

/// Why a handler does not count as wanting events.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// There is no answer.
    Fault(Fault),
    /// The answer is no success.
    Status(StatusCode),
    /// The answer does not name our host; with the values that it has.
    Origin(Arc<[String]>),
    /// There is no host name to come from.
    Host,
    /// The attempt ended without a result: its runtime stops.
    Lost,
}

/// Asks a handler whether it wants events. Each request may take `limit`, with retries after the delays.
///
/// # Errors
/// It does not, or does not say so.
pub(crate) async fn validate(
    transport: &Transport,
    uri: &Uri,
    origin: &Origin,
    limit: Duration,
    delays: &[Duration],
) -> Result<(), Refusal> {
    let (mut status, mut headers) = ask(transport, Method::OPTIONS, uri, origin, limit, delays).await?;
    if status == StatusCode::NOT_FOUND {
        (status, headers) = ask(transport, Method::GET, uri, origin, limit, delays).await?;
    }
    if !status.is_success() {
        return Err(Refusal::Status(status));
    }
    judge(&headers, origin)
}

async fn ask(
    transport: &Transport,
    method: Method,
    uri: &Uri,
    origin: &Origin,
    limit: Duration,
    delays: &[Duration],
) -> Result<(StatusCode, HeaderMap), Refusal> {
    let mut request = Request::new(Full::<Bytes>::default());
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(HeaderName::from_static(header::ORIGIN), origin.value().clone());
    headers.insert(HeaderName::from_static(header::AWPS_VERSION), HeaderValue::from_static(VERSION));
    let answer = timeout(limit, async {
        let answer = retry::send(transport, &request, delays, |_| {}).await?;
        let (head, body) = answer.into_parts();
        drain(body, 0).await;
        Ok((head.status, head.headers))
    });
    answer.await.unwrap_or(Err(Fault::TimedOut)).map_err(Refusal::Fault)
}

/// Whether one of the lines allows our host (event-handlers.md §3.3). We also take it with a port, since that is what an
/// official middleware answers when its endpoint has one.
fn judge(headers: &HeaderMap, origin: &Origin) -> Result<(), Refusal> {
    let lines = headers.get_all(HeaderName::from_static(header::ALLOWED_ORIGIN));
    if lines.iter().any(|line| line.to_str().is_ok_and(|line| line == "*" || origin.is_host(line))) {
        return Ok(());
    }
    Err(Refusal::Origin(
        lines.iter().map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect(),
    ))
}

/// What is known about one validation URL and origin.
#[derive(Debug, Default)]
pub(crate) struct Validation {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    standing: Standing,
    /// Closed when the attempt is over.
    attempt: Option<watch::Receiver<()>>,
}

/// The last verdict and when to ask again.
#[derive(Debug, Default)]
struct Standing {
    verdict: Option<Result<(), Refusal>>,
    interval: Duration,
    next: Option<Instant>,
}

impl Validation {
    /// The verdict. The first event starts an attempt and waits for it, as all do that come meanwhile; when a good verdict
    /// gets old, it counts until a new one is there; after a bad one, the next attempt is waited for too.
    ///
    /// # Errors
    /// The handler does not want events.
    pub(crate) async fn check<A>(
        self: &Arc<Self>,
        pace: &Pace,
        attempt: impl FnOnce() -> A,
    ) -> Result<(), Refusal>
    where
        A: Future<Output = Result<(), Refusal>> + Send + 'static,
    {
        let mut running = {
            let mut inner = self.lock();
            // The channel is closed when the attempt is over, even if its runtime stopped in between.
            let mut running = inner.attempt.clone().filter(|attempt| attempt.has_changed().is_ok());
            if running.is_none() && inner.standing.is_due(Instant::now()) {
                let (over, begun) = watch::channel(());
                running = Some(begun);
                inner.attempt.clone_from(&running);
                tokio::spawn(Arc::clone(self).settle(attempt(), pace.clone(), over));
            }
            match (&inner.standing.verdict, running) {
                (Some(Ok(())), _) => return Ok(()),
                (Some(Err(refusal)), None) => return Err(refusal.clone()),
                (None, None) => return Err(Refusal::Lost),
                (_, Some(running)) => running,
            }
        };
        // An error is the end.
        while running.changed().await.is_ok() {}
        self.lock().standing.verdict.clone().unwrap_or(Err(Refusal::Lost))
    }

    /// A good verdict came some other way.
    pub(crate) fn settle_good(&self, pace: &Pace) {
        self.lock().standing.settle(Ok(()), Instant::now(), pace);
    }

    /// Whether the last attempt went well.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.lock().standing.verdict, Some(Ok(())))
    }

    async fn settle(
        self: Arc<Self>,
        attempt: impl Future<Output = Result<(), Refusal>>,
        pace: Pace,
        over: watch::Sender<()>,
    ) {
        let verdict = attempt.await;
        self.lock().standing.settle(verdict, Instant::now(), &pace);
        drop(over);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Event-handlers.md §3.4.
    fn settle(&mut self, verdict: Result<(), Refusal>, now: Instant, pace: &Pace) {
        self.interval = match (&verdict, &self.verdict) {
            (Ok(()), _) => pace.validation_interval_max,
            (Err(_), Some(Err(_))) => (self.interval * 2).min(pace.validation_interval_max),
            (Err(_), _) => pace.validation_interval_min,
        };
        self.verdict = Some(verdict);
        self.next = Some(now + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// When the next attempts are due after verdicts that come as soon as one is due, in seconds.
    fn intervals(verdicts: &[bool]) -> Vec<u64> {
        let (mut standing, mut now) = (Standing::default(), Instant::now());
        let interval = |good: &bool| {
            assert!(standing.is_due(now));
            let verdict = if *good { Ok(()) } else { Err(Refusal::Lost) };
            standing.settle(verdict, now, &Pace::default());
            assert!(!standing.is_due(now + standing.interval - SECOND / 10));
            now += standing.interval;
            standing.interval.as_secs()
        };
        verdicts.iter().map(interval).collect()
    }

    #[test]
    fn waits_grow_with_each_bad_verdict() {
        assert_eq!(intervals(&[false; 9]), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(intervals(&[true, true, false, false, false, true, false]), [60, 60, 1, 2, 4, 60, 1]);
    }

    #[tokio::test]
    async fn an_old_good_verdict_counts_until_there_is_a_new_one() {
        let (validation, pace) = (Arc::<Validation>::default(), Pace::default());
        validation.check(&pace, || async { Ok(()) }).await.unwrap();
        // Nobody is asked as long as it is fresh.
        validation.check(&pace, || async { Err(Refusal::Lost) }).await.unwrap();
        let age = || validation.lock().standing.next = Some(Instant::now());
        age();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let attempt = || async {
            let _ = gone.await;
            Err(Refusal::Status(StatusCode::GONE))
        };
        validation.check(&pace, attempt).await.unwrap();
        // It is under way: no second one.
        validation.check(&pace, || async { Err(Refusal::Lost) }).await.unwrap();
        go.send(()).unwrap();
        while validation.is_good() {
            tokio::task::yield_now().await;
        }
        let refused = validation.check(&pace, || async { Ok(()) }).await;
        assert!(matches!(refused, Err(Refusal::Status(StatusCode::GONE))), "not due yet");
        age();
        validation.check(&pace, || async { Ok(()) }).await.unwrap();
    }
}
