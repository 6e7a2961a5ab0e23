//! A file of sessions that grows with what happens to them.

use std::fs::File;
use std::io::{self, Write};

use super::{HEAD_BYTES, SessionWriter, head};

/// A log may have so many bytes whatever it began with.
const BYTES_MIN: u64 = 64 << 20;
/// How many times as large as in the beginning a log becomes before it is to begin anew.
const GROWTH_MAX: u64 = 4;
/// Room for chunks that is kept from one to the next.
const ROOM_BYTES: usize = 1 << 20;

/// The log of one shard. What was written survives the process, but not a power cut: the disk is not waited for.
#[derive(Debug)]
pub struct SessionLog {
    file: File,
    bytes: u64,
    large_bytes: u64,
    room: Vec<u8>,
}

impl SessionWriter {
    /// Gives the file its name and goes on writing to it. It has to be one of [`super::SessionFiles::write_log`].
    ///
    /// # Errors
    /// The folder refuses; the file before it stays.
    pub fn go_on(self) -> io::Result<SessionLog> {
        self.new.rename(&self.path)?;
        let large_bytes = BYTES_MIN.max(self.bytes.saturating_mul(GROWTH_MAX));
        Ok(SessionLog { file: self.file, bytes: self.bytes, large_bytes, room: Vec::new() })
    }
}

impl SessionLog {
    /// Appends a chunk of at most 1 GiB.
    ///
    /// # Errors
    /// It cannot be written, or is longer. Nothing may follow it.
    pub fn chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.room.clear();
        self.room.shrink_to(ROOM_BYTES);
        self.room.extend_from_slice(&head(chunk)?);
        // One call writes both.
        self.room.extend_from_slice(chunk);
        self.file.write_all(&self.room)?;
        self.bytes += (HEAD_BYTES + chunk.len()) as u64;
        Ok(())
    }

    /// As if so much had been written.
    #[cfg(test)]
    pub(super) fn skip(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Whether it should begin anew, since most of it is about what is past.
    pub fn is_large(&self) -> bool {
        self.bytes > self.large_bytes
    }
}
