//! Sessions in the data folder, when the service that finds them is not like the one that left them: another number of
//! shards, files that were moved by hand, or a second service.

use std::collections::HashSet;
use std::fs;

use hublet_tests::outage::{Reliable, Rig, start};
use hublet_tests::sessions::{expect_refusal, file, files, members, publish, shard};
use hublet_tests::{Folder, Server, command, http, new_folder, once};
use rustix::process::Signal;

const DURABILITIES: [&str; 2] = ["restart", "wal"];

fn rig(durability: &str) -> Rig {
    Rig::start(&format!("reliable.durability = \"{durability}\"\n"))
}

/// Ends the service as this durability is made for. Its clients have lost their sockets: it need not wait for them.
fn end(rig: &mut Rig, durability: &str, clients: &mut [Reliable]) -> Folder {
    clients.iter_mut().for_each(Reliable::cut);
    let server = rig.server.take().expect("a service");
    if durability == "wal" { server.kill_and_take_folder() } else { server.stop_and_take_folder() }
}

#[test]
fn more_shards_take_all_sessions_up() {
    for durability in DURABILITIES {
        let mut rig = rig(durability);
        let mut members = members(&rig, 4);
        // Nobody has acknowledged it, nor read it.
        publish(&rig, "before");
        for shards in ["3", "5"] {
            let folder = end(&mut rig, durability, &mut members);
            rig.arguments[3] = shards.to_owned();
            rig.start_again(folder);
            members.iter_mut().for_each(Reliable::be_there);
            publish(&rig, shards);
            for client in &mut members {
                assert_eq!(client.read()["data"], shards, "{durability}");
            }
        }
        assert!(members.iter().all(|client| client.seen == 3 && client.recoveries == 2), "{durability}");
        assert_eq!(rig.told("disconnected"), 0, "{durability}");
        assert!(!rig.server().log().contains("of other shards"), "{}", rig.server().log());
    }
}

#[test]
fn files_that_were_swapped_are_told_and_their_sessions_end() {
    for durability in DURABILITIES {
        let mut rig = rig(durability);
        let mut members = members(&rig, 4);
        let folder = end(&mut rig, durability, &mut members);
        fs::rename(file(&folder, 0), file(&folder, 9)).expect("a file");
        fs::rename(file(&folder, 1), file(&folder, 0)).expect("a file");
        fs::rename(file(&folder, 9), file(&folder, 1)).expect("a file");
        rig.start_again(folder);
        for (of, its_file) in [(0, 1), (1, 0)] {
            let found = members.iter().filter(|client| shard(client) == of).count();
            let said = format!("shard={its_file} of_shards={{{of}}} sessions={found} ended={found}");
            rig.server().expect_log(&said);
        }
        let log = rig.server().log();
        assert_eq!(log.matches("has sessions of other shards").count(), 2, "{durability}: {log}");
        assert!(!log.contains("are taken up"), "{durability}: {log}");
        let gone = rig.upstream.wait_for(members.len(), |call| call.event() == "disconnected");
        let gone: HashSet<&str> = gone.iter().map(|call| call.client()).collect();
        assert_eq!(gone, members.iter().map(|client| &*client.id).collect(), "{durability}");
        members.iter().for_each(expect_refusal);
        // New ones are as good as ever.
        let mut new = [Reliable::connect(&rig.url("bob", &["room"], &[]))];
        let folder = end(&mut rig, durability, &mut new);
        rig.start_again(folder);
        new[0].be_there();
        assert_eq!(new[0].recoveries, 1, "{durability}");
    }
}

#[test]
fn a_copy_of_a_file_changes_nothing() {
    for durability in DURABILITIES {
        let mut rig = rig(durability);
        let mut members = members(&rig, 4);
        publish(&rig, "one");
        let folder = end(&mut rig, durability, &mut members);
        fs::copy(file(&folder, 0), file(&folder, 7)).expect("a copy");
        rig.start_again(folder);
        let found = members.iter().filter(|client| shard(client) == 0).count();
        rig.server().expect_log(&format!("shard=7 of_shards={{0}} sessions={found} ended=0"));
        members.iter_mut().for_each(Reliable::be_there);
        publish(&rig, "two");
        for client in &mut members {
            assert_eq!((&client.read()["data"], client.seen), (&"two".into(), 2), "{durability}");
        }
        assert_eq!(rig.told("disconnected"), 0, "{durability}");
        assert!(!file(rig.server().folder(), 7).exists(), "{durability}");
    }
}

