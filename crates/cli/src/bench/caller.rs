//! A connection that sends one HTTP request after the other.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::http::Answers;
use super::poll::Ready;
use super::socket::Socket;

/// The same request again and again, the next one when the one before is answered.
#[derive(Debug)]
pub(super) struct Caller {
    socket: Socket,
    request: Vec<u8>,
    /// The status that each answer must have.
    status: u16,
    answers: Answers,
    sent_at: Option<Instant>,
}

impl Caller {
    pub(super) fn new(socket: Socket, request: Vec<u8>, status: u16) -> Self {
        Self { socket, request, status, answers: Answers::default(), sent_at: None }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.sent_at.is_some()
    }

    /// Serves a socket that is ready: how long the request took that was answered now, if one was.
    pub(super) fn serve(&mut self, ready: &Ready, scratch: &mut [u8]) -> Result<Option<Duration>> {
        if ready.writable {
            self.socket.flush()?;
        }
        let now = Instant::now();
        let free = match self.sent_at {
            None => ready.writable,
            Some(_) => ready.readable && self.is_answered(scratch)?,
        };
        if !free {
            return Ok(None);
        }
        let sent_at = self.sent_at.replace(now);
        self.socket.send(&self.request)?;
        Ok(sent_at.map(|sent_at| now.saturating_duration_since(sent_at)))
    }

    /// Reads, sends nothing more, and tells whether the request under way is answered now.
    pub(super) fn finish(&mut self, scratch: &mut [u8]) -> Result<bool> {
        let is_answered = self.is_answered(scratch)?;
        if is_answered {
            self.sent_at = None;
        }
        Ok(is_answered)
    }

    fn is_answered(&mut self, scratch: &mut [u8]) -> Result<bool> {
        let count = self.socket.read(scratch)?;
        self.answers.complete(scratch.get(..count).unwrap_or_default(), self.status)
    }
}
