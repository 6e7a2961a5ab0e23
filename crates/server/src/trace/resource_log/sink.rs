//! Where lines go: standard output, or a file that is put aside when it is full.

use std::io::{self, Stdout, Write};

use crate::config::LogOutput;
use crate::line_file::LineFile;

/// Bytes that wait for one write.
const WAITING_BYTES_MAX: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Sink {
    output: Output,
    /// Whole lines.
    waiting: Vec<u8>,
    /// Those that could not be written, until somebody is told.
    lost: Option<Lost>,
}

/// Lines that could not be written.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) lines: u64,
    /// Why the last of them was not.
    pub(super) error: io::Error,
}

#[derive(Debug)]
enum Output {
    Stdout(Stdout),
    File(LineFile),
}

impl Sink {
    /// # Errors
    /// The file cannot be opened; the text has its name.
    pub(super) fn open(output: &LogOutput) -> io::Result<Self> {
        let output = match output {
            LogOutput::Stdout => Output::Stdout(io::stdout()),
            LogOutput::File { file, bytes_max, files_max } => {
                // Users, addresses and perhaps messages are in it.
                let opened = LineFile::open(file.clone(), *bytes_max, *files_max);
                Output::File(opened.map_err(|error| {
                    io::Error::new(error.kind(), format!("resource logs: {}: {error}", file.display()))
                })?)
            }
        };
        Ok(Self { output, waiting: Vec::new(), lost: None })
    }

    /// Writes lines, each with its end.
    ///
    /// # Errors
    /// Some could not be written; those are given up.
    pub(super) fn write(&mut self, lines: impl IntoIterator<Item = Vec<u8>>) -> Result<(), Lost> {
        for line in lines {
            if self.waiting.len() + line.len() > WAITING_BYTES_MAX {
                self.flush();
            }
            if let Err(error) = self.make_room(line.len()) {
                self.lose(1, error);
                continue;
            }
            self.waiting.extend_from_slice(&line);
        }
        self.flush();
        self.lost.take().map_or(Ok(()), Err)
    }

    /// Puts the file aside if it is full.
    fn make_room(&mut self, line_bytes: usize) -> io::Result<()> {
        let Output::File(file) = &self.output else { return Ok(()) };
        let is_first = file.is_empty() && self.waiting.is_empty();
        if is_first || (self.waiting.len() + line_bytes) as u64 <= file.room() {
            return Ok(());
        }
        self.flush();
        match &mut self.output {
            // What was to fill it may be lost.
            Output::File(file) if !file.is_empty() => file.rotate(),
            _ => Ok(()),
        }
    }

    fn flush(&mut self) {
        let result = match &mut self.output {
            Output::Stdout(out) => {
                out.write_all(&self.waiting).and_then(|()| out.flush()).map_err(|error| (0, error))
            }
            Output::File(file) => file.write(&self.waiting),
        };
        if let Err((written, error)) = result {
            let rest = self.waiting.get(written..).unwrap_or_default();
            self.lose(rest.iter().filter(|byte| **byte == b'\n').count() as u64, error);
        }
        self.waiting.clear();
    }

    fn lose(&mut self, lines: u64, error: io::Error) {
        let before = self.lost.take().map_or(0, |lost| lost.lines);
        self.lost = Some(Lost { lines: before + lines, error });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_cannot_be_written_is_counted_and_the_next_line_is_whole() {
        let full = LogOutput::File { file: "/dev/full".into(), bytes_max: 1 << 20, files_max: 1 };
        let mut sink = Sink::open(&full).unwrap();
        let lines = |count: usize| std::iter::repeat_n(vec![b'\n'], count);
        for count in [3, WAITING_BYTES_MAX + 7] {
            let lost = sink.write(lines(count)).unwrap_err();
            assert_eq!((lost.lines, lost.error.kind()), (count as u64, io::ErrorKind::StorageFull));
        }
        // The disk has room again.
        let path = std::env::temp_dir().join(format!("hublet-full-{}", std::process::id()));
        sink.output = Output::File(LineFile::open(path.clone(), 1 << 20, 1).unwrap());
        sink.write([b"line\n".to_vec()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
        fs::remove_file(&path).unwrap();
    }
}
