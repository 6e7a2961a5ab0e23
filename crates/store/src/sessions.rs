//! Sessions of clients between two processes: one file for each shard, in a folder of their own.
//!
//! A file is a line that names its format, then chunks: the length and the checksum of what follows, in four bytes each
//! with the lowest first. The store does not look into the chunks. A file may also be a log, which grows until the next one
//! takes its place, see [`SessionLog`].

mod checksum;
mod log;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use checksum::checksum;
pub use log::SessionLog;

/// Name of the folder in the data folder.
const FOLDER: &str = "sessions";
/// What names of files begin with; the number of the shard follows.
const PREFIX: &str = "shard-";
/// What the name of a file ends with that is still being written.
const NEW: &str = ".new";
/// Name of a file that is made and removed to see whether that can be done.
const PROBE: &str = "probe";
/// The first line of each file. What a chunk holds is part of the format.
const FORMAT: &[u8] = b"hublet sessions 1\n";
/// The first line of each log.
const LOG_FORMAT: &[u8] = b"hublet session log 1\n";
/// Bytes of length and checksum.
const HEAD_BYTES: usize = 8;
/// A chunk that says it has more is none.
const CHUNK_BYTES_MAX: u32 = 1 << 30;

/// The files of sessions in a data folder. Nothing is made before something is written.
#[derive(Debug, Clone)]
pub struct SessionFiles {
    folder: PathBuf,
}

/// How a file ended that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With its last chunk.
    Whole,
    /// It is a log, and something is wrong from here on: the last chunk was still being written, or it is damaged.
    Cut(&'static str),
}

/// A file that is being written. It takes the place of the one before when it is finished; else nothing is left of it.
#[derive(Debug)]
pub struct SessionWriter {
    file: File,
    new: Unfinished,
    path: PathBuf,
    /// Bytes so far.
    bytes: u64,
}

/// The path of a file that is not finished. It goes with this, so that a full disk is not full of it.
#[derive(Debug)]
struct Unfinished(Option<PathBuf>);

impl Unfinished {
    fn rename(mut self, path: &Path) -> io::Result<()> {
        if let Some(new) = &self.0 {
            fs::rename(new, path)?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(new) = &self.0 {
            // The next start tries again.
            let _ = fs::remove_file(new);
        }
    }
}

impl SessionFiles {
    /// The files in this data folder.
    pub fn at(data: &Path) -> Self {
        Self { folder: data.join(FOLDER) }
    }

