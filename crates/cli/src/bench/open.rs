//! Opening many connections, a few at a time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::client::Client;
use super::histogram::Histogram;
use super::poll::{Poller, Ready};
use super::target::{Opening, Target};

/// A server that does nothing for this long is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes taken by one read. Shared by all connections.
const SCRATCH_BYTES: usize = 256 << 10;

/// Clients that are waited for together; each one's token is its index.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) poller: Poller,
    pub(super) all: Vec<Client>,
    pub(super) scratch: Vec<u8>,
    pub(super) ready: Vec<Ready>,
}

/// How the opening went.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) wall: Duration,
    /// From the first packet until the connection is of use: the handshake is answered, and the server has said
    /// `connected` if it is one that does.
    pub(super) latency: Histogram,
}

impl Clients {
    /// Opens all connections, at most `concurrency` at a time.
    pub(super) fn open(
        target: &Target,
        openings: Vec<Opening>,
        concurrency: usize,
    ) -> Result<(Self, Opened)> {
        raise_file_limit(openings.len())?;
        let mut clients = Self {
            poller: Poller::new()?,
            all: Vec::with_capacity(openings.len()),
            scratch: vec![0; SCRATCH_BYTES],
            ready: Vec::new(),
        };
        let count = openings.len();
        let mut pending = vec![None; count];
        let mut latency = Histogram::new();
        let mut done = 0;
        let start = Instant::now();
        let mut openings = openings.into_iter();
        loop {
            while clients.all.len() - done < concurrency.max(1)
                && let Some(Opening { request, greeted }) = openings.next()
            {
                let token = clients.all.len();
                pending[token] = Some((Instant::now(), greeted));
                let client = Client::connect(target.at.address, request)?;
                clients.poller.add(&client, token)?;
                clients.all.push(client);
            }
            if done == count {
                return Ok((clients, Opened { wall: start.elapsed(), latency }));
            }
            clients
                .turn(PATIENCE, |token, client, messages| {
                    if let Some((begun, greeted)) = pending[token]
                        && client.is_open()
                        && (!greeted || messages > 0)
                    {
                        latency.record(begun.elapsed());
                        pending[token] = None;
                        done += 1;
                    }
                    Ok(())
                })
                .with_context(|| format!("{done} of {count} connections were made"))?;
        }
    }

    /// Waits once and serves what is ready. `after` is called for each client that could be read, with the number of
    /// messages that it got.
    pub(super) fn turn(
        &mut self,
        patience: Duration,
        mut after: impl FnMut(usize, &mut Client, usize) -> Result<()>,
    ) -> Result<()> {
        self.poller.wait(&mut self.ready, patience)?;
        if self.ready.is_empty() {
            bail!("the server did nothing for {} s", patience.as_secs());
        }
        for ready in &self.ready {
            let client = self.all.get_mut(ready.token).context("an event for no client")?;
            if ready.writable {
                client.write()?;
            }
            if ready.readable {
                let mut messages = 0;
                client.receive(&mut self.scratch, |_| messages += 1)?;
                after(ready.token, client, messages)?;
            }
        }
        Ok(())
    }

    /// Keeps connections alive for a while.
    pub(super) fn rest(&mut self, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.poller.wait(&mut self.ready, left)?;
            for ready in &self.ready {
                let client = self.all.get_mut(ready.token).context("an event for no client")?;
                if ready.writable {
                    client.write()?;
                }
                if ready.readable {
                    client.receive(&mut self.scratch, |_| {})?;
                }
            }
        }
    }
}

/// One file is open per connection, and the usual limit is 1,024.
fn raise_file_limit(connections: usize) -> Result<()> {
    let allowed = hublet_server::open_files::raise_limit();
    // The terminal, the program, epoll, and what libraries hold.
    let needed = connections as u64 + 16;
    match allowed {
        Some(allowed) if allowed < needed => {
            bail!("{connections} connections need {needed} open files, and {allowed} are allowed")
        }
        _ => Ok(()),
    }
}
