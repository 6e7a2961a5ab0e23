//! Keys that are fetched because a token names one that is not there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

/// Anybody can name keys that do not exist, so this is the shortest time between fetches for that reason.
const PAUSE: Duration = Duration::from_secs(30);

/// Whether a fetch is wanted, from the shards to the control thread; and that one has ended, the other way.
#[derive(Debug, Default)]
pub(super) struct Demand {
    state: Mutex<State>,
    wanted: Notify,
    /// Counts the attempts that have ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// A fetch is wanted or under way.
    pending: bool,
    /// When one was last wanted.
    asked: Option<Instant>,
}

impl Demand {
    /// Asks for a fetch. What is returned changes when the next attempt has ended; `None`: there will be none soon.
    pub(super) fn ask(&self, now: Instant) -> Option<watch::Receiver<u64>> {
        let mut state = self.state();
        if !state.pending {
            if state.asked.is_some_and(|asked| now.saturating_duration_since(asked) < PAUSE) {
                return None;
            }
            state.asked = Some(now);
            state.pending = true;
            self.wanted.notify_one();
        }
        // With the lock held, so that the end of this attempt is not missed.
        Some(self.ended.subscribe())
    }

    /// Waits until a fetch is wanted.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// A fetch begins, wanted or not.
    pub(super) fn begin(&self) {
        self.state().pending = true;
    }

    /// It has ended, and what came of it can be seen.
    pub(super) fn end(&self) {
        self.state().pending = false;
        self.ended.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_thirty_seconds() {
        let demand = Demand::default();
        let start = Instant::now();
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(demand.ask(start).is_some());
        assert!(demand.ask(after(1)).is_some(), "who comes meanwhile waits for the same attempt");
        demand.begin();
        assert!(demand.ask(after(2)).is_some());
        demand.end();
        assert!(demand.ask(after(3)).is_none() && demand.ask(after(29)).is_none());
        // An attempt for another reason is worth waiting for at any time.
        demand.begin();
        assert!(demand.ask(after(29)).is_some());
        demand.end();
        assert!(demand.ask(after(29)).is_none());
        assert!(demand.ask(after(30)).is_some());
    }

    #[tokio::test]
    async fn the_end_is_seen() {
        let demand = Demand::default();
        let mut attempt = demand.ask(Instant::now()).unwrap();
        demand.wanted().await;
        demand.begin();
        assert!(!attempt.has_changed().unwrap());
        demand.end();
        attempt.changed().await.unwrap();
    }
}
