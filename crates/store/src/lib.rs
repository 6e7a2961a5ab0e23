//! What hublet keeps on disk: settings of hubs, events that must not be lost, and sessions of clients.
//!
//! Sessions have files of their own, see [`SessionFiles`]. All else is in one file, `hublet.redb` in the data folder, which
//! only one process can have open. It is opened when something is read from it and made when something is written: a
//! service that keeps nothing has no file.

mod error;
mod events;
mod file;
mod hubs;
mod sessions;
#[cfg(test)]
mod testing;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::StoreError;
pub use events::{Change, Done, EventLimits, EventLog};
pub use sessions::{Ending, SessionFiles, SessionLog, SessionWriter};

use file::StoreFile;

/// The store in a data folder. Copies of it are the same store.
#[derive(Debug, Clone)]
pub struct Store {
    file: Arc<StoreFile>,
}

impl Store {
    /// The store in `folder`. Nothing is opened yet, and the folder need not be there.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { file: Arc::new(StoreFile::in_folder(folder.into())) }
    }

    /// Makes and opens the file now, for who must know that it can be used. Blocks on the disk.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn prepare(&self) -> Result<(), StoreError> {
        self.file.write(|_| Ok(()))
    }
}
