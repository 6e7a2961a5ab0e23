//! Programs under test: started with piped input and output, and talked to line by line.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything a test expects, a cold start of a runtime on a busy machine included. Only a failure
/// takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many past lines a failure shows.
const SHOWN: usize = 40;

/// A running program. It is killed when the test ends before it does.
pub struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Line>,
    /// What it said, for the message of a failure.
    past: VecDeque<String>,
}

/// One line, and whether it came on standard output.
struct Line {
    text: String,
    is_output: bool,
}

impl Program {
    /// Starts a command. The name is for the messages of failures.
    ///
    /// # Panics
    /// When the command cannot be started.
    pub fn start(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{name}: cannot start {command:?}: {error}"));
        let (sender, output) = channel();
        if let Some(stdout) = child.stdout.take() {
            forward(stdout, sender.clone(), true);
        }
        if let Some(stderr) = child.stderr.take() {
            forward(stderr, sender, false);
        }
        let input = child.stdin.take();
        Self { name: name.to_owned(), child, input, output, past: VecDeque::new() }
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the program no longer reads.
    pub fn type_line(&mut self, line: &str) {
        let written = self.input.as_mut().map(|input| writeln!(input, "{line}").and_then(|()| input.flush()));
        if !matches!(written, Some(Ok(()))) {
            self.fail(&format!("it reads no more, cannot type {line:?}"));
        }
    }

    /// Ends the program's input, as Ctrl+D does.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits for the next line of output.
    ///
    /// # Panics
    /// When none comes.
    pub fn next_line(&mut self) -> String {
        match self.next_line_or_end() {
            Some(line) => line,
            None => self.fail("it ended instead of printing a line"),
        }
    }

    /// Expects the next line of output to be this one.
    ///
    /// # Panics
    /// When it is another one, or none comes.
    pub fn expect(&mut self, expected: &str) {
        let line = self.next_line();
        if line != expected {
            self.fail(&format!("expected the line {expected:?}, got {line:?}"));
        }
    }

    /// Expects the next line of output to start with this, and returns what follows.
    ///
    /// # Panics
    /// When it does not, or no line comes.
    pub fn expect_start(&mut self, expected: &str) -> String {
        let line = self.next_line();
        match line.strip_prefix(expected) {
            Some(rest) => rest.to_owned(),
            None => self.fail(&format!("expected a line that starts with {expected:?}, got {line:?}")),
        }
    }

    /// Waits until the program ends by itself. Returns the lines of output that nobody expected yet.
    ///
    /// # Panics
    /// When it runs on.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        self.input = None;
        let rest: Vec<String> = std::iter::from_fn(|| self.next_line_or_end()).collect();
        match self.child.wait() {
            Ok(status) => (status, rest),
            Err(error) => self.fail(&format!("it cannot be waited for: {error}")),
        }
    }

    /// Waits until the program ends by itself, with success and without further output.
    ///
    /// # Panics
    /// When it runs on, prints more, or fails.
    pub fn expect_end(self) {
        let name = self.name.clone();
        let (status, rest) = self.end();
        assert!(status.success() && rest.is_empty(), "{name}: {status}, last words {rest:?}");
    }

    /// The next line of output, or None when the program closed its output.
    fn next_line_or_end(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if self.past.len() == SHOWN {
                        self.past.pop_front();
                    }
                    self.past.push_back(format!("{} {}", if line.is_output { '>' } else { '!' }, line.text));
                    if line.is_output {
                        return Some(line.text);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.fail("nothing came"),
            }
        }
    }

    fn fail(&mut self, what: &str) -> ! {
        while let Ok(line) = self.output.try_recv() {
            self.past.push_back(format!("{} {}", if line.is_output { '>' } else { '!' }, line.text));
        }
        let past: Vec<&str> = self.past.iter().map(String::as_str).collect();
        panic!("{}: {what}\nits output (>) and errors (!):\n{}", self.name, past.join("\n"));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and expects success; a failure shows all of its output.
///
/// # Panics
/// When it cannot be started or fails.
pub fn run(name: &str, command: &mut Command) {
    let mut program = Program::start(name, command);
    program.end_input();
    while program.next_line_or_end().is_some() {}
    match program.child.wait() {
        Ok(status) if status.success() => {}
        outcome => program.fail(&format!("it ended with {outcome:?}")),
    }
}

/// Sends every line on, until the stream ends.
fn forward(stream: impl Read + Send + 'static, lines: Sender<Line>, is_output: bool) {
    thread::spawn(move || {
        for text in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(Line { text, is_output }).is_err() {
                return;
            }
        }
    });
}
