//! The order of a connection's events: user events one after another, notifications one after another beside them, and
//! `disconnected` behind everything else. A connection with nothing under way has no lane.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hublet_wire::id::ConnId;
use tokio::sync::{Notify, oneshot};

/// Events of one connection that may wait in one lane.
const WAITING_MAX: usize = 1_024;
/// Connections for whose lanes there always is room.
const KEPT_LANES: usize = 1_024;

/// Whose lanes they are: a connection's, or those of one of its invocations, by the number of the event, which has no
/// order with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    conn: ConnId,
    invocation: Option<u64>,
}

impl Owner {
    /// The connection itself.
    pub(crate) fn connection(conn: ConnId) -> Self {
        Self { conn, invocation: None }
    }

    /// One of its invocations.
    pub(crate) fn invocation(conn: ConnId, event: u64) -> Self {
        Self { conn, invocation: Some(event) }
    }
}

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
    lanes: Mutex<HashMap<Owner, Pair<T>>>,
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

    fn turn(&mut self, lane: Lane, job: T) -> Turn<T> {
        let cancelled = (lane == Lane::User).then(|| {
            let (cancel, cancelled) = oneshot::channel();
            self.cancel = Some(cancel);
            cancelled
        });
        Turn { job, cancelled }
    }
}

impl<T> Lanes<T> {
    /// Puts a job at the end of a lane. A lane that did not run does so from now on: whoever gets the job does it, and asks
    /// for more until there is none, see [`Lanes::next`].
    ///
    /// # Errors
    /// The lane is full: the job is given back.
    pub(crate) fn push(&self, owner: Owner, lane: Lane, job: T) -> Result<Option<Turn<T>>, T> {
        let mut lanes = self.lock();
        let pair = lanes.entry(owner).or_default();
        let queue = pair.queue(lane);
        if !std::mem::replace(&mut queue.runs, true) {
            return Ok(Some(pair.turn(lane, job)));
        }
        if queue.waiting.len() >= WAITING_MAX {
            return Err(job);
        }
        queue.waiting.push_back(job);
        Ok(None)
    }

    /// Puts a job behind all others of the connection. If there are none, it is given back, to be done in the lane of
    /// notifications as by [`Lanes::push`].
    pub(crate) fn push_last(&self, owner: Owner, job: T) -> Option<Turn<T>> {
        let mut lanes = self.lock();
        let pair = lanes.entry(owner).or_default();
        if pair.is_idle() {
            pair.notifications.runs = true;
            return Some(Turn { job, cancelled: None });
        }
        pair.last = Some(job);
        None
    }

    /// Whether nothing of the connection is under way.
    pub(crate) fn is_idle(&self, owner: Owner) -> bool {
        !self.lock().contains_key(&owner)
    }

    /// The next job of a lane for whoever runs it; `None`: the lane does not run any longer.
    pub(crate) fn next(&self, owner: Owner, lane: Lane) -> Option<Turn<T>> {
        let mut lanes = self.lock();
        let Entry::Occupied(mut entry) = lanes.entry(owner) else { return None };
        let pair = entry.get_mut();
        if lane == Lane::User {
            pair.cancel = None;
        }
        if let Some(job) = pair.queue(lane).waiting.pop_front() {
            return Some(pair.turn(lane, job));
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
            // What a burst needed is given back.
            lanes.shrink_to(KEPT_LANES);
            self.empty.notify_waiters();
        }
        None
    }

    /// Drops the user events of a connection that wait, and has the one under way given up.
    pub(crate) fn cancel(&self, owner: Owner) {
        let dropped = match self.lock().get_mut(&owner) {
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

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, Pair<T>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: Owner =
        Owner { conn: ConnId { nonce: [0; 11], shard: 0, slot: 0, node: 1 }, invocation: None };

    fn next(lanes: &Lanes<u32>, lane: Lane) -> Option<u32> {
        lanes.next(CONN, lane).map(|turn| turn.job)
    }

    /// What is to be done at once.
    fn push(lanes: &Lanes<u32>, lane: Lane, job: u32) -> Option<u32> {
        lanes.push(CONN, lane, job).unwrap().map(|turn| turn.job)
    }

    fn push_last(lanes: &Lanes<u32>, job: u32) -> Option<u32> {
        lanes.push_last(CONN, job).map(|turn| turn.job)
    }

    #[test]
    fn each_lane_has_its_order() {
        let lanes = Lanes::default();
        assert_eq!(push(&lanes, Lane::Notification, 1), Some(1));
        assert_eq!(push(&lanes, Lane::User, 2), Some(2));
        assert_eq!(push(&lanes, Lane::User, 3), None);
        assert_eq!(push_last(&lanes, 9), None);
        assert_eq!(push(&lanes, Lane::Notification, 4), None);
        assert_eq!(next(&lanes, Lane::User), Some(3));
        assert_eq!(next(&lanes, Lane::User), None, "a notification is under way, so the last one is not due");
        assert_eq!(next(&lanes, Lane::Notification), Some(4));
        assert_eq!(next(&lanes, Lane::Notification), Some(9));
        assert_eq!(next(&lanes, Lane::Notification), None);
        assert!(lanes.is_idle(CONN) && lanes.lock().is_empty());
    }

    #[test]
    fn the_last_one_waits_for_user_events_too() {
        let lanes = Lanes::default();
        assert_eq!(push(&lanes, Lane::User, 1), Some(1));
        assert_eq!(push_last(&lanes, 9), None);
        let last = lanes.next(CONN, Lane::User).unwrap();
        assert!(last.job == 9 && last.cancelled.is_none());
        assert_eq!(next(&lanes, Lane::User), None);
        assert_eq!(push_last(&lanes, 9), Some(9));
        assert_eq!(next(&lanes, Lane::Notification), None);
        assert!(lanes.lock().is_empty());
    }

    #[test]
    fn a_cancel_reaches_user_events_only() {
        let lanes = Lanes::default();
        lanes.cancel(CONN);
        let mut turn = lanes.push(CONN, Lane::User, 1).unwrap().unwrap();
        assert_eq!(push(&lanes, Lane::User, 2), None);
        assert!(lanes.push(CONN, Lane::Notification, 11).unwrap().unwrap().cancelled.is_none());
        assert_eq!(push(&lanes, Lane::Notification, 12), None);
        assert!(turn.cancelled.as_mut().unwrap().try_recv().is_err());
        lanes.cancel(CONN);
        assert_eq!(turn.cancelled.unwrap().try_recv(), Ok(()));
        assert_eq!(next(&lanes, Lane::User), None);
        assert_eq!(next(&lanes, Lane::Notification), Some(12));
    }

    #[test]
    fn a_lane_has_a_limit() {
        let lanes = Lanes::default();
        assert_eq!(push(&lanes, Lane::User, 0), Some(0));
        for job in 0..1_024 {
            assert_eq!(push(&lanes, Lane::User, job), None);
        }
        assert_eq!(lanes.push(CONN, Lane::User, 9).unwrap_err(), 9);
        assert_eq!(push(&lanes, Lane::Notification, 9), Some(9));
    }

    #[tokio::test]
    async fn idle_waits_for_the_last_job() {
        let lanes = std::sync::Arc::new(Lanes::default());
        lanes.idle().await;
        assert_eq!(push(&lanes, Lane::User, 1), Some(1));
        let waiting = tokio::spawn({
            let lanes = std::sync::Arc::clone(&lanes);
            async move { lanes.idle().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(next(&lanes, Lane::User), None);
        waiting.await.unwrap();
    }
}
