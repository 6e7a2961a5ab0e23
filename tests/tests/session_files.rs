//! Sessions in the data folder, when the service that finds them is not like the one that left them: another number of
//! shards, or files that were moved by hand.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use hublet_tests::outage::{Reliable, Rig};
use hublet_tests::raw::RawClient;
use hublet_tests::{Folder, JSON_RELIABLE, http};

const DURABILITIES: [&str; 2] = ["restart", "wal"];

fn rig(durability: &str) -> Rig {
    Rig::start(&format!("reliable.durability = \"{durability}\"\n"))
}

/// Ends the service as this durability is made for. Its clients have lost their sockets: it need not wait for them.
fn end<'a>(rig: &mut Rig, durability: &str, clients: impl IntoIterator<Item = &'a mut Reliable>) -> Folder {
    clients.into_iter().for_each(Reliable::cut);
    let server = rig.server.take().expect("a service");
    if durability == "wal" { server.kill_and_take_folder() } else { server.stop_and_take_folder() }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join("hublet-data/sessions").join(name)
}

/// Members of a group, of whom each shard has at least one, with the name of its file.
fn members(rig: &Rig) -> Vec<(Reliable, &'static str)> {
    let mut members: Vec<(Reliable, &str)> = Vec::new();
    let shards =
        |members: &[(Reliable, &str)]| members.iter().map(|(_, file)| *file).collect::<HashSet<_>>().len();
    // The system chooses which shard accepts a connection.
    while members.len() < 4 || shards(&members) < 2 {
        let client = Reliable::connect(&rig.url("ann", &["room"], &[]));
        let id: hublet_wire::id::ConnId = client.id.parse().expect("an id");
        members.push((client, if id.shard == 0 { "shard-0" } else { "shard-1" }));
    }
    members
}

fn publish(rig: &Rig, text: &str) {
    let path = "/api/hubs/chat/groups/room/:send";
    let sent = http::call(rig.server(), "POST", path, &["Content-Type: text/plain"], text.as_bytes());
    assert_eq!(sent.status, 202);
}

fn expect_refusal(client: &Reliable) {
    let url = format!(
        "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
        client.authority, client.id, client.token
    );
    RawClient::connect(&url, JSON_RELIABLE).expect_close(1008, "The connection could not be recovered.");
}

#[test]
fn more_shards_take_all_sessions_up() {
    for durability in DURABILITIES {
        let mut rig = rig(durability);
        let mut members = members(&rig);
        // Nobody has acknowledged it, nor read it.
        publish(&rig, "before");
        for shards in ["3", "5"] {
            let folder = end(&mut rig, durability, members.iter_mut().map(|(client, _)| client));
            rig.arguments[3] = shards.to_owned();
            rig.start_again(folder);
            members.iter_mut().for_each(|(client, _)| client.be_there());
            publish(&rig, shards);
            for (client, _) in &mut members {
                let message = client.read();
                assert_eq!(message["data"], shards, "{durability}");
            }
        }
        assert!(members.iter().all(|(client, _)| client.seen == 3 && client.recoveries == 2), "{durability}");
        assert_eq!(rig.told("disconnected"), 0, "{durability}");
        assert!(!rig.server().log().contains("of other shards"), "{}", rig.server().log());
    }
}

#[test]
fn files_that_were_swapped_are_told_and_their_sessions_end() {
    for durability in DURABILITIES {
        let mut rig = rig(durability);
        let mut members = members(&rig);
        let folder = end(&mut rig, durability, members.iter_mut().map(|(client, _)| client));
        fs::rename(file(&folder, "shard-0"), file(&folder, "kept")).expect("a file");
        fs::rename(file(&folder, "shard-1"), file(&folder, "shard-0")).expect("a file");
        fs::rename(file(&folder, "kept"), file(&folder, "shard-1")).expect("a file");
        rig.start_again(folder);
        let log = rig.server().log();
        for (shard, of, its_file) in [(0, 1, "shard-1"), (1, 0, "shard-0")] {
            let found = members.iter().filter(|(_, file)| *file == its_file).count();
            let said = format!("shard={shard} of_shards={{{of}}} sessions={found} ended={found}");
            assert!(log.contains(&said), "{durability}: {said}: {log}");
        }
        assert_eq!(log.matches("has sessions of other shards").count(), 2, "{durability}: {log}");
        assert!(!log.contains("are taken up"), "{durability}: {log}");
        let gone = rig.upstream.wait_for(members.len(), |call| call.event() == "disconnected");
        let gone: HashSet<&str> = gone.iter().map(|call| call.client()).collect();
        assert_eq!(gone, members.iter().map(|(client, _)| &*client.id).collect(), "{durability}");
        members.iter().for_each(|(client, _)| expect_refusal(client));
        // New ones are as good as ever.
        let mut client = Reliable::connect(&rig.url("bob", &["room"], &[]));
        let folder = end(&mut rig, durability, [&mut client]);
        rig.start_again(folder);
        client.be_there();
        assert_eq!(client.recoveries, 1, "{durability}");
    }
}

#[test]
fn a_copy_of_a_file_changes_nothing() {
    for durability in DURABILITIES {
        let mut rig = rig(durability);
        let mut members = members(&rig);
        publish(&rig, "one");
        let folder = end(&mut rig, durability, members.iter_mut().map(|(client, _)| client));
        fs::copy(file(&folder, "shard-0"), file(&folder, "shard-7")).expect("a copy");
        rig.start_again(folder);
        let found = members.iter().filter(|(_, file)| *file == "shard-0").count();
        let said = format!("shard=7 of_shards={{0}} sessions={found} ended=0");
        assert!(rig.server().log().contains(&said), "{durability}: {}", rig.server().log());
        members.iter_mut().for_each(|(client, _)| client.be_there());
        publish(&rig, "two");
        for (client, _) in &mut members {
            assert_eq!((&client.read()["data"], client.seen), (&"two".into(), 2), "{durability}");
        }
        assert_eq!(rig.told("disconnected"), 0, "{durability}");
        assert!(!file(rig.server().folder(), "shard-7").exists(), "{durability}");
    }
}
