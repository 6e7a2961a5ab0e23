//! Events of simple clients that an event handler answers, and the same requests sent to the handler directly: the
//! difference is what the way through the service costs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hublet_client::codec::{Opcode, encode_masked};

use super::caller::Caller;
use super::client::MASK;
use super::histogram::Histogram;
use super::http;
use super::open::{Clients, PATIENCE};
use super::poll::{Poller, Ready};
use super::process::Clocks;
use super::report::{self, Row};
use super::schedule::ScheduleArgs;
use super::socket::Socket;
use super::stamp;
use super::target::{MeasuredArgs, Place, Profile};

/// Connections that are being made at the same time.
const CONCURRENCY: usize = 32;
/// Bytes taken by one read of answers.
const SCRATCH_BYTES: usize = 64 << 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    service: MeasuredArgs,
    /// Clients, each with one event under way; the hub's event handler must send each text back
    #[arg(long, default_value_t = 64, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Send the requests to the event handler at this URL (http://…) instead, without the service
    #[arg(long, value_name = "URL")]
    direct: Option<String>,
    /// Bytes of an event
    #[arg(long, default_value_t = 128, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(16..=60_000))]
    payload: u32,
    #[command(flatten)]
    schedule: ScheduleArgs,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let process = args.service.process();
    let mut load = match &args.direct {
        Some(url) => Load::Direct(Direct::new(url, args)?),
        None => Load::Service(Service::new(args)?),
    };
    let mut rows = Vec::new();
    for round in args.schedule.rounds() {
        load.until(args.schedule.end_of_warm_up()?)?;
        load.counts().latency.clear();
        let (clocks, answered) = (Clocks::now(process)?, load.counts().answered);
        load.until(args.schedule.end_of_measurement()?)?;
        let elapsed = clocks.until(Clocks::now(process)?);
        let counts = load.counts();
        let row = Row::default()
            .with("mode", "events")
            .with("way", if args.direct.is_some() { "direct" } else { "service" })
            .with("round", round)
            .with("connections", args.connections)
            .with("payload_bytes", args.payload)
            .rates(
                ["events_per_s", "events_per_cpu_s", "cpu_us_per_event"],
                counts.answered - answered,
                &elapsed,
            )
            .latency(&counts.latency)
            .busy(&elapsed);
        rows.push(row);
    }
    report::print(&rows, args.service.json())
}

#[derive(Debug)]
struct Counts {
    latency: Histogram,
    answered: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self { latency: Histogram::new(), answered: 0 }
    }
}

#[derive(Debug)]
enum Load {
    Service(Service),
    Direct(Direct),
}

impl Load {
    fn counts(&mut self) -> &mut Counts {
        match self {
            Self::Service(service) => &mut service.counts,
            Self::Direct(direct) => &mut direct.counts,
        }
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        match self {
            Self::Service(service) => service.until(end),
            Self::Direct(direct) => direct.until(end),
        }
    }
}

/// Simple clients of the service.
#[derive(Debug)]
struct Service {
    clients: Clients,
    payload: Vec<u8>,
    epoch: Instant,
    counts: Counts,
}

impl Service {
    fn new(args: &Args) -> Result<Self> {
        let target = args.service.target()?;
        let openings = (0..args.connections).map(|_| target.opening(&Profile::default()));
        let (clients, _) = Clients::open(&target, openings.collect::<Result<Vec<_>>>()?, CONCURRENCY)?;
        let payload = stamp::payload(args.payload as usize).into_bytes();
        let mut service = Self { clients, payload, epoch: Instant::now(), counts: Counts::default() };
        for token in 0..args.connections as usize {
            service.send(token)?;
        }
        Ok(service)
    }

    fn send(&mut self, token: usize) -> Result<()> {
        stamp::write(&mut self.payload, now_ns(self.epoch));
        let mut frame = Vec::new();
        encode_masked(Opcode::Text, &self.payload, MASK, &mut frame);
        self.clients.all.get_mut(token).context("an event for no client")?.send_frames(&frame)
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        while Instant::now() < end {
            self.clients.poller.wait(&mut self.clients.ready, PATIENCE)?;
            if self.clients.ready.is_empty() {
                bail!("no event was answered for {} s", PATIENCE.as_secs());
            }
            for index in 0..self.clients.ready.len() {
                let Some(ready) = self.clients.ready.get(index).copied() else { break };
                let client = self.clients.all.get_mut(ready.token).context("an event for no client")?;
                if ready.writable {
                    client.write()?;
                }
                if !ready.readable {
                    continue;
                }
                let (mut answers, now) = (0, now_ns(self.epoch));
                let latency = &mut self.counts.latency;
                client.receive(&mut self.clients.scratch, |message| {
                    if let Some(sent) = stamp::read(message) {
                        latency.record(Duration::from_nanos(now.saturating_sub(sent)));
                        answers += 1;
                    }
                })?;
                self.counts.answered += answers;
                if answers > 0 {
                    self.send(ready.token)?;
                }
            }
        }
        Ok(())
    }
}

fn now_ns(epoch: Instant) -> u64 {
    u64::try_from(epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Connections to the event handler itself.
#[derive(Debug)]
struct Direct {
    callers: Vec<Caller>,
    poller: Poller,
    ready: Vec<Ready>,
    scratch: Vec<u8>,
    counts: Counts,
}

impl Direct {
    fn new(url: &str, args: &Args) -> Result<Self> {
        let at = Place::of_http(url)?;
        let request = http::event(url, &at.host, &args.service.hub, &stamp::payload(args.payload as usize))?;
        let poller = Poller::new()?;
        let mut callers = Vec::new();
        for token in 0..args.connections as usize {
            let socket = Socket::connect(at.address)?;
            poller.add(&socket, token)?;
            callers.push(Caller::new(socket, request.clone(), 200));
        }
        let scratch = vec![0; SCRATCH_BYTES];
        Ok(Self { callers, poller, ready: Vec::new(), scratch, counts: Counts::default() })
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        while Instant::now() < end {
            self.poller.wait(&mut self.ready, PATIENCE)?;
            if self.ready.is_empty() {
                bail!("no answer for {} s", PATIENCE.as_secs());
            }
            for ready in &self.ready {
                let caller = self.callers.get_mut(ready.token).context("an event for no connection")?;
                if let Some(latency) = caller.serve(ready, &mut self.scratch)? {
                    self.counts.latency.record(latency);
                    self.counts.answered += 1;
                }
            }
        }
        Ok(())
    }
}
