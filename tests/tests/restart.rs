//! Reliable clients outlive the service: it stops in the middle of their traffic, another one takes their sessions up, and
//! nobody misses anything, gets anything twice, or is told to be gone.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::outage::{Reliable, Rig, start, traffic};
use hublet_tests::program::Program;
use hublet_tests::raw::RawClient;
use hublet_tests::upstream::{Gate, Reply};
use hublet_tests::{JSON, JSON_RELIABLE, http, tools};
use hublet_wire::ws::CloseCode;
use rustix::process::Signal;
use serde_json::{Value, json};

#[test]
fn a_restart_loses_nothing_and_tells_nobody() {
    let mut rig = Rig::start("");
    let mut clients = traffic(&mut rig, 2, Rig::restart);
    assert!(clients.iter().all(|client| client.told >= 1), "all were told that the service restarts");
    assert_eq!(rig.told("disconnected"), 0);
    assert_eq!(rig.told("connected"), clients.len());
    // Now they go.
    let count = clients.len();
    for client in &mut clients {
        client.socket.take().expect("a socket").send_close(CloseCode(1000), "");
    }
    rig.upstream.wait_for(count, |call| call.event() == "disconnected");
    let (upstream, log, folder) = rig.stop();
    assert_eq!(upstream.events("disconnected").len(), count, "each is told once");
    assert!(log.contains("sessions of reliable clients are taken up"), "{log}");
    assert!(!folder.join("hublet-data/sessions").exists(), "nothing is left to keep");
}

#[test]
fn groups_and_permissions_are_kept_and_who_stays_away_is_gone() {
    let mut rig = Rig::start("limits.recovery_timeout_s = 1\n");
    let mut kept = Reliable::connect(&rig.url("ann", &[], &[]));
    let away = Reliable::connect(&rig.url("bob", &["room"], &[]));
    {
        let server = rig.server();
        let group = format!("/api/hubs/chat/groups/room/connections/{}", kept.id);
        assert_eq!(http::call(server, "PUT", &group, &[], b"").status, 200);
        let grant = format!("/api/hubs/chat/permissions/sendToGroup/connections/{}?targetName=room", kept.id);
        assert_eq!(http::call(server, "PUT", &grant, &[], b"").status, 200);
    }
    let request = json!({"type": "sendToGroup", "group": "room", "data": 1, "ackId": 1});
    kept.send(&request);
    assert_eq!(kept.read()["sequenceId"], 1);
    assert_eq!(kept.read()["success"], true);
    // It is away already when the service stops.
    kept.cut();
    rig.restart();
    assert_eq!(kept.read()["event"], "connected");
    kept.send(&request);
    assert_eq!(kept.read()["error"]["name"], "Duplicate");
    kept.send(&json!({"type": "sendToGroup", "group": "room", "data": 2, "ackId": 2}));
    let message = kept.read();
    assert_eq!((&message["data"], &message["sequenceId"]), (&json!(2), &json!(2)));
    assert_eq!(kept.read()["success"], true);
    let gone = &rig.upstream.wait_for(1, |call| call.event() == "disconnected")[0];
    assert_eq!(gone.client(), away.id);
    assert_eq!(gone.json(), json!({"reason": "The connection recovery timeout expired."}));
    assert_eq!(gone.id(), 2, "numbers of events go on");
}

#[test]
fn group_states_outlive_the_service() {
    let wal = "reliable.durability = \"wal\"\n";
    for (file, outage) in [("", Rig::restart as fn(&mut Rig)), (wal, Rig::kill)] {
        let mut rig = Rig::start(file);
        let mut watcher = Reliable::connect(&rig.url("watcher", &[], &["webpubsub.joinLeaveGroup.room"]));
        let mut kept = Reliable::connect(&rig.url("kept", &["room"], &["webpubsub.joinLeaveGroup.room"]));
        let mut gone = RawClient::connect(&rig.url("gone", &["room"], &[]), JSON);
        watcher.send(&json!({"type": "subscribeGroupState", "group": "room", "ackId": 1}));
        assert_eq!(watcher.read()["success"], true);
        assert_eq!(watcher.read()["type"], "groupStateSnapshot");
        let set = |value: &str| {
            json!({"type": "setGroupState", "group": "room", "state": {"k": value}}).to_string()
        };
        kept.send(&serde_json::from_str(&set("v")).expect("JSON"));
        let item = |message: Value| {
            let item = &message["items"][0];
            (item["userId"].clone(), item["state"].clone(), item["updatedAt"].as_u64().expect("a time"))
        };
        let (user, state, first_ms) = item(watcher.read());
        assert_eq!((user, state), (json!("kept"), json!({"k": "v"})));
        gone.send_text(&set("w"));
        assert_eq!(item(watcher.read()).0, "gone");

        outage(&mut rig);
        // Who cannot come back has no state any more, and the subscriber learns of it.
        assert_eq!(watcher.read()["event"], "connected");
        let (user, state, gone_ms) = item(watcher.read());
        assert_eq!((user, state), (json!("gone"), Value::Null), "{file}");
        let mut other = Reliable::connect(&rig.url("other", &[], &["webpubsub.joinLeaveGroup.room"]));
        other.send(&json!({"type": "subscribeGroupState", "group": "room", "ackId": 1}));
        assert_eq!(other.read()["success"], true);
        let snapshot = other.read();
        assert_eq!(snapshot["items"].as_array().map(Vec::len), Some(1), "{snapshot}");
        assert_eq!(item(snapshot), (json!("kept"), json!({"k": "v"}), first_ms), "as it was");
        // The subscription and the state are of use.
        kept.be_there();
        kept.send(&json!({"type": "leaveGroup", "group": "room"}));
        let (user, state, left_ms) = item(watcher.read());
        assert_eq!((user, state), (json!("kept"), Value::Null));
        assert!(first_ms < gone_ms && gone_ms < left_ms, "{first_ms} {gone_ms} {left_ms}");
    }
}

