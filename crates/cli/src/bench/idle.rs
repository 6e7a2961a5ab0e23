//! Memory per idle connection, and how much of what traffic needs is given back.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use hublet_client::codec::{Opcode, encode_masked};
use hublet_client::rest;

use super::client::MASK;
use super::kind::Kind;
use super::open::{Clients, PATIENCE};
use super::process::Process;
use super::report::{self, Row};
use super::target::{Profile, Target, TargetArgs};
use crate::service;

/// Where the clients' own messages go: nobody is in it.
const SINK: &str = "sink";
const SENT_BYTES: usize = 1 << 10;
const BROADCAST_BYTES: usize = 32 << 10;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Connections, each with a user id of its own and in one group
    #[arg(long, default_value_t = 10_000, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// What the clients speak; a server given with --url speaks plain WebSocket
    #[arg(long, value_enum, default_value_t = Kind::Json)]
    clients: Kind,
    /// Connections that share a group
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    group_size: u32,
    /// Connections that are being made at the same time
    #[arg(long, default_value_t = 16, value_name = "COUNT")]
    concurrency: usize,
    /// Seconds without traffic before memory is read
    #[arg(long, default_value_t = 2.5, value_name = "SECONDS")]
    settle: f64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if args.clients == Kind::Simple {
        bail!("simple clients cannot take part in the burst: choose others with --clients");
    }
    let settle = Duration::try_from_secs_f64(args.settle)?;
    let target = args.target.target()?;
    let resident = || args.target.service.process().map(Process::resident_bytes).transpose();
    let openings = (0..args.connections).map(|client| {
        let profile = Profile {
            protocol: args.clients.protocol(),
            user: Some(&format!("user-{client}")),
            groups: &[format!("group-{}", client / args.group_size)],
            roles: &[format!("webpubsub.sendToGroup.{SINK}")],
            ..Profile::default()
        };
        target.opening(&profile)
    });
    let openings = openings.collect::<Result<Vec<_>>>()?;

    let before = resident()?;
    let (mut clients, opened) = Clients::open(&target, openings, args.concurrency)?;
    clients.rest(settle)?;
    let connected = resident()?;
    burst(&mut clients, &target, args).context("in the burst")?;
    clients.rest(settle)?;
    let after = resident()?;

    let each = |now: Option<u64>| {
        let grown = now.zip(before).map(|(now, before)| now.saturating_sub(before));
        grown.map(|bytes| bytes as f64 / f64::from(args.connections))
    };
    let mib = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let per_second = f64::from(args.connections) / opened.wall.as_secs_f64();
    let row = Row::default()
        .with("mode", "idle")
        .with("clients", if target.is_plain() { "plain" } else { args.clients.name() })
        .with("connections", args.connections)
        .measured("connections_per_s", Some(per_second), 0)
        .measured("rss_before_mib", mib(before), 1)
        .measured("rss_connected_mib", mib(connected), 1)
        .measured("rss_after_burst_mib", mib(after), 1)
        .measured("bytes_per_connection", each(connected), 0)
        .measured("bytes_per_connection_after_burst", each(after), 0);
    report::print(&[row], args.target.service.json())
}

/// Each client sends 1 KiB and receives 32 KiB that are sent to all.
fn burst(clients: &mut Clients, target: &Target, args: &Args) -> Result<()> {
    let mut sent = Vec::new();
    let text = "x".repeat(SENT_BYTES);
    if target.is_plain() {
        encode_masked(Opcode::Binary, text.as_bytes(), MASK, &mut sent);
    } else {
        args.clients.message(SINK, SENT_BYTES).frame(0, &mut sent);
    }
    for client in &mut clients.all {
        client.send_frames(&sent)?;
    }

    let mut missing = clients.all.len();
    let text = "y".repeat(BROADCAST_BYTES);
    if target.is_plain() {
        let mut frame = Vec::new();
        encode_masked(Opcode::Text, text.as_bytes(), MASK, &mut frame);
        clients.all.first_mut().context("there is no client")?.send_frames(&frame)?;
        // A plain server does not send to the sender.
        missing -= 1;
    } else {
        send_to_all(args, text)?;
    }
    while missing > 0 {
        clients.turn(PATIENCE, |_, _, messages| {
            missing = missing.checked_sub(messages).context("a message came twice")?;
            Ok(())
        })?;
    }
    // As a client does within a second; until then the service keeps the message.
    if args.clients.is_reliable() {
        sent.clear();
        args.clients.acknowledge(1, &mut sent);
        for client in &mut clients.all {
            client.send_frames(&sent)?;
        }
    }
    Ok(())
}

/// One call, so it may wait: what the clients get meanwhile fits the system's buffers.
fn send_to_all(args: &Args, text: String) -> Result<()> {
    let connection_string = args.target.service.connection_string()?;
    service::block_on(async {
        let tls = hublet_client::Tls::default();
        let mut rest = rest::Client::new(connection_string, &args.target.service.hub, tls);
        Ok(rest.send(rest::Target::All, hublet_client::pubsub::Data::Text(text)).await?)
    })
}
