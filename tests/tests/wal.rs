//! With `durability = "wal"` reliable clients outlive a process that is killed: whatever was acknowledged reaches everybody
//! once and in order.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hublet_tests::outage::{Reliable, Rig, traffic};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::{JSON_RELIABLE, http, tools};
use hublet_wire::ws::CloseCode;
use serde_json::json;

const WAL: &str = "reliable.durability = \"wal\"\n";

fn sessions(rig: &Rig) -> PathBuf {
    rig.server().folder().join("hublet-data/sessions")
}

#[test]
fn kills_lose_nothing_and_double_nothing() {
    let mut rig = Rig::start(WAL);
    let mut clients = traffic(&mut rig, 4, Rig::kill);
    assert_eq!(rig.told("disconnected"), 0, "nobody is gone");
    let mode = fs::metadata(sessions(&rig).join("shard-0")).expect("a log").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may not read messages");
    // Now they go.
    let count = clients.len();
    for client in &mut clients {
        client.socket.take().expect("a socket").send_close(CloseCode(1000), "");
    }
    rig.upstream.wait_for(count, |call| call.event() == "disconnected");
    rig.kill();
    let (upstream, log, folder) = rig.stop();
    // More than once, if the answer of the handler was lost.
    let ends = upstream.events("disconnected");
    let told: HashSet<&str> = ends.iter().map(|call| call.client()).collect();
    assert_eq!(told.len(), count, "each is told");
    assert!(!log.contains("sessions of reliable clients are taken up"), "those that ended stay so: {log}");
    let left = fs::read_dir(folder.join("hublet-data/sessions")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "nothing is left to keep");
}

#[test]
fn what_rest_has_done_survives_and_a_stop_is_as_good_as_a_kill() {
    let mut rig = Rig::start(WAL);
    let mut client = Reliable::connect(&rig.url("ann", &["hall"], &[]));
    let request = json!({"type": "sendToGroup", "group": "room", "data": 1, "ackId": 1});
    let calls = [
        ("PUT", format!("/api/hubs/chat/groups/room/connections/{}", client.id), 200),
        ("DELETE", format!("/api/hubs/chat/groups/hall/connections/{}", client.id), 204),
        (
            "PUT",
            format!("/api/hubs/chat/permissions/sendToGroup/connections/{}?targetName=room", client.id),
            200,
        ),
        ("POST", "/api/hubs/chat/:send".to_owned(), 202),
    ];
    for (method, path, status) in calls {
        let text = ["Content-Type: text/plain"];
        assert_eq!(http::call(rig.server(), method, &path, &text, b"all").status, status, "{path}");
        // Right behind the answer.
        rig.kill();
        // The last one's message may have come before.
        while client.read()["event"] != "connected" {}
    }
    client.be_there();
    assert_eq!(client.seen, 1);
    client.send(&request);
    let message = client.read();
    assert_eq!((&message["data"], &message["sequenceId"]), (&json!(1), &json!(2)));
    assert_eq!(client.read()["success"], true);
    rig.kill();
    assert_eq!(client.read()["event"], "connected");
    client.send(&request);
    assert_eq!(client.read()["error"]["name"], "Duplicate");
    rig.restart();
    // Another kind of durability takes up what there is, and the other way round.
    for durability in ["restart", "wal"] {
        let file = fs::read_to_string(rig.server().folder().join("hublet.toml")).expect("a file");
        let (other, wanted) = if durability == "wal" { ("restart", "wal") } else { ("wal", "restart") };
        let changed = file.replace(&format!("\"{other}\""), &format!("\"{wanted}\""));
        fs::write(rig.server().folder().join("hublet.toml"), changed).expect("a file");
        if durability == "wal" {
            rig.restart();
        } else {
            rig.kill();
        }
        client.send(&json!({"type": "ping"}));
        client.be_there();
        assert_eq!(sessions(&rig).exists(), durability == "wal", "{durability}");
        client.send(&request);
        assert_eq!(client.read()["error"]["name"], "Duplicate", "{durability}");
    }
    let all = http::call(
        rig.server(),
        "POST",
        "/api/hubs/chat/groups/hall/:send",
        &["Content-Type: text/plain"],
        b"x",
    );
    assert_eq!(all.status, 202);
    client.send(&json!({"type": "sendToGroup", "group": "room", "data": 3, "ackId": 2}));
    assert_eq!(client.read()["sequenceId"], 3, "it is in the room and not in the hall");
}

#[test]
fn a_torn_log_is_read_to_its_end_and_said() {
    let mut rig = Rig::start(WAL);
    let mut clients: Vec<Reliable> =
        (0..8).map(|_| Reliable::connect(&rig.url("ann", &["room"], &[]))).collect();
    let folder = rig.server.take().expect("a service").kill_and_take_folder();
    for shard in ["shard-0", "shard-1"] {
        let log = folder.join("hublet-data/sessions").join(shard);
        let mut bytes = fs::read(&log).expect("a log");
        bytes.extend_from_slice(&[200, 0, 0, 0, 1, 2, 3]);
        fs::write(log, bytes).expect("a log");
    }
    rig.start_again(folder);
    rig.server().expect_log("The log of sessions is taken up to here");
    rig.server().expect_log("its end is missing");
    for client in &mut clients {
        assert_eq!(client.read()["event"], "connected");
    }
    rig.kill();
    clients.iter_mut().for_each(Reliable::be_there);
}

#[test]
fn fewer_shards_end_the_sessions_of_the_others() {
    let mut rig = Rig::start(WAL);
    let clients: Vec<Reliable> = (0..8).map(|_| Reliable::connect(&rig.url("ann", &["room"], &[]))).collect();
    rig.arguments[3] = "1".to_owned();
    rig.kill();
    rig.upstream.wait_until("the end of the sessions of the second shard", |calls| {
        let gone = calls.iter().filter(|call| call.event() == "disconnected").count();
        gone > 0 && gone < clients.len()
    });
    rig.server().expect_log("fewer shards than before");
    assert!(sessions(&rig).join("shard-0").exists() && !sessions(&rig).join("shard-1").exists());
}

#[test]
fn the_official_client_does_not_notice_a_kill() {
    let mut rig = Rig::start(WAL);
    let mut script = {
        let connection_string = rig.server().connection_string();
        Program::start("restart.mjs", tools::node("tests/sdk/restart.mjs").arg(connection_string))
    };
    script.expect("half");
    rig.kill();
    script.expect_end();
    assert_eq!(rig.told("connected"), 2);
}

#[test]
fn a_client_that_is_gone_cannot_come_back_after_a_kill() {
    let mut rig = Rig::start(WAL);
    let mut client = Reliable::connect(&rig.url("ann", &[], &[]));
    client.socket.take().expect("a socket").send_close(CloseCode(1000), "");
    rig.upstream.wait_for(1, |call| call.event() == "disconnected");
    rig.kill();
    let url = format!(
        "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
        client.authority, client.id, client.token
    );
    RawClient::connect(&url, JSON_RELIABLE).expect_close(1008, "The connection could not be recovered.");
}