#[test]
fn what_cannot_be_removed_is_not_taken_up() {
    let mut rig = rig("restart");
    let mut members = members(&rig, 4);
    let folder = end(&mut rig, "restart", &mut members);
    // As if the service might not write there: it may be root.
    let obstacle = folder.join("hublet-data/sessions/probe");
    fs::create_dir(&obstacle).expect("a folder");
    rig.start_again(folder);
    rig.server().expect_log("could not be removed once they are taken up, so they are not");
    members.iter().for_each(expect_refusal);
}

/// A service, and one beside it that has the same data folder.
fn two_services() -> [Server; 2] {
    let first = Server::start();
    let data = format!("data = {:?}\n", first.folder().join("hublet-data"));
    [first, Server::start_with_file(&data, &[])]
}

/// A client with a message that it has not read.
fn client_of(server: &Server, text: &str) -> Reliable {
    let client = Reliable::connect(&server.client_url("chat", None, &[], &["room"]));
    let path = "/api/hubs/chat/groups/room/:send";
    let sent = http::call(server, "POST", path, &["Content-Type: text/plain"], text.as_bytes());
    assert_eq!(sent.status, 202);
    client
}

const IS_TAKEN: &str = "There are sessions of another service in";

#[test]
fn of_two_services_with_one_folder_the_second_to_stop_keeps_nothing() {
    let [first, second] = two_services();
    let authorities = [&first, &second].map(|server| server.authority().to_owned());
    let mut clients = [client_of(&first, "one"), client_of(&second, "two")];
    clients.iter_mut().for_each(Reliable::cut);
    let (folder, log) = first.stop_and_take_folder_and_log();
    assert!(!log.contains(IS_TAKEN) && log.contains("can come back"), "{log}");
    let kept = files(&folder);
    assert!(!kept.is_empty());
    let (other_folder, log) = second.stop_and_take_folder_and_log();
    assert!(log.contains(IS_TAKEN) && !log.contains("can come back"), "{log}");
    assert_eq!(files(&folder), kept);
    let [mut one, two] = clients;
    let _first = start(folder, &["--listen", &authorities[0]]);
    one.be_there();
    assert_eq!((one.seen, one.recoveries), (1, 1));
    let _second = start(other_folder, &["--listen", &authorities[1]]);
    expect_refusal(&two);
}

#[test]
fn of_two_services_that_stop_at_once_one_keeps_its_sessions_and_the_other_says_that_it_does_not() {
    let [mut first, mut second] = two_services();
    let authority = first.authority().to_owned();
    let mut clients = [client_of(&first, "one"), client_of(&second, "two")];
    clients.iter_mut().for_each(Reliable::cut);
    [&first, &second].iter().for_each(|server| server.signal(Signal::TERM));
    let logs = [&mut first, &mut second].map(|server| {
        server.wait();
        server.log()
    });
    let folder = first.wait_and_take_folder();
    let keeps = logs.each_ref().map(|log| log.contains("can come back"));
    let says = logs.each_ref().map(|log| {
        log.contains(IS_TAKEN) || log.contains("cannot be kept") && log.contains("another service keeps")
    });
    assert!(keeps[0] != keeps[1] && says == [keeps[1], keeps[0]], "{logs:?}");
    let _server = start(folder, &["--listen", &authority]);
    let [one, two] = clients;
    let (mut kept, mut lost) = if keeps[0] { (one, two) } else { (two, one) };
    (kept.authority, lost.authority) = (authority.clone(), authority);
    kept.be_there();
    assert_eq!(kept.seen, 1);
    expect_refusal(&lost);
}

#[test]
fn beside_a_service_with_a_log_no_other_starts_and_its_sessions_stay() {
    let mut rig = rig("wal");
    let mut members = members(&rig, 2);
    publish(&rig, "one");
    let before = files(rig.server().folder());
    for durability in DURABILITIES {
        let folder = new_folder();
        let data = rig.server().folder().join("hublet-data");
        let file =
            format!("data = {data:?}\nlisten = [\"127.0.0.1:0\"]\nreliable.durability = \"{durability}\"\n");
        fs::write(folder.join("hublet.toml"), file).expect("a file in a new folder");
        let ended = once::run(command(&folder).arg("serve"), "");
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.error.contains("sessions is in use by another process. Stop"), "{ended:?}");
    }
    assert_eq!(files(rig.server().folder()), before);
    let folder = end(&mut rig, "wal", &mut members);
    rig.start_again(folder);
    members.iter_mut().for_each(Reliable::be_there);
    assert!(members.iter().all(|client| client.seen == 1 && client.recoveries == 1));
}
