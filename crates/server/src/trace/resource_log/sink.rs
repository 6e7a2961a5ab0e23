//! Where lines go: standard output, or a file that is put aside when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Stdout, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::LogOutput;

/// See the module.
#[derive(Debug)]
pub(super) enum Sink {
    Stdout(BufWriter<Stdout>),
    File(Rotated),
}

/// A file and older ones beside it: `name`, `name.1`, `name.2`, the oldest last.
#[derive(Debug)]
pub(super) struct Rotated {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    bytes_max: u64,
    files_max: usize,
}

impl Sink {
    /// # Errors
    /// The file cannot be opened; the text has its name.
    pub(super) fn open(output: &LogOutput) -> io::Result<Self> {
        match output {
            LogOutput::Stdout => Ok(Self::Stdout(BufWriter::new(io::stdout()))),
            LogOutput::File { file, bytes_max, files_max } => {
                let (opened, bytes) = open(file)?;
                Ok(Self::File(Rotated {
                    path: file.clone(),
                    file: opened,
                    bytes,
                    bytes_max: *bytes_max,
                    files_max: *files_max,
                }))
            }
        }
    }

    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.write_all(line),
            Self::File(file) => file.write(line),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File(file) => file.file.flush(),
        }
    }
}

impl Rotated {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.bytes_max {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
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

fn open(path: &Path) -> io::Result<(BufWriter<File>, u64)> {
    // Users, addresses and perhaps messages are in it.
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    let file = opened.map_err(|error| {
        io::Error::new(error.kind(), format!("resource logs: {}: {error}", path.display()))
    })?;
    let bytes = file.metadata()?.len();
    Ok((BufWriter::new(file), bytes))
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
            lines.iter().for_each(|line| sink.write(line.as_bytes()).unwrap());
            sink.flush().unwrap();
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
}
