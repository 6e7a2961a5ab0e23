//! The order of a connection's events: user events one after another, notifications one after another beside them, and
//! `disconnected` behind everything else. A connection with nothing under way has no lane.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hublet_wire::id::ConnId;
use tokio::sync::{Notify, oneshot};

/// Events of one connection that may wait in one lane.
const WAITING_MAX: usize = 1_024;

/// Which lane an event takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// User events.
    User,
    /// Everything that is not answered, but `disconnected`.
    Notification,
}

/// The lanes of the connections that have something under way.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    lanes: Mutex<HashMap<ConnId, Pair<T>>>,
    empty: Notify,
}

#[derive(Debug)]
struct Pair<T> {
    user: Queue<T>,
    notifications: Queue<T>,
    /// What comes behind everything else.
    last: Option<T>,
    /// Tells the user event that is under way to end.
    cancel: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
struct Queue<T> {
    waiting: VecDeque<T>,
    /// Somebody takes events from it.
    runs: bool,
}

/// What to do next in a lane.
#[derive(Debug)]
pub(crate) struct Turn<T> {
    pub(crate) job: T,
    /// Resolves with a value when the event is to be given up. User events only.
    pub(crate) cancelled: Option<oneshot::Receiver<()>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), runs: false }
    }
}

impl<T> Default for Pair<T> {
    fn default() -> Self {
        Self { user: Queue::default(), notifications: Queue::default(), last: None, cancel: None }
    }
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: Mutex::default(), empty: Notify::new() }
    }
}

impl<T> Pair<T> {
    fn queue(&mut self, lane: Lane) -> &mut Queue<T> {
        match lane {
            Lane::User => &mut self.user,
            Lane::Notification => &mut self.notifications,
        }
    }

    fn is_idle(&self) -> bool {
        !self.user.runs && !self.notifications.runs
    }
}

impl<T> Lanes<T> {
    /// Puts a job at the end of a lane. Whether somebody has to run the lane now, see [`Lanes::next`].
    ///
    /// # Errors
    /// The lane is full: the job is given back.
    pub(crate) fn push(&self, conn: ConnId, lane: Lane, job: T) -> Result<bool, T> {
        let mut lanes = self.lock();
        let queue = lanes.entry(conn).or_default().queue(lane);
        if queue.waiting.len() >= WAITING_MAX {
            return Err(job);
        }
        queue.waiting.push_back(job);
        Ok(!std::mem::replace(&mut queue.runs, true))
    }

    /// Puts a job behind all others of the connection. Whether somebody has to run the lane of notifications now.
    pub(crate) fn push_last(&self, conn: ConnId, job: T) -> bool {
        let mut lanes = self.lock();
        let pair = lanes.entry(conn).or_default();
        pair.last = Some(job);
        let starts = pair.is_idle();
        pair.notifications.runs |= starts;
        starts
    }

    /// Whether nothing of the connection is under way.
    pub(crate) fn is_idle(&self, conn: ConnId) -> bool {
        !self.lock().contains_key(&conn)
    }

    /// The next job of a lane for whoever runs it; `None`: the lane does not run any longer.
    pub(crate) fn next(&self, conn: ConnId, lane: Lane) -> Option<Turn<T>> {
        let mut lanes = self.lock();
        let Entry::Occupied(mut entry) = lanes.entry(conn) else { return None };
        let pair = entry.get_mut();
        if lane == Lane::User {
            pair.cancel = None;
        }
        if let Some(job) = pair.queue(lane).waiting.pop_front() {
            let cancelled = (lane == Lane::User).then(|| {
                let (cancel, cancelled) = oneshot::channel();
                pair.cancel = Some(cancel);
                cancelled
            });
            return Some(Turn { job, cancelled });
        }
        pair.queue(lane).runs = false;
        if !pair.is_idle() {
            return None;
        }
        // Whichever lane ends last runs it.
        if let Some(job) = pair.last.take() {
            pair.queue(lane).runs = true;
            return Some(Turn { job, cancelled: None });
        }
        entry.remove();
        if lanes.is_empty() {
            self.empty.notify_waiters();
        }
        None
    }

