//! What the service's log is told of records that are missing: how many, why, and not too often.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sink::Lost;

/// How often it is said at most that records came too fast.
const CROWDED_PERIOD: Duration = Duration::from_secs(10);
/// How often it is said at most that records cannot be written, while that lasts.
const FAILING_PERIOD: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    /// Records that found the queue full, since that was said last.
    crowded: u64,
    crowded_told: Option<Instant>,
    /// `None`: records can be written.
    failing: Option<Failing>,
}

#[derive(Debug)]
struct Failing {
    cause: Arc<str>,
    told: Instant,
    /// Records lost since that was said last.
    lost: u64,
    /// And all of them.
    lost_in_all: u64,
}

/// Something to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// The queue was full.
    Crowded(u64),
    /// Records cannot be written.
    Failing { cause: Arc<str>, lost: u64 },
    /// They can again; with all that were lost meanwhile.
    Recovered(u64),
}

impl Complaints {
    /// Takes what came of one write, and how many records found the queue full before it.
    pub(super) fn note(&mut self, crowded: u64, written: Result<(), Lost>, now: Instant) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        self.crowded += crowded;
        let is_due = |told: Instant, period| now.saturating_duration_since(told) >= period;
        if self.crowded > 0 && self.crowded_told.is_none_or(|told| is_due(told, CROWDED_PERIOD)) {
            self.crowded_told = Some(now);
            complaints.push(Complaint::Crowded(std::mem::take(&mut self.crowded)));
        }
        match (written, &mut self.failing) {
            (Ok(()), failing) => {
                complaints.extend(failing.take().map(|failing| Complaint::Recovered(failing.lost_in_all)));
            }
            (Err(Lost { lines, error }), None) => {
                let cause: Arc<str> = error.to_string().into();
                complaints.push(Complaint::Failing { cause: Arc::clone(&cause), lost: lines });
                self.failing = Some(Failing { cause, told: now, lost: 0, lost_in_all: lines });
            }
            (Err(Lost { lines, error }), Some(failing)) => {
                failing.lost += lines;
                failing.lost_in_all += lines;
                failing.cause = error.to_string().into();
                if is_due(failing.told, FAILING_PERIOD) {
                    failing.told = now;
                    complaints.push(failing.complaint());
                }
            }
        }
        complaints
    }

    /// What was not said yet: nothing more comes.
    pub(super) fn rest(self) -> Vec<Complaint> {
        let crowded = (self.crowded > 0).then_some(Complaint::Crowded(self.crowded));
        let failing = self.failing.filter(|failing| failing.lost > 0);
        crowded.into_iter().chain(failing.map(|mut failing| failing.complaint())).collect()
    }
}

impl Failing {
    fn complaint(&mut self) -> Complaint {
        Complaint::Failing { cause: Arc::clone(&self.cause), lost: std::mem::take(&mut self.lost) }
    }
}

impl Complaint {
    pub(super) fn tell(self) {
        match self {
            Self::Crowded(lost) => tracing::warn!(
                lost,
                "resource logs come faster than they can be written; choose fewer resource_logs.categories"
            ),
            Self::Failing { cause, lost } => tracing::warn!(
                error = %cause,
                lost,
                "resource logs cannot be written; check the disk and resource_logs.file"
            ),
            Self::Recovered(lost) => tracing::info!(lost, "resource logs can be written again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn full(lines: u64) -> Result<(), Lost> {
        Err(Lost { lines, error: io::Error::other("the disk is full") })
    }

    fn failing(lost: u64) -> Complaint {
        Complaint::Failing { cause: "the disk is full".into(), lost }
    }

    #[test]
    fn failures_are_told_at_once_then_each_minute_and_when_they_are_over() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(complaints.note(0, Ok(()), at(0)), []);
        assert_eq!(complaints.note(0, full(3), at(1)), [failing(3)]);
        assert_eq!(complaints.note(0, full(4), at(30)), []);
        assert_eq!(complaints.note(0, full(5), at(61)), [failing(9)]);
        assert_eq!(complaints.note(0, full(1), at(62)), []);
        assert_eq!(complaints.note(0, Ok(()), at(63)), [Complaint::Recovered(13)]);
        assert_eq!(complaints.note(0, Ok(()), at(200)), []);
        assert_eq!(complaints.note(0, full(1), at(201)), [failing(1)]);
        complaints.note(0, full(2), at(202));
        assert_eq!(complaints.rest(), [failing(2)]);
    }

    #[test]
    fn a_full_queue_is_another_cause() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(complaints.note(7, Ok(()), at(0)), [Complaint::Crowded(7)]);
        assert_eq!(complaints.note(1, full(2), at(9)), [failing(2)]);
        assert_eq!(complaints.note(1, full(2), at(10)), [Complaint::Crowded(2)]);
        complaints.note(5, Ok(()), at(11));
        assert_eq!(complaints.rest(), [Complaint::Crowded(5)]);
    }
}
