use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use bytes::Bytes;
use hublet_hub::ClientInfo;
use hublet_wire::id::ConnId;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;

const HANDLER: &str = "http://h/{event}?code=secret";
const BOTH: Route<'_> = Route { handler: Some(HANDLER), farewell: Some(HANDLER) };
const NOBODY: Route<'_> = Route { handler: None, farewell: None };

/// A folder that goes with its value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hublet-outbox-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// What a kill at this moment leaves: the files as they are on the disk, without any being closed.
    fn killed(&self) -> Self {
        let copy = Self::new();
        for file in std::fs::read_dir(&self.0).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.0.join(file.file_name())).unwrap();
        }
        copy
    }

    fn open(&self) -> Outbox {
        Outbox::open(&Store::at(&self.0)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn event(slot: u32, id: u64, kind: EventKind) -> ClientEvent {
    let mut nonce = [1; 11];
    nonce[..4].copy_from_slice(&slot.to_be_bytes());
    let client = ClientInfo {
        conn: ConnId { nonce, shard: 0, slot, node: 1 },
        hub: "chat".into(),
        user: Some(format!("user{slot}").into()),
        subprotocol: None,
        host: "h".into(),
        state: Some(Bytes::from_static(b"c3RhdGU=")),
    };
    ClientEvent { client, id, kind }
}

fn connected(slot: u32) -> ClientEvent {
    event(slot, 1, EventKind::Connected)
}

fn joined(slot: u32, id: u64) -> ClientEvent {
    event(slot, id, EventKind::GroupJoined("room".into()))
}

fn disconnected(slot: u32, id: u64) -> ClientEvent {
    event(slot, id, EventKind::Disconnected { reason: "bye".into() })
}

/// An outbox whose deliveries all succeed, and what it delivered.
struct Running {
    outbox: Outbox,
    seen: mpsc::UnboundedReceiver<Prepared>,
    task: JoinHandle<()>,
}

impl Running {
    fn new(outbox: Outbox) -> Self {
        Self::with(outbox, |_| Outcome::Done)
    }

    fn with(outbox: Outbox, outcome: impl Fn(&Prepared) -> Outcome + Send + Sync + 'static) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let running = outbox.clone();
        let outcome = Arc::new(outcome);
        let task = tokio::spawn(async move {
            running
                .run(|prepared| {
                    let (sender, outcome) = (sender.clone(), Arc::clone(&outcome));
                    async move {
                        let outcome = outcome(&prepared);
                        sender.send(prepared).unwrap();
                        outcome
                    }
                })
                .await;
        });
        Self { outbox, seen, task }
    }

    /// Everything that is delivered, until nothing is left.
    async fn all(&mut self) -> Vec<Prepared> {
        self.outbox.delivered().await;
        let mut all = Vec::new();
        while let Ok(prepared) = self.seen.try_recv() {
            all.push(prepared);
        }
        all
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Numbers of the events of each connection, by slot, in the order of their delivery.
fn by_conn(all: &[Prepared]) -> HashMap<u32, Vec<u64>> {
    let mut by_conn: HashMap<u32, Vec<u64>> = HashMap::new();
    for prepared in all {
        by_conn.entry(prepared.event.client.conn.slot).or_default().push(prepared.event.id);
    }
    by_conn
}

#[tokio::test]
async fn events_of_a_connection_arrive_in_order_and_are_then_forgotten() {
    let folder = Folder::new();
    let outbox = folder.open();
    for slot in 0..100 {
        drop(outbox.append(&connected(slot), BOTH));
        drop(outbox.append(&joined(slot, 2), BOTH));
    }
    let mut running = Running::new(outbox);
    for slot in 0..100 {
        drop(running.outbox.append(&joined(slot, 5), BOTH));
        running.outbox.append(&disconnected(slot, 6), BOTH).await.unwrap();
    }
    let all = running.all().await;
    let expected = connected(7);
    let found = all.iter().find(|prepared| prepared.event == expected).unwrap();
    assert_eq!(found.handler, HANDLER);
    assert!(now_s() - found.time_s < 60);
    let by_conn = by_conn(&all);
    assert_eq!(by_conn.len(), 100);
    assert!(by_conn.values().all(|ids| ids == &[1, 2, 5, 6]), "{by_conn:?}");
    assert_eq!(running.outbox.counts(), OutboxCounts { waiting: 0, delivered: 400, dropped: 0 });
    let after = folder.killed();
    assert_eq!(after.open().counts().waiting, 0, "nothing comes again");
}

#[tokio::test]
async fn a_kill_loses_no_event_and_ends_each_connection_once() {
    let folder = Folder::new();
    let outbox = folder.open();
    for slot in 0..3 {
        outbox.append(&connected(slot), BOTH).await.unwrap();
    }
    outbox.append(&joined(0, 2), BOTH).await.unwrap();
    outbox.append(&disconnected(1, 2), BOTH).await.unwrap();

    let first = folder.killed();
    let recovering = first.open();
    // It is killed again, while the events of the first time have not been delivered.
    let second = first.killed();
    let third = folder.killed();
    let mut told = Vec::new();
    for folder in [second, third] {
        let mut running = Running::new(folder.open());
        let all = running.all().await;
        let by_conn = by_conn(&all);
        assert_eq!(
            (&by_conn[&0], &by_conn[&1], &by_conn[&2]),
            (&vec![1, 2, LAST_ID], &vec![1, 2], &vec![1, LAST_ID])
        );
        let end = all.iter().rfind(|prepared| prepared.event.client.conn.slot == 0).unwrap();
        assert_eq!(end.event.kind, EventKind::Disconnected { reason: RESTARTED.into() });
        assert_eq!((end.event.client.user.as_deref(), end.handler.as_str()), (Some("user0"), HANDLER));
        assert_eq!(end.event.client, connected(0).client);
        let mut ids: Vec<_> = all.into_iter().map(|prepared| prepared.request_id).collect();
        ids.sort();
        let unique = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), unique);
        told.push(ids);
        drop(running);
        assert_eq!(folder.killed().open().counts().waiting, 0);
    }
    assert_eq!(told[0], told[1], "the same requests, whatever was killed when");
    // The same again without a kill.
    assert_eq!(Running::new(recovering).all().await.len(), 7);
}

#[tokio::test]
async fn only_living_connections_are_ended() {
    let folder = Folder::new();
    let outbox = folder.open();
    // The handler wants `disconnected` alone.
    let farewell = Route { handler: None, farewell: Some(HANDLER) };
    for slot in 0..3 {
        outbox.append(&connected(slot), farewell).await.unwrap();
    }
    outbox.append(&connected(3), Route { handler: Some("other"), farewell: None }).await.unwrap();
    // It is no longer durable, and the event goes another way.
    outbox.append(&disconnected(0, 2), NOBODY).await.unwrap();
    outbox.append(&joined(1, 2), NOBODY).await.unwrap();
    let killed = folder.killed();
    let mut running = Running::new(killed.open());
    let by_conn = by_conn(&running.all().await);
    assert_eq!(by_conn, HashMap::from([(1, vec![LAST_ID]), (2, vec![LAST_ID]), (3, vec![1])]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_is_repeated_as_it_was_and_holds_up_its_connection_alone() {
    let folder = Folder::new();
    let started = tokio::time::Instant::now();
    let failures = AtomicU32::new(3);
    let mut running = Running::with(folder.open(), move |prepared| {
        let fails = prepared.event.client.conn.slot == 0
            && prepared.event.id == 1
            && failures
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok();
        if fails { Outcome::Retry } else { Outcome::Done }
    });
    for slot in 0..2 {
        drop(running.outbox.append(&connected(slot), BOTH));
        running.outbox.append(&disconnected(slot, 2), BOTH).await.unwrap();
    }
    let all = running.all().await;
    assert_eq!(started.elapsed().as_secs(), 1 + 3 + 5);
    let by_conn = by_conn(&all);
    assert_eq!((&by_conn[&0], &by_conn[&1]), (&vec![1, 1, 1, 1, 2], &vec![1, 2]));
    let attempts: Vec<_> = all
        .iter()
        .filter(|prepared| prepared.event == connected(0))
        .map(|prepared| &prepared.request_id)
        .collect();
    assert!(attempts.len() == 4 && attempts.iter().all(|id| *id == attempts[0]));
    assert_eq!(running.outbox.counts().delivered, 4);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_dropped_after_a_day() {
    let folder = Folder::new();
    let outbox = folder.open();
    const DAY_S: u64 = 24 * 60 * 60;
    outbox.append_at(&connected(0), BOTH, now_s() - DAY_S - 5).await.unwrap();
    outbox.append_at(&joined(0, 2), BOTH, now_s() - DAY_S + 60).await.unwrap();
    let mut running = Running::with(outbox, |prepared| {
        if prepared.event.id == 1 || prepared.time_s + DAY_S < now_s() {
            Outcome::Retry
        } else {
            Outcome::Done
        }
    });
    let all = running.all().await;
    assert_eq!(by_conn(&all)[&0], [1, 2], "tried once more, and then no longer in the way");
    assert_eq!(running.outbox.counts(), OutboxCounts { waiting: 0, delivered: 1, dropped: 1 });
    assert_eq!(folder.killed().open().counts().waiting, 1, "the end of the connection alone is left");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_panics_is_repeated() {
    let folder = Folder::new();
    let panics = AtomicBool::new(true);
    let mut running = Running::with(folder.open(), move |_| {
        assert!(!panics.swap(false, Ordering::Relaxed), "the first time");
        Outcome::Done
    });
    running.outbox.append(&connected(0), BOTH).await.unwrap();
    assert_eq!(running.all().await.len(), 1);
}

#[tokio::test]
async fn a_full_outbox_drops_new_events() {
    let folder = Folder::new();
    let limits = EventLimits { entries_max: 2, bytes_max: 1 << 20 };
    let outbox = Outbox::open_with(&Store::at(&folder.0), limits, |_| false).unwrap();
    outbox.append(&connected(0), BOTH).await.unwrap();
    outbox.append(&connected(1), BOTH).await.unwrap();
    assert!(matches!(outbox.append(&connected(2), BOTH).await, Err(StoreError::Full { entries: 2, .. })));
    assert!(outbox.append(&joined(0, 2), BOTH).await.is_err());
    outbox.append(&disconnected(0, 3), BOTH).await.unwrap();
    assert_eq!(outbox.counts(), OutboxCounts { waiting: 3, delivered: 0, dropped: 2 });
    let mut running = Running::new(outbox);
    let by_conn = by_conn(&running.all().await);
    assert_eq!(by_conn, HashMap::from([(0, vec![1, 3]), (1, vec![1])]));
    running.outbox.append(&connected(3), BOTH).await.unwrap();
}

#[tokio::test]
async fn what_is_no_notification_makes_no_file() {
    let folder = Folder::new();
    let outbox = folder.open();
    outbox.append(&event(0, 0, EventKind::Connect(Bytes::new())), BOTH).await.unwrap();
    outbox.append(&connected(0), NOBODY).await.unwrap();
    outbox.append(&disconnected(0, 2), NOBODY).await.unwrap();
    outbox.delivered().await;
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[tokio::test]
async fn deliveries_are_bounded_for_each_handler() {
    let folder = Folder::new();
    let outbox = folder.open();
    for slot in 0..200 {
        drop(outbox.append(&connected(slot), BOTH));
    }
    outbox.append(&connected(200), Route { handler: Some("other"), farewell: None }).await.unwrap();
    let (sender, mut seen) = mpsc::unbounded_channel();
    let running = outbox.clone();
    let task = tokio::spawn(async move {
        running
            .run(|prepared| {
                sender.send(prepared).unwrap();
                // The handlers hang.
                std::future::pending()
            })
            .await;
    });
    let mut by_handler: HashMap<String, usize> = HashMap::new();
    for _ in 0..=queue::SIDE_BY_SIDE_MAX {
        *by_handler.entry(seen.recv().await.unwrap().handler).or_default() += 1;
    }
    let expected = [(HANDLER.to_owned(), queue::SIDE_BY_SIDE_MAX), ("other".to_owned(), 1)];
    assert_eq!(by_handler, HashMap::from(expected));
    tokio::task::yield_now().await;
    assert!(seen.try_recv().is_err());
    task.abort();
}

/// How fast it is: `cargo test --release -p hublet-upstream throughput -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn throughput() {
    let folder = Folder::new();
    let mut running = Running::new(folder.open());
    let count = 100_000;
    let started = Instant::now();
    let mut last = Stored(None);
    for slot in 0..count {
        last = running.outbox.append(&connected(slot), BOTH);
    }
    let appended = started.elapsed();
    last.await.unwrap();
    let stored = started.elapsed();
    running.outbox.delivered().await;
    let delivered = started.elapsed();
    assert_eq!(running.outbox.counts().delivered, u64::from(count));
    let rate = |time: std::time::Duration| f64::from(count) / time.as_secs_f64();
    println!("appended  {:>9.0} a second", rate(appended));
    println!("stored    {:>9.0} a second", rate(stored));
    println!("delivered {:>9.0} a second", rate(delivered));
    let size = std::fs::metadata(folder.0.join("hublet.redb")).unwrap().len();
    println!("the file has {} KiB", size >> 10);

    // One at a time: what a single event waits for.
    let started = Instant::now();
    for slot in 0..200 {
        running.outbox.append(&disconnected(slot, 2), BOTH).await.unwrap();
    }
    println!("one after another {:.2} ms each", started.elapsed().as_secs_f64() * 5.0);
    while running.seen.try_recv().is_ok() {}
}
