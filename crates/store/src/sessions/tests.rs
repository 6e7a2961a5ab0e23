use std::os::unix::fs::PermissionsExt;

use crate::testing::Folder;

use super::*;

fn write(files: &SessionFiles, shard: usize, chunks: &[&[u8]]) {
    let mut writer = files.write(shard).unwrap();
    chunks.iter().for_each(|chunk| writer.chunk(chunk).unwrap());
    writer.finish().unwrap();
}

fn read(files: &SessionFiles, shard: usize) -> (Vec<Vec<u8>>, io::Result<Ending>) {
    let mut chunks = Vec::new();
    let outcome = files.read(shard, |chunk| chunks.push(chunk.to_vec()));
    (chunks, outcome)
}

#[test]
fn chunks_come_back_and_files_are_private() {
    let folder = Folder::new();
    let files = SessionFiles::at(&folder.path().join("a/b"));
    assert_eq!(files.shards().unwrap(), []);
    files.clear(0).unwrap();
    assert!(!folder.path().join("a").exists(), "who only asks makes nothing");
    write(&files, 10, &[b"one", b"", &[7; 100_000]]);
    write(&files, 2, &[b"old"]);
    write(&files, 2, &[b"new"]);
    // Not finished, so it is none.
    let mut begun = files.write(3).unwrap();
    begun.chunk(b"x").unwrap();
    assert_eq!(files.shards().unwrap(), [2, 10]);
    drop(begun);
    assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 2, "nothing is left of it");
    let (chunks, outcome) = read(&files, 10);
    assert!(outcome.is_ok() && chunks == [b"one".to_vec(), Vec::new(), vec![7; 100_000]]);
    assert_eq!(read(&files, 2).0, [b"new"]);
    assert!(read(&files, 3).1.is_err());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(files.folder()), mode(&files.path(2))), (0o700, 0o600));
    files.clear(0).unwrap();
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

fn log(files: &SessionFiles, begin: &[&[u8]], chunks: &[&[u8]]) -> SessionLog {
    let mut writer = files.write_log(0).unwrap();
    begin.iter().for_each(|chunk| writer.chunk(chunk).unwrap());
    let mut log = writer.go_on().unwrap();
    chunks.iter().for_each(|chunk| log.chunk(chunk).unwrap());
    log
}

#[test]
fn a_log_is_there_as_far_as_it_was_written() {
    let folder = Folder::new();
    let files = SessionFiles::at(folder.path());
    write(&files, 0, &[b"a file"]);
    let mut begun = files.write_log(0).unwrap();
    begun.chunk(b"not yet").unwrap();
    assert_eq!(read(&files, 0).0, [b"a file"], "one that is being begun replaces nothing");
    let _open = log(&files, &[b"begin"], &[b"first", b"second"]);
    assert_eq!(read(&files, 0).0, [&b"begin"[..], b"first", b"second"]);
    let whole = fs::read(files.path(0)).unwrap();
    assert_eq!(fs::metadata(files.path(0)).unwrap().permissions().mode() & 0o777, 0o600);
    let ends: Vec<usize> = [5, 5, 6]
        .iter()
        .scan(LOG_FORMAT.len(), |end, length| {
            *end += HEAD_BYTES + length;
            Some(*end)
        })
        .collect();
    for at in LOG_FORMAT.len()..whole.len() {
        let before = ends.iter().filter(|end| **end <= at).count();
        fs::write(files.path(0), &whole[..at]).unwrap();
        let (chunks, outcome) = read(&files, 0);
        let is_end = at == LOG_FORMAT.len() || ends.contains(&at);
        assert_eq!((chunks.len(), outcome.unwrap() == Ending::Whole), (before, is_end), "{at}");
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(files.path(0), &bytes).unwrap();
        let (chunks, outcome) = read(&files, 0);
        assert!(chunks.len() == before && matches!(outcome, Ok(Ending::Cut(_))), "{at}");
    }
    for at in 0..LOG_FORMAT.len() {
        fs::write(files.path(0), &whole[..at]).unwrap();
        assert!(read(&files, 0).1.is_err(), "{at}");
    }
}

#[test]
fn a_log_is_large_when_it_has_much_more_than_it_began_with() {
    let folder = Folder::new();
    let files = SessionFiles::at(folder.path());
    let log = |begun, written| {
        let mut writer = files.write_log(0).unwrap();
        writer.bytes = begun;
        let mut log = writer.go_on().unwrap();
        log.skip(written);
        log.chunk(b"").unwrap();
        log.is_large()
    };
    assert!(!log(1 << 20, 62 << 20) && log(1 << 20, 64 << 20));
    assert!(!log(20 << 20, 59 << 20) && log(20 << 20, 61 << 20));
}

#[test]
fn files_of_shards_that_are_no_more_go_alone() {
    let folder = Folder::new();
    let files = SessionFiles::at(folder.path());
    let begin = |shard| {
        write(&files, shard, &[b"x"]);
        files.write(shard).unwrap()
    };
    let _begun: Vec<_> = (0..3).map(begin).collect();
    files.clear(2).unwrap();
    assert_eq!(files.shards().unwrap(), [0, 1]);
    assert_eq!(fs::read_dir(files.folder()).unwrap().count(), 4, "what is being written stays");
    files.remove(1).unwrap();
    files.remove(1).unwrap();
    assert_eq!(files.shards().unwrap(), [0]);
}

#[test]
fn one_process_has_the_files() {
    let folder = Folder::new();
    let files = SessionFiles::at(folder.path());
    assert!(files.lock_if_there().unwrap().is_none() && !files.folder().exists());
    let lock = files.lock().unwrap();
    assert_eq!(files.lock().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(files.lock_if_there().is_err());
    drop(lock);
    assert!(files.lock_if_there().unwrap().is_some());
}