    /// Where they are, for people.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The shards that have a file, in ascending order.
    ///
    /// # Errors
    /// The folder cannot be read. That it is not there is none.
    pub fn shards(&self) -> io::Result<Vec<usize>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut shards = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            shards.extend(number.and_then(|number| number.parse::<usize>().ok()));
        }
        shards.sort_unstable();
        Ok(shards)
    }

    /// Gives the chunks of a shard's file to `visit`, in their order.
    ///
    /// # Errors
    /// The file cannot be read; or it is no log and damaged from some chunk on. Those before it were visited.
    pub fn read(&self, shard: usize, visit: impl FnMut(&[u8])) -> io::Result<Ending> {
        let mut file = BufReader::new(File::open(self.path(shard))?);
        let mut format = Vec::new();
        (&mut file).take(LOG_FORMAT.len() as u64).read_until(b'\n', &mut format)?;
        if format != FORMAT && format != LOG_FORMAT {
            return Err(damaged("it is of another version"));
        }
        match read_chunks(&mut file, visit)? {
            Ending::Cut(what) if format == FORMAT => Err(damaged(what)),
            ending => Ok(ending),
        }
    }

    /// Begins the file of a shard, which only its owner may read.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn write(&self, shard: usize) -> io::Result<SessionWriter> {
        self.begin(shard, FORMAT)
    }

    /// Begins the log of a shard, which only its owner may read. What it begins with is written as to any file, then it
    /// becomes one by [`SessionWriter::go_on`].
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_log(&self, shard: usize) -> io::Result<SessionWriter> {
        self.begin(shard, LOG_FORMAT)
    }

    /// Keeps other processes from the files as long as the value lives, also from those that ask by [`Self::lock_if_there`].
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: another process has them. Or the folder cannot be made.
    pub fn lock(&self) -> io::Result<File> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let folder = File::open(&self.folder)?;
        match folder.try_lock() {
            Ok(()) => Ok(folder),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// As [`Self::lock`], but makes no folder: without one, nobody has files there.
    ///
    /// # Errors
    /// As there.
    pub fn lock_if_there(&self) -> io::Result<Option<File>> {
        if self.folder.is_dir() { self.lock().map(Some) } else { Ok(None) }
    }

    /// Whether files can be removed there. That there is no folder is no error.
    ///
    /// # Errors
    /// They cannot.
    pub fn check_writable(&self) -> io::Result<()> {
        if !self.folder.is_dir() {
            return Ok(());
        }
        let probe = self.folder.join(PROBE);
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&probe)?;
        fs::remove_file(probe)
    }

    fn begin(&self, shard: usize, format: &[u8]) -> io::Result<SessionWriter> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(shard);
        let new = path.with_added_extension(NEW.trim_start_matches('.'));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let new = Unfinished(Some(new));
        file.write_all(format)?;
        Ok(SessionWriter { file, new, path, bytes: format.len() as u64 })
    }

    /// Removes the files of all shards from this one on, those that were not finished too, and the folder if nothing else is
    /// in it.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn clear(&self, from_shard: usize) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let number = number.map(|number| number.trim_end_matches(NEW).parse::<usize>());
            if number.is_some_and(|number| number.is_ok_and(|shard| shard >= from_shard)) {
                fs::remove_file(entry.path())?;
            }
        }
        // Somebody may keep something else there.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }

    /// Removes the file of a shard. That there is none is no error.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, shard: usize) -> io::Result<()> {
        match fs::remove_file(self.path(shard)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }

    fn path(&self, shard: usize) -> PathBuf {
        self.folder.join(format!("{PREFIX}{shard}"))
    }
}

impl SessionWriter {
    /// Appends a chunk of at most 1 GiB.
    ///
    /// # Errors
    /// It cannot be written, or is longer.
    pub fn chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.file.write_all(&head(chunk)?)?;
        self.file.write_all(chunk)?;
        self.bytes += (HEAD_BYTES + chunk.len()) as u64;
        Ok(())
    }

    /// Puts everything on the disk and gives the file its name.
    ///
    /// # Errors
    /// The disk or the folder refuses; the file before it stays.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        self.new.rename(&self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// What stands before a chunk.
fn head(chunk: &[u8]) -> io::Result<[u8; HEAD_BYTES]> {
    let length = u32::try_from(chunk.len()).ok().filter(|length| *length <= CHUNK_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("a chunk of sessions is too long"))?;
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&checksum(chunk).to_le_bytes());
    Ok(head)
}

fn read_chunks(file: &mut impl Read, mut visit: impl FnMut(&[u8])) -> io::Result<Ending> {
    let mut chunk = Vec::new();
    loop {
        let mut head = Vec::new();
        file.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(Ending::Whole);
        }
        let (Some((length, rest)), true) = (head.split_first_chunk(), head.len() == HEAD_BYTES) else {
            return Ok(Ending::Cut("its end is missing"));
        };
        let length = u32::from_le_bytes(*length);
        if length > CHUNK_BYTES_MAX {
            return Ok(Ending::Cut("a chunk is too long"));
        }
        chunk.clear();
        // It makes no room for what is not there.
        file.take(length.into()).read_to_end(&mut chunk)?;
        if chunk.len() as u64 != u64::from(length) {
            return Ok(Ending::Cut("its end is missing"));
        }
        if checksum(&chunk).to_le_bytes() != rest {
            return Ok(Ending::Cut("a checksum is wrong"));
        }
        visit(&chunk);
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file is damaged: {what}"))
}

#[cfg(test)]
mod tests;
