//! How much may be under way to one handler from one shard, and how much may wait. A handler that is stuck fills its own
//! gate and nobody else's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::endpoint::Endpoint;

/// Events for one handler that are under way or wait, on one shard.
const EVENTS_MAX: usize = 16_384;
/// Bytes that these carry.
const BYTES_MAX: usize = 64 << 20;

/// The gate of one handler on one shard.
#[derive(Debug)]
pub(crate) struct Gate {
    slots: Semaphore,
    events: AtomicUsize,
    bytes: AtomicUsize,
}

/// The gates of the endpoints that had events here.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<u64, Arc<Gate>>>);

/// An event that waits or is under way; it counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Gates {
    /// The gate of an endpoint.
    pub(crate) fn of(&self, endpoint: &Endpoint) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&endpoint.number) {
            return Arc::clone(gate);
        }
        // Those of endpoints that are no more go when a new one comes.
        gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        let gate = Gate::new(endpoint.handler.max_concurrency);
        gates.insert(endpoint.number, Arc::clone(&gate));
        gate
    }
}

impl Gate {
    /// With so many requests at a time.
    pub(crate) fn new(concurrency: usize) -> Arc<Self> {
        let slots = Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Arc::new(Self { slots, events: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// Takes an event in, however much waits.
    pub(crate) fn enter_always(self: &Arc<Self>) -> Ticket {
        self.events.fetch_add(1, Ordering::Relaxed);
        Ticket { gate: Arc::clone(self), bytes: 0 }
    }

    /// Takes an event with a body of so many bytes; `None`: too much waits already.
    pub(crate) fn enter(self: &Arc<Self>, bytes: usize) -> Option<Ticket> {
        let events = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Dropped at once if it is too much.
        let ticket = Ticket { gate: Arc::clone(self), bytes };
        (events <= EVENTS_MAX && total <= BYTES_MAX).then_some(ticket)
    }
}

impl Ticket {
    /// Waits for one of the handler's slots, in the order in which they are asked for. It is free again when the permit is
    /// dropped.
    pub(crate) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed, so there always is one.
        self.gate.slots.acquire().await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.gate.events.fetch_sub(1, Ordering::Relaxed);
        self.gate.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_has_limits() {
        let gate = Gate::new(1);
        let mut tickets: Vec<_> = (0..EVENTS_MAX).map(|_| gate.enter(0).unwrap()).collect();
        assert!(gate.enter(0).is_none());
        tickets.pop();
        assert!(gate.enter(0).is_some());

        let gate = Gate::new(1);
        let full = gate.enter(BYTES_MAX).unwrap();
        assert!(gate.enter(1).is_none());
        drop(full);
        assert!(gate.enter(BYTES_MAX + 1).is_none());
        assert!(gate.enter(BYTES_MAX).is_some());
    }

    #[tokio::test]
    async fn slots_are_given_back() {
        let gate = Gate::new(1);
        let (first, second) = (gate.enter(0).unwrap(), gate.enter(0).unwrap());
        let slot = first.slot().await;
        let mut waiting = std::pin::pin!(second.slot());
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there is one slot only"),
            () = std::future::ready(()) => {}
        }
        drop(slot);
        assert!(waiting.await.is_some());
    }
}
