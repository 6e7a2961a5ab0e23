//! `cargo xtask bench`: measures hublet beside servers that one would write without it, and prints a report in
//! Markdown. Not part of `cargo xtask test`: it takes minutes and a quiet machine.

mod report;
mod row;
mod servers;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use self::row::Row;
use self::servers::{Kind, Programs, Running};
use crate::{cargo, run, tools};

/// What one variant measured: one row of `hublet bench --json`.
struct Measured {
    variant: &'static str,
    row: Row,
}

/// A server, and the clients that it is measured with.
struct Variant {
    name: &'static str,
    server: Kind,
    fanout: &'static [&'static str],
    /// Whether new connections are measured with it.
    connect: bool,
    /// Whether idle connections are, and how.
    idle: Option<&'static [&'static str]>,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: report::HUBLET,
        server: Kind::Hublet,
        fanout: &["--clients=simple"],
        connect: true,
        idle: Some(&["--clients=json"]),
    },
    Variant {
        name: report::TUNGSTENITE,
        server: Kind::Tungstenite,
        fanout: &[],
        connect: true,
        idle: Some(&[]),
    },
    Variant { name: report::NODE, server: Kind::Node, fanout: &[], connect: true, idle: Some(&[]) },
    Variant {
        name: report::HUBLET_JSON,
        server: Kind::Hublet,
        fanout: &["--clients=json"],
        connect: false,
        idle: None,
    },
    Variant {
        name: report::HUBLET_JSON_RELIABLE,
        server: Kind::Hublet,
        fanout: &["--clients=json-reliable"],
        connect: false,
        idle: Some(&["--clients=json-reliable"]),
    },
    Variant {
        name: report::HUBLET_PROTOBUF,
        server: Kind::Hublet,
        fanout: &["--clients=protobuf"],
        connect: false,
        idle: None,
    },
    Variant {
        name: report::HUBLET_PROTOBUF_RELIABLE,
        server: Kind::Hublet,
        fanout: &["--clients=protobuf-reliable"],
        connect: false,
        idle: None,
    },
];

/// As the headings of the report say.
const FANOUT: &[&str] = &["fanout", "--receivers=1000", "--payload=128", "--windows=1,16,128"];

/// Nobody gets anything of a server that only checks tokens.
const REST: &[(&str, Kind, &[&str])] = &[
    (report::HUBLET, Kind::Hublet, &["--target=nobody", "--target=user", "--target=group"]),
    (report::HYPER_JWT, Kind::HyperJwt, &["--target=nobody"]),
];

const UNACKED: &[(&str, &str)] = &[
    (report::HUBLET_JSON_RELIABLE, "--clients=json-reliable"),
    (report::HUBLET_PROTOBUF_RELIABLE, "--clients=protobuf-reliable"),
];

const EVENTS: &[&str] = &["--connections=1", "--connections=64"];

/// How much is measured.
struct Plan {
    rounds: usize,
    timing: &'static [&'static str],
    idle_connections: &'static str,
    new_connections: &'static str,
    unacked: &'static [&'static str],
}

const FULL: Plan = Plan {
    rounds: 3,
    timing: &["--warm-up=1", "--seconds=3"],
    idle_connections: "--connections=10000",
    new_connections: "--connections=5000",
    unacked: &["--members=10000", "--messages=1000"],
};

/// To see that everything works; its numbers say little.
const QUICK: Plan = Plan {
    rounds: 1,
    timing: &["--warm-up=0.3", "--seconds=0.5"],
    idle_connections: "--connections=1000",
    new_connections: "--connections=1000",
    unacked: &["--members=500", "--messages=200"],
};

