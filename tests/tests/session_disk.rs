//! Sessions on a disk that takes no more, and logs that would grow for ever.

use std::fs;

use hublet_tests::outage::{Reliable, Rig};
use hublet_tests::sessions::{expect_refusal, file, files, members, publish, publish_to, shard};
use serde_json::json;

const WAL: &str = "reliable.durability = \"wal\"\n";
const CANNOT_BE_WRITTEN: &str =
    "cannot be written, so reliable clients lose their sessions if the process is killed";

/// Every client gets the next message, and says so.
fn expect_by_all(clients: &mut [Reliable], text: &str) {
    for client in clients {
        let message = client.read();
        assert!(message["data"] == text, "{}: not message {}", client.id, client.seen);
        client.send(&json!({"type": "sequenceAck", "sequenceId": client.seen}));
    }
}

/// A message that no other one is like.
fn text(number: usize, bytes: usize) -> String {
    let mut text = format!("{number} ");
    text.extend(std::iter::repeat_n('x', bytes));
    text
}

/// Publishes until no shard can write its log any more.
fn exhaust(rig: &Rig, clients: &mut [Reliable]) {
    rig.server().limit_files(4 << 20);
    let mut number = 0;
    // Nothing is left that would be out of date.
    while !files(rig.server().folder()).is_empty() {
        assert!(number < 20, "the limit has no effect: {}", rig.server().log());
        let text = text(number, 512 << 10);
        publish(rig, &text);
        expect_by_all(clients, &text);
        number += 1;
    }
    for shard in [0, 1] {
        rig.server().expect_log(&format!("shard={shard} error=File too large (os error 27) is_removed=true"));
    }
    // Everything goes on, and is said once for each shard.
    for number in 0..4 {
        let text = text(number, 512 << 10);
        publish(rig, &text);
        expect_by_all(clients, &text);
    }
    assert_eq!(rig.server().log().matches(CANNOT_BE_WRITTEN).count(), 2, "{}", rig.server().log());
}

#[test]
fn a_log_that_cannot_be_written_ends_and_the_service_goes_on() {
    let mut rig = Rig::start(WAL);
    let mut clients = members(&rig, 3);
    exhaust(&rig, &mut clients);
    // A stop keeps the sessions even so, and the next start has logs again.
    publish(&rig, "unread");
    clients.iter_mut().for_each(Reliable::cut);
    rig.restart();
    expect_by_all_again(&mut clients, "unread");
    rig.kill();
    clients.iter_mut().for_each(Reliable::be_there);
    assert!(clients.iter().all(|client| client.recoveries == 2));
    assert_eq!(rig.told("disconnected"), 0);
    // A kill does not.
    exhaust(&rig, &mut clients);
    rig.kill();
    clients.iter().for_each(expect_refusal);
    rig.upstream.wait_for(clients.len(), |call| call.event() == "disconnected");
}

/// As [`expect_by_all`], of clients that have to come back first.
fn expect_by_all_again(clients: &mut [Reliable], text: &str) {
    for client in &mut *clients {
        assert_eq!(client.read()["event"], "connected");
    }
    expect_by_all(clients, text);
}

#[test]
fn sessions_that_cannot_be_written_at_a_stop_are_told() {
    let mut rig = Rig::start("");
    let mut clients = members(&rig, 3);
    for number in 0..4 {
        publish(&rig, &text(number, 512 << 10));
    }
    rig.server().limit_files(1 << 20);
    clients.iter_mut().for_each(Reliable::cut);
    let (folder, log) = rig.server.take().expect("a service").stop_and_take_folder_and_log();
    assert_eq!(log.matches("cannot be kept").count(), 2, "{log}");
    assert!(log.contains("File too large") && log.contains("stopped"), "{log}");
    assert_eq!(files(&folder), [""; 0], "half of a file is nothing to keep");
    rig.start_again(folder);
    assert!(!rig.server().log().contains("cannot be read"), "{}", rig.server().log());
    clients.iter().for_each(expect_refusal);
    rig.upstream.wait_for(clients.len(), |call| call.event() == "disconnected");
}

