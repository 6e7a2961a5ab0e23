//! The receiving end of events.

use tokio::sync::mpsc;

use super::event::Event;

/// What happens to a client, in its order.
///
/// # Backpressure
/// Nothing is thrown away. When [`Builder::events_max`](crate::Builder::events_max) events wait, the client reads its
/// socket no further until one is taken, so neither do answers to requests come: a program should take events in one
/// task and wait for requests in others. A program that does not take them at all drops `Events`; then they are thrown
/// away, and requests work.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Event>);

impl Events {
    pub(super) fn new(events: mpsc::Receiver<Event>) -> Self {
        Self(events)
    }

    /// The next event; `None` after [`Event::Stopped`]. Cancel-safe: nothing is lost with a dropped future.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok()
    }
}
