//! The logs of sessions that outlive a kill: written before anybody learns of what happened.

use std::fs::File;
use std::io;

use hublet_hub::{Shard, Undelivered};
use hublet_store::{SessionFiles, SessionLog};

/// The log of one shard.
pub(crate) struct ShardLog {
    files: SessionFiles,
    file: SessionLog,
    /// When the clock of the shard began, in milliseconds since 1970.
    epoch_ms: u64,
}

impl ShardLog {
    /// Begins the log of a shard that has taken its sessions up. It replaces what they were read from.
    ///
    /// # Errors
    /// The folder cannot be used; the text says what to do.
    pub(crate) fn begin(
        files: &SessionFiles,
        shard: &mut Shard,
        epoch_ms: u64,
        undelivered: &Undelivered,
    ) -> io::Result<Self> {
        shard.begin_log(epoch_ms, undelivered);
        let file = begin_file(files, shard, epoch_ms).map_err(|error| unusable(files, &error))?;
        shard.log_is_begun();
        Ok(Self { files: files.clone(), file, epoch_ms })
    }

    /// Writes what has changed. False when it cannot be written: then sessions go on without a log, as they would with
    /// `durability = "restart"`.
    pub(crate) fn write(&mut self, shard: &mut Shard) -> bool {
        let Err(error) = self.try_write(shard) else { return true };
        shard.end_log();
        // Who came back to what it has would get numbers once more that others have for other messages.
        let removed = self.files.remove(shard.index());
        tracing::error!(
            shard = shard.index(),
            %error,
            is_removed = removed.is_ok(),
            "The log of sessions in {} cannot be written, so reliable clients lose their sessions if the process is \
             killed. Check the data folder, its permissions and the free space, then restart the service.",
            self.files.folder().display()
        );
        false
    }

    fn try_write(&mut self, shard: &mut Shard) -> io::Result<()> {
        shard.write_log(|chunk| self.file.chunk(chunk))?;
        if self.file.is_large() {
            self.file = begin_file(&self.files, shard, self.epoch_ms)?;
        }
        Ok(())
    }
}

/// A log with the sessions as they are now. Nothing may wait to be written.
fn begin_file(files: &SessionFiles, shard: &mut Shard, epoch_ms: u64) -> io::Result<SessionLog> {
    let mut writer = files.write_log(shard.index())?;
    shard.save(epoch_ms, |chunk| writer.chunk(chunk))?;
    writer.go_on()
}

/// Keeps the files of sessions from other processes, as long as the value lives: a process that has logs needs them all the
/// time, others while they read.
///
/// # Errors
/// Another process has logs there, or logs are wanted and cannot be; the text says what to do.
pub(crate) fn lock(files: &SessionFiles, has_logs: bool) -> io::Result<Option<File>> {
    match if has_logs { files.lock().map(Some) } else { files.lock_if_there() } {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::Error::other(format!(
            "{} is in use by another process. Stop the other service, or give this one a data folder of its own.",
            files.folder().display()
        ))),
        Err(error) if has_logs => Err(unusable(files, &error)),
        // Reading the files will tell.
        Err(_) => Ok(None),
        locked => locked,
    }
}

fn unusable(files: &SessionFiles, error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "{} cannot be used for the log of sessions: {error}. Check the data folder, its permissions and the free space, or \
         set `reliable.durability` to \"restart\".",
        files.folder().display()
    ))
}
