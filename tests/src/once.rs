//! The binary run to its end: commands that print and exit, and a service that must not start.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::raw::PATIENCE;

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; `None` after a signal, also the one that ends a program that runs on.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub error: String,
}

/// Runs a command with this text as its input.
///
/// # Panics
/// When it cannot be started.
pub fn run(command: &mut Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let pid = Pid::from_child(&child);
    let (ended, is_ended) = channel::<()>();
    let watchdog = thread::spawn(move || {
        if is_ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // It may have ended this moment.
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let error = child.stderr.take().map(|stream| thread::spawn(move || text(stream)));
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without reading its input.
        let _ = stdin.write_all(input.as_bytes());
    }
    let out = child.stdout.take().map(text).unwrap_or_default();
    let error = error.map(|reader| reader.join().expect("text")).unwrap_or_default();
    let status = child.wait().expect("a process to wait for");
    drop(ended);
    watchdog.join().expect("the watchdog ends");
    Ended { code: status.code(), out, error }
}

fn text(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a pipe to read");
    String::from_utf8(bytes).expect("text in UTF-8")
}