pub(crate) fn run_bench(root: &Path, quick: bool) -> Result<()> {
    let plan = if quick { QUICK } else { FULL };
    let programs = build(root)?;
    let mut measured = Vec::new();
    // Variants take turns within each round, so that a disturbance hits all of them alike.
    for round in 1..=plan.rounds {
        eprintln!("\nxtask: round {round} of {}", plan.rounds);
        for variant in VARIANTS {
            let server = programs.start(variant.server)?;
            let arguments = [FANOUT, variant.fanout, plan.timing].concat();
            measure(&programs, &server, variant.name, &arguments, &mut measured)?;
        }
        for variant in VARIANTS.iter().filter(|variant| variant.connect) {
            let server = programs.start(variant.server)?;
            measure(&programs, &server, variant.name, &["connect", plan.new_connections], &mut measured)?;
        }
        let server = programs.start(Kind::Hublet)?;
        for mode in [&["pairs", "--in-flight=1"][..], &["pairs", "--in-flight=8"]] {
            let arguments = [mode, plan.timing].concat();
            measure(&programs, &server, report::HUBLET, &arguments, &mut measured)?;
        }
        for (variant, kind, targets) in REST {
            let server = programs.start(*kind)?;
            for target in *targets {
                let arguments = [&["rest", target][..], plan.timing].concat();
                measure(&programs, &server, variant, &arguments, &mut measured)?;
            }
        }
        measure_events(&programs, &plan, &mut measured)?;
    }
    // Memory is the same each time.
    eprintln!("\nxtask: idle connections");
    for variant in VARIANTS {
        let Some(clients) = variant.idle else { continue };
        let server = programs.start(variant.server)?;
        let arguments = [&["idle", plan.idle_connections][..], clients].concat();
        measure(&programs, &server, variant.name, &arguments, &mut measured)?;
    }
    eprintln!("\nxtask: messages that nobody acknowledges");
    for (variant, clients) in UNACKED {
        let server = programs.start(Kind::Hublet)?;
        let arguments = [&["unacked", "--payload=1024", clients][..], plan.unacked].concat();
        measure(&programs, &server, variant, &arguments, &mut measured)?;
    }
    let text = report::markdown(&measured, &machine(root));
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Builds all programs as they are released.
fn build(root: &Path) -> Result<Programs> {
    if !tools::exists("taskset") {
        bail!("`taskset` is missing: install util-linux");
    }
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("a server and its load need a processor core each");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    run(cargo(root).args(["build", "--release", "--package=hublet", "--target-dir"]).arg(&target))?;
    for peer in ["bench/peers/tungstenite", "bench/peers/hyper-jwt", "bench/peers/hyper-echo"] {
        let peer = root.join(peer);
        run(cargo(&peer).args(["build", "--release", "--locked", "--target-dir"]).arg(&target))?;
    }
    tools::npm(root, "bench/peers/node-ws")?;
    Ok(Programs {
        hublet: target.join("release/hublet"),
        tungstenite: target.join("release/hublet-bench-peer-tungstenite"),
        hyper_jwt: target.join("release/hublet-bench-peer-hyper-jwt"),
        hyper_echo: target.join("release/hublet-bench-peer-hyper-echo"),
        node: root.join("bench/peers/node-ws/server.mjs"),
    })
}

/// Events through the service to an event handler, and the same requests sent to the handler directly. The handler
/// shares the core of the load generator both times, so that only the service is in between.
fn measure_events(programs: &Programs, plan: &Plan, measured: &mut Vec<Measured>) -> Result<()> {
    for connections in EVENTS {
        let server = programs.start(Kind::HubletWithHandler)?;
        let direct = format!("--direct={}", server.handler_url());
        let arguments = [&["events", connections, &direct][..], plan.timing].concat();
        measure(programs, &server, report::HYPER_ECHO, &arguments, measured)?;
        let arguments = [&["events", connections][..], plan.timing].concat();
        measure(programs, &server, report::HUBLET, &arguments, measured)?;
    }
    Ok(())
}

/// Runs the load generator on the core that the server does not have.
fn measure(
    programs: &Programs,
    server: &Running,
    variant: &'static str,
    arguments: &[&str],
    measured: &mut Vec<Measured>,
) -> Result<()> {
    eprintln!("  {variant}: {}", arguments.join(" "));
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(&programs.hublet).arg("bench").args(arguments).arg("--json");
    command.args(["--pid", &server.process().to_string()]);
    server.address(&mut command);
    let output = command.stderr(Stdio::inherit()).output().context("cannot start the load generator")?;
    if !output.status.success() {
        bail!("{variant}: `hublet bench {}` ended with {}", arguments.join(" "), output.status);
    }
    for line in String::from_utf8(output.stdout)?.lines() {
        measured.push(Measured { variant, row: Row::parse(line)? });
    }
    Ok(())
}

/// What was measured, and where.
fn machine(root: &Path) -> Vec<String> {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(root).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    vec![
        format!("processor: {}, {cores} cores", processor.trim_start_matches(['\t', ' ', ':'])),
        format!("system: {}", said("uname", &["-sr"])),
        format!("commit: {}", said("git", &["describe", "--always", "--dirty"])),
        format!("{}; Node.js {}", said("rustc", &["--version"]), said("node", &["--version"])),
    ]
}
