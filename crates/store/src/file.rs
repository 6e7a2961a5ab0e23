//! The one file: made at the first write, opened at the first use, and opened again after a failure of the disk.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};

use crate::error::{Failure, StoreError};

/// Name of the file in the data folder.
const FILE: &str = "hublet.redb";
/// Name of a file that is still being made.
const NEW_FILE: &str = "hublet.redb.new";
/// Memory for pages of the file. What is read often is small; the system caches the rest.
const CACHE_BYTES: usize = 8 << 20;

/// The file of a store.
pub(crate) struct StoreFile {
    folder: PathBuf,
    path: Arc<Path>,
    database: Mutex<Option<Arc<Database>>>,
    /// Transactions that were written.
    #[cfg(test)]
    pub(crate) written: std::sync::atomic::AtomicU64,
}

impl fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreFile").field(&self.path).finish()
    }
}

impl StoreFile {
    /// The file in a folder; nothing is opened.
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        let path = folder.join(FILE).into();
        Self {
            folder,
            path,
            database: Mutex::new(None),
            #[cfg(test)]
            written: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Reads, if the file exists; `None`: it does not.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<Option<T>, StoreError> {
        match self.open()? {
            Some(database) => self.watched(|| work(&database.begin_read()?)).map(Some),
            None => Ok(None),
        }
    }

    /// Writes in one transaction, which is on the disk when this returns. The file is made if it does not exist.
    ///
    /// # Errors
    /// See [`StoreError`]. After an error of the disk it is unknown whether the transaction took place.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let database = match self.open()? {
            Some(database) => database,
            None => {
                self.create()?;
                self.open()?.ok_or_else(|| self.io(&io::ErrorKind::NotFound.into()))?
            }
        };
        self.watched(|| {
            let transaction = database.begin_write()?;
            let outcome = work(&transaction)?;
            transaction.commit()?;
            #[cfg(test)]
            self.written.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(outcome)
        })
    }

    /// As [`Self::write`], but does nothing when the file does not exist.
    pub(crate) fn write_if_exists<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
    ) -> Result<Option<T>, StoreError> {
        if self.open()?.is_none() {
            return Ok(None);
        }
        self.write(work).map(Some)
    }

    /// After a failed write the database refuses everything until it was closed: the next use opens the file again.
    fn watched<T>(&self, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, StoreError> {
        work().map_err(|failure| {
            self.database.lock().unwrap_or_else(PoisonError::into_inner).take();
            failure.of(&self.path)
        })
    }

    /// That the file cannot be used, for a reason that the database does not give.
    pub(crate) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { file: Arc::clone(&self.path), what: what.into() }
    }

    fn open(&self) -> Result<Option<Arc<Database>>, StoreError> {
        let mut database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if database.is_none() && self.path.try_exists().map_err(|error| self.io(&error))? {
            *database = Some(Arc::new(open(&self.path).map_err(|failure| failure.of(&self.path))?));
        }
        Ok(database.clone())
    }

    /// Makes a file that only its owner may read, whole or not at all. It never replaces one.
    fn create(&self) -> Result<(), StoreError> {
        let new = self.folder.join(NEW_FILE);
        let begin = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let folder = File::open(&self.folder)?;
            // Another process may be at the same place.
            folder.lock()?;
            if self.path.try_exists()? {
                return Ok(None);
            }
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            Ok(Some(folder))
        };
        let Some(folder) = begin().map_err(|error| self.io(&error))? else { return Ok(()) };
        // Closing it writes everything; its name is given only then.
        drop(open(&new).map_err(|failure| failure.of(&self.path))?);
        fs::rename(&new, &self.path).and_then(|()| folder.sync_all()).map_err(|error| self.io(&error))
    }

    fn io(&self, error: &io::Error) -> StoreError {
        StoreError::Io { file: Arc::clone(&self.path), what: error.to_string().into() }
    }
}

fn open(path: &Path) -> Result<Database, Failure> {
    let mut builder = Database::builder();
    // Without the check a page that the disk has changed is found only when it is used, by a panic.
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    Ok(builder.create(path)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use crate::testing::Folder;
    use crate::{Store, StoreError};

    use super::*;

    #[test]
    fn the_file_is_private_and_made_by_the_first_write() {
        let folder = Folder::new();
        let data = folder.path().join("a/b");
        let store = Store::at(&data);
        assert_eq!(store.hubs().unwrap(), []);
        assert!(!store.delete_hub("chat").unwrap());
        assert!(!data.exists(), "who only asks changes nothing");
        store.put_hub("chat", b"{}").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data.join(FILE)), mode(&data)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing is left of the making");
    }

    #[test]
    fn one_process_has_it_open() {
        let folder = Folder::new();
        let store = Store::at(folder.path());
        store.put_hub("chat", b"{}").unwrap();
        let other = Store::at(folder.path());
        let error = other.hubs().unwrap_err();
        assert!(matches!(error, StoreError::InUse(_)), "{error:?}");
        assert!(error.to_string().contains("hublet.redb is in use by another process. Stop"), "{error}");
        drop(store);
        assert_eq!(other.hubs().unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_store_is_refused_and_left_alone() {
        for content in ["", "oops", &"oops".repeat(100_000)] {
            let folder = Folder::new();
            let file = folder.path().join(FILE);
            fs::write(&file, content).unwrap();
            let store = Store::at(folder.path());
            if content.is_empty() {
                // Somebody made it with the right owner and mode.
                store.put_hub("chat", b"{}").unwrap();
                continue;
            }
            let error = store.put_hub("chat", b"{}").unwrap_err();
            assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let folder = Folder::new();
        let file = folder.path().join(FILE);
        let store = Store::at(folder.path());
        for number in 0..60 {
            store.put_hub(&format!("hub{number}"), &[b'x'; 3000]).unwrap();
        }
        drop(store);
        let whole = fs::read(&file).unwrap();
        // Every page of the file in turn; the first one has no spare copy of what is flipped in it.
        let mut found = 0;
        for at in (0..whole.len()).step_by(4096) {
            let mut damaged = whole.clone();
            damaged[at + 40] ^= 0xff;
            fs::write(&file, &damaged).unwrap();
            match Store::at(folder.path()).hubs() {
                Ok(hubs) => assert_eq!(hubs.len(), 60, "a page that is not in use"),
                Err(error) => {
                    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
                    found += 1;
                }
            }
        }
        assert!(found > 40, "{found}");
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let error = Store::at(folder.path()).hubs().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. } | StoreError::Io { .. }), "{error:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = Folder::new();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = Store::at(folder.path().join("file")).put_hub("chat", b"{}").unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
        assert!(error.to_string().contains("Check the data folder"), "{error}");
    }
}
