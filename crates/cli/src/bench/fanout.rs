//! One publisher and many receivers in one group.

use std::time::Instant;

use super::arrivals::Lengths;
use super::histogram::Histogram;
use super::kind::{Kind, Stamped};
use super::open::{Clients, PATIENCE};
use super::process::{Clocks, Process};
use super::report::{self, Row};
use super::schedule::ScheduleArgs;
use super::stamp;
use super::target::{Opening, Profile, Target, TargetArgs};
use super::window::Window;
use anyhow::{Context, Result, bail};

const GROUP: &str = "fanout";
/// Connections that are being made at the same time.
const CONCURRENCY: usize = 32;
/// Larger messages come in several frames, whose headers are not counted here.
const PAYLOAD_BYTES_MAX: u32 = 60_000;

/// Messages after which a reliable client acknowledges them; the SDKs do so each second, and sooner when there are many.
const ACKNOWLEDGED_EACH: u64 = 256;
/// A service keeps 1,000 messages for a reliable client and then closes the connection.
const RELIABLE_WINDOW_MAX: u32 = 512;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Receivers, all in one group
    #[arg(long, default_value_t = 1_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    receivers: u32,
    /// What the clients speak; a server given with --url speaks plain WebSocket
    #[arg(long, value_enum, default_value_t = Kind::Simple)]
    clients: Kind,
    /// Bytes of a message, without its envelope
    #[arg(long, default_value_t = 128, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(16..=i64::from(PAYLOAD_BYTES_MAX)))]
    payload: u32,
    /// How many messages may be outstanding; 1 allows no batch, more do. Refilled when half of them have arrived
    #[arg(long, value_delimiter = ',', default_value = "1,16,128", value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=65_536))]
    windows: Vec<u32>,
    #[command(flatten)]
    schedule: ScheduleArgs,
    /// Receivers whose messages are read and checked, and whose latency is told; what the others get is only counted
    #[arg(long, default_value_t = 8, value_name = "COUNT")]
    sampled: usize,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let target = args.target.target()?;
    let process = args.target.service.process();
    let kind = if target.is_plain() { "plain" } else { args.clients.name() };
    if args.clients.is_reliable() && args.windows.iter().any(|window| *window > RELIABLE_WINDOW_MAX) {
        bail!("with reliable clients at most {RELIABLE_WINDOW_MAX} messages may be outstanding");
    }
    let (clients, _) = Clients::open(&target, openings(args, &target)?, CONCURRENCY)?;
    let mut fanout = Fanout::new(args, &target, clients)?;
    let mut rows = Vec::new();
    for round in args.schedule.rounds() {
        for &window in &args.windows {
            let (delivered, elapsed) = fanout.measure(window, args, process)?;
            let row = Row::default()
                .with("mode", "fanout")
                .with("round", round)
                .with("clients", kind)
                .with("receivers", args.receivers)
                .with("payload_bytes", args.payload)
                .with("window", window)
                .rates(
                    ["deliveries_per_s", "deliveries_per_cpu_s", "cpu_us_per_delivery"],
                    delivered,
                    &elapsed,
                )
                .latency(&fanout.latency)
                .busy(&elapsed);
            rows.push(row);
        }
    }
    report::print(&rows, args.target.service.json())
}

/// The receivers, then the publisher.
fn openings(args: &Args, target: &Target) -> Result<Vec<Opening>> {
    let protocol = args.clients.protocol();
    let groups = [GROUP.to_owned()];
    let mut openings = Vec::new();
    for _ in 0..args.receivers {
        openings.push(target.opening(&Profile { protocol, groups: &groups, ..Profile::default() })?);
    }
    let roles = [format!("webpubsub.sendToGroup.{GROUP}")];
    let query = match protocol {
        Some(_) => String::new(),
        None => format!("&webpubsub_mode=sendToGroup&group={GROUP}"),
    };
    openings.push(target.opening(&Profile {
        protocol,
        roles: &roles,
        query: &query,
        ..Profile::default()
    })?);
    Ok(openings)
}

#[derive(Debug)]
struct Receiver {
    /// Bytes of the messages that were counted, and of what came before them.
    counted: u64,
    /// Messages received, and how many of them before the measurement.
    arrived: u64,
    base: u64,
    /// Messages that the service need not keep any more; only of reliable clients.
    acknowledged: u64,
    /// Its messages are read.
    sampled: bool,
}

impl Receiver {
    /// Messages received in this measurement.
    fn position(&self) -> u64 {
        self.arrived - self.base
    }
}

#[derive(Debug)]
struct Fanout {
    clients: Clients,
    receivers: Vec<Receiver>,
    kind: Kind,
    payload_bytes: usize,
    /// What the publisher sends.
    message: Stamped,
    /// How long a message is on its way to a receiver.
    lengths: Lengths,
    latency: Histogram,
    /// Room for an acknowledgement.
    acks: Vec<u8>,
}

impl Fanout {
    fn new(args: &Args, target: &Target, clients: Clients) -> Result<Self> {
        let kind = if target.is_plain() { Kind::Simple } else { args.clients };
        let payload_bytes = args.payload as usize;
        let count = args.receivers as usize;
        let step = count.div_ceil(args.sampled.clamp(1, count));
        let receiver = |index: usize| Receiver {
            counted: 0,
            arrived: 0,
            base: 0,
            acknowledged: 0,
            sampled: index.is_multiple_of(step),
        };
        let mut fanout = Self {
            clients,
            receivers: (0..count).map(receiver).collect(),
            kind,
            payload_bytes,
            message: kind.message(GROUP, payload_bytes),
            lengths: Lengths::of_first(kind.numbering(), 0),
            latency: Histogram::new(),
            acks: Vec::new(),
        };
        fanout.calibrate().context("the first message did not reach all receivers")?;
        Ok(fanout)
    }

