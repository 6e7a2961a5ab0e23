//! How far each receiver is, and when the publisher may go on.

/// Keeps at most `size` messages outstanding. A message is outstanding until the slowest receiver has it.
///
/// It never looks at all receivers: it counts how many stand at each position between the slowest and the newest
/// message, and there are only `size` + 1 of those.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    sent: u64,
    slowest: u64,
    /// Receivers at each position, as a ring.
    standing: Vec<u32>,
}

impl Window {
    /// All receivers at position 0.
    pub(super) fn new(size: u32, receivers: u32) -> Self {
        let mut standing = vec![0; size as usize + 1];
        standing[0] = receivers;
        Self { size: size.into(), sent: 0, slowest: 0, standing }
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether every receiver has everything.
    pub(super) fn is_settled(&self) -> bool {
        self.slowest == self.sent
    }

    /// How many messages to send now. It fills up only when half of the window is free, so that a large window makes
    /// batches instead of a message for each one that arrives.
    pub(super) fn refill(&mut self) -> u64 {
        let outstanding = self.sent - self.slowest;
        if outstanding > self.size / 2 {
            return 0;
        }
        let count = self.size - outstanding;
        self.sent += count;
        count
    }

    /// A receiver that had the messages before `from` now has those before `to`. False: it has more than was sent.
    #[must_use]
    pub(super) fn advance(&mut self, from: u64, to: u64) -> bool {
        if to > self.sent || from < self.slowest || from > to {
            return false;
        }
        let [from, to] = [self.index(from), self.index(to)];
        self.standing[from] -= 1;
        self.standing[to] += 1;
        while self.slowest < self.sent && self.standing[self.index(self.slowest)] == 0 {
            self.slowest += 1;
        }
        true
    }

    fn index(&self, position: u64) -> usize {
        usize::try_from(position).unwrap_or_default() % self.standing.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_one_waits_for_every_receiver() {
        let mut window = Window::new(1, 2);
        for sent in 0..5 {
            assert_eq!((window.refill(), window.refill()), (1, 0));
            assert!(window.advance(sent, sent + 1));
            assert!(!window.is_settled());
            assert_eq!(window.refill(), 0);
            assert!(window.advance(sent, sent + 1));
            assert!(window.is_settled());
        }
        assert_eq!(window.sent(), 5);
    }

    #[test]
    fn a_large_window_is_refilled_by_halves() {
        let mut window = Window::new(16, 2);
        assert_eq!(window.refill(), 16);
        assert!(window.advance(0, 16));
        assert!(window.advance(0, 7));
        assert_eq!(window.refill(), 0, "nine are outstanding");
        assert!(window.advance(7, 8));
        assert_eq!(window.refill(), 8);
        assert_eq!(window.sent(), 24);
        assert!(window.advance(8, 24));
        assert_eq!(window.refill(), 8, "the other one has had sixteen");
    }

    #[test]
    fn more_than_was_sent_is_noticed() {
        let mut window = Window::new(4, 1);
        assert_eq!(window.refill(), 4);
        assert!(!window.advance(0, 5));
        assert!(window.advance(0, 4));
        assert!(!window.advance(3, 4), "it was further already");
    }
}
