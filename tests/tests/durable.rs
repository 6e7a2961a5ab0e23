//! Handlers with `durable = true`: what they were told about a client's coming is followed by its going, whatever happens
//! to the service.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use hublet_tests::raw::RawClient;
use hublet_tests::upstream::{Call, Reply, Upstream};
use hublet_tests::{Folder, JSON, Server, http, new_folder};
use rustix::process::Signal;
use serde_json::json;

const CLIENTS: usize = 1000;
/// Threads that connect clients.
const THREADS: usize = 8;
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn folder(upstream: &Upstream, rest: &str) -> Folder {
    let folder = new_folder();
    let handler = upstream.handler_with("chat", "/{event}", &format!("durable = true\n{rest}"));
    std::fs::write(folder.join("hublet.toml"), handler).expect("a file in a new folder");
    folder
}

const LIFECYCLE: &str = "systemEvents = [\"connected\", \"disconnected\"]";

/// The ids of an event, by connection. The same event may come more than once.
fn ids(calls: &[Call], event: &str) -> HashMap<String, HashSet<u64>> {
    let mut ids: HashMap<String, HashSet<u64>> = HashMap::new();
    for call in calls.iter().filter(|call| call.event() == event) {
        ids.entry(call.client().to_owned()).or_default().insert(call.id());
    }
    ids
}

/// Connects clients on several threads until the service is gone, and keeps them.
fn connect_many(server: &Server, is_over: &AtomicBool) -> Vec<RawClient> {
    let url = server.client_url("chat", Some("ann"), &[], &[]);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut clients = Vec::new();
                    for number in 0..CLIENTS / THREADS {
                        if is_over.load(Ordering::Relaxed) {
                            break;
                        }
                        // The service may be killed at any moment.
                        let Some(mut client) = RawClient::connect_if_up(&url, JSON) else { break };
                        // Some go again at once.
                        if number % 5 == 0 {
                            client.try_send_bytes(b"\x88\x80\0\0\0\0");
                        }
                        clients.push(client);
                    }
                    clients
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("clients")).collect()
    })
}

#[test]
fn a_kill_leaves_no_client_that_never_went() {
    hublet_tests::raise_open_files_limit();
    let upstream = Upstream::start(|_| Reply::status(204));
    let server = Server::start_in(folder(&upstream, LIFECYCLE), &LISTEN, &[]);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients = scope.spawn(|| connect_many(&server, &is_over));
        upstream.wait_for(CLIENTS / 2, |call| call.event() == "connected");
        server.signal(Signal::KILL);
        is_over.store(true, Ordering::Relaxed);
        clients.join().expect("clients");
    });
    let known = ids(&upstream.calls(), "connected").len();
    assert!((CLIENTS / 2..CLIENTS).contains(&known), "killed in the middle, not after {known} clients");

    let server = Server::start_in(server.kill_and_take_folder(), &LISTEN, &[]);
    // And again while it tells what the first kill left.
    upstream.wait_for(known / 4, |call| call.event() == "disconnected");
    let server = Server::start_in(server.kill_and_take_folder(), &LISTEN, &[]);
    // Two more clients that come after the restart: their events are the last ones.
    for _ in 0..2 {
        RawClient::connect(&server.client_url("chat", Some("bob"), &[], &[]), JSON).expect_connected();
    }
    upstream.wait_for(2, |call| call.event() == "disconnected" && call.header("ce-userId") == Some("bob"));
    upstream.wait_until("the end of every client that was there", |calls| {
        let gone = ids(calls, "disconnected");
        ids(calls, "connected").keys().all(|client| gone.contains_key(client))
    });
    server.stop_and_take_log();
    let (came, gone) = (ids(&upstream.calls(), "connected"), ids(&upstream.calls(), "disconnected"));
    for (client, ids) in &came {
        assert_eq!(ids.len(), 1, "{client} came under several ids: {ids:?}");
        let ends = gone.get(client).unwrap_or_else(|| panic!("{client} never went"));
        assert_eq!(ends.len(), 1, "{client} went under several ids: {ends:?}");
        assert!(ends.iter().min() > ids.iter().max(), "{client}: {ids:?}, then {ends:?}");
    }
    for client in gone.keys() {
        assert!(came.contains_key(client), "{client} went and never came");
    }
}

#[test]
fn notifications_wait_for_a_handler_that_is_away() {
    let away = std::sync::Arc::new(AtomicBool::new(true));
    let is_away = std::sync::Arc::clone(&away);
    let upstream = Upstream::start(move |_| match is_away.load(Ordering::Relaxed) {
        true => Reply::reset(),
        false => Reply::status(204),
    });
    let server = Server::start_in(folder(&upstream, LIFECYCLE), &LISTEN, &[]);
    let mut client = RawClient::connect(&server.client_url("chat", Some("ann"), &[], &[]), JSON);
    let id = client.expect_connected();
    upstream.wait_for(1, |call| call.event() == "connected");
    let path = format!("/api/hubs/chat/connections/{id}?reason=enough");
    assert_eq!(http::call(&server, "DELETE", &path, &[], b"").status, 204);
    drop(client);
    // They survive an orderly stop as well.
    let folder = server.stop_and_take_folder();
    away.store(false, Ordering::Relaxed);
    let before = upstream.calls().len();
    let _server = Server::start_in(folder, &LISTEN, &[]);
    upstream.wait_for(before + 2, |_| true);
    let calls: Vec<Call> = upstream.calls().split_off(before);
    assert_eq!((calls[0].event(), calls[0].client()), ("connected", id.as_str()));
    assert_eq!((calls[1].event(), calls[1].client()), ("disconnected", id.as_str()));
    let reason = "Application server closed the connection. Reason: enough";
    assert_eq!(calls[1].json(), json!({ "reason": reason }));
    assert!(calls[0].id() < calls[1].id());
}

#[test]
fn group_events_survive_a_kill() {
    let away = std::sync::Arc::new(AtomicBool::new(true));
    let is_away = std::sync::Arc::clone(&away);
    let upstream = Upstream::start(move |_| match is_away.load(Ordering::Relaxed) {
        true => Reply::reset(),
        false => Reply::status(204),
    });
    let presence = format!("{LIFECYCLE}\ngroupPresenceEvents = {{ eventNames = [\"joined\", \"left\"] }}");
    let server = Server::start_in(folder(&upstream, &presence), &LISTEN, &[]);
    let url = server.client_url("chat", Some("ann"), &["webpubsub.joinLeaveGroup"], &[]);
    let mut client = RawClient::connect(&url, JSON);
    let id = client.expect_connected();
    upstream.wait_for(1, |call| call.event() == "connected");
    client.request(r#"{"type":"joinGroup","group":"room","ackId":1}"#, 1);
    let folder = server.kill_and_take_folder();
    away.store(false, Ordering::Relaxed);
    let before = upstream.calls().len();
    let _server = Server::start_in(folder, &LISTEN, &[]);
    upstream.wait_for(1, |call| call.event() == "disconnected" && call.client() == id);
    let events: Vec<String> =
        upstream.calls().split_off(before).iter().map(|call| call.event().to_owned()).collect();
    // A kill may come before the group's event was written; what was written comes in order.
    assert_eq!(events.first().map(String::as_str), Some("connected"), "{events:?}");
    assert_eq!(events.last().map(String::as_str), Some("disconnected"), "{events:?}");
}
