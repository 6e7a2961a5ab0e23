//! New connections per second: TCP, handshake and, for JSON clients, the `connected` message.

use anyhow::Result;

use hublet_client::pubsub::Protocol;

use super::open::Clients;
use super::process::Clocks;
use super::report::{self, Row};
use super::target::{Profile, TargetArgs};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    target: TargetArgs,
    /// Connections to make, all of which stay open until the last one is made
    #[arg(long, default_value_t = 5_000, value_name = "COUNT")]
    connections: usize,
    /// Connections that are being made at the same time
    #[arg(long, default_value_t = 16, value_name = "COUNT")]
    concurrency: usize,
    /// Repetitions
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let target = args.target.target()?;
    let process = args.target.service.process();
    let mut rows = Vec::new();
    for round in 1..=args.rounds {
        let openings = (0..args.connections).map(|client| {
            let user = format!("user-{client}");
            target.opening(&Profile {
                protocol: Some(Protocol::Json),
                user: Some(&user),
                ..Profile::default()
            })
        });
        let openings = openings.collect::<Result<Vec<_>>>()?;
        let before = Clocks::now(process)?;
        let (clients, opened) = Clients::open(&target, openings, args.concurrency)?;
        let mut elapsed = before.until(Clocks::now(process)?);
        elapsed.wall = opened.wall;
        let row = Row::default()
            .with("mode", "connect")
            .with("round", round)
            .with("connections", clients.all.len())
            .with("concurrency", args.concurrency)
            .rates(
                ["connections_per_s", "connections_per_cpu_s", "cpu_us_per_connection"],
                clients.all.len() as u64,
                &elapsed,
            )
            .latency(&opened.latency)
            .busy(&elapsed);
        rows.push(row);
    }
    report::print(&rows, args.target.service.json())
}
