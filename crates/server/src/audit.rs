//! Who changed what: each admin action as a line of JSON in the data folder, and the last ones in memory.
//!
//! Lines are written by a thread of their own, so that no connection waits for the disk.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fs::DirBuilder;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use crate::caller::{Caller, Who};
use crate::denied::Refused;
use crate::line_file::LineFile;
use crate::rest::rfc3339;

/// File in the data folder.
const FILE: &str = "audit.jsonl";
/// Size at which the file becomes `audit.jsonl.1`, in place of the one before.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// That one included.
const FILES: usize = 2;
/// Actions that are kept in memory.
pub(crate) const ENTRIES_MAX: usize = 1_000;
/// Refusals in a minute that are noted of people who are known, and as many of others: whoever may do nothing cannot push
/// out what others did.
const REFUSALS_PER_MINUTE_MAX: u32 = 60;
/// Lines that may wait for the disk.
const WAITING_MAX: usize = 4_096;
/// Longest text that a request brings along, in characters.
const TEXT_CHARS_MAX: usize = 512;

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    time: String,
    /// `primary key`, `secondary key`, `development`, the subject of a token, or `nobody`.
    who: String,
    /// The issuer of that token, so that a subject cannot pass for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    from: IpAddr,
    /// `portal` or `api`: with the cookie or with a token.
    via: &'static str,
    action: &'static str,
    target: String,
    /// `ok`, or `refused:` and a sentence.
    result: String,
}

impl Entry {
    /// An action of this moment; `refusal` says why it was refused, if it was.
    pub(crate) fn new(caller: &Caller, action: &'static str, target: &str, refusal: Option<&str>) -> Self {
        Self::of(Some(&caller.who), caller.from, via(caller.by_portal), action, target, refusal)
    }

    /// An action of somebody who may not do it. `None`: it is not known who that is.
    pub(crate) fn of_refused(
        refused: &Refused,
        from: IpAddr,
        action: &'static str,
        target: &str,
    ) -> Option<Self> {
        let who = refused.who.as_ref()?;
        let sentence = refused.denied.to_string();
        Some(Self::of(Some(who), from, via(refused.by_portal), action, target, Some(&sentence)))
    }

    /// An action of somebody who could not say who they are.
    fn of_nobody(from: IpAddr, action: &'static str, refusal: &str) -> Self {
        Self::of(None, from, "portal", action, "", Some(refusal))
    }

    fn of(
        who: Option<&Who>,
        from: IpAddr,
        via: &'static str,
        action: &'static str,
        target: &str,
        refusal: Option<&str>,
    ) -> Self {
        let short = |text: &str| text.chars().take(TEXT_CHARS_MAX).collect::<String>();
        let result =
            refusal.map_or_else(|| "ok".to_owned(), |sentence| format!("refused: {}", short(sentence)));
        Self {
            time: rfc3339(SystemTime::now()),
            who: who.map_or_else(|| "nobody".to_owned(), Who::to_string),
            issuer: who.and_then(Who::issuer).map(str::to_owned),
            from,
            via,
            action,
            target: short(target),
            result,
        }
    }
}

fn via(by_portal: bool) -> &'static str {
    if by_portal { "portal" } else { "api" }
}

/// The audit log of a service.
#[derive(Debug)]
pub(crate) struct Audit {
    /// The oldest first.
    last: Mutex<VecDeque<Entry>>,
    refusals: Mutex<Refusals>,
    refused_strangers: Mutex<Refusals>,
    writer: Mutex<Option<Writer>>,
}

/// Refusals since the minute began.
#[derive(Debug, Default)]
struct Refusals {
    began: Option<Instant>,
    count: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Noted,
    FirstTooMany,
    TooMany,
}

impl Refusals {
    fn take(&mut self, now: Instant) -> Taken {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= Duration::from_secs(60)) {
            *self = Self { began: Some(now), count: 0 };
        }
        self.count = self.count.saturating_add(1);
        match self.count.cmp(&(REFUSALS_PER_MINUTE_MAX + 1)) {
            Ordering::Less => Taken::Noted,
            Ordering::Equal => Taken::FirstTooMany,
            Ordering::Greater => Taken::TooMany,
        }
    }
}

#[derive(Debug)]
struct Writer {
    lines: SyncSender<Vec<u8>>,
    /// The last line found no room.
    is_full: bool,
    thread: JoinHandle<()>,
}

