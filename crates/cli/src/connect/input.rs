//! Where lines come from: a person at a terminal, with editing, or a pipe.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::screen::Screen;

const PROMPT: &str = "> ";
/// Lines that are read ahead.
const LINES_AHEAD: usize = 1_024;
/// How long one try to end the editor may take.
const END_WAIT: Duration = Duration::from_millis(50);

/// What the input has.
#[derive(Debug)]
pub(super) enum Line {
    /// A line without its end.
    Text(String),
    /// Nothing follows.
    End,
    /// Ctrl+C at the editor.
    Interrupted,
    /// The input is broken.
    Broken(String),
}

/// The input, read by a thread of its own: reading from a terminal or a pipe cannot be awaited everywhere.
pub(super) struct Input {
    lines: mpsc::Receiver<Line>,
    /// Tells the editor's thread to stop; `None`: there is no editor.
    editor_stops: Option<Arc<AtomicBool>>,
}

impl Input {
    /// Starts to read, and opens the screen that goes with it: messages must not garble a line that is being edited.
    pub(super) fn open() -> io::Result<(Self, Screen)> {
        let (sender, lines) = mpsc::channel(LINES_AHEAD);
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            // A terminal without cursor movements has no editor; plain lines work there.
            if let Some((editor, screen)) = editor() {
                let stops = Arc::new(AtomicBool::new(false));
                let editor_stops = Some(Arc::clone(&stops));
                thread::Builder::new()
                    .name("input".to_owned())
                    .spawn(move || edit(editor, &sender, &stops))?;
                return Ok((Self { lines, editor_stops }, screen));
            }
        }
        thread::Builder::new().name("input".to_owned()).spawn(move || read(&sender))?;
        Ok((Self { lines, editor_stops: None }, Screen::plain()))
    }

    /// The next line. Cancel-safe.
    pub(super) async fn next(&mut self) -> Line {
        self.lines.recv().await.unwrap_or(Line::End)
    }

    /// Ends the editor, so that the terminal is as it was.
    pub(super) async fn finish(mut self) {
        let Some(stops) = self.editor_stops.take() else { return };
        stops.store(true, Ordering::SeqCst);
        for _ in 0..20 {
            // The first wait also lets the editor show the last message.
            let ended = async { while self.lines.recv().await.is_some() {} };
            if timeout(END_WAIT, ended).await.is_ok() {
                return;
            }
            interrupt_editor();
        }
    }
}

/// The editor waits for a key or a signal, and this is the signal. Ctrl+C is a key to it.
#[cfg(unix)]
fn interrupt_editor() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT);
}

/// Consoles of Windows are put in order by the shell.
#[cfg(not(unix))]
fn interrupt_editor() {}

fn editor() -> Option<(DefaultEditor, Screen)> {
    // Without bracketed paste, pasted lines are lines.
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let mut editor = DefaultEditor::with_config(config).ok()?;
    let printer = editor.create_external_printer().ok()?;
    Some((editor, Screen::beside_editor(printer)))
}

fn edit(mut editor: DefaultEditor, sender: &mpsc::Sender<Line>, stops: &AtomicBool) {
    while !stops.load(Ordering::SeqCst) {
        let line = match editor.readline(PROMPT) {
            Ok(line) => Line::Text(line),
            Err(ReadlineError::Eof) => Line::End,
            Err(ReadlineError::Interrupted) => Line::Interrupted,
            Err(error) => Line::Broken(error.to_string()),
        };
        let is_last = !matches!(line, Line::Text(_));
        if sender.blocking_send(line).is_err() || is_last {
            break;
        }
    }
}

fn read(sender: &mpsc::Sender<Line>) {
    for line in io::stdin().lock().lines() {
        let line = match line {
            Ok(line) => Line::Text(line),
            Err(error) => Line::Broken(error.to_string()),
        };
        let is_last = !matches!(line, Line::Text(_));
        if sender.blocking_send(line).is_err() || is_last {
            return;
        }
    }
    let _ = sender.blocking_send(Line::End);
}
