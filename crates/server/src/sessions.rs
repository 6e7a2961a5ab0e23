//! Sessions of reliable clients between two processes: written when a shard ends, read before the next one begins.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hublet_hub::{Saved, SavedStates, Shard, Undelivered};
use hublet_store::{Ending, SessionFiles};
use hublet_wire::id::ConnId;

use crate::node::Node;

/// The right to leave sessions in a folder where other services may leave theirs, too: one takes it for all its shards, and
/// nobody else writes or reads there as long as the value lives.
#[derive(Debug)]
pub(crate) struct Claim {
    files: SessionFiles,
    lock: Mutex<Option<File>>,
}

impl Claim {
    /// For the files of this folder, which whoever has logs there has locked from the beginning.
    pub(crate) fn new(files: SessionFiles, lock: Option<File>) -> Self {
        Self { files, lock: Mutex::new(lock) }
    }

    /// Whether sessions can be left there, as far as it can be said before. What another service has left is not
    /// overwritten, since that one was stopped meanwhile and its clients come back.
    pub(crate) fn is_free(&self) -> bool {
        if self.lock.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return true;
        }
        match self.files.lock_if_there() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            // If the folder cannot be used, writing will tell.
            _ => self.files.shards().map_or(true, |shards| shards.is_empty()),
        }
    }

    fn take(&self) -> io::Result<&SessionFiles> {
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            let taken = || io::Error::other("another service keeps its sessions there");
            let new = self.files.lock().map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => taken(),
                _ => error,
            })?;
            if !self.files.shards()?.is_empty() {
                return Err(taken());
            }
            *lock = Some(new);
        }
        Ok(&self.files)
    }
}

/// A shard that has ended, with sessions to be kept.
pub(crate) struct LeftBehind {
    pub(crate) shard: Shard,
    /// There is a log that ends with these sessions.
    pub(crate) has_log: bool,
    /// When its clock began, in milliseconds since 1970.
    pub(crate) epoch_ms: u64,
}

impl LeftBehind {
    /// Writes the sessions. What cannot be written is lost, which the log tells.
    pub(crate) fn write(mut self, index: usize, claim: &Claim) {
        let connections = self.shard.connections();
        match self.try_write(index, claim) {
            Ok(0) => {}
            Ok(sessions) => {
                tracing::info!(
                    shard = index,
                    sessions,
                    "reliable clients can come back after the next start"
                );
            }
            Err(error) if self.has_log => tracing::warn!(
                shard = index,
                connections,
                %error,
                "The sessions of reliable clients in {} are kept as the log of all that happened, since they cannot be \
                 written alone. Check the free space.",
                claim.files.folder().display()
            ),
            Err(error) => tracing::error!(
                shard = index,
                connections,
                %error,
                "The sessions of reliable clients cannot be kept in {}, so they are lost. Check the data folder, its \
                 permissions and the free space.",
                claim.files.folder().display()
            ),
        }
    }

    fn try_write(&mut self, index: usize, claim: &Claim) -> io::Result<usize> {
        if self.shard.connections() == 0 {
            // A log may be there.
            return claim.files.remove(index).map(|()| 0);
        }
        let mut writer = None;
        let sessions = self.shard.save(self.epoch_ms, |chunk| {
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert(claim.take()?.write(index)?),
            };
            writer.chunk(chunk)
        })?;
        writer.map_or(Ok(()), |writer| writer.finish())?;
        Ok(sessions)
    }
}

/// Sessions that were read, what shards had sent each other, and group states.
#[derive(Default)]
pub(crate) struct FoundSessions {
    /// Of each file the sessions, and the shard that it is of.
    by_shard: Vec<(usize, Saved)>,
    /// Sessions in files that are not those of their shards, and the shards that the files claim to be of.
    strangers: Vec<(usize, Saved)>,
    undelivered: Undelivered,
    states: SavedStates,
}

