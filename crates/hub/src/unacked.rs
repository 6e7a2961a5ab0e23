//! What a reliable client has not acknowledged: references to shared messages, numbered per connection
//! (client-protocols.md §5.2, §5.3).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Millis;
use crate::publish::Publish;

/// Messages that were put into queues together. All their receivers share it.
pub(crate) type Batch = Arc<[Arc<Publish>]>;

/// Messages with numbers that follow each other.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    /// Number of the first message.
    pub(crate) first: u64,
    pub(crate) batch: Batch,
}

impl Numbered {
    /// Number of the last message.
    fn last(&self) -> u64 {
        self.first + self.batch.len() as u64 - 1
    }

    /// The messages behind a number, with their numbers.
    pub(crate) fn after(&self, acknowledged: u64) -> impl Iterator<Item = (u64, &Arc<Publish>)> {
        (self.first..).zip(self.batch.iter()).filter(move |(number, _)| *number > acknowledged)
    }
}

/// The messages that may have to be sent again. One batch costs 24 bytes, however many messages it has.
#[derive(Debug, Default)]
pub(crate) struct Unacked {
    /// Numbers of messages that have expired may be missing between them.
    batches: VecDeque<Numbered>,
    /// All messages up to this number are acknowledged.
    acknowledged: u64,
    /// Number of the last message.
    last: u64,
    messages: u64,
    bytes: usize,
}

impl Unacked {
    /// Numbers messages and keeps them. Empty batches are never made.
    pub(crate) fn push(&mut self, batch: Batch) -> Numbered {
        let numbered = Numbered { first: self.last + 1, batch };
        self.last = numbered.last();
        self.messages += numbered.batch.len() as u64;
        self.bytes += numbered.batch.iter().map(|message| cost(message)).sum::<usize>();
        self.batches.push_back(numbered.clone());
        numbered
    }

    /// What there was: all up to a number is acknowledged, and these messages are not. `None`: they are not in order.
    pub(crate) fn restore(acknowledged: u64, batches: Vec<Numbered>) -> Option<Self> {
        let mut unacked = Self { acknowledged, last: acknowledged, ..Self::default() };
        for (at, numbered) in batches.into_iter().enumerate() {
            let last = numbered.first.checked_add(numbered.batch.len() as u64)?.checked_sub(1)?;
            // The beginning of the first batch may be acknowledged.
            let follows = if at == 0 {
                numbered.first > 0 && last > acknowledged
            } else {
                numbered.first > unacked.last
            };
            if !follows || numbered.batch.is_empty() {
                return None;
            }
            unacked.last = last;
            for (_, message) in numbered.after(acknowledged) {
                unacked.messages += 1;
                unacked.bytes += cost(message);
            }
            unacked.batches.push_back(numbered);
        }
        Some(unacked)
    }

    /// Forgets all messages up to a number; one beyond the last clears all (client-protocols.md §5.2).
    pub(crate) fn acknowledge(&mut self, number: u64) {
        let number = number.min(self.last);
        while let Some(front) = self.batches.front()
            && self.acknowledged < number
        {
            for (_, message) in front.after(self.acknowledged).take_while(|(message, _)| *message <= number) {
                self.messages -= 1;
                self.bytes -= cost(message);
            }
            self.acknowledged = front.last().min(number);
            if front.last() <= number {
                self.batches.pop_front();
            }
        }
        if self.batches.is_empty() {
            self.batches.shrink_to(0);
        }
    }

    /// Forgets the messages that have expired. All others keep their numbers, and the last one stays in any case, so that
    /// numbers go on behind it.
    pub(crate) fn drop_expired(&mut self, now: Millis) {
        let (acknowledged, last) = (self.acknowledged, self.last);
        let stays = |number: u64, message: &Publish| number == last || message.is_due(now);
        for numbered in std::mem::take(&mut self.batches) {
            if numbered.after(acknowledged).all(|(number, message)| stays(number, message)) {
                self.batches.push_back(numbered);
                continue;
            }
            let mut run = Vec::new();
            for (number, message) in numbered.after(acknowledged) {
                if stays(number, message) {
                    run.push(Arc::clone(message));
                    continue;
                }
                self.messages -= 1;
                self.bytes -= cost(message);
                self.keep(number, &mut run);
            }
            self.keep(numbered.last() + 1, &mut run);
        }
    }

