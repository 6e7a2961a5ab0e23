//! The delivery checker against the service: nothing is lost while sockets break, and it notices when something is.

use std::process::Output;

use hublet_tests::{Server, command};
use serde_json::Value;

/// Runs the checker, and returns its verdict.
fn check(server: &Server, arguments: &[&str]) -> (Output, Value) {
    let mut check = command(server.folder());
    check.args(["bench", "check", "--json"]).args(arguments);
    check.args(["--connection-string", server.connection_string()]);
    let output = check.output().expect("the binary starts");
    let verdict = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, verdict)
}

#[test]
fn nothing_is_lost_doubled_or_disordered_while_sockets_break() {
    let server = Server::start();
    let (output, verdict) = check(&server, &["--seconds", "20", "--cut-interval", "1.5"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    // The verdict has the seed.
    assert!(output.status.success(), "{verdict}\n{errors}\n{}", server.log());
    assert_eq!(verdict["verdict"], "kept");
    // It means nothing if nothing happened.
    for name in ["messages", "deliveries", "joins", "cuts", "recoveries", "reconnections"] {
        assert!(verdict[name].as_u64().is_some_and(|count| count > 20), "{name} in {verdict}");
    }
}

#[test]
fn connections_that_the_service_ends_are_violations() {
    let server = Server::start();
    let close = format!(
        "{} connection close --all --hub bench --connection-string '{}'",
        command(server.folder()).get_program().display(),
        server.connection_string()
    );
    let (output, verdict) = check(
        &server,
        &[
            "--seconds",
            "9",
            "--cut-interval",
            "0",
            "--clients",
            "8",
            "--seed",
            "1",
            "--restart-command",
            &close,
        ],
    );
    assert_eq!(output.status.code(), Some(1), "{verdict}");
    assert_eq!((&verdict["verdict"], &verdict["seed"]), (&"violated".into(), &1.into()));
    assert!(verdict["violations"]["notRecovered"].as_u64().is_some_and(|count| count >= 4), "{verdict}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--seed 1"), "it says how to repeat it");
}
