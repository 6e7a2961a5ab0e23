//! The live trace and the resource logs: what happens on the node, for whoever looks and for those who write it down.
//!
//! Shards hand over what happened once a turn. What is rare is always kept; messages and requests only while somebody
//! looks, so that nobody who does not look pays for it.

mod catalogue;
mod document;
mod event;
mod facts;
mod filter;
mod handlers;
mod requests;
mod resource_log;
pub(crate) mod viewer;

use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hublet_hub::{Trace, TraceLevel};
use hublet_upstream::Upstream;

pub(crate) use self::catalogue::Kind;
pub(crate) use self::document::Document;
pub(crate) use self::event::{Event, rfc3339};
pub(crate) use self::filter::Filter;
pub(crate) use self::requests::Subject;
use self::resource_log::ResourceLog;
use crate::config::{Category, Config, LiveTrace};
#[cfg(feature = "otlp")]
use crate::otlp::Spans;
use crate::recent::Recent;
use crate::rest::RateLimit;

/// How long messages are kept for somebody who looked and may look again.
const LOOK: Duration = Duration::from_secs(60);
/// Programs that read along by a socket.
const VIEWERS_MAX: usize = 32;
/// Refusals that are told in a second. Anybody can cause them, and they must not push out everything else.
const REFUSALS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50).expect("it is not 0");

/// See the module. One for all shards.
#[derive(Debug)]
pub(crate) struct Tracer {
    settings: LiveTrace,
    recent: Recent<Event>,
    started: Instant,
    /// Until when somebody looks, in milliseconds since `started`.
    watched_until_ms: AtomicU64,
    viewers: AtomicUsize,
    refusals: RateLimit,
    resource_log: Option<ResourceLog>,
    #[cfg(feature = "otlp")]
    spans: Option<Arc<Spans>>,
}

/// Somebody reads along by a socket while it lives.
#[derive(Debug)]
pub(crate) struct Viewer(Arc<Tracer>);

impl Tracer {
    /// # Errors
    /// The file of the resource logs cannot be written.
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        Ok(Self {
            settings: config.live_trace.clone(),
            recent: Recent::new(config.live_trace.buffer_bytes, usize::MAX),
            started: Instant::now(),
            watched_until_ms: AtomicU64::new(0),
            viewers: AtomicUsize::new(0),
            refusals: RateLimit::new(REFUSALS_PER_SECOND),
            resource_log: config.resource_logs.as_ref().map(ResourceLog::start).transpose()?,
            #[cfg(feature = "otlp")]
            spans: config.otlp.as_ref().map(|settings| Arc::new(Spans::new(settings))),
        })
    }

    /// What is kept.
    pub(crate) fn recent(&self) -> &Recent<Event> {
        &self.recent
    }

    /// Whether a collector is told of requests.
    fn exports(&self) -> bool {
        #[cfg(feature = "otlp")]
        return self.spans.is_some();
        #[cfg(not(feature = "otlp"))]
        false
    }

    /// Tells the collector, if there is one, until [`Self::flush`]. For the control thread.
    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "there is no collector"))]
    pub(crate) async fn export(&self, upstream: &Upstream) {
        #[cfg(feature = "otlp")]
        if let Some(spans) = &self.spans {
            spans.export(upstream.client()).await;
        }
    }

    /// Waits until the collector was told everything, for at most 2 s.
    pub(crate) async fn flush(&self) {
        #[cfg(feature = "otlp")]
        if let Some(spans) = &self.spans {
            spans.flush().await;
        }
    }

    /// What a collector is told, if there is one.
    #[cfg(feature = "otlp")]
    pub(crate) fn spans(&self) -> Option<&Arc<Spans>> {
        self.spans.as_ref()
    }

    /// Whether there is a live trace.
    pub(crate) fn is_enabled(&self) -> bool {
        self.settings.enabled
    }

    /// Somebody looks: messages are kept for a while.
    pub(crate) fn look(&self) {
        let until = self.started.elapsed() + LOOK;
        self.watched_until_ms.store(milliseconds(until), Ordering::Relaxed);
    }

    /// Somebody looks by a socket; `None`: too many do.
    pub(crate) fn view(self: &Arc<Self>) -> Option<Viewer> {
        let more = |viewers| (viewers < VIEWERS_MAX).then_some(viewers + 1);
        self.viewers.try_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Viewer(Arc::clone(self)))
    }

    /// Whether somebody looks.
    pub(crate) fn is_watched(&self) -> bool {
        let until_ms = self.watched_until_ms.load(Ordering::Relaxed);
        self.settings.enabled
            && (self.viewers.load(Ordering::Relaxed) > 0
                || (until_ms > 0 && milliseconds(self.started.elapsed()) < until_ms))
    }

    /// Whether what is frequent in this category is wanted now.
    pub(crate) fn wants(&self, category: Category) -> bool {
        self.writes(category) || (self.settings.categories.contains(&category) && self.is_watched())
    }

    /// What shards are to tell.
    pub(crate) fn level(&self) -> TraceLevel {
        if self.wants(Category::MessagingLogs) {
            TraceLevel::Messages
        } else if self.keeps(Category::ConnectivityLogs) || self.writes(Category::ConnectivityLogs) {
            TraceLevel::Lifecycle
        } else {
            TraceLevel::Nothing
        }
    }

    /// Takes what happened on a shard, with the address of the client.
    pub(crate) fn take(&self, facts: Vec<(Trace, Option<IpAddr>)>) {
        let (time_ms, shows_text) = (now_ms(), self.shows_payloads());
        let events =
            facts.into_iter().map(|(trace, remote)| facts::event(trace, remote, time_ms, shows_text));
        self.record(events);
    }

    /// Takes what happened.
    pub(crate) fn record(&self, events: impl IntoIterator<Item = Event>) {
        let watched = self.is_watched();
        let (mut kept, mut written) = (Vec::new(), Vec::new());
        for event in events {
            let entry = event.kind.entry();
            let is_kept = self.keeps(entry.category) && (watched || !entry.frequent);
            let is_written = self.writes(entry.category);
            if is_kept || is_written {
                let size = event.size();
                let event = Arc::new(event);
                if is_written {
                    written.push(Arc::clone(&event));
                }
                if is_kept {
                    kept.push((size, event));
                }
            }
        }
        if !kept.is_empty() {
            self.recent.push(kept);
        }
        if let Some(log) = self.resource_log.as_ref().filter(|_| !written.is_empty()) {
            log.push(written);
        }
    }

    /// Takes a refusal, which anybody can cause.
    fn record_refusal(&self, event: Event) {
        if self.refusals.take() {
            self.record([event]);
        }
    }

    fn shows_payloads(&self) -> bool {
        self.settings.payloads && self.is_watched()
    }

    fn keeps(&self, category: Category) -> bool {
        self.settings.enabled && self.settings.categories.contains(&category)
    }

    fn writes(&self, category: Category) -> bool {
        self.resource_log.as_ref().is_some_and(|log| log.wants(category))
    }

    /// Writes the rest of the resource logs; what is returned ends with that. Nothing may happen any more.
    pub(crate) fn end(&self) -> Option<JoinHandle<()>> {
        self.resource_log.as_ref().and_then(ResourceLog::end)
    }
}

impl std::ops::Deref for Viewer {
    type Target = Tracer;

    fn deref(&self) -> &Tracer {
        &self.0
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
