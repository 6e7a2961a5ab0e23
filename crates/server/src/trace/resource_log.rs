//! Resource logs: events as records in the form of Azure's, written by a thread of its own so that no shard waits for a
//! disk. What finds the queue full, or cannot be written, is counted and said.

mod complaints;
mod record;
mod sink;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use self::complaints::{Complaint, Complaints};
use self::record::Form;
use self::sink::Sink;
use super::event::Event;
use crate::config::{Category, ResourceLogs};

/// Records that may wait.
const QUEUE_MAX: usize = 16 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct ResourceLog {
    categories: Vec<Category>,
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Arc<Event>>,
    dropped: u64,
    ended: bool,
}

impl ResourceLog {
    /// # Errors
    /// The file cannot be opened, or there is no thread.
    pub(super) fn start(settings: &ResourceLogs) -> io::Result<Self> {
        let sink = Sink::open(&settings.output)?;
        let form = Form { resource_id: settings.resource_id.clone(), location: settings.location.clone() };
        let queue = Arc::new(Queue::default());
        let own = Arc::clone(&queue);
        let write = move || own.write(&form, sink);
        let thread = std::thread::Builder::new().name("resource-log".to_owned()).spawn(write)?;
        Ok(Self { categories: settings.categories.clone(), queue, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn wants(&self, category: Category) -> bool {
        self.categories.contains(&category)
    }

    pub(super) fn push(&self, events: Vec<Arc<Event>>) {
        self.queue.push(events, QUEUE_MAX);
    }

    /// Lets the thread write the rest and end. `None`: it was told before.
    pub(super) fn end(&self) -> Option<JoinHandle<()>> {
        self.queue.lock().ended = true;
        self.queue.filled.notify_one();
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, events: Vec<Arc<Event>>, max: usize) {
        let mut waiting = self.lock();
        for event in events {
            if waiting.events.len() < max {
                waiting.events.push_back(event);
            } else {
                waiting.dropped += 1;
            }
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Waits for events and takes all, with the number of those that were dropped. `None`: it is over.
    fn take(&self) -> Option<(VecDeque<Arc<Event>>, u64)> {
        let waiting = self.lock();
        let is_quiet = |waiting: &mut Waiting| waiting.events.is_empty() && !waiting.ended;
        let mut waiting = self.filled.wait_while(waiting, is_quiet).unwrap_or_else(PoisonError::into_inner);
        if waiting.events.is_empty() {
            return None;
        }
        Some((std::mem::take(&mut waiting.events), std::mem::take(&mut waiting.dropped)))
    }

    fn write(&self, form: &Form, mut sink: Sink) {
        let mut complaints = Complaints::default();
        while let Some((events, dropped)) = self.take() {
            let written = sink.write(events.iter().map(|event| form.line(event)));
            complaints.note(dropped, written, Instant::now()).into_iter().for_each(Complaint::tell);
        }
        complaints.rest().into_iter().for_each(Complaint::tell);
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Kind;
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let queue = Queue::default();
        let event = || Arc::new(Event::new(Kind::ConnectionStarted, 0));
        queue.push(vec![event(), event(), event()], 2);
        let (events, dropped) = queue.take().unwrap();
        assert_eq!((events.len(), dropped), (2, 1));
        queue.push(vec![event()], 2);
        queue.lock().ended = true;
        assert_eq!(queue.take().map(|(events, dropped)| (events.len(), dropped)), Some((1, 0)));
        assert!(queue.take().is_none(), "the rest is written before the end");
    }
}
