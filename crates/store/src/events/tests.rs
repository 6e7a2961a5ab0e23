use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::testing::Folder;

use super::*;

const LIMITS: EventLimits = EventLimits { entries_max: 100_000, bytes_max: 100 << 20 };

fn log(folder: &Folder) -> EventLog {
    Store::at(folder.path()).event_log(LIMITS).unwrap()
}

/// Submits a change and waits for it.
fn change(log: &EventLog, change: Change) -> Result<Option<u64>, StoreError> {
    let (done, outcome) = mpsc::channel();
    log.submit(change, Box::new(move |result| done.send(result).unwrap()));
    outcome.recv().unwrap()
}

fn append(log: &EventLog, entry: &str) -> u64 {
    change(log, Change::Append(entry.into())).unwrap().unwrap()
}

fn enter(log: &EventLog, conn: &str) -> Option<u64> {
    let entry = Some(format!("{conn} came").into());
    change(log, Change::Enter { conn: conn.into(), entry, farewell: format!("of {conn}").into() }).unwrap()
}

fn leave(log: &EventLog, conn: &str) -> Option<u64> {
    let entry = Some(format!("{conn} went").into());
    change(log, Change::Leave { conn: conn.into(), entry }).unwrap()
}

fn entries(log: &EventLog) -> Vec<(u64, String)> {
    let mut entries = Vec::new();
    log.entries(|id, entry| entries.push((id, String::from_utf8(entry.to_vec()).unwrap()))).unwrap();
    entries
}

fn texts(log: &EventLog) -> Vec<String> {
    entries(log).into_iter().map(|(_, text)| text).collect()
}

fn recover(log: &EventLog) -> u64 {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    log.recover(|_| false, |conn, farewell| Some(format!("{} died: {}", text(conn), text(farewell)).into()))
        .unwrap()
}

#[test]
fn entries_stay_in_order_until_they_are_removed() {
    let folder = Folder::new();
    let first = log(&folder);
    assert_eq!(entries(&first), []);
    assert_eq!(recover(&first), 0);
    assert_eq!(fs_count(&folder), 0, "who only asks changes nothing");
    let ids: Vec<u64> = ["a", "b", "c"].map(|text| append(&first, text)).into();
    assert!(ids.is_sorted() && ids[0] < ids[2], "{ids:?}");
    assert_eq!(first.entry(ids[1]).unwrap().unwrap(), b"b");
    change(&first, Change::Remove(ids[1])).unwrap();
    change(&first, Change::Remove(ids[1])).unwrap();
    assert_eq!(first.entry(ids[1]).unwrap(), None);
    drop(first);
    let again = log(&folder);
    let d = append(&again, "d");
    assert_eq!(entries(&again), [(ids[0], "a".to_owned()), (ids[2], "c".to_owned()), (d, "d".to_owned())]);
}

fn fs_count(folder: &Folder) -> usize {
    std::fs::read_dir(folder.path()).unwrap().count()
}

#[test]
fn what_is_done_is_on_the_disk() {
    let folder = Folder::new();
    let log = log(&folder);
    append(&log, "a");
    // The copies are what a kill would leave at that moment: the file was not closed.
    let after_one = folder.copy();
    enter(&log, "b");
    let after_two = folder.copy();
    assert_eq!(texts(&self::log(&after_one)), ["a"]);
    assert_eq!(texts(&self::log(&after_two)), ["a", "b came"]);
}

#[test]
fn connections_that_died_with_the_process_are_ended_once() {
    let folder = Folder::new();
    let log = log(&folder);
    for conn in ["1", "2", "3"] {
        enter(&log, conn);
    }
    leave(&log, "2");
    let killed = folder.copy();
    let next = self::log(&killed);
    assert_eq!(recover(&next), 2);
    let after_recovery = killed.copy();
    let expected = ["1 came", "2 came", "3 came", "2 went", "1 died: of 1", "3 died: of 3"];
    assert_eq!(texts(&next), expected);
    // Killed again, before or after anything else happened.
    assert_eq!(recover(&self::log(&after_recovery)), 0);
    assert_eq!(texts(&self::log(&after_recovery)), expected);
    assert_eq!(recover(&next), 0);
    let ids: Vec<u64> = entries(&next).iter().map(|(id, _)| *id).collect();
    assert!(append(&next, "later") > ids[5], "what recovery wrote is not written over");
    assert_eq!(entries(&next).len(), 7);
}