impl Audit {
    /// Starts the thread that writes to this data folder. The file is made with the first action.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(data: PathBuf) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let write = move || write_all(&mut Log::new(data, FILE_BYTES_MAX), &waiting);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(write)?;
        Ok(Self {
            last: Mutex::default(),
            refusals: Mutex::default(),
            refused_strangers: Mutex::default(),
            writer: Mutex::new(Some(Writer { lines, is_full: false, thread })),
        })
    }

    /// Notes an action. It never waits.
    pub(crate) fn record(&self, entry: Entry) {
        // Texts, and an address, always serialise.
        let mut line = serde_json::to_vec(&entry).unwrap_or_default();
        line.push(b'\n');
        // In the order of the file.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= ENTRIES_MAX {
            last.pop_front();
        }
        last.push_back(entry);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.as_mut() {
            let is_full = matches!(writer.lines.try_send(line), Err(TrySendError::Full(_)));
            if is_full && !writer.is_full {
                tracing::error!("The disk is too slow for the audit log, so actions are missing in {FILE}.");
            }
            writer.is_full = is_full;
        }
    }

    /// Notes what somebody may not do, if it is known who that is and there were not too many of late.
    pub(crate) fn record_refused(&self, refused: &Refused, from: IpAddr, action: &'static str, target: &str) {
        if let Some(entry) = Entry::of_refused(refused, from, action, target) {
            self.record_some(&self.refusals, entry);
        }
    }

    /// Notes what somebody may not do who could not say who they are, if there were not too many of late.
    pub(crate) fn record_stranger(&self, from: IpAddr, action: &'static str, refusal: &str) {
        self.record_some(&self.refused_strangers, Entry::of_nobody(from, action, refusal));
    }

    fn record_some(&self, refusals: &Mutex<Refusals>, entry: Entry) {
        let taken = refusals.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        match taken {
            Taken::Noted => self.record(entry),
            Taken::FirstTooMany => {
                tracing::warn!(who = entry.who, "Too many actions are refused to note them all in {FILE}.");
            }
            Taken::TooMany => {}
        }
    }

    /// The last actions, the newest first.
    pub(crate) fn last(&self, top: usize) -> Vec<Entry> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().rev().take(top).cloned().collect()
    }

    /// Ends the thread once it has written what there is; what is returned ends with it.
    pub(crate) fn stop(&self) -> Option<JoinHandle<()>> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        writer.map(|writer| writer.thread)
    }
}

/// Writes lines until nobody sends any more. Of failures one after the other the log has the first.
fn write_all(log: &mut Log, lines: &Receiver<Vec<u8>>) {
    let mut fails = false;
    while let Ok(line) = lines.recv() {
        match log.write(&line) {
            Ok(()) => fails = false,
            Err(error) => {
                if !std::mem::replace(&mut fails, true) {
                    tracing::error!(
                        %error,
                        "{} cannot be written, so actions are missing in it. Check the data folder.",
                        log.data.join(FILE).display()
                    );
                }
            }
        }
    }
}

/// The file, and the one before it.
struct Log {
    data: PathBuf,
    bytes_max: u64,
    file: Option<LineFile>,
}

impl Log {
    fn new(data: PathBuf, bytes_max: u64) -> Self {
        Self { data, bytes_max, file: None }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.data)?;
                LineFile::open(self.data.join(FILE), self.bytes_max, FILES)?
            }
        };
        if !file.is_empty() && file.room() < line.len() as u64 {
            file.rotate()?;
        }
        file.write(line).map_err(|(_, error)| error)?;
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::issuer::Access;

    fn entry(target: &str) -> Entry {
        let caller = Caller {
            who: Who::subject("ann", "https://i"),
            access: Access::All,
            by_portal: true,
            from: "::1".parse().unwrap(),
        };
        Entry::new(&caller, "hub.put", target, None)
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("hublet-audit-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn actions_are_kept_and_written() {
        let folder = folder("kept");
        let audit = Audit::start(folder.clone()).unwrap();
        assert!(!folder.exists(), "nothing has happened");
        for n in 0..1_005 {
            audit.record(entry(&n.to_string()));
        }
        audit.record(Entry::of_nobody("10.0.0.1".parse().unwrap(), "session.refused", &"x".repeat(9_999)));
        let last = audit.last(2);
        assert_eq!((last.len(), last[1].target.as_str()), (2, "1004"), "the newest first");
        assert_eq!((last[0].who.as_str(), last[0].result.len()), ("nobody", 9 + TEXT_CHARS_MAX));
        assert_eq!(audit.last(usize::MAX).len(), ENTRIES_MAX);
        audit.stop().unwrap().join().unwrap();
        audit.record(entry("late"));
        assert!(audit.stop().is_none());

        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 1_006);
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(
            (&line["who"], &line["issuer"], &line["via"], &line["from"]),
            (&"ann".into(), &"https://i".into(), &"portal".into(), &"::1".into())
        );
        assert_eq!(
            (&line["action"], &line["target"], &line["result"]),
            (&"hub.put".into(), &"0".into(), &"ok".into())
        );
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn refusals_push_nothing_out() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for _ in 0..REFUSALS_PER_MINUTE_MAX {
            assert_eq!(refusals.take(now), Taken::Noted);
        }
        assert_eq!(refusals.take(now + Duration::from_secs(59)), Taken::FirstTooMany);
        assert_eq!(refusals.take(now + Duration::from_secs(59)), Taken::TooMany);
        assert_eq!(refusals.take(now + Duration::from_secs(60)), Taken::Noted);
    }

    #[test]
    fn a_long_file_gives_way_to_a_new_one() {
        let folder = folder("long");
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let mut log = Log::new(folder.clone(), 10);
        for line in ["first\n", "2nd\n", "third\n", "a line that is too long\n", "last\n"] {
            log.write(line.as_bytes()).unwrap();
        }
        assert_eq!(
            (read(FILE).as_str(), read("audit.jsonl.1").as_str()),
            ("last\n", "a line that is too long\n")
        );
        // The next process goes on with it.
        Log::new(folder.clone(), 10).write(b"more\n").unwrap();
        assert_eq!(read(FILE), "last\nmore\n");
        Log::new(folder.clone(), 10).write(b"more\n").unwrap();
        assert_eq!((read(FILE).as_str(), read("audit.jsonl.1").as_str()), ("more\n", "last\nmore\n"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nobody() {
        let folder = folder("blocked");
        fs::write(&folder, "a file").unwrap();
        let mut log = Log::new(folder.clone(), 10);
        assert!(log.write(b"x\n").is_err());
        fs::remove_file(&folder).unwrap();
        log.write(b"x\n").unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
