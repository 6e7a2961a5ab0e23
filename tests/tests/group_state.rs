//! Group state, the preview feature of client-protocols.md §3.8, on raw sockets.

use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, Server};
use serde_json::{Value, json};

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
