//! REST requests per second: messages to single users or small groups, over connections that are kept open.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use hublet_client::pubsub::Protocol;

use super::caller::Caller;
use super::histogram::Histogram;
use super::http;
use super::open::{Clients, PATIENCE};
use super::poll::{Poller, Ready};
use super::process::Clocks;
use super::report::{self, Row};
use super::schedule::ScheduleArgs;
use super::socket::Socket;
use super::stamp;
use super::target::{MeasuredArgs, Profile};

/// Clients that are being connected at the same time.
const CONCURRENCY: usize = 16;
/// Bytes taken by one read of answers.
const SCRATCH_BYTES: usize = 64 << 10;

/// Whom the messages are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// A user with one connection
    User,
    /// A group of ten
    Group,
    /// A user who is not connected
    Nobody,
}

impl To {
    /// Clients that get each message.
    fn receivers(self) -> u64 {
        match self {
            Self::User => 1,
            Self::Group => 10,
            Self::Nobody => 0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Nobody => "nobody",
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    service: MeasuredArgs,
    /// Whom the messages are for; each connection sends to one of its own
    #[arg(long, default_value = "user", value_name = "WHOM")]
    target: To,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 16, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Bytes of a message
    #[arg(long, default_value_t = 128, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    payload: u32,
    #[command(flatten)]
    schedule: ScheduleArgs,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let process = args.service.process();
    let mut load = Load::new(args)?;
    let mut rows = Vec::new();
    for round in args.schedule.rounds() {
        load.until(args.schedule.end_of_warm_up()?)?;
        load.latency.clear();
        let (clocks, answered) = (Clocks::now(process)?, load.answered);
        load.until(args.schedule.end_of_measurement()?)?;
        let elapsed = clocks.until(Clocks::now(process)?);
        let row = Row::default()
            .with("mode", "rest")
            .with("target", args.target.name())
            .with("round", round)
            .with("connections", args.connections)
            .with("payload_bytes", args.payload)
            .rates(
                ["requests_per_s", "requests_per_cpu_s", "cpu_us_per_request"],
                load.answered - answered,
                &elapsed,
            )
            .latency(&load.latency)
            .busy(&elapsed);
        rows.push(row);
    }
    load.drain()?;
    report::print(&rows, args.service.json())
}

#[derive(Debug)]
struct Load {
    callers: Vec<Caller>,
    poller: Poller,
    ready: Vec<Ready>,
    scratch: Vec<u8>,
    /// Those who get the messages, and how many of them get each.
    online: Clients,
    receivers: u64,
    latency: Histogram,
    answered: u64,
    delivered: u64,
}

impl Load {
    fn new(args: &Args) -> Result<Self> {
        let target = args.service.target()?;
        let service = args.service.connection_string()?;
        let names: Vec<String> = (0..args.connections).map(|number| format!("bench-{number}")).collect();
        let openings = names.iter().flat_map(|name| (0..args.target.receivers()).map(move |_| name));
        let openings = openings.map(|name| {
            let groups = std::slice::from_ref(name);
            target.opening(&match args.target {
                To::Group => Profile { protocol: Some(Protocol::Json), groups, ..Profile::default() },
                _ => Profile { protocol: Some(Protocol::Json), user: Some(name), ..Profile::default() },
            })
        });
        let openings = openings.collect::<Result<Vec<_>>>()?;
        let (online, _) = Clients::open(&target, openings, CONCURRENCY)?;

        let poller = Poller::new()?;
        let body = stamp::payload(args.payload as usize);
        let mut callers = Vec::new();
        let kind = if args.target == To::Group { "groups" } else { "users" };
        for (token, name) in names.iter().enumerate() {
            let path = format!("/api/hubs/{}/{kind}/{name}/:send?api-version=2024-12-01", args.service.hub);
            let url = format!("{}{path}", service.endpoint());
            let request = http::post_text(&url, &target.at.host, &service.rest_token(&url), &body)?;
            let socket = Socket::connect(target.at.address)?;
            poller.add(&socket, token)?;
            callers.push(Caller::new(socket, request, 202));
        }
        Ok(Self {
            callers,
            poller,
            ready: Vec::new(),
            scratch: vec![0; SCRATCH_BYTES],
            online,
            receivers: args.target.receivers(),
            latency: Histogram::new(),
            answered: 0,
            delivered: 0,
        })
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
                    self.latency.record(latency);
                    self.answered += 1;
                }
            }
            // Seldom enough to cost little: a message is read in any case, and many at once.
            self.take_messages()?;
        }
        Ok(())
    }

    fn take_messages(&mut self) -> Result<()> {
        let Clients { poller, all, scratch, ready } = &mut self.online;
        poller.wait(ready, Duration::ZERO)?;
        for ready in ready.iter().filter(|ready| ready.readable) {
            let client = all.get_mut(ready.token).context("an event for no client")?;
            client.receive(scratch, |_| self.delivered += 1)?;
        }
        Ok(())
    }

    /// Waits for what is under way, and checks that each accepted message arrived.
    fn drain(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.callers.iter().any(Caller::is_waiting) || self.delivered < self.answered * self.receivers {
            if Instant::now() > deadline {
                let Self { answered, delivered, receivers, .. } = self;
                bail!(
                    "{answered} messages for {receivers} clients each were accepted, and {delivered} arrived"
                );
            }
            self.poller.wait(&mut self.ready, Duration::from_millis(10))?;
            for ready in self.ready.iter().filter(|ready| ready.readable) {
                let caller = self.callers.get_mut(ready.token).context("an event for no connection")?;
                if caller.finish(&mut self.scratch)? {
                    self.answered += 1;
                }
            }
            self.take_messages()?;
        }
        Ok(())
    }
}