#[test]
fn connections_that_live_on_are_not_ended() {
    let folder = Folder::new();
    let log = log(&folder);
    for conn in ["1", "2", "3"] {
        enter(&log, conn);
    }
    let next_folder = folder.copy();
    let next = self::log(&next_folder);
    let end = |conn: &[u8], _: &[u8]| Some([conn, b" died"].concat());
    assert_eq!(next.recover(|conn| conn == b"2", end).unwrap(), 2);
    leave(&next, "2");
    assert_eq!(texts(&next)[3..], ["1 died", "3 died", "2 went"]);
    assert_eq!(next.recover(|_| false, end).unwrap(), 0);
}

#[test]
fn recovery_that_is_killed_goes_on() {
    let folder = Folder::new();
    let log = log(&folder);
    let conns = RECOVERED_AT_ONCE + 10;
    for conn in 0..conns {
        let enter = Change::Enter {
            conn: conn.to_be_bytes().to_vec(),
            entry: None,
            farewell: conn.to_be_bytes().to_vec(),
        };
        log.submit(enter, Box::new(|outcome| assert_eq!(outcome.unwrap(), None)));
    }
    change(&log, Change::Barrier).unwrap();
    let mut middle = None;
    let mut seen = 0;
    let ended = log.recover(
        |_| false,
        |conn, _| {
            seen += 1;
            if seen == RECOVERED_AT_ONCE + 1 {
                middle = Some(folder.copy());
            }
            Some(conn.to_vec())
        },
    );
    assert_eq!(ended.unwrap(), conns as u64);
    let middle = middle.unwrap();
    let next = self::log(&middle);
    assert_eq!(next.recover(|_| false, |conn, _| Some(conn.to_vec())).unwrap(), 10);
    for log in [log, next] {
        let mut ends = Vec::new();
        log.entries(|_, entry| ends.push(entry.to_vec())).unwrap();
        ends.sort();
        ends.dedup();
        assert_eq!(ends.len(), conns, "one end for each");
    }
}

#[test]
fn a_full_log_refuses_all_but_the_end_of_known_connections() {
    let folder = Folder::new();
    let limits = EventLimits { entries_max: 3, bytes_max: 20 };
    let log = Store::at(folder.path()).event_log(limits).unwrap();
    let a = enter(&log, "a").unwrap();
    let long = change(&log, Change::Append(vec![b'x'; 15])).unwrap_err();
    assert!(matches!(long, StoreError::Full { entries: 1, bytes: 6 }), "{long:?}");
    append(&log, "b");
    append(&log, "c");
    let full = change(&log, Change::Append("d".into())).unwrap_err();
    assert!(matches!(full, StoreError::Full { entries: 3, bytes: 8 }), "{full:?}");
    assert!(full.to_string().starts_with("The outbox is full: it holds 3 events of 8 bytes. Make"), "{full}");
    let refused = Change::Enter { conn: "e".into(), entry: None, farewell: "f".into() };
    assert!(matches!(change(&log, refused), Err(StoreError::Full { .. })));
    let unknown = Change::Leave { conn: "e".into(), entry: Some("e".into()) };
    assert!(matches!(change(&log, unknown), Err(StoreError::Full { .. })));
    assert!(leave(&log, "a").is_some());
    assert_eq!(texts(&log), ["a came", "b", "c", "a went"]);
    // Room comes back with removals, also when the log is opened anew.
    drop(log);
    let log = Store::at(folder.path()).event_log(limits).unwrap();
    assert!(change(&log, Change::Append("d".into())).is_err());
    change(&log, Change::Remove(a)).unwrap();
    assert!(change(&log, Change::Append("d".into())).is_err());
    change(&log, Change::Remove(a + 1)).unwrap();
    append(&log, "d");
    assert_eq!(recover(&log), 0, "a connection that was refused is not to be ended");
}

/// Holds the writer up until the answer is sent something.
fn hold(log: &EventLog) -> mpsc::Sender<()> {
    let ((held, is_held), (go_on, wait)) = (mpsc::channel(), mpsc::channel());
    log.submit(
        Change::Barrier,
        Box::new(move |_| {
            held.send(()).unwrap();
            wait.recv().unwrap();
        }),
    );
    is_held.recv().unwrap();
    go_on
}

