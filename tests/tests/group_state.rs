//! Group state, the preview feature of client-protocols.md §3.8, on raw sockets and with the client for programs.

use std::time::Duration;

use hublet_client::pubsub::{GroupState, GroupStateKind, GroupStateMessage, GroupStateView, Protocol};
use hublet_client::{Error, Event, Events, WebPubSubClient};
use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, Server};
use serde_json::{Value, json};
use tokio::time::timeout;

const ALL_ROLES: &[&str] = &["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

fn client(server: &Server, user: Option<&str>, roles: &[&str], groups: &[&str]) -> (RawClient, String) {
    let mut client = RawClient::connect(&server.client_url("chat", user, roles, groups), JSON);
    let id = client.expect_connected();
    (client, id)
}

fn next(client: &mut RawClient) -> Value {
    serde_json::from_str(&client.next_text()).expect("JSON")
}

/// The items of a message without their times, which must have grown.
fn items(message: &Value, last_ms: &mut u64) -> Vec<Value> {
    let items = message["items"].as_array().expect("items");
    items
        .iter()
        .map(|item| {
            let mut item = item.clone();
            let time = item.as_object_mut().and_then(|item| item.remove("updatedAt")).expect("a time");
            let time = time.as_u64().expect("milliseconds");
            assert!(time > *last_ms, "{time} is not after {last_ms}");
            *last_ms = time;
            item
        })
        .collect()
}

#[test]
fn subscribers_get_a_snapshot_and_then_what_changes() {
    let server = Server::start_with(&["--shards", "2"]);
    let (mut alice, alice_id) = client(&server, Some("alice"), ALL_ROLES, &["room"]);
    let (mut bob, _) = client(&server, Some("bob"), ALL_ROLES, &[]);
    alice.request(r#"{"type":"setGroupState","group":"room","ackId":1,"state":{"k":"v"}}"#, 1);
    bob.request(r#"{"type":"subscribeGroupState","group":"room","ackId":1}"#, 1);
    let mut last_ms = 0;
    let snapshot = next(&mut bob);
    assert_eq!((&snapshot["type"], &snapshot["group"]), (&json!("groupStateSnapshot"), &json!("room")));
    let item = json!({ "connectionId": alice_id, "userId": "alice", "state": { "k": "v" } });
    assert_eq!(items(&snapshot, &mut last_ms), [item]);

    alice.request(r#"{"type":"setGroupState","group":"room","ackId":2,"state":{"k":"w"}}"#, 2);
    let update = next(&mut bob);
    assert_eq!(update["type"], "groupStateUpdate");
    let item = json!({ "connectionId": alice_id, "userId": "alice", "state": { "k": "w" } });
    assert_eq!(items(&update, &mut last_ms), [item]);

    // Cleared by leaving the group.
    alice.request(r#"{"type":"leaveGroup","group":"room","ackId":3}"#, 3);
    let cleared = json!({ "connectionId": alice_id, "userId": "alice" });
    assert_eq!(items(&next(&mut bob), &mut last_ms), std::slice::from_ref(&cleared));

    // Cleared by the end of the connection.
    alice.request(r#"{"type":"setGroupState","group":"room","ackId":4,"state":{}}"#, 4);
    let item = json!({ "connectionId": alice_id, "userId": "alice", "state": {} });
    assert_eq!(items(&next(&mut bob), &mut last_ms), [item]);
    alice.cut();
    assert_eq!(items(&next(&mut bob), &mut last_ms), [cleared]);

    bob.request(r#"{"type":"unsubscribeGroupState","group":"room","ackId":2}"#, 2);
    let (mut carol, _) = client(&server, Some("carol"), ALL_ROLES, &["room"]);
    carol.request(r#"{"type":"setGroupState","group":"room","ackId":1,"state":{"k":"v"}}"#, 1);
    bob.send_text(r#"{"type":"ping"}"#);
    bob.expect_text(r#"{"type":"pong"}"#);
}

#[test]
fn who_may_not_join_may_not_set_or_subscribe() {
    let server = Server::start();
    let (mut client, _) = client(&server, None, &[], &["mine"]);
    client.request(r#"{"type":"setGroupState","group":"mine","ackId":1,"state":{"k":"v"}}"#, 1);
    for (request, ack_id) in [
        (r#"{"type":"setGroupState","group":"other","ackId":2,"state":{"k":"v"}}"#, 2),
        (r#"{"type":"subscribeGroupState","group":"mine","ackId":3}"#, 3),
    ] {
        client.send_text(request);
        let ack = next(&mut client);
        assert_eq!((&ack["ackId"], &ack["error"]["name"]), (&json!(ack_id), &json!("Forbidden")), "{ack}");
    }
    client.send_text(r#"{"type":"setGroupState","group":"mine","ackId":4,"state":{"k":1}}"#);
    assert_eq!(next(&mut client)["error"]["name"], "BadRequest");
}

/// Longest wait for an event.
const PATIENCE: Duration = Duration::from_secs(20);

async fn program(server: &Server, user: &str, protocol: Protocol) -> (WebPubSubClient, Events) {
    let url = server.client_url("chat", Some(user), ALL_ROLES, &[]);
    WebPubSubClient::builder(url).protocol(protocol).connect().await.expect("a connection")
}

fn state(value: &str) -> GroupState {
    GroupState::from([("k".to_owned(), value.to_owned()), ("empty".to_owned(), String::new())])
}

async fn next_states(events: &mut Events) -> GroupStateMessage {
    loop {
        match timeout(PATIENCE, events.next()).await.expect("an event in time").expect("an event") {
            Event::GroupState(message) => return message,
            Event::StateLost { group, error } | Event::SubscriptionLost { group, error } => {
                assert_eq!((group.as_str(), error.name.as_str()), ("", ""), "nothing is refused");
            }
            _ => {}
        }
    }
}

/// Reads on until the states of the group are these: users and values.
async fn wait_for(events: &mut Events, view: &mut GroupStateView, expected: &[(&str, &str)]) {
    loop {
        let mut users: Vec<(&str, &str)> = view
            .iter()
            .map(|item| {
                let value = item.state.as_ref().and_then(|state| state.get("k"));
                (item.user_id.as_deref().expect("a user"), value.expect("a value").as_str())
            })
            .collect();
        users.sort_unstable();
        if users == expected {
            return;
        }
        view.apply(&next_states(events).await);
    }
}

#[tokio::test]
async fn programs_set_subscribe_and_clear_with_every_subprotocol() {
    let server = Server::start_with(&["--shards", "2"]);
    for protocol in Protocol::ALL {
        let (alice, mut alice_events) = program(&server, "alice", protocol).await;
        let (bob, mut bob_events) = program(&server, "bob", protocol).await;
        let Some(Event::Connected { connection_id, .. }) = alice_events.next().await else {
            unreachable!("it is connected");
        };
        alice.join_group("room").await.expect("a join");
        alice.set_group_state("room", state("1")).await.expect("a state");
        bob.subscribe_group_state("room").await.expect("a subscription");
        let snapshot = next_states(&mut bob_events).await;
        assert_eq!((snapshot.group.as_str(), snapshot.kind), ("room", GroupStateKind::Snapshot));
        assert_eq!(snapshot.sequence_id.is_some(), protocol.is_reliable());
        let item = &snapshot.items[0];
        assert_eq!((&item.connection_id, item.user_id.as_deref()), (&connection_id, Some("alice")));
        assert_eq!(item.state, Some(state("1")));
        let mut last_ms = item.updated_at_ms;
        for (change, expected) in [(Some("2"), Some(state("2"))), (None, None)] {
            match change {
                Some(value) => alice.set_group_state("room", state(value)).await.expect("a state"),
                None => alice.clear_group_state("room").await.expect("no state"),
            }
            let update = next_states(&mut bob_events).await;
            assert_eq!((update.kind, update.items.len()), (GroupStateKind::Update, 1));
            assert_eq!(update.items[0].state, expected, "{protocol:?}");
            assert!(update.items[0].updated_at_ms > last_ms);
            last_ms = update.items[0].updated_at_ms;
        }
        bob.unsubscribe_group_state("room").await.expect("no subscription");
        alice.set_group_state("room", state("3")).await.expect("a state");
        bob.ping().await.expect("a pong");
        while let Some(event) = bob_events.try_next() {
            assert!(!matches!(event, Event::GroupState(_)), "{event:?}");
        }
        let large = GroupState::from([("k".to_owned(), "v".repeat(9_000))]);
        let refusal = alice.set_group_state("room", large).await.expect_err("it is too large");
        assert!(matches!(&refusal, Error::Ack(error) if error.name == "BadRequest"), "{refusal}");
        alice.stop().await;
        bob.stop().await;
    }
}

#[tokio::test]
async fn states_and_subscriptions_survive_lost_sockets() {
    let server = Server::start_with(&["--shards", "2"]);
    for protocol in Protocol::ALL {
        let (alice, _alice_events) = program(&server, "alice", protocol).await;
        let (bob, mut bob_events) = program(&server, "bob", protocol).await;
        let mut view = GroupStateView::default();
        alice.join_group("room").await.expect("a join");
        alice.set_group_state("room", state("1")).await.expect("a state");
        bob.subscribe_group_state("room").await.expect("a subscription");
        wait_for(&mut bob_events, &mut view, &[("alice", "1")]).await;
        for round in 0..5 {
            // What changes while the subscriber is away is in what it gets when it is back.
            bob.cut(Duration::ZERO).await;
            let value = format!("while bob is away {round}");
            alice.set_group_state("room", state(&value)).await.expect("a state");
            wait_for(&mut bob_events, &mut view, &[("alice", &value)]).await;
            // A lost connection takes its state along, and the next one sets it again.
            alice.cut(Duration::ZERO).await;
            alice
                .ping()
                .await
                .or_else(|error| match error {
                    Error::Disconnected => Ok(()),
                    error => Err(error),
                })
                .expect("a client that goes on");
            wait_for(&mut bob_events, &mut view, &[("alice", &value)]).await;
        }
        alice.set_group_state("room", state("last")).await.expect("a state");
        wait_for(&mut bob_events, &mut view, &[("alice", "last")]).await;
        alice.leave_group("room").await.expect("a leave");
        wait_for(&mut bob_events, &mut view, &[]).await;
        alice.stop().await;
        bob.stop().await;
    }
}

#[tokio::test]
async fn states_and_subscriptions_are_there_again_after_a_restart() {
    let mut server = Server::start_with(&["--shards", "2"]);
    let authority = server.authority().to_owned();
    let (alice, _alice_events) = program(&server, "alice", Protocol::JsonReliable).await;
    let (bob, mut bob_events) = program(&server, "bob", Protocol::ProtobufReliable).await;
    let mut view = GroupStateView::default();
    alice.join_group("room").await.expect("a join");
    alice.set_group_state("room", state("before")).await.expect("a state");
    bob.subscribe_group_state("room").await.expect("a subscription");
    wait_for(&mut bob_events, &mut view, &[("alice", "before")]).await;
    let folder = server.stop_and_take_folder();
    server = Server::start_in(folder, &["--listen", &authority, "--shards", "2"], &[]);
    // A subscriber that comes now is no witness of what was before.
    let (carol, mut carol_events) = program(&server, "carol", Protocol::Json).await;
    carol.subscribe_group_state("room").await.expect("a subscription");
    wait_for(&mut carol_events, &mut GroupStateView::default(), &[("alice", "before")]).await;
    alice.set_group_state("room", state("after")).await.expect("a state");
    wait_for(&mut bob_events, &mut view, &[("alice", "after")]).await;
}