#[test]
fn a_log_stays_when_a_stop_cannot_write_its_sessions_anew() {
    let mut rig = Rig::start(WAL);
    let mut clients = members(&rig, 3);
    let texts: Vec<String> = (0..4).map(|number| text(number, 512 << 10)).collect();
    texts.iter().for_each(|text| publish(&rig, text));
    rig.server().limit_files(1 << 20);
    clients.iter_mut().for_each(Reliable::cut);
    let (folder, log) = rig.server.take().expect("a service").stop_and_take_folder_and_log();
    assert_eq!(log.matches("are kept as the log of all that happened").count(), 2, "{log}");
    assert!(!log.contains("they are lost"), "{log}");
    assert_eq!(files(&folder), ["shard-0", "shard-1"]);
    rig.start_again(folder);
    for client in &mut clients {
        assert_eq!(client.read()["event"], "connected");
    }
    texts.iter().for_each(|text| expect_by_all(&mut clients, text));
    assert_eq!(rig.told("disconnected"), 0);
}

/// The client joins a group with a name of 1,000 bytes: the log of its shard has all its groups once more.
fn join(client: &mut Reliable, number: usize) {
    client.send(&json!({"type": "joinGroup", "group": format!("{number:0>1000}"), "ackId": number}));
    assert_eq!(client.read()["success"], true);
}

#[test]
fn a_large_log_begins_anew_and_loses_nothing() {
    /// Where a log begins anew (docs/restarts.md), and what one turn of this test may add.
    const FILE_BYTES_MAX: u64 = (64 << 20) + (1 << 20);
    let mut rig = Rig::start(WAL);
    // One on each shard, of which the first has a log that grows.
    let mut clients = members(&rig, 2);
    clients.sort_by_key(shard);
    clients.dedup_by_key(|client| shard(client));
    let size = |rig: &Rig, shard| fs::metadata(file(rig.server().folder(), shard)).expect("a log").len();
    let (mut number, mut before, mut bytes) = (0, 0, 0);
    while bytes >= before {
        number += 1;
        assert!(number < 400, "no log begins anew: {bytes}");
        if number % 8 == 0 {
            // They are read, and not acknowledged: the new log has them, too.
            publish(&rig, &text(number, 0));
            clients.iter_mut().for_each(|client| assert_eq!(client.read()["data"], text(number, 0)));
        }
        join(&mut clients[0], number);
        (before, bytes) = (bytes, size(&rig, 0));
        assert!(bytes < FILE_BYTES_MAX, "{bytes}");
    }
    assert!(before > 62 << 20 && bytes < 2 << 20, "{before} {bytes}");
    join(&mut clients[1], 1);
    join(&mut clients[1], number);
    // A kill not far behind that, with messages that nobody has read.
    clients.iter_mut().for_each(Reliable::cut);
    let groups = ["room".to_owned(), format!("{:0>1000}", 1), format!("{number:0>1000}")];
    groups.iter().for_each(|group| publish_to(&rig, group, &group[group.len() - 4..]));
    rig.kill();
    for client in &mut clients {
        assert_eq!(client.read()["event"], "connected");
    }
    groups.iter().for_each(|group| expect_by_all(&mut clients, &group[group.len() - 4..]));
    // And with what the new log began with.
    rig.kill();
    clients.iter_mut().for_each(Reliable::be_there);
    publish_to(&rig, &groups[2], "last");
    expect_by_all(&mut clients, "last");
    assert!(clients.iter().all(|client| client.seen == number as u64 / 8 + 4 && client.recoveries == 2));
    assert!([0, 1].iter().all(|shard| size(&rig, *shard) < 2 << 20), "nothing of the old log is left");
}
