//! `hublet bench`: measures a running service, or another WebSocket server to compare it with.
//!
//! One thread drives all connections, so that the load costs far less than the server's work and can be pinned to
//! one core.

mod arrivals;
mod caller;
mod check;
mod client;
mod connect;
mod events;
mod fanout;
mod histogram;
mod http;
mod idle;
mod kind;
mod open;
mod pairs;
mod poll;
mod process;
mod report;
mod rest;
mod schedule;
mod socket;
mod stamp;
mod target;
mod unacked;
mod window;

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};

/// Arguments of `hublet bench`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Memory per idle connection, before and after some traffic
    Idle(idle::Args),
    /// One publisher, many receivers
    Fanout(fanout::Args),
    /// Many groups of two, whose clients answer each other
    Pairs(pairs::Args),
    /// New connections per second
    Connect(connect::Args),
    /// REST requests per second
    Rest(rest::Args),
    /// Events per second that an event handler answers
    Events(events::Args),
    /// Memory of messages that reliable clients do not acknowledge
    Unacked(unacked::Args),
    /// Check that nothing is lost, doubled or out of order while sockets break
    Check(check::Args),
}

/// Measures.
pub(crate) fn run(args: Args) -> Result<()> {
    match args.mode {
        Mode::Idle(args) => idle::run(&args),
        Mode::Fanout(args) => fanout::run(&args),
        Mode::Pairs(args) => pairs::run(&args),
        Mode::Connect(args) => connect::run(&args),
        Mode::Rest(args) => rest::run(&args),
        Mode::Events(args) => events::run(&args),
        Mode::Unacked(args) => unacked::run(&args),
        Mode::Check(args) => check::run(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn command_lines() {
        for (line, good) in [
            ("bench idle", true),
            ("bench idle --connections 5 --group-size 1 --settle 0.5 --pid 1 --json", true),
            ("bench fanout", true),
            ("bench fanout --windows 1,16 --clients json --payload 16 --rounds 2", true),
            ("bench fanout --url ws://localhost:8090/", true),
            ("bench pairs --in-flight 8 --hub other", true),
            ("bench connect --concurrency 4 --url ws://localhost/", true),
            ("bench rest --connections 1", true),
            ("bench rest --target group", true),
            ("bench events --connections 8 --direct http://127.0.0.1:1/e", true),
            ("bench fanout --clients json-reliable", true),
            ("bench idle --clients protobuf-reliable", true),
            ("bench unacked --members 5 --messages 10 --payload 16 --clients protobuf-reliable", true),
            ("bench unacked --messages 1001", false),
            ("bench check", true),
            (
                "bench check --seconds 5 --seed 7 --clients 8 --groups 2 --rate 50 --cut-interval 0.5 --json",
                true,
            ),
            ("bench check --restart-command true --without-streams --invocations", true),
            ("bench check --clients 1", false),
            ("bench events --payload 1", false),
            ("bench rest --target hub", false),
            ("bench", false),
            ("bench fanout --windows 0", false),
            ("bench fanout --receivers 0", false),
            ("bench fanout --payload 15", false),
            ("bench rest --hub 1", false),
            ("bench pairs --url ws://localhost/", false),
        ] {
            assert_eq!(Cli::try_parse_from(line.split(' ')).is_ok(), good, "{line}");
        }
    }
}