impl FoundSessions {
    /// Reads what the process before left. What cannot be read is lost, which the log tells; and so is what cannot be removed
    /// afterwards, since it must not be taken up twice.
    pub(crate) fn read(files: &SessionFiles) -> Self {
        if let Err(error) = files.check_writable() {
            tracing::error!(
                %error,
                "Sessions in {} could not be removed once they are taken up, so they are not: their clients connect \
                 anew. Let the service write there, or remove the folder.",
                files.folder().display()
            );
            return Self::default();
        }
        let shards = files.shards().unwrap_or_else(|error| {
            lost(files, &error);
            Vec::new()
        });
        let read = |shard| {
            let mut saved = Saved::new(now_ms());
            let mut outcome = Ok(());
            let found = files.read(shard, |chunk| {
                if outcome.is_ok() {
                    outcome = saved.read(chunk);
                }
            });
            let version = outcome.map_err(|_| io::Error::other("it is of another version"));
            match version.and(found) {
                Ok(Ending::Whole) => {}
                Ok(Ending::Cut(what)) => tracing::warn!(
                    shard,
                    what,
                    "The log of sessions is taken up to here. That is as it should be if the process was killed while it \
                     wrote; else check the disk."
                ),
                Err(error) if !saved.is_empty() => tracing::error!(
                    shard,
                    sessions = saved.len(),
                    %error,
                    "Sessions of reliable clients in {} are taken up to where their file is damaged; others are lost. \
                     Their clients connect anew.",
                    files.folder().display()
                ),
                Err(error) => lost(files, &error),
            }
            (shard, saved)
        };
        let mut by_shard: Vec<_> = shards.into_iter().map(read).collect();
        let mut strangers: Vec<_> =
            by_shard.iter_mut().map(|(shard, saved)| (*shard, saved.take_strangers(*shard))).collect();
        let undelivered = Undelivered::take(&mut by_shard);
        let states = SavedStates::take(&mut by_shard);
        by_shard.retain(|(_, saved)| !saved.is_empty());
        strangers.retain(|(_, saved)| !saved.is_empty());
        for (shard, strangers) in &mut strangers {
            let of: BTreeSet<u8> = strangers.ids().map(|id| id.shard).collect();
            let sessions = strangers.len();
            // A copy says nothing about those that are where they belong.
            by_shard.iter().for_each(|(_, saved)| strangers.forget(&saved.ids().collect()));
            tracing::warn!(
                shard,
                of_shards = ?of,
                sessions,
                ended = strangers.len(),
                "The file of this shard's sessions in {} has sessions of other shards, so it was renamed or copied, and \
                 nobody knows what they missed: they are not taken up, and end unless they are in their own file, too. \
                 Their clients connect anew. Leave the files as they are between two starts.",
                files.folder().display()
            );
        }
        Self { by_shard, strangers, undelivered, states }
    }

    /// What shards had sent each other.
    pub(crate) fn undelivered(&self) -> &Undelivered {
        &self.undelivered
    }

    /// The connections of all of them.
    pub(crate) fn ids(&self) -> HashSet<ConnId> {
        self.by_shard.iter().chain(&self.strangers).flat_map(|(_, saved)| saved.ids()).collect()
    }

    /// Gives the sessions of a shard back to it, and what others had sent it.
    pub(crate) fn restore(&mut self, index: usize, shard: &mut Shard, node: &Node) {
        for (_, saved) in self.by_shard.extract_if(.., |(of, _)| *of == index) {
            tracing::info!(
                shard = index,
                sessions = saved.len(),
                "sessions of reliable clients are taken up"
            );
            node.entered(saved.len());
            shard.restore(saved);
        }
        self.states.restore(shard);
        self.undelivered.deliver(shard);
    }

    /// Tells subscribers which group states are gone. To be called when all shards have their sessions.
    pub(crate) fn clear_states(&mut self, shards: &mut [&mut Shard]) {
        std::mem::take(&mut self.states).clear(shards);
    }

    /// Ends those that no shard took, on the first shard.
    pub(crate) fn end(self, node: &Node) {
        for (shard, saved) in self.by_shard {
            tracing::warn!(
                shard,
                sessions = saved.len(),
                "Sessions of reliable clients end, since there are fewer shards than before."
            );
            node.end_sessions(saved);
        }
        self.strangers.into_iter().for_each(|(_, saved)| node.end_sessions(saved));
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn lost(files: &SessionFiles, error: &io::Error) {
    tracing::error!(
        %error,
        "Sessions of reliable clients in {} cannot be read, so they are lost. Their clients connect anew.",
        files.folder().display()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_claims_the_folder() {
        let data = std::env::temp_dir().join(format!("hublet-claim-{}", std::process::id()));
        let files = SessionFiles::at(&data);
        let claim = || Claim::new(files.clone(), None);
        let (first, second) = (claim(), claim());
        assert!(first.is_free() && second.is_free() && !data.exists(), "who only asks makes nothing");
        first.take().unwrap().write(0).unwrap().finish().unwrap();
        first.take().unwrap();
        assert!(first.is_free() && !second.is_free());
        assert!(second.take().unwrap_err().to_string().contains("another service keeps"));
        drop(first);
        assert!(!second.is_free());
        assert!(second.take().unwrap_err().to_string().contains("another service keeps"));
        files.clear(0).unwrap();
        assert!(second.is_free());
        second.take().unwrap();
        // Whoever has logs has it from the beginning.
        assert!(!claim().is_free());
        drop(second);
        let lock = files.lock().unwrap();
        assert!(Claim::new(files.clone(), Some(lock)).is_free());
        std::fs::remove_dir_all(data).unwrap();
    }
}
