//! Where lines go: standard output, or a file that is put aside when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Stdout, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::LogOutput;

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
    File(Rotated),
}

/// A file and older ones beside it: `name`, `name.1`, `name.2`, the oldest last.
#[derive(Debug)]
struct Rotated {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    files_max: usize,
}

impl Sink {
    /// # Errors
    /// The file cannot be opened; the text has its name.
    pub(super) fn open(output: &LogOutput) -> io::Result<Self> {
        let output = match output {
            LogOutput::Stdout => Output::Stdout(io::stdout()),
            LogOutput::File { file, bytes_max, files_max } => {
                let (opened, bytes) = open(file)?;
                Output::File(Rotated {
                    path: file.clone(),
                    file: opened,
                    bytes,
                    bytes_max: *bytes_max,
                    files_max: *files_max,
                })
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
        let bytes = file.bytes + self.waiting.len() as u64;
        if bytes == 0 || bytes + line_bytes as u64 <= file.bytes_max {
            return Ok(());
        }
        self.flush();
        match &mut self.output {
            // What was to fill it may be lost.
            Output::File(file) if file.bytes > 0 => file.rotate(),
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

impl Rotated {
    /// Writes lines. With the error comes how many bytes of whole lines were written before it.
    fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < lines.len() {
            let error = match self.file.write(&lines[written..]) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(count) => {
                    written += count;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let whole = lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            self.bytes += whole as u64;
            if whole < written {
                // Half a line would spoil the next one. That this fails too is no news.
                let _ = self.file.set_len(self.bytes);
            }
            return Err((whole, error));
        }
        self.bytes += written as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.files_max == 1 {
            fs::remove_file(&self.path)?;
        }
        for number in (1..self.files_max).rev() {
            let older = numbered(&self.path, number);
            let newer = if number == 1 { self.path.clone() } else { numbered(&self.path, number - 1) };
            match fs::rename(newer, older) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        (self.file, self.bytes) = open(&self.path)?;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    // Users, addresses and perhaps messages are in it.
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = opened.map_err(|error| {
        io::Error::new(error.kind(), format!("resource logs: {}: {error}", path.display()))
    })?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_put_aside_and_the_oldest_goes() {
        let folder = std::env::temp_dir().join(format!("hublet-sink-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("r.log");
        let output = LogOutput::File { file: file.clone(), bytes_max: 10, files_max: 3 };
        let write = |lines: &[&str]| {
            let mut sink = Sink::open(&output).unwrap();
            sink.write(lines.iter().map(|line| line.as_bytes().to_vec())).unwrap();
        };
        write(&["11111\n", "22222\n", "33333\n"]);
        write(&["444\n", "5\n"]);
        let read = |number: usize| {
            let path = if number == 0 { file.clone() } else { numbered(&file, number) };
            fs::read_to_string(path).ok()
        };
        assert_eq!(read(0).as_deref(), Some("5\n"), "it goes on where it was");
        assert_eq!(read(1).as_deref(), Some("33333\n444\n"));
        assert_eq!(read(2).as_deref(), Some("22222\n"));
        assert_eq!(read(3), None);
        for path in [file.clone(), numbered(&file, 1)] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
        }
        write(&["a line that is longer than a file\n"]);
        assert_eq!(read(0).as_deref(), Some("a line that is longer than a file\n"));
        fs::remove_dir_all(&folder).unwrap();
    }

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
        let (file, bytes) = open(&path).unwrap();
        if let Output::File(rotated) = &mut sink.output {
            (rotated.file, rotated.bytes) = (file, bytes);
        }
        sink.write([b"line\n".to_vec()]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "line\n");
        fs::remove_file(&path).unwrap();
    }
}
