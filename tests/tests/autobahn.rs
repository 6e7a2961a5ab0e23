//! The public Autobahn cases, sections 1 to 10, against an echo server on hublet's WebSocket codec.
//!
//! The PyPI package `kosoku` runs the original case files without Python 2. Sections 12 and 13 are about
//! permessage-deflate, which hublet does not offer.
//!
//! Every case must be `OK` in its messages and in its close; `NON-STRICT`, with which the tool is content, fails here.
//! Three cases are about behaviour that RFC 6455 leaves open, and report `INFORMATIONAL` whatever happens.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Cases of sections 1 to 10: the number guards against a tool that finds fewer.
const CASES: usize = 301;
/// Data after a close frame, and close codes above 4999: not judged by anybody.
const INFORMATIONAL: [&str; 3] = ["7.1.6", "7.13.1", "7.13.2"];
const SECTIONS: [&str; 9] = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"];

#[test]
fn all_cases_of_sections_1_to_10() {
    let tool = tool();
    let server = EchoServer::start();
    let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join("autobahn");
    // Reports of another run would count.
    let _ = std::fs::remove_dir_all(&reports);

    let mut command = Command::new(&tool);
    command
        .arg(format!("ws://127.0.0.1:{}", server.port))
        .args(["--parallelism", "4", "--outdir"])
        .arg(&reports);
    for section in SECTIONS {
        command.args(["--include", section]);
    }
    // It exits with an error when a case failed; the reports say which one.
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", tool.display()));
    let index = std::fs::read(reports.join("index.json"))
        .unwrap_or_else(|error| panic!("no reports: {error}\n{}", String::from_utf8_lossy(&output.stderr)));
    let index: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_slice(&index).expect("JSON");

    let cases: Vec<(&String, &Value)> = index.values().flatten().collect();
    let wrong: Vec<String> = cases.iter().filter_map(|(id, case)| fault(id, case)).collect();
    assert!(wrong.is_empty(), "see {}:\n{}", reports.display(), wrong.join("\n"));
    assert_eq!(cases.len(), CASES, "cases that ran");
}

/// What is wrong with the result of a case, if anything.
fn fault(id: &str, case: &Value) -> Option<String> {
    let expected = if INFORMATIONAL.contains(&id) { "INFORMATIONAL" } else { "OK" };
    let (behavior, close) = (&case["behavior"], &case["behaviorClose"]);
    (behavior != expected || close != expected).then(|| format!("{id}: messages {behavior}, close {close}"))
}

/// The program `kosoku` of the tests' Python environment.
fn tool() -> PathBuf {
    let python = match std::env::var_os("HUBLET_TOOLS_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/venv/bin/python"),
    };
    let tool = python.with_file_name("kosoku");
    assert!(tool.exists(), "{} is missing: run `cargo xtask test`, which installs it", tool.display());
    tool
}

/// The echo server; it ends with the test.
struct EchoServer {
    process: Child,
    port: u16,
}

impl EchoServer {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ws_echo"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the echo server starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("the echo server prints its port");
        let port = line.trim().parse().expect("a port");
        Self { process, port }
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
