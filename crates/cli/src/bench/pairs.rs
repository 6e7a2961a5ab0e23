//! Many groups of two, whose clients answer each other: nothing can be batched across groups.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hublet_client::codec::{Opcode, encode_masked};
use hublet_client::pubsub::Protocol;

use super::client::MASK;
use super::histogram::Histogram;
use super::open::{Clients, PATIENCE};
use super::process::Clocks;
use super::report::{self, Row};
use super::schedule::ScheduleArgs;
use super::stamp;
use super::target::{MeasuredArgs, Profile};

/// Connections that are being made at the same time.
const CONCURRENCY: usize = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    service: MeasuredArgs,
    /// Groups of two JSON clients
    #[arg(long, default_value_t = 500, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Messages under way in each group
    #[arg(long, default_value_t = 1, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    in_flight: u32,
    /// Bytes of a message, without its envelope
    #[arg(long, default_value_t = 128, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(16..=60_000))]
    payload: u32,
    #[command(flatten)]
    schedule: ScheduleArgs,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let target = args.service.target()?;
    let process = args.service.process();
    let mut openings = Vec::new();
    let mut members = Vec::new();
    for pair in 0..args.pairs {
        for _ in 0..2 {
            let group = format!("pair-{pair}");
            let roles = [format!("webpubsub.sendToGroup.{group}")];
            members.push(Member::new(&group, args.payload as usize));
            let groups = [group];
            openings.push(target.opening(&Profile {
                protocol: Some(Protocol::Json),
                groups: &groups,
                roles: &roles,
                ..Profile::default()
            })?);
        }
    }
    let (clients, _) = Clients::open(&target, openings, CONCURRENCY)?;
    let mut pairs =
        Pairs { clients, members, epoch: Instant::now(), latency: Histogram::new(), delivered: 0 };
    pairs.serve(args.in_flight)?;

    let mut rows = Vec::new();
    for round in args.schedule.rounds() {
        pairs.until(args.schedule.end_of_warm_up()?)?;
        pairs.latency.clear();
        let (clocks, delivered) = (Clocks::now(process)?, pairs.delivered);
        pairs.until(args.schedule.end_of_measurement()?)?;
        let elapsed = clocks.until(Clocks::now(process)?);
        let row = Row::default()
            .with("mode", "pairs")
            .with("round", round)
            .with("pairs", args.pairs)
            .with("in_flight", args.in_flight)
            .with("payload_bytes", args.payload)
            .rates(
                ["messages_per_s", "messages_per_cpu_s", "cpu_us_per_message"],
                pairs.delivered - delivered,
                &elapsed,
            )
            .latency(&pairs.latency)
            .busy(&elapsed);
        rows.push(row);
    }
    report::print(&rows, args.service.json())
}

/// What one client sends, and where in it the payload begins.
#[derive(Debug)]
struct Member {
    message: Vec<u8>,
    payload_at: usize,
}

impl Member {
    fn new(group: &str, payload_bytes: usize) -> Self {
        let before =
            format!(r#"{{"type":"sendToGroup","group":"{group}","noEcho":true,"dataType":"text","data":""#);
        let payload = stamp::payload(payload_bytes);
        Self { message: format!(r#"{before}{payload}"}}"#).into_bytes(), payload_at: before.len() }
    }

    /// `count` frames that carry `number`.
    fn frames(&mut self, count: u32, number: u64, frames: &mut Vec<u8>) {
        stamp::write(self.message.get_mut(self.payload_at..).unwrap_or_default(), number);
        for _ in 0..count {
            encode_masked(Opcode::Text, &self.message, MASK, frames);
        }
    }
}

#[derive(Debug)]
struct Pairs {
    clients: Clients,
    members: Vec<Member>,
    /// Messages carry the nanoseconds since then.
    epoch: Instant,
    latency: Histogram,
    delivered: u64,
}

impl Pairs {
    /// The first client of each pair begins.
    fn serve(&mut self, in_flight: u32) -> Result<()> {
        let now = self.now_ns();
        for (client, member) in self.clients.all.iter_mut().zip(&mut self.members).step_by(2) {
            let mut frames = Vec::new();
            member.frames(in_flight, now, &mut frames);
            client.send_frames(&frames)?;
        }
        Ok(())
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn until(&mut self, end: Instant) -> Result<()> {
        let mut frames = Vec::new();
        while Instant::now() < end {
            self.clients.poller.wait(&mut self.clients.ready, PATIENCE)?;
            if self.clients.ready.is_empty() {
                bail!("no message arrived for {} s", PATIENCE.as_secs());
            }
            for index in 0..self.clients.ready.len() {
                let Some(ready) = self.clients.ready.get(index).copied() else { break };
                let now = self.now_ns();
                let client = self.clients.all.get_mut(ready.token).context("an event for no client")?;
                if ready.writable {
                    client.write()?;
                }
                if !ready.readable {
                    continue;
                }
                let mut count = 0;
                client.receive(&mut self.clients.scratch, |message| {
                    if let Some(sent) = stamp::read(message) {
                        self.latency.record(Duration::from_nanos(now.saturating_sub(sent)));
                        count += 1;
                    }
                })?;
                self.delivered += u64::from(count);
                let member = self.members.get_mut(ready.token).context("an event for no client")?;
                frames.clear();
                member.frames(count, now, &mut frames);
                client.send_frames(&frames)?;
            }
        }
        Ok(())
    }
}
