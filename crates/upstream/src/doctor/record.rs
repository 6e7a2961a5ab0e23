//! One exchange with a handler while it goes on.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;

use crate::failure::Failure;
use crate::fault::Fault;
use crate::retry::Step;

/// How much of a body is kept.
pub(crate) const KEPT_BYTES_MAX: usize = 4 << 10;

/// See the module.
#[derive(Debug)]
pub(crate) struct Record {
    pub(super) at: SystemTime,
    pub(crate) attempts: Attempts,
    pub(crate) request: Option<Request<Full<Bytes>>>,
    pub(crate) response: Option<(StatusCode, HeaderMap, Bytes)>,
}

/// The attempts of an exchange.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(super) began: Instant,
    pub(super) list: Vec<AttemptRecord>,
}

/// One attempt, with times since the beginning of the exchange.
#[derive(Debug)]
pub(crate) struct AttemptRecord {
    pub(crate) sent: Duration,
    /// `None`: it was given up.
    pub(crate) ended: Option<(Duration, Result<StatusCode, Fault>)>,
}

impl Record {
    pub(crate) fn new() -> Self {
        let attempts = Attempts { began: Instant::now(), list: Vec::new() };
        Self { at: SystemTime::now(), attempts, request: None, response: None }
    }

    /// How long the attempt that is under way has had no answer.
    pub(crate) fn unanswered_for(&self) -> Option<Duration> {
        let last = self.attempts.list.last().filter(|attempt| attempt.ended.is_none())?;
        Some(self.attempts.began.elapsed().saturating_sub(last.sent))
    }

    /// Why the event was not handled when its time is over: between two attempts, what came of the last one.
    pub(crate) fn given_up(&mut self) -> Failure {
        let last = self.attempts.list.last().and_then(|attempt| attempt.ended.as_ref());
        match last {
            Some((_, Ok(status))) if self.response.is_none() => {
                let status = *status;
                self.response = Some((status, HeaderMap::new(), Bytes::new()));
                Failure::Status(status)
            }
            Some((_, Err(fault))) => Failure::Fault(fault.clone()),
            _ => Failure::Fault(Fault::TimedOut),
        }
    }
}

impl Attempts {
    pub(crate) fn note(&mut self, step: &Step<'_>) {
        let now = self.began.elapsed();
        let ended = match step {
            Step::Sent => return self.list.push(AttemptRecord { sent: now, ended: None }),
            Step::Answered(status) => Ok(*status),
            Step::Failed(fault) => Err((*fault).clone()),
        };
        if let Some(last) = self.list.last_mut() {
            last.ended = Some((now, ended));
        }
    }
}
