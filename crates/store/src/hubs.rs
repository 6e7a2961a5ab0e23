//! Settings of hubs: a text for each.

use redb::{ReadableTable, TableDefinition, TableError};

use crate::Store;
use crate::error::{Failure, StoreError};

/// Name of a hub, and its settings.
const HUBS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("hubs");

impl Store {
    /// The settings of all hubs, by name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn hubs(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let hubs = self.file.read(|transaction| {
            let table = match transaction.open_table(HUBS) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                table => table?,
            };
            let row = |row: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>), _>| {
                let (hub, json) = row?;
                Ok::<_, Failure>((hub.value().to_owned(), json.value().to_owned()))
            };
            table.iter()?.map(row).collect()
        })?;
        Ok(hubs.unwrap_or_default())
    }

    /// Keeps the settings of a hub instead of those that it had. They are on the disk when this returns, which takes as
    /// long as the disk does.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put_hub(&self, hub: &str, json: &[u8]) -> Result<(), StoreError> {
        self.file.write(|transaction| {
            transaction.open_table(HUBS)?.insert(hub, json)?;
            Ok(())
        })
    }

    /// Forgets the settings of a hub, and says whether there were any.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn delete_hub(&self, hub: &str) -> Result<bool, StoreError> {
        let was_there = self
            .file
            .write_if_exists(|transaction| Ok(transaction.open_table(HUBS)?.remove(hub)?.is_some()))?;
        Ok(was_there.unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use crate::testing::Folder;

    #[test]
    fn settings_outlive_the_process() {
        let folder = Folder::new();
        let store = Store::at(folder.path());
        for (hub, json) in [("b", "1"), ("a", "2"), ("b", "3")] {
            store.put_hub(hub, json.as_bytes()).unwrap();
        }
        // What is on the disk now is what a killed process leaves.
        let copy_folder = folder.copy();
        let copy = Store::at(copy_folder.path());
        let expected = [("a".to_owned(), b"2".to_vec()), ("b".to_owned(), b"3".to_vec())];
        assert_eq!(copy.hubs().unwrap(), expected);
        assert_eq!(store.hubs().unwrap(), expected);
        assert!(store.delete_hub("a").unwrap() && !store.delete_hub("a").unwrap());
        let copy_folder = folder.copy();
        assert_eq!(Store::at(copy_folder.path()).hubs().unwrap(), expected[1..]);
    }
}