    /// Drops the user events of a connection that wait, and has the one under way given up.
    pub(crate) fn cancel(&self, conn: ConnId) {
        let dropped = match self.lock().get_mut(&conn) {
            Some(pair) => {
                if let Some(cancel) = pair.cancel.take() {
                    // Nobody listens when it is over already.
                    let _ = cancel.send(());
                }
                std::mem::take(&mut pair.user.waiting)
            }
            None => return,
        };
        // Not under the lock: what is dropped may be anything.
        drop(dropped);
    }

    /// Waits until there is nothing under way.
    pub(crate) async fn idle(&self) {
        loop {
            let empty = self.empty.notified();
            if self.lock().is_empty() {
                return;
            }
            empty.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnId, Pair<T>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId { nonce: [0; 11], shard: 0, slot: 0, node: 1 };

    fn next(lanes: &Lanes<u32>, lane: Lane) -> Option<u32> {
        lanes.next(CONN, lane).map(|turn| turn.job)
    }

    #[test]
    fn each_lane_has_its_order() {
        let lanes = Lanes::default();
        assert_eq!(lanes.push(CONN, Lane::Notification, 1), Ok(true));
        assert_eq!(lanes.push(CONN, Lane::User, 2), Ok(true));
        assert_eq!(lanes.push(CONN, Lane::User, 3), Ok(false));
        assert!(!lanes.push_last(CONN, 9));
        assert_eq!(lanes.push(CONN, Lane::Notification, 4), Ok(false));
        assert_eq!(next(&lanes, Lane::User), Some(2));
        assert_eq!(next(&lanes, Lane::Notification), Some(1));
        assert_eq!(next(&lanes, Lane::User), Some(3));
        assert_eq!(
            next(&lanes, Lane::User),
            None,
            "the notification is under way, so the last one is not due"
        );
        assert_eq!(next(&lanes, Lane::Notification), Some(4));
        assert_eq!(next(&lanes, Lane::Notification), Some(9));
        assert_eq!(next(&lanes, Lane::Notification), None);
        assert!(lanes.lock().is_empty());
    }

    #[test]
    fn the_last_one_waits_for_user_events_too() {
        let lanes = Lanes::default();
        assert_eq!(lanes.push(CONN, Lane::User, 1), Ok(true));
        assert_eq!(next(&lanes, Lane::User), Some(1));
        assert!(!lanes.push_last(CONN, 9));
        assert_eq!(next(&lanes, Lane::User), Some(9));
        assert_eq!(next(&lanes, Lane::User), None);
        assert!(lanes.push_last(CONN, 9));
        assert_eq!(next(&lanes, Lane::Notification), Some(9));
        assert_eq!(next(&lanes, Lane::Notification), None);
        assert!(lanes.lock().is_empty());
    }

    #[test]
    fn a_cancel_reaches_user_events_only() {
        let lanes = Lanes::default();
        lanes.cancel(CONN);
        for job in [1, 2] {
            lanes.push(CONN, Lane::User, job).unwrap();
            lanes.push(CONN, Lane::Notification, job + 10).unwrap();
        }
        let mut turn = lanes.next(CONN, Lane::User).unwrap();
        assert!(lanes.next(CONN, Lane::Notification).unwrap().cancelled.is_none());
        assert!(turn.cancelled.as_mut().unwrap().try_recv().is_err());
        lanes.cancel(CONN);
        assert_eq!(turn.cancelled.unwrap().try_recv(), Ok(()));
        assert_eq!(next(&lanes, Lane::User), None);
        assert_eq!(next(&lanes, Lane::Notification), Some(12));
    }

    #[test]
    fn a_lane_has_a_limit() {
        let lanes = Lanes::default();
        for job in 0..1_024 {
            lanes.push(CONN, Lane::User, job).unwrap();
        }
        assert_eq!(lanes.push(CONN, Lane::User, 9), Err(9));
        assert_eq!(lanes.push(CONN, Lane::Notification, 9), Ok(true));
    }

    #[tokio::test]
    async fn idle_waits_for_the_last_job() {
        let lanes = std::sync::Arc::new(Lanes::default());
        lanes.idle().await;
        lanes.push(CONN, Lane::User, 1).unwrap();
        let waiting = tokio::spawn({
            let lanes = std::sync::Arc::clone(&lanes);
            async move { lanes.idle().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        next(&lanes, Lane::User);
        assert_eq!(next(&lanes, Lane::User), None);
        waiting.await.unwrap();
    }
}
