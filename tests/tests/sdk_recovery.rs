//! The official client SDKs, unchanged, on a network that breaks: every message arrives exactly once and in order.
//!
//! `HUBLET_FAULT_SEED=n` chooses what is cut. Numbers in comments are the cases of the client protocol reference that `docs/compatibility.md` lists.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::process::Command;

use hublet_tests::fault_proxy::{FaultProxy, Weather};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::upstream::{Reply, Upstream};
use hublet_tests::{JSON, Server, tools};

/// How clients of an SDK are tried.
struct Trial {
    name: &'static str,
    /// Each sends to a group of two.
    clients: usize,
    /// That each client sends.
    messages: usize,
    /// Single connections that are cut while they do.
    cuts: usize,
}

impl Trial {
    /// Runs a program that starts clients behind a proxy, each with a ledger of its own, and keeps a ledger of what they
    /// send.
    fn run(&self, mut script: Command) {
        let server = Server::start();
        let seed = std::env::var("HUBLET_FAULT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
        let proxy = FaultProxy::start(server.authority(), seed);
        let groups: Vec<String> = (0..self.clients / 2).map(|group| format!("g{group}")).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let mut witness = RawClient::connect(&server.client_url("chat", Some("witness"), &[], &groups), JSON);
        witness.expect_connected();
        script.arg(proxy.connection_string(&server));
        script.args([self.clients.to_string(), self.messages.to_string()]);
        let program = Program::start(self.name, &mut script);

        let total = self.clients * self.messages;
        let mut ledger = vec![0; self.clients];
        let mut cuts = 0;
        for seen in 0..total {
            let message: serde_json::Value = serde_json::from_str(&witness.next_text()).expect("JSON");
            let text = message["data"].as_str().expect("a text");
            let (sender, number) = text.split_once(' ').expect("a sender and a number");
            let next = &mut ledger[sender.parse::<usize>().expect("a sender")];
            assert_eq!(number.parse(), Ok(*next), "{}: of client {sender}, seed {seed}", self.name);
            *next += 1;
            // One at a time, evenly; whose it is comes from the seed.
            if seen * self.cuts / total > cuts && proxy.cut_one() {
                cuts += 1;
            }
            // Fair weather, then delays, then a gust of single bytes in the middle of which the service is away.
            match seen * 100 / total {
                40 => proxy.set_weather(Weather::Slow),
                58 => proxy.set_weather(Weather::Crumbs),
                60 => proxy.set_weather(Weather::Fair),
                _ => {}
            }
            if seen == total * 59 / 100 {
                proxy.be_away_for(self.clients);
            }
        }
        assert!(cuts + 2 >= self.cuts, "only {cuts} cuts");
        program.expect_end();
    }
}

#[test]
fn javascript_1_1_loses_and_doubles_nothing() {
    // 171, 172
    let mut script = tools::node("tests/sdk/recovery.mjs");
    script.env("SDK", "@azure/web-pubsub-client");
    Trial { name: "recovery.mjs", clients: 20, messages: 500, cuts: 100 }.run(script);
}

#[test]
fn javascript_1_0_loses_and_doubles_nothing() {
    // 171, 172
    let mut script = tools::node("tests/sdk/recovery.mjs");
    script.env("SDK", "web-pubsub-client-1-0");
    Trial { name: "recovery.mjs", clients: 20, messages: 500, cuts: 100 }.run(script);
}

#[test]
fn python_loses_and_doubles_nothing() {
    // 171, 172
    Trial { name: "recovery.py", clients: 40, messages: 50, cuts: 100 }
        .run(tools::python("tests/sdk/recovery.py"));
}

#[test]
fn asynchronous_python_loses_and_doubles_nothing() {
    // 171, 172
    Trial { name: "recovery_aio.py", clients: 40, messages: 100, cuts: 100 }
        .run(tools::python("tests/sdk/recovery_aio.py"));
}

#[test]
fn a_javascript_client_streams_invokes_and_notices_dead_sockets() {
    // 173, 174, 175, 179
    let (_upstream, server) = Upstream::serve(|call| match call.event() {
        "text" => Reply::text(call.text()),
        "json" => Reply::json(&call.json()),
        "refused" => Reply::status(500),
        _ => Reply::status(204),
    });
    let proxy = FaultProxy::start(server.authority(), 1);
    let mut script = tools::node("tests/sdk/network.mjs");
    let mut script = Program::start("network.mjs", script.arg(proxy.connection_string(&server)));
    script.expect("black hole");
    assert!(proxy.black_hole() > 0);
    script.type_line("done");
    for _ in 0..2 {
        script.expect("cut");
        assert!(proxy.cut() > 1);
        script.type_line("done");
    }
    script.expect_end();
}
