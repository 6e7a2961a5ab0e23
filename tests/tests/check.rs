//! The delivery checker against the service: nothing is lost while sockets break, and it notices when something is.

use std::path::Path;
use std::process::{Command, Output};

use hublet_tests::{Folder, Server, command, new_folder};
use serde_json::Value;

/// Runs the checker, and returns its verdict.
fn check(server: &Server, arguments: &[&str]) -> (Output, Value) {
    check_at(server.connection_string(), server.folder(), arguments)
}

fn check_at(connection_string: &str, folder: &Path, arguments: &[&str]) -> (Output, Value) {
    let mut check = command(folder);
    check.args(["bench", "check", "--json"]).args(arguments);
    check.args(["--connection-string", connection_string]);
    let output = check.output().expect("the binary starts");
    let verdict = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output, verdict)
}

/// It means nothing if nothing happened.
fn assert_busy(verdict: &Value, names: &[&str]) {
    for name in names {
        assert!(verdict[name].as_u64().is_some_and(|count| count > 20), "{name} in {verdict}");
    }
}

// This and the next test together check for a minute.
#[test]
fn nothing_is_lost_doubled_or_disordered_while_sockets_break() {
    let server = Server::start_with(&["--shards", "2"]);
    let mut handler = command(server.folder());
    handler.args([
        "hub",
        "set",
        "bench",
        "--event-handler",
        "url-template=builtin:echo",
        "user-event-pattern=check",
    ]);
    handler.args(["--connection-string", server.connection_string()]);
    assert!(handler.output().expect("the binary starts").status.success());
    let (output, verdict) = check(&server, &["--seconds", "40", "--cut-interval", "1.5", "--invocations"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    // The verdict has the seed.
    assert!(output.status.success(), "{verdict}\n{errors}\n{}", server.log());
    assert_eq!(verdict["verdict"], "kept");
    assert_busy(&verdict, &["messages", "deliveries", "joins", "cuts", "recoveries", "reconnections"]);
    assert_busy(&verdict, &["streams", "parts", "partDeliveries", "invocations"]);
}

/// Two pipes between the restart command, which is a shell's, and this process, which has the service: it is told to
/// restart it, and tells when that is done.
struct Pipes(Folder);

impl Pipes {
    fn new() -> Self {
        let folder = new_folder();
        let made = Command::new("mkfifo").arg(folder.join("asked")).arg(folder.join("done")).status();
        assert!(made.expect("mkfifo").success());
        Self(folder)
    }

    fn command(&self) -> String {
        let folder = self.0.display();
        format!("echo restart > '{folder}/asked' && cat '{folder}/done'")
    }

    /// What is asked for next.
    fn next(&self) -> String {
        std::fs::read_to_string(self.0.join("asked")).expect("a pipe")
    }

    fn done(&self) {
        std::fs::write(self.0.join("done"), "").expect("a pipe");
    }

    fn end(&self) {
        std::fs::write(self.0.join("asked"), "end").expect("a pipe");
    }
}

#[test]
fn nothing_is_lost_doubled_or_disordered_while_the_service_restarts() {
    let server = Server::start_with(&["--shards", "2"]);
    let authority = server.authority().to_owned();
    let arguments = ["--listen", &authority, "--shards", "2"];
    let connection_string = server.connection_string().to_owned();
    let pipes = Pipes::new();
    let (output, verdict, server) = std::thread::scope(|scope| {
        let restarts = scope.spawn(|| {
            let mut server = server;
            while pipes.next().starts_with("restart") {
                server = Server::start_in(server.stop_and_take_folder(), &arguments, &[]);
                pipes.done();
            }
            server
        });
        let command = pipes.command();
        let options = ["--seconds", "20", "--cut-interval", "2.5", "--restart-command", &command];
        let (output, verdict) = check_at(&connection_string, &pipes.0, &options);
        pipes.end();
        (output, verdict, restarts.join().expect("a service"))
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{verdict}\n{errors}\n{}", server.log());
    assert_eq!(verdict["verdict"], "kept");
    assert!(verdict["restarts"].as_u64().is_some_and(|count| count >= 2), "{verdict}");
    assert_busy(&verdict, &["messages", "deliveries", "joins", "recoveries", "streams", "partDeliveries"]);
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
