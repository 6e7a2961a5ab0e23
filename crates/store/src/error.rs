//! Why the store cannot do something, in words for operators.

use std::path::Path;
use std::sync::Arc;

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

/// Why the store cannot do something. Copies are cheap: one failure may concern many changes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The file is open elsewhere.
    #[error(
        "{} is in use by another process. Stop the other service, or give this one a data folder of its own.",
        .0.display()
    )]
    InUse(Arc<Path>),
    /// The file is no store, or no longer.
    #[error(
        "{} is damaged or no store: {what}. Move it away and restore it from a backup; without it the hub settings made \
         by the API and the events that wait for their handler are gone.",
        .file.display()
    )]
    Damaged {
        /// The file.
        file: Arc<Path>,
        /// What is wrong with it.
        what: Arc<str>,
    },
    /// The operating system refuses something.
    #[error("{} cannot be used: {what}. Check the data folder, its permissions and the free space.", .file.display())]
    Io {
        /// The file.
        file: Arc<Path>,
        /// What the system says.
        what: Arc<str>,
    },
    /// The log of events has no room.
    #[error(
        "The outbox is full: it holds {entries} events of {bytes} bytes. Make the event handlers answer, or turn off \
         `durable`."
    )]
    Full {
        /// Events that wait.
        entries: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// Changes come faster than the disk takes them.
    #[error("The outbox is too slow: {0} changes wait for the disk. Move the data folder to a faster one.")]
    Behind(usize),
}

/// A failure of the database, of any of its kinds.
#[derive(Debug)]
pub(crate) struct Failure(redb::Error);

impl Failure {
    /// What it means for the file.
    pub(crate) fn of(self, file: &Arc<Path>) -> StoreError {
        let file = Arc::clone(file);
        match self.0 {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreError::InUse(file),
            redb::Error::Io(error) if error.kind() != std::io::ErrorKind::InvalidData => {
                StoreError::Io { file, what: error.to_string().into() }
            }
            error @ redb::Error::PreviousIo => StoreError::Io { file, what: error.to_string().into() },
            error => StoreError::Damaged { file, what: error.to_string().trim_end_matches('.').into() },
        }
    }
}

macro_rules! from {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Failure {
            fn from(error: $kind) -> Self {
                Self(error.into())
            }
        })*
    };
}

from!(CommitError, DatabaseError, StorageError, TableError, TransactionError);
