//! What handles ask for, on its way to the client's task: in the order in which it was asked for.
//!
//! A bounded channel would not keep that order. When it is full, it gives the next free place to a caller who still has
//! to be woken, and whoever comes in the meantime finds another free place and goes first. Here everybody has a place
//! from the first moment, and gives it up with the future that waits: so there are as many places as callers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::driver::Order;
use crate::error::Error;

/// Makes both ends.
pub(super) fn queue() -> (Callers, Waiting) {
    let (bell, rings) = mpsc::channel(1);
    let shared = Arc::new(Shared::default());
    (Callers { shared: Arc::clone(&shared), bell }, Waiting { shared, rings })
}

#[derive(Debug, Default)]
struct Shared(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// By number, which is the order.
    orders: BTreeMap<u64, Order>,
    last: u64,
    /// Nobody is let in any more.
    is_stopped: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the handles. A clone is the end of another one.
#[derive(Debug, Clone)]
pub(super) struct Callers {
    shared: Arc<Shared>,
    /// One ring is enough for any number of callers. It also tells each end whether the other one is there.
    bell: mpsc::Sender<()>,
}

impl Callers {
    /// Takes the next place.
    ///
    /// # Errors
    /// The client has stopped.
    pub(super) fn enter(&self, order: Order) -> Result<Place<'_>, Error> {
        let mut places = self.shared.lock();
        if places.is_stopped {
            return Err(Error::Stopped);
        }
        places.last += 1;
        let number = places.last;
        places.orders.insert(number, order);
        drop(places);
        self.ring();
        Ok(Place { shared: &self.shared, number })
    }

    /// Lets nobody in any more, and waits until the client has stopped.
    pub(super) async fn stop(&self) {
        self.shared.lock().is_stopped = true;
        self.ring();
        self.bell.closed().await;
    }

    fn ring(&self) {
        // A ring that was not heard yet is as good; after the end nobody hears it.
        let _ = self.bell.try_send(());
    }
}

/// The place of a caller: dropped with it, so that what nobody waits for is not begun.
pub(super) struct Place<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Mostly it was taken long ago. It is dropped when the lock is free again.
        let order = self.shared.lock().orders.remove(&self.number);
        drop(order);
    }
}

/// The end of the client's task.
#[derive(Debug)]
pub(super) struct Waiting {
    shared: Arc<Shared>,
    rings: mpsc::Receiver<()>,
}

impl Waiting {
    /// Whoever is next; `None` when the client is to stop, or when no handle is left. Cancel-safe.
    ///
    /// With `is_full` nobody is, but that the client is to stop is told all the same.
    pub(super) async fn next(&mut self, is_full: bool) -> Option<Order> {
        loop {
            {
                let mut places = self.shared.lock();
                if !is_full && let Some((_, order)) = places.orders.pop_first() {
                    return Some(order);
                }
                if places.is_stopped {
                    return None;
                }
            }
            self.rings.recv().await?;
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut places = self.shared.lock();
        places.is_stopped = true;
        let orders = std::mem::take(&mut places.orders);
        drop(places);
        // Their callers learn that nothing comes of it.
        drop(orders);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    /// An order that can be told from others.
    fn order(number: u64) -> Order {
        Order::Cut { away: Duration::from_secs(number), done: oneshot::channel().0 }
    }

    fn number(order: Option<Order>) -> Option<u64> {
        match order {
            Some(Order::Cut { away, .. }) => Some(away.as_secs()),
            _ => None,
        }
    }

    async fn is_idle(waiting: &mut Waiting, is_full: bool) -> bool {
        tokio::select! {
            biased;
            _ = waiting.next(is_full) => false,
            () = tokio::task::yield_now() => true,
        }
    }

    #[tokio::test]
    async fn the_order_is_that_of_the_calls_and_who_leaves_is_left_out() {
        let (callers, mut waiting) = queue();
        assert!(is_idle(&mut waiting, false).await);
        let other = callers.clone();
        let _first = callers.enter(order(1)).unwrap();
        let second = other.enter(order(2)).unwrap();
        let _third = callers.enter(order(3)).unwrap();
        assert_eq!(number(waiting.next(false).await), Some(1));
        drop(second);
        assert!(is_idle(&mut waiting, true).await, "nobody is next when the client is full");
        assert_eq!(number(waiting.next(false).await), Some(3));
        assert!(is_idle(&mut waiting, false).await);
        let _fourth = callers.enter(order(4)).unwrap();
        assert_eq!(number(waiting.next(false).await), Some(4));
    }

    #[tokio::test]
    async fn a_stop_is_heard_by_a_full_client_and_comes_behind_the_calls_otherwise() {
        for is_full in [true, false] {
            let (callers, mut waiting) = queue();
            let place = callers.enter(order(1)).unwrap();
            let stopping = callers.clone();
            let stopping = tokio::spawn(async move { stopping.stop().await });
            tokio::task::yield_now().await;
            assert!(matches!(callers.enter(order(2)), Err(Error::Stopped)));
            if !is_full {
                assert_eq!(number(waiting.next(is_full).await), Some(1));
            }
            assert_eq!(number(waiting.next(is_full).await), None);
            drop(place);
            assert!(!stopping.is_finished(), "it waits for the end of the task");
            drop(waiting);
            stopping.await.unwrap();
        }
    }

    #[tokio::test]
    async fn both_ends_learn_that_the_other_one_is_gone() {
        let (callers, mut waiting) = queue();
        drop(callers.clone());
        assert!(is_idle(&mut waiting, true).await, "a handle is left");
        drop(callers);
        assert_eq!(number(waiting.next(true).await), None);

        let (callers, waiting) = queue();
        let (done, is_done) = oneshot::channel();
        let _place = callers.enter(Order::Cut { away: Duration::ZERO, done }).unwrap();
        drop(waiting);
        assert!(is_done.await.is_err());
        assert!(matches!(callers.enter(order(1)), Err(Error::Stopped)));
    }
}