    /// Sends one message to see that everybody gets it, and how long it is on the wire.
    fn calibrate(&mut self) -> Result<()> {
        let count = self.receivers.len();
        let before: Vec<u64> = self.clients.all.iter().map(|client| client.received()).collect();
        self.publish(0, 1)?;
        let mut missing = count;
        while missing > 0 {
            self.clients.turn(PATIENCE, |token, _, messages| {
                if token < count {
                    missing = missing.checked_sub(messages).context("a message came twice")?;
                }
                Ok(())
            })?;
        }
        // A ping makes some receivers' count larger, never smaller.
        let lengths = self.clients.all.iter().zip(before).take(count);
        let frame_bytes = lengths.map(|(client, before)| client.received() - before).min().unwrap_or(0);
        if frame_bytes < stamp::DIGITS as u64 {
            bail!("messages do not come as they were sent");
        }
        self.lengths = Lengths::of_first(self.kind.numbering(), frame_bytes);
        self.receivers.iter_mut().for_each(|receiver| receiver.arrived = 1);
        Ok(())
    }

    /// Deliveries within the measured time.
    fn measure(
        &mut self,
        window: u32,
        args: &Args,
        process: Option<Process>,
    ) -> Result<(u64, super::process::Elapsed)> {
        for (client, receiver) in self.clients.all.iter_mut().zip(&mut self.receivers) {
            client.show_life()?;
            // Between two measurements only pings come.
            receiver.counted = client.received();
            receiver.base = receiver.arrived;
        }
        let mut run = Run {
            window: Window::new(window, args.receivers),
            sent_at: vec![Instant::now(); window as usize],
            delivered: 0,
        };
        self.until(args.schedule.end_of_warm_up()?, &mut run)?;
        self.latency.clear();
        let (clocks, delivered) = (Clocks::now(process)?, run.delivered);
        self.until(args.schedule.end_of_measurement()?, &mut run)?;
        let elapsed = clocks.until(Clocks::now(process)?);
        let delivered = run.delivered - delivered;
        while !run.window.is_settled() {
            self.turn(&mut run)?;
        }
        Ok((delivered, elapsed))
    }

    fn until(&mut self, end: Instant, run: &mut Run) -> Result<()> {
        while Instant::now() < end {
            let count = run.window.refill();
            if count > 0 {
                let first = run.window.sent() - count;
                let now = Instant::now();
                for number in first..first + count {
                    run.set_sent_at(number, now);
                }
                self.publish(first, count)?;
            }
            self.turn(run)?;
        }
        Ok(())
    }

    /// Sends the messages `first` and following as one piece.
    fn publish(&mut self, first: u64, count: u64) -> Result<()> {
        let mut frames = Vec::new();
        for number in first..first + count {
            self.message.frame(number, &mut frames);
        }
        let publisher = self.clients.all.last_mut().context("there is no publisher")?;
        publisher.send_frames(&frames)
    }

    /// Waits once and takes what came.
    fn turn(&mut self, run: &mut Run) -> Result<()> {
        let Clients { poller, all, scratch, ready } = &mut self.clients;
        poller.wait(ready, PATIENCE)?;
        if ready.is_empty() {
            bail!("no message arrived for {} s", PATIENCE.as_secs());
        }
        for ready in ready.iter() {
            let client = all.get_mut(ready.token).context("an event for no client")?;
            if ready.writable {
                client.write()?;
            }
            if !ready.readable {
                continue;
            }
            let Some(receiver) = self.receivers.get_mut(ready.token) else {
                // The publisher: pings.
                client.receive(scratch, |_| {})?;
                continue;
            };
            let from = receiver.position();
            if receiver.sampled {
                let now = Instant::now();
                let mut in_order = true;
                client.receive(scratch, |message| {
                    let number = self.kind.stamp(message, self.payload_bytes);
                    in_order &= number == Some(receiver.position());
                    receiver.arrived += 1;
                    if let Some(number) = number {
                        self.latency.record(now.saturating_duration_since(run.sent_at(number)));
                    }
                })?;
                if !in_order {
                    bail!("a message was lost, or came twice or in the wrong order");
                }
            } else {
                client.discard(scratch)?;
                let bytes = client.received() - receiver.counted;
                let (count, bytes) = self.lengths.whole(receiver.arrived + 1, bytes);
                receiver.arrived += count;
                receiver.counted += bytes;
            }
            if self.kind.is_reliable() && receiver.arrived - receiver.acknowledged >= ACKNOWLEDGED_EACH {
                receiver.acknowledged = receiver.arrived;
                self.acks.clear();
                self.kind.acknowledge(receiver.arrived, &mut self.acks);
                client.send_frames(&self.acks)?;
            }
            let to = receiver.position();
            if !run.window.advance(from, to) {
                bail!("a receiver got more than was sent");
            }
            run.delivered += to - from;
        }
        Ok(())
    }
}

/// One measurement.
#[derive(Debug)]
struct Run {
    window: Window,
    /// When the last messages were sent: a ring, since no more than the window are under way.
    sent_at: Vec<Instant>,
    delivered: u64,
}

impl Run {
    fn set_sent_at(&mut self, number: u64, at: Instant) {
        let index = usize::try_from(number).unwrap_or_default() % self.sent_at.len();
        self.sent_at[index] = at;
    }

    fn sent_at(&self, number: u64) -> Instant {
        self.sent_at[usize::try_from(number).unwrap_or_default() % self.sent_at.len()]
    }
}
