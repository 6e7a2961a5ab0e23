//! Memory of the messages that a service keeps for reliable clients which read and do not acknowledge.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::arrivals::Lengths;
use super::kind::Kind;
use super::open::{Clients, PATIENCE};
use super::process::Process;
use super::report::{self, Row};
use super::target::{MeasuredArgs, Profile};

const GROUP: &str = "unacked";
/// Messages under way. More would fill the queues of slow readers, which is not what is measured.
const OUTSTANDING: u32 = 8;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    service: MeasuredArgs,
    /// Reliable clients, all in one group
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    members: u32,
    /// Messages to the group; a service keeps 1,000 for each member and then closes the connection
    #[arg(long, default_value_t = 1_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    messages: u32,
    /// Bytes of a message, without its envelope
    #[arg(long, default_value_t = 1_024, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(16..=15_000))]
    payload: u32,
    /// What the clients speak
    #[arg(long, value_enum, default_value_t = Kind::JsonReliable)]
    clients: Kind,
    /// Connections that are being made at the same time
    #[arg(long, default_value_t = 16, value_name = "COUNT")]
    concurrency: usize,
    /// Seconds without traffic before memory is read
    #[arg(long, default_value_t = 2.5, value_name = "SECONDS")]
    settle: f64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if !args.clients.is_reliable() {
        bail!("only reliable clients acknowledge messages: choose json-reliable or protobuf-reliable");
    }
    let settle = Duration::try_from_secs_f64(args.settle)?;
    let target = args.service.target()?;
    let resident = || args.service.process().map(Process::resident_bytes).transpose();
    let protocol = args.clients.protocol();
    let (groups, roles) = ([GROUP.to_owned()], [format!("webpubsub.sendToGroup.{GROUP}")]);
    let mut openings = Vec::new();
    for _ in 0..args.members {
        openings.push(target.opening(&Profile { protocol, groups: &groups, ..Profile::default() })?);
    }
    openings.push(target.opening(&Profile { protocol, roles: &roles, ..Profile::default() })?);

    let before = resident()?;
    let (mut clients, _) = Clients::open(&target, openings, args.concurrency)?;
    clients.rest(settle)?;
    let connected = resident()?;
    let begin = Instant::now();
    publish(&mut clients, args).context("while messages were published")?;
    let took = begin.elapsed();
    clients.rest(settle)?;
    let kept = resident()?;

    let mib = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let count = f64::from(args.members) * f64::from(args.messages);
    let grown = kept.zip(connected).map(|(kept, connected)| kept.saturating_sub(connected) as f64);
    let row = Row::default()
        .with("mode", "unacked")
        .with("clients", args.clients.name())
        .with("members", args.members)
        .with("messages", args.messages)
        .with("payload_bytes", args.payload)
        .measured("deliveries_per_s", Some(count / took.as_secs_f64()), 0)
        .measured("rss_before_mib", mib(before), 1)
        .measured("rss_connected_mib", mib(connected), 1)
        .measured("rss_unacked_mib", mib(kept), 1)
        .measured("bytes_per_kept_message", grown.map(|bytes| bytes / count), 1);
    report::print(&[row], args.service.json())
}

/// Sends all messages, a few at a time, and waits until all members have them.
fn publish(clients: &mut Clients, args: &Args) -> Result<()> {
    let members = args.members as usize;
    let mut message = args.clients.message(GROUP, args.payload as usize);
    let mut lengths = None;
    // What each member has counted, in bytes and in messages.
    let mut counted: Vec<u64> = clients.all.iter().map(|client| client.received()).collect();
    let mut arrived = vec![0_u64; members];
    let mut sent = 0;
    let mut slowest = 0;
    let mut behind = members;
    while slowest < args.messages {
        // The first one alone, to see how long it is.
        let ahead = if lengths.is_some() { OUTSTANDING } else { 1 };
        if sent < args.messages && sent - slowest < ahead {
            let mut frames = Vec::new();
            message.frame(u64::from(sent), &mut frames);
            clients.all.last_mut().context("there is no publisher")?.send_frames(&frames)?;
            sent += 1;
            continue;
        }
        clients.turn(PATIENCE, |token, client, _| {
            let (Some(counted), Some(arrived)) = (counted.get_mut(token), arrived.get_mut(token)) else {
                return Ok(());
            };
            let bytes = client.received() - *counted;
            if lengths.is_none() && bytes < u64::from(args.payload) {
                // A part of the first message, or a ping, tells nothing about the others.
                return Ok(());
            }
            let lengths = *lengths.get_or_insert_with(|| Lengths::of_first(args.clients.numbering(), bytes));
            let (count, bytes) = lengths.whole(*arrived + 1, bytes);
            *counted += bytes;
            let was_slowest = *arrived == u64::from(slowest);
            *arrived += count;
            if was_slowest && count > 0 {
                behind -= 1;
            }
            Ok(())
        })?;
        while behind == 0 && slowest < sent {
            slowest += 1;
            behind = arrived.iter().filter(|arrived| **arrived == u64::from(slowest)).count();
        }
    }
    Ok(())
}
