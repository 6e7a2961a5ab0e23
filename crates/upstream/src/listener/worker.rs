//! The task of one target: takes events from its queue to it, again and again when it is down.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::outlet::Outlet;
use super::queue::{ENTRIES_MAX, Entry};
use super::sink::Sink;

/// How soon a failed delivery is repeated: at first, and at most; each time it doubles.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Events that are delivered together, in order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Those that the target does not have yet.
    entries: VecDeque<Entry>,
    delivered: usize,
    refused: usize,
    /// Why the last one was refused.
    refusal: Option<String>,
}

impl Batch {
    /// All events that the target does not have yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The target has the first event.
    pub(super) fn done(&mut self) {
        self.delivered += usize::from(self.entries.pop_front().is_some());
    }

    /// The target will never take the first event.
    pub(super) fn refuse(&mut self, why: String) {
        self.refused += usize::from(self.entries.pop_front().is_some());
        self.refusal = Some(why);
    }

    /// The first event is to be tried again, after the others.
    #[cfg(feature = "amqp")]
    pub(super) fn postpone(&mut self) {
        self.entries.rotate_left(usize::from(!self.entries.is_empty()));
    }

    /// How many events there are that the target does not have yet.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Why a delivery failed, for the log. What is left in the batch is tried again.
#[derive(Debug)]
pub(super) enum Failure {
    /// A connection that was good has ended. A new one may do at once.
    Lost(String),
    /// The target cannot be reached, or does not want events now.
    Unavailable(String),
}

/// Delivers until the queue is closed and empty, or closed and the target down.
pub(super) async fn run(outlet: Arc<Outlet>, mut sink: Sink) {
    let mut batch = Batch::default();
    let mut outage = Outage::default();
    while outlet.queue.take(&mut batch.entries).await {
        while batch.len() > 0 {
            let outcome = sink.deliver(&mut batch).await;
            let delivered = std::mem::take(&mut batch.delivered);
            let refused = std::mem::take(&mut batch.refused);
            outlet.queue.count(delivered, refused);
            if let Some(why) = batch.refusal.take() {
                outlet.warn_of_refusal(&why);
            }
            if delivered + refused > 0 {
                outage.failures = 0;
            }
            match outcome {
                Ok(()) => outage.end(&outlet),
                Err(failure) => {
                    let Some(pause) = outage.begin(&outlet, &failure) else { continue };
                    if outlet.queue.is_closed() {
                        outlet.queue.abandon();
                        return;
                    }
                    outlet.pause(pause).await;
                }
            }
        }
    }
    sink.close().await;
}

/// What the log knows of an outage.
#[derive(Debug, Default)]
struct Outage {
    /// Failures since something was delivered.
    failures: u32,
    /// The log says that the target is down.
    told: bool,
}

impl Outage {
    /// Notes a failure. Returns how long to wait; `None`: try again at once.
    fn begin(&mut self, outlet: &Outlet, failure: &Failure) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let why = match failure {
            // Targets close connections that are idle or whose token has expired: nothing to tell.
            Failure::Lost(why) if self.failures == 1 => {
                tracing::debug!(listener = outlet.name, "an event listener ended its connection: {why}");
                return None;
            }
            Failure::Lost(why) | Failure::Unavailable(why) => why,
        };
        // Once an outage: the first failure says all there is to know.
        if !self.told {
            self.told = true;
            tracing::warn!(
                listener = outlet.name,
                "events cannot be delivered to an event listener; up to {ENTRIES_MAX} wait for it: {why}"
            );
        }
        Some(retry_pause(self.failures))
    }

    /// Notes a success.
    fn end(&mut self, outlet: &Outlet) {
        self.failures = 0;
        if std::mem::take(&mut self.told) {
            let dropped = outlet.queue.counters().dropped;
            tracing::info!(listener = outlet.name, dropped, "an event listener gets events again");
        }
    }
}

fn retry_pause(failures: u32) -> Duration {
    let (first, most) = RETRY;
    first.saturating_mul(1 << (failures.saturating_sub(1)).min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_repeated_less_and_less_often() {
        let pauses = [1, 2, 3, 5, 6, 100, u32::MAX].map(|failures| retry_pause(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 16, 30, 30, 30]);
    }
}
