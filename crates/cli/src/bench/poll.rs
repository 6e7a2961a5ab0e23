//! Waiting for many sockets: one epoll instance, edge-triggered, so that a socket is registered once and never again.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::{AsFd, OwnedFd};

/// Events taken per call.
const EVENTS_MAX: usize = 1_024;

/// A socket that can be read or written again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    /// What it was registered with.
    pub(super) token: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
}

pub(super) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

impl Poller {
    pub(super) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("cannot wait for sockets")?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    pub(super) fn add(&self, socket: impl AsFd, token: usize) -> Result<()> {
        use epoll::EventFlags;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        epoll::add(&self.epoll, socket, epoll::EventData::new_u64(token as u64), flags)
            .context("cannot wait for a socket")
    }

    /// Replaces the content of `ready` by the sockets that became ready. Nothing for `timeout`: it stays empty.
    pub(super) fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Duration) -> Result<()> {
        use epoll::EventFlags;
        ready.clear();
        self.events.clear();
        let timeout = Timespec::try_from(timeout).context("the time to wait is too long")?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => bail!("cannot wait for sockets: {error}"),
        }
        for event in &self.events {
            let flags = event.flags;
            // A hang-up and an error show when the socket is read.
            let readable = flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR);
            let token = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
            ready.push(Ready { token, readable, writable: flags.contains(EventFlags::OUT) });
        }
        Ok(())
    }
}
