//! Sessions of clients between two processes: one file for each shard, in a folder of their own.
//!
//! A file is a line that names its format, then chunks: the length and the checksum of what follows, in four bytes each
//! with the lowest first. The store does not look into the chunks.

mod checksum;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use checksum::checksum;

/// Name of the folder in the data folder.
const FOLDER: &str = "sessions";
/// What names of files begin with; the number of the shard follows.
const PREFIX: &str = "shard-";
/// What the name of a file ends with that is still being written.
const NEW: &str = ".new";
/// The first line of each file. What a chunk holds is part of the format.
const FORMAT: &[u8] = b"hublet sessions 1\n";
/// Bytes of length and checksum.
const HEAD_BYTES: usize = 8;
/// A chunk that says it has more is none.
const CHUNK_BYTES_MAX: u32 = 1 << 30;

/// The files of sessions in a data folder. Nothing is made before something is written.
#[derive(Debug, Clone)]
pub struct SessionFiles {
    folder: PathBuf,
}

/// A file that is being written. It takes the place of the one before when it is finished.
#[derive(Debug)]
pub struct SessionWriter {
    file: File,
    new: PathBuf,
    path: PathBuf,
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
    /// The file cannot be read, or is damaged from some chunk on; those before it were visited.
    pub fn read(&self, shard: usize, mut visit: impl FnMut(&[u8])) -> io::Result<()> {
        let mut file = BufReader::new(File::open(self.path(shard))?);
        let mut format = [0; FORMAT.len()];
        file.read_exact(&mut format)?;
        if format != FORMAT {
            return Err(damaged("it is of another version"));
        }
        let mut chunk = Vec::new();
        loop {
            let mut head = Vec::new();
            (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
            if head.is_empty() {
                return Ok(());
            }
            let (Some((length, rest)), true) = (head.split_first_chunk(), head.len() == HEAD_BYTES) else {
                return Err(damaged("its end is missing"));
            };
            let length = u32::from_le_bytes(*length);
            if length > CHUNK_BYTES_MAX {
                return Err(damaged("a chunk is too long"));
            }
            chunk.clear();
            // It makes no room for what is not there.
            (&mut file).take(length.into()).read_to_end(&mut chunk)?;
            if chunk.len() as u64 != u64::from(length) {
                return Err(damaged("its end is missing"));
            }
            if checksum(&chunk).to_le_bytes() != rest {
                return Err(damaged("a checksum is wrong"));
            }
            visit(&chunk);
        }
    }

    /// Begins the file of a shard, which only its owner may read.
    ///
    /// # Errors
    /// The folder or the file cannot be made.
    pub fn write(&self, shard: usize) -> io::Result<SessionWriter> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let path = self.path(shard);
        let new = path.with_added_extension(NEW.trim_start_matches('.'));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(FORMAT)?;
        Ok(SessionWriter { file, new, path })
    }

    /// Removes the files of all shards, those that were not finished too, and the folder if nothing else is in it.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn clear(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
                fs::remove_file(entry.path())?;
            }
        }
        // Somebody may keep something else there.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
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
        let length = u32::try_from(chunk.len()).ok().filter(|length| *length <= CHUNK_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("a chunk of sessions is too long"))?;
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..].copy_from_slice(&checksum(chunk).to_le_bytes());
        self.file.write_all(&head)?;
        self.file.write_all(chunk)
    }

    /// Puts everything on the disk and gives the file its name.
    ///
    /// # Errors
    /// The disk or the folder refuses; the file before it stays.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.new, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use crate::testing::Folder;

    use super::*;

    fn write(files: &SessionFiles, shard: usize, chunks: &[&[u8]]) {
        let mut writer = files.write(shard).unwrap();
        chunks.iter().for_each(|chunk| writer.chunk(chunk).unwrap());
        writer.finish().unwrap();
    }

    fn read(files: &SessionFiles, shard: usize) -> (Vec<Vec<u8>>, io::Result<()>) {
        let mut chunks = Vec::new();
        let outcome = files.read(shard, |chunk| chunks.push(chunk.to_vec()));
        (chunks, outcome)
    }

    #[test]
    fn chunks_come_back_and_files_are_private() {
        let folder = Folder::new();
        let files = SessionFiles::at(&folder.path().join("a/b"));
        assert_eq!(files.shards().unwrap(), []);
        files.clear().unwrap();
        assert!(!folder.path().join("a").exists(), "who only asks makes nothing");
        write(&files, 10, &[b"one", b"", &[7; 100_000]]);
        write(&files, 2, &[b"old"]);
        write(&files, 2, &[b"new"]);
        // Not finished, so it is none.
        files.write(3).unwrap().chunk(b"x").unwrap();
        assert_eq!(files.shards().unwrap(), [2, 10]);
        let (chunks, outcome) = read(&files, 10);
        assert!(outcome.is_ok() && chunks == [b"one".to_vec(), Vec::new(), vec![7; 100_000]]);
        assert_eq!(read(&files, 2).0, [b"new"]);
        assert!(read(&files, 3).1.is_err());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(files.folder()), mode(&files.path(2))), (0o700, 0o600));
        files.clear().unwrap();
        assert!(!files.folder().exists());
    }

    #[test]
    fn damage_is_found_and_what_is_before_it_is_read() {
        let folder = Folder::new();
        let files = SessionFiles::at(folder.path());
        write(&files, 0, &[b"first", b"second"]);
        let whole = fs::read(files.path(0)).unwrap();
        let first_end = FORMAT.len() + HEAD_BYTES + 5;
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(files.path(0), &bytes).unwrap();
            let (chunks, outcome) = read(&files, 0);
            assert!(outcome.is_err(), "{at}");
            assert_eq!(chunks.len(), usize::from(at >= first_end), "{at}");
            fs::write(files.path(0), &whole[..at]).unwrap();
            let (chunks, outcome) = read(&files, 0);
            assert_eq!(chunks.len(), usize::from(at >= first_end), "{at}");
            assert_eq!(outcome.is_ok(), at == first_end || at == FORMAT.len(), "{at}");
        }
    }
}