    /// Keeps the messages right before a number, if there are any, as a batch of their own.
    fn keep(&mut self, before: u64, run: &mut Vec<Arc<Publish>>) {
        if !run.is_empty() {
            let first = before - run.len() as u64;
            self.batches.push_back(Numbered { first, batch: std::mem::take(run).into() });
        }
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> u64 {
        self.messages
    }

    /// Bytes of their payloads.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All messages up to this number are acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What waits, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Numbered> {
        self.batches.iter()
    }
}

/// What a message counts for the limit.
fn cost(message: &Publish) -> usize {
    message.payload.bytes().len()
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::Payload;
    use proptest::prelude::*;

    use super::*;
    use crate::target::Target;

    fn batch(sizes: &[usize]) -> Batch {
        sizes.iter().map(|size| message(*size)).collect()
    }

    /// A message of an odd size expires at a time that is its size.
    fn message(size: usize) -> Arc<Publish> {
        let mut message = Publish::new("h".into(), Target::All, Payload::Binary(vec![0; size].into()));
        message.expires = (!size.is_multiple_of(2)).then_some(size as Millis);
        Arc::new(message)
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(Vec<usize>),
        Acknowledge(u64),
        Drop(Millis),
    }

    proptest! {
        /// The model keeps each message alone.
        #[test]
        fn behaves_like_a_list_of_messages(
            steps in prop::collection::vec(prop_oneof![
                prop::collection::vec(0_usize..50, 1..5).prop_map(Step::Push),
                (0_u64..40).prop_map(Step::Acknowledge),
                (0_u64..50).prop_map(Step::Drop),
            ], 0..40)
        ) {
            let (mut unacked, mut model, mut last) = (Unacked::default(), VecDeque::new(), 0);
            for step in steps {
                match step {
                    Step::Push(sizes) => {
                        let numbered = unacked.push(batch(&sizes));
                        prop_assert_eq!(numbered.first, last + 1);
                        for size in sizes {
                            last += 1;
                            model.push_back((last, size));
                        }
                    }
                    Step::Acknowledge(number) => {
                        unacked.acknowledge(number);
                        model.retain(|(message, _)| *message > number);
                    }
                    Step::Drop(now) => {
                        unacked.drop_expired(now);
                        let is_due = |size: usize| size.is_multiple_of(2) || now < size as Millis;
                        model.retain(|(message, size)| *message == last || is_due(*size));
                    }
                }
                let waiting: Vec<(u64, usize)> = unacked
                    .batches()
                    .flat_map(|batch| batch.after(unacked.acknowledged()))
                    .map(|(number, message)| (number, cost(message)))
                    .collect();
                prop_assert_eq!(&waiting, &model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(unacked.len(), model.len() as u64);
                prop_assert_eq!(unacked.bytes(), model.iter().map(|(_, size)| size).sum::<usize>());
                let batches = unacked.batches().cloned().collect();
                let restored = Unacked::restore(unacked.acknowledged(), batches).expect("they follow each other");
                prop_assert_eq!((restored.len(), restored.bytes()), (unacked.len(), unacked.bytes()));
                unacked = restored;
            }
        }
    }

    #[test]
    fn a_number_beyond_the_last_clears_all() {
        let mut unacked = Unacked::default();
        unacked.push(batch(&[1, 2, 3]));
        unacked.acknowledge(u64::MAX);
        assert_eq!((unacked.len(), unacked.bytes()), (0, 0));
        assert_eq!(unacked.push(batch(&[1])).first, 4, "numbers go on");
    }
}