#[test]
fn an_answer_that_comes_during_the_stop_belongs_to_the_session() {
    let gate = Gate::new();
    let waits = gate.clone();
    let mut rig = Rig::start_with("", move |call| match call.event() {
        "order" => Reply::text("done").after(&waits),
        _ => Reply::status(204),
    });
    let mut client = Reliable::connect(&rig.url("ann", &[], &[]));
    let order = json!({"type": "event", "event": "order", "dataType": "text", "data": "", "ackId": 5});
    client.send(&order);
    rig.upstream.wait_for(1, |call| call.event() == "order");
    rig.server().signal(Signal::TERM);
    let socket = client.socket.as_mut().expect("a socket");
    assert!(socket.next_text().contains("Service reloading, reconnect"));
    socket.expect_close(1012, "Service reloading, reconnect");
    client.socket = None;
    gate.open();
    let folder = rig.server.take().expect("a service").wait_and_take_folder();
    rig.start_again(folder);
    assert_eq!(client.read()["event"], "connected");
    let answer = client.read();
    assert_eq!((&answer["data"], &answer["sequenceId"]), (&json!("done"), &json!(1)));
    client.send(&order);
    assert_eq!(client.read()["error"]["name"], "Duplicate");
    assert_eq!(rig.upstream.events("order").len(), 1);
}

#[test]
fn without_durability_sessions_end_with_the_service() {
    let mut rig = Rig::start("reliable.durability = \"none\"\n");
    let client = Reliable::connect(&rig.url("ann", &[], &[]));
    rig.restart();
    let gone = &rig.upstream.wait_for(1, |call| call.event() == "disconnected")[0];
    assert_eq!(gone.client(), client.id);
    let url = format!(
        "ws://{}/client/hubs/chat?awps_connection_id={}&awps_reconnection_token={}",
        client.authority, client.id, client.token
    );
    RawClient::connect(&url, JSON_RELIABLE).expect_close(1008, "The connection could not be recovered.");
    let (_upstream, _, folder) = rig.stop();
    assert!(!folder.join("hublet-data/sessions").exists());
}

#[test]
fn fewer_shards_and_files_that_cannot_be_used_do_not_prevent_a_start() {
    let mut rig = Rig::start("");
    let clients: Vec<Reliable> = (0..8).map(|_| Reliable::connect(&rig.url("ann", &["room"], &[]))).collect();
    rig.arguments[3] = "1".to_owned();
    rig.restart();
    // Both shards accept connections from the same sockets, so each has some.
    rig.upstream.wait_until("the end of the sessions of the second shard", |calls| {
        let gone = calls.iter().filter(|call| call.event() == "disconnected").count();
        gone > 0 && gone < clients.len()
    });
    let folder = {
        let server = rig.server.take().expect("a service");
        server.expect_log("fewer shards than before");
        server.stop_and_take_folder()
    };
    let file = folder.join("hublet-data/sessions/shard-0");
    let whole = std::fs::read(&file).expect("sessions");
    std::fs::write(&file, [&whole, &b"more"[..]].concat()).expect("a file");
    let arguments: Vec<&str> = rig.arguments.iter().map(String::as_str).collect();
    let server = start(folder, &arguments);
    server.expect_log("are taken up to where their file is damaged");
    let folder = server.stop_and_take_folder();
    let mut bytes = std::fs::read(&file).expect("sessions");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    let arguments: Vec<&str> = rig.arguments.iter().map(String::as_str).collect();
    let server = start(folder, &arguments);
    server.expect_log("cannot be read, so they are lost");
    assert!(!server.folder().join("hublet-data/sessions").exists());
    // A folder that is no folder.
    std::fs::create_dir_all(server.folder().join("hublet-data")).expect("a folder");
    std::fs::write(server.folder().join("hublet-data/sessions"), "").expect("a file");
    let _client = Reliable::connect(&server.client_url("chat", None, &[], &[]));
    let log = server.stop_and_take_log();
    assert!(log.contains("cannot be kept") && log.contains("stopped"), "{log}");
}

#[test]
fn the_official_client_does_not_notice() {
    let mut rig = Rig::start("");
    let mut script = {
        let connection_string = rig.server().connection_string();
        Program::start("restart.mjs", tools::node("tests/sdk/restart.mjs").arg(connection_string))
    };
    script.expect("half");
    rig.restart();
    script.expect_end();
    assert_eq!(rig.told("connected"), 2);
}