#[test]
fn a_disk_that_is_too_slow_bounds_what_waits() {
    let folder = Folder::new();
    // Nothing is stored, so that the test is quick.
    let limits = EventLimits { entries_max: 0, bytes_max: 0 };
    let log = Store::at(folder.path()).event_log(limits).unwrap();
    let go_on = hold(&log);
    for _ in 0..QUEUE_CHANGES_MAX {
        log.submit(Change::Append(Vec::new()), Box::new(|_| {}));
    }
    let behind = change(&log, Change::Append(Vec::new())).unwrap_err();
    assert!(matches!(behind, StoreError::Behind(QUEUE_CHANGES_MAX)), "{behind:?}");
    let (done, outcome) = mpsc::channel();
    log.submit(Change::Remove(1), Box::new(move |result| done.send(result).unwrap()));
    go_on.send(()).unwrap();
    outcome.recv().unwrap().unwrap();
    assert!(
        matches!(change(&log, Change::Append(Vec::new())), Err(StoreError::Full { .. })),
        "there is room again"
    );
}

#[test]
fn changes_that_come_while_the_disk_is_busy_share_a_transaction() {
    let folder = Folder::new();
    let store = Store::at(folder.path());
    let log = store.event_log(LIMITS).unwrap();
    let (done, outcomes) = mpsc::channel();
    let go_on = hold(&log);
    for number in 0..10_000 {
        let done = done.clone();
        let entry = format!("{number}").into();
        log.submit(Change::Append(entry), Box::new(move |id| done.send(id.unwrap().unwrap()).unwrap()));
    }
    go_on.send(()).unwrap();
    let ids: Vec<u64> = outcomes.iter().take(10_000).collect();
    assert!(ids.is_sorted(), "they are done in their order");
    assert_eq!(
        store.file.written.load(std::sync::atomic::Ordering::Relaxed),
        3,
        "10,000 in batches of 4,096"
    );
    assert!(entries(&log).iter().map(|(_, text)| text.parse::<u32>().unwrap()).eq(0..10_000));
}

#[test]
fn the_log_goes_on_after_the_disk_failed() {
    let folder = Folder::new();
    let file = folder.path().join("hublet.redb");
    std::fs::write(&file, "in the way").unwrap();
    let log = log(&folder);
    let failed = change(&log, Change::Append("lost".into())).unwrap_err();
    assert!(matches!(failed, StoreError::Damaged { .. }), "{failed:?}");
    assert!(change(&log, Change::Remove(7)).is_err());
    std::fs::remove_file(&file).unwrap();
    append(&log, "kept");
    assert_eq!(texts(&log), ["kept"]);
}

/// Started by the test below as a process of its own: writes until it is killed.
#[test]
#[ignore = "writes until it is killed"]
fn write_for_ever() {
    let store = Store::at(std::env::var_os("HUBLET_STORE_TEST").unwrap());
    let log = store.event_log(LIMITS).unwrap();
    for number in 0_u32.. {
        log.submit(
            Change::Enter {
                conn: number.to_string().into(),
                entry: Some(number.to_string().into()),
                farewell: Vec::new(),
            },
            Box::new(move |outcome| {
                outcome.unwrap();
                // The one line that the harness does not capture.
                writeln!(std::io::stderr(), "done {number}").unwrap();
            }),
        );
        if number % 16 == 15 {
            change(&log, Change::Barrier).unwrap();
        }
    }
}

#[test]
fn a_kill_loses_nothing_that_was_done() {
    for lines in [1, 40, 333] {
        let folder = Folder::new();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "events::tests::write_for_ever", "--ignored", "--nocapture"])
            .env("HUBLET_STORE_TEST", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let done = stderr.map(Result::unwrap).filter(|line| line.starts_with("done ")).take(lines);
        assert_eq!(done.count(), lines);
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        let log = log(&folder);
        let entries = texts(&log);
        assert!(entries.len() >= lines, "{} of {lines}", entries.len());
        assert!(entries.iter().enumerate().all(|(number, entry)| *entry == number.to_string()));
        assert_eq!(recover(&log), entries.len() as u64, "each entry came with its connection");
    }
}
