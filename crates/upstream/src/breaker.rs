//! Spares a handler that is gone the requests, and its clients the waiting. One for each handler and all shards.
//!
//! Only what shows that nobody is there counts: connections that fail or break, and requests without an answer for at
//! least half of their time. A handler that answers, however slowly and whatever, is there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::pace::Pace;

/// So many attempts in a row have to fail before a handler counts as gone.
const FAILURES_MIN: u32 = 10;

/// What is known about whether a handler is there.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// Whether the last attempt failed; spares the lock when all is well.
    is_troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    /// Attempts fail since this time.
    Failing { since: Instant, failures: u32 },
    /// The handler counts as gone. One event is let through now and then, to see whether it is back.
    Open { next_probe: Instant, interval: Duration },
}

impl Breaker {
    /// Whether an event may be sent now.
    pub(crate) fn admits(&self, now: Instant, pace: &Pace) -> bool {
        if !self.is_troubled.load(Ordering::Relaxed) {
            return true;
        }
        match &mut *self.lock() {
            State::Open { next_probe, .. } if now < *next_probe => false,
            // The next one comes even if this one never ends.
            State::Open { next_probe, interval } => {
                *interval = (*interval * 2).min(pace.probe_interval_max);
                *next_probe = now + *interval;
                true
            }
            State::Closed | State::Failing { .. } => true,
        }
    }

    /// Whether the handler counts as gone.
    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open { .. })
    }

    /// The handler answered.
    pub(crate) fn succeeded(&self) {
        if self.is_troubled.load(Ordering::Relaxed) {
            *self.lock() = State::Closed;
            self.is_troubled.store(false, Ordering::Relaxed);
        }
    }

    /// Nobody was there. Whether it counts as gone from now on.
    pub(crate) fn failed(&self, now: Instant, pace: &Pace) -> bool {
        let mut state = self.lock();
        self.is_troubled.store(true, Ordering::Relaxed);
        match &mut *state {
            State::Closed => *state = State::Failing { since: now, failures: 1 },
            State::Failing { since, failures } => {
                *failures += 1;
                if *failures >= FAILURES_MIN && now.duration_since(*since) >= pace.breaker_patience {
                    let interval = pace.probe_interval_min;
                    *state = State::Open { next_probe: now + interval, interval };
                    return true;
                }
            }
            State::Open { .. } => {}
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_opens_after_many_failures_over_a_time() {
        let (breaker, pace, start) = (Breaker::default(), Pace::default(), Instant::now());
        for _ in 0..100 {
            assert!(!breaker.failed(start, &pace), "a moment is not enough");
        }
        assert!(breaker.admits(start, &pace));
        assert!(!breaker.failed(start + pace.breaker_patience - SECOND, &pace));
        assert!(breaker.failed(start + pace.breaker_patience, &pace));
        assert!(!breaker.admits(start + pace.breaker_patience, &pace));

        let few = Breaker::default();
        for attempt in 1..FAILURES_MIN {
            assert!(!few.failed(start + SECOND * 100 * attempt, &pace), "few are not enough");
        }
        assert!(few.failed(start + SECOND * 1_000, &pace));
    }

    #[test]
    fn any_answer_closes_it() {
        let (breaker, pace, start) = (Breaker::default(), Pace::default(), Instant::now());
        for second in 0..9 {
            breaker.failed(start + SECOND * second, &pace);
        }
        breaker.succeeded();
        assert!(!breaker.failed(start + SECOND * 100, &pace), "counting begins anew");

        for second in 100..200 {
            breaker.failed(start + SECOND * second, &pace);
        }
        assert!(!breaker.admits(start + SECOND * 110, &pace));
        breaker.succeeded();
        assert!(breaker.admits(start + SECOND * 110, &pace));
    }

    #[test]
    fn probes_come_less_and_less_often() {
        let (breaker, pace, start) = (Breaker::default(), Pace::default(), Instant::now());
        for second in 0..=10 {
            breaker.failed(start + SECOND * second, &pace);
        }
        let probes: Vec<u32> =
            (10..120).filter(|second| breaker.admits(start + SECOND * *second, &pace)).collect();
        assert_eq!(probes, [11, 13, 17, 25, 41, 71, 101]);
    }
}
