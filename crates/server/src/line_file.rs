//! A file of lines that is put aside when it is full: `name`, `name.1`, `name.2`, the oldest last. Every line in it is whole,
//! whatever the disk does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// See the module. Only its owner can read it.
#[derive(Debug)]
pub(crate) struct LineFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    files_max: usize,
}

impl LineFile {
    /// Opens a file, to go on where it ends. `bytes_max`: when it is full; `files_max`: how many there are, 1 or more.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn open(path: PathBuf, bytes_max: u64, files_max: usize) -> io::Result<Self> {
        let (file, bytes) = open(&path)?;
        Ok(Self { path, file, bytes, bytes_max, files_max })
    }

    /// Bytes that it may get before it is full.
    pub(crate) fn room(&self) -> u64 {
        self.bytes_max.saturating_sub(self.bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Writes whole lines.
    ///
    /// # Errors
    /// The error, and how many bytes of whole lines were written before it.
    pub(crate) fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
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

    /// Puts the file aside and begins a new one.
    ///
    /// # Errors
    /// A file cannot be renamed, removed or opened.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
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
    let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(path)?;
    let mut bytes = file.metadata()?.len();
    let mut last = [b'\n'];
    if bytes > 0 {
        file.read_exact_at(&mut last, bytes - 1)?;
    }
    // A process or a machine that went down in the middle of a line.
    if last != *b"\n" {
        file.write_all(b"\n")?;
        bytes += 1;
    }
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
        let folder = std::env::temp_dir().join(format!("hublet-lines-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("r.log");
        let write = |lines: &[&str]| {
            let mut file = LineFile::open(path.clone(), 10, 3).unwrap();
            for line in lines {
                if !file.is_empty() && file.room() < line.len() as u64 {
                    file.rotate().unwrap();
                }
                file.write(line.as_bytes()).unwrap();
            }
        };
        write(&["11111\n", "22222\n", "33333\n"]);
        write(&["444\n", "5\n"]);
        let read = |number: usize| {
            let path = if number == 0 { path.clone() } else { numbered(&path, number) };
            fs::read_to_string(path).ok()
        };
        assert_eq!(read(0).as_deref(), Some("5\n"), "it goes on where it was");
        assert_eq!(read(1).as_deref(), Some("33333\n444\n"));
        assert_eq!(read(2).as_deref(), Some("22222\n"));
        assert_eq!(read(3), None);
        for path in [path.clone(), numbered(&path, 1)] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
        }
        write(&["a line that is longer than a file\n"]);
        assert_eq!(read(0).as_deref(), Some("a line that is longer than a file\n"));
        fs::write(&path, "half").unwrap();
        write(&["5\n"]);
        assert_eq!(read(0).as_deref(), Some("half\n5\n"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
