//! The ack ids that succeeded lately on one connection: a repeated one is answered `Duplicate` and not executed again.

use std::collections::VecDeque;

/// How many ids are remembered (client-protocols.md §9.4).
const IDS_MAX: usize = 1_000;

/// The last 1,000 ack ids that succeeded on one connection, on all kinds of requests together.
///
/// Clients count their requests, so the ids are kept as runs of consecutive numbers: 1, 2, 3, … costs one run. Ids in
/// any other order cost one run each, which bounds the window at 1,000 runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct AckWindow {
    /// Oldest first, and ascending within a run, so the oldest id is the first of the first run.
    runs: VecDeque<Run>,
    ids: usize,
}

/// The ids `first`, `first + 1`, … in the order of their arrival; never empty.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: u64,
    ids: u64,
}

impl Run {
    fn contains(self, id: u64) -> bool {
        // Wraps to a huge number for ids before the run.
        id.wrapping_sub(self.first) < self.ids
    }

    /// Whether `id` comes right after the run. No id comes after the largest one.
    fn is_followed_by(self, id: u64) -> bool {
        self.first.checked_add(self.ids) == Some(id)
    }
}

impl AckWindow {
    /// Whether `id` is one of the remembered ids.
    pub(crate) fn contains(&self, id: u64) -> bool {
        // From the newest: a client repeats what it sent last.
        self.runs.iter().rev().any(|run| run.contains(id))
    }

    /// Remembers `id`, and forgets the oldest id when there are more than 1,000. A remembered id keeps its age.
    pub(crate) fn insert(&mut self, id: u64) {
        if self.contains(id) {
            return;
        }
        match self.runs.back_mut() {
            Some(run) if run.is_followed_by(id) => run.ids += 1,
            _ => self.runs.push_back(Run { first: id, ids: 1 }),
        }
        self.ids += 1;
        if self.ids > IDS_MAX {
            self.forget_oldest();
        }
    }

    /// Whether no id is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Runs of ids, the oldest first: the first id of each, and how many there are.
    pub(crate) fn runs(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.runs.iter().map(|run| (run.first, run.ids))
    }

    /// A window with these runs; `None`: no window has them.
    pub(crate) fn restore(runs: Vec<(u64, u64)>) -> Option<Self> {
        let mut window = Self::default();
        for (first, ids) in runs {
            first.checked_add(ids.checked_sub(1)?)?;
            window.ids = window.ids.checked_add(usize::try_from(ids).ok()?).filter(|ids| *ids <= IDS_MAX)?;
            window.runs.push_back(Run { first, ids });
        }
        Some(window)
    }

    fn forget_oldest(&mut self) {
        let Some(run) = self.runs.front_mut() else { return };
        self.ids -= 1;
        if run.ids == 1 {
            self.runs.pop_front();
        } else {
            run.first += 1;
            run.ids -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn of(ids: impl IntoIterator<Item = u64>) -> AckWindow {
        let mut window = AckWindow::default();
        ids.into_iter().for_each(|id| window.insert(id));
        window
    }

    #[test]
    fn an_id_is_known_once_it_succeeded() {
        let window = of([5]);
        assert!(window.contains(5));
        assert!(!window.contains(4) && !window.contains(6) && !window.contains(0));
        assert!(!AckWindow::default().contains(0));
    }

    #[test]
    fn the_first_id_is_forgotten_after_1000_others() {
        assert!(of(1..=1_000).contains(1));
        let window = of(1..=1_001);
        assert!(!window.contains(1) && window.contains(2) && window.contains(1_001));
    }

    #[test]
    fn counting_ids_cost_one_run() {
        assert_eq!(of(1..=100_000).runs.len(), 1);
        assert_eq!(of((0..5_000).map(|n| n * 2)).runs.len(), IDS_MAX);
    }

    #[test]
    fn the_ends_of_the_number_range() {
        let window = of([u64::MAX - 1, u64::MAX, 0, 1]);
        for id in [u64::MAX - 1, u64::MAX, 0, 1] {
            assert!(window.contains(id), "{id}");
        }
        assert!(!window.contains(2) && !window.contains(u64::MAX - 2));
        // Zero does not continue the run that ends at the largest id.
        assert_eq!(window.runs.len(), 2);
    }

    /// What the window stands for.
    #[derive(Default)]
    struct Model {
        order: VecDeque<u64>,
        known: HashSet<u64>,
    }

    impl Model {
        fn insert(&mut self, id: u64) {
            if self.known.insert(id) {
                self.order.push_back(id);
            }
            if self.order.len() > IDS_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    /// Counting up from anywhere, counting down, and repeats within a small range.
    fn ids() -> impl Strategy<Value = Vec<u64>> {
        let piece = prop_oneof![
            (any::<u64>(), 1_u64..600).prop_map(|(first, n)| (0..n).map(|i| first.wrapping_add(i)).collect()),
            (0_u64..3_000, 1_u64..600).prop_map(|(first, n)| (0..n).map(|i| first + i).collect()),
            (0_u64..3_000, 1_u64..600)
                .prop_map(|(last, n)| (0..n).rev().map(|i| last + i).collect::<Vec<_>>()),
            prop::collection::vec(0_u64..2_000, 1..600),
        ];
        prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn agrees_with_the_model(ids in ids()) {
            let (mut window, mut model) = (AckWindow::default(), Model::default());
            for id in &ids {
                prop_assert_eq!(window.contains(*id), model.known.contains(id), "before {}", id);
                window.insert(*id);
                model.insert(*id);
                prop_assert_eq!(window.ids, model.order.len());
                prop_assert!(window.runs.len() <= window.ids);
            }
            window = AckWindow::restore(window.runs().collect()).expect("runs of a window");
            for id in ids.iter().chain(&[0, 1, u64::MAX]) {
                prop_assert_eq!(window.contains(*id), model.known.contains(id), "at the end, {}", id);
            }
        }
    }
}
