//! Who is there: connections, users, groups and hubs by the admin API and by the command line, page by page.

use std::collections::{BTreeMap, BTreeSet};

use hublet_tests::http::{Client, authorization, call, query, request};
use hublet_tests::once::{self, Ended};
use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, JSON_RELIABLE, Server, command, recovery};
use serde_json::{Value, json};

const CONNECTIONS: &str = "/api/ext/hubs/chat/connections";
const ROLES: [&str; 2] = ["webpubsub.sendToGroup.room", "webpubsub.joinLeaveGroup"];

fn two_shards() -> Server {
    Server::start_with(&["--shards", "2"])
}

fn connect(server: &Server, hub: &str, user: Option<&str>, groups: &[&str]) -> (RawClient, String) {
    let mut client = RawClient::connect(&server.client_url(hub, user, &ROLES, groups), JSON);
    let id = client.expect_connected();
    (client, id)
}

fn get(server: &Server, path: &str) -> Value {
    let answer = call(server, "GET", path, &[], b"");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// All entries of a list, page by page, with something done between two pages.
fn all(server: &Server, path: &str, page: usize, mut between: impl FnMut()) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut all, mut next) = (Vec::new(), Some(format!("{path}{separator}maxpagesize={page}")));
    let mut client = Client::connect(server);
    while let Some(path) = next.take() {
        let credential = authorization(server, path.split('?').next().unwrap_or_default());
        let answer = client.request("GET", &path, &[&credential], b"");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let document: Value = serde_json::from_str(&answer.body).expect("JSON");
        let value = document["value"].as_array().expect("a list");
        assert!(value.len() <= page && (value.len() == page || document["nextLink"].is_null()), "{document}");
        all.extend(value.iter().cloned());
        next = document["nextLink"].as_str().map(|link| {
            let origin = format!("http://{}", server.authority());
            link.strip_prefix(&origin).expect("a link to this service").to_owned()
        });
        between();
    }
    all
}

fn texts(list: &[Value], member: &str) -> Vec<String> {
    list.iter().map(|entry| entry[member].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn five_hundred_connections_are_on_one_page_each() {
    let server = two_shards();
    let user = |number: usize| format!("user {}", number % 50);
    let stay: Vec<(RawClient, String)> =
        (0..500).map(|number| connect(&server, "chat", Some(&user(number)), &["room"])).collect();
    let ids: BTreeSet<String> = stay.iter().map(|(_, id)| id.clone()).collect();
    for path in
        [CONNECTIONS.to_owned(), format!("{CONNECTIONS}?group=room"), format!("{CONNECTIONS}?search=USER")]
    {
        // Others come and go meanwhile, in slots among the others and behind them.
        let mut passing: Vec<(RawClient, String)> =
            (0..20).map(|_| connect(&server, "chat", Some("user x"), &["room"])).collect();
        let listed = all(&server, &path, 33, || {
            passing.remove(0).0.cut();
            passing.push(connect(&server, "chat", Some("user x"), &["room"]));
        });
        let listed = texts(&listed, "connectionId");
        let unique: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(unique.len(), listed.len(), "{path}: none twice");
        assert_eq!(ids.difference(&unique).count(), 0, "{path}: none lost");
    }
    let of_one = all(&server, &format!("{CONNECTIONS}?user={}", query("user 7")), 3, || {});
    let expected: BTreeSet<String> =
        stay.iter().enumerate().filter(|(at, _)| at % 50 == 7).map(|(_, (_, id))| id.clone()).collect();
    assert_eq!(texts(&of_one, "connectionId").into_iter().collect::<BTreeSet<_>>(), expected);

    let users = all(&server, "/api/ext/hubs/chat/users", 7, || {});
    let names = texts(&users, "userId");
    assert!(names.is_sorted(), "{names:?}");
    let counts: BTreeMap<String, u64> = users
        .iter()
        .map(|user| (user["userId"].to_string(), user["connections"].as_u64().unwrap()))
        .collect();
    assert_eq!((0..50).filter(|number| counts[&format!("\"{}\"", user(*number))] == 10).count(), 50);
}

#[test]
fn what_is_told_of_a_connection() {
    let server = two_shards();
    let (mut client, id) = connect(&server, "chat", Some("Ännchen"), &["b", "a"]);
    let (socket, session) = recovery::open(&server, "bob", &["webpubsub.sendToGroup"], &["room"]);
    socket.cut();
    assert_eq!(
        call(&server, "POST", "/api/hubs/chat/groups/room/:send", &["Content-Type: text/plain"], b"x").status,
        202
    );
    let shown = get(&server, &format!("{CONNECTIONS}/{id}"));
    assert_eq!((&shown["connectionId"], &shown["userId"]), (&json!(id), &json!("Ännchen")));
    assert_eq!((&shown["protocol"], &shown["state"]), (&json!("json.webpubsub.azure.v1"), &json!("open")));
    assert_eq!((&shown["remoteAddress"], &shown["groupCount"]), (&json!("127.0.0.1"), &json!(2)));
    let groups: BTreeSet<&str> =
        shown["groups"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(groups, ["a", "b"].into());
    assert_eq!(shown["roles"], json!(["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup.room"]));
    assert_eq!((&shown["queuedBytes"], &shown["unackedMessages"]), (&json!(0), &Value::Null));
    assert!(shown["connectedAt"].as_str().unwrap().ends_with("000Z"), "{shown}");

    // What is granted counts; a group that is left does not.
    let grant = format!("/api/hubs/chat/permissions/sendToGroup/connections/{id}?targetName=other");
    assert_eq!(call(&server, "PUT", &grant, &[], b"").status, 200);
    client.request(r#"{"type":"leaveGroup","group":"a","ackId":1}"#, 1);
    let shown = get(&server, &format!("{CONNECTIONS}/{id}"));
    assert_eq!(shown["groups"], json!(["b"]));
    assert!(shown["roles"].as_array().unwrap().contains(&json!("webpubsub.sendToGroup.other")), "{shown}");

    let waits = loop {
        let shown = get(&server, &format!("{CONNECTIONS}/{}", query(&session.id)));
        if shown["state"] == "detached" && shown["unackedMessages"] == 1 {
            break shown;
        }
    };
    assert_eq!((&waits["remoteAddress"], &waits["protocol"]), (&Value::Null, &json!(JSON_RELIABLE)));
    let listed = get(&server, &format!("{CONNECTIONS}?protocol=JSON.reliable.webpubsub.azure.v1"));
    assert_eq!(listed["value"], json!([waits]), "a list tells the same");
    for (filter, count) in [
        ("group=room", 1),
        ("group=room&user=bob", 1),
        ("group=room&user=nobody", 0),
        ("protocol=simple", 0),
        ("search=%C3%84NN", 1),
        ("search=", 2),
    ] {
        let listed = get(&server, &format!("{CONNECTIONS}?{filter}"));
        assert_eq!(listed["value"].as_array().unwrap().len(), count, "{filter}: {listed}");
    }
    let part = query(&id[4..10].to_ascii_uppercase());
    let found = all(&server, &format!("{CONNECTIONS}?search={part}"), 5, || {});
    assert_eq!(texts(&found, "connectionId"), [id.as_str()]);
    client.cut();
    let path = format!("{CONNECTIONS}/{id}");
    while call(&server, "GET", &path, &[], b"").status != 404 {}
    let missing = call(&server, "GET", &path, &[], b"");
    assert!(missing.body.contains(&format!("Connection `{id}` is not found.")), "{missing:?}");
}

#[test]
fn hubs_and_groups_are_counted_over_all_shards() {
    let server =
        Server::start_with_file("shards = 2\n[hubs.quiet]\nanonymousConnectPolicy = \"allow\"\n", &[]);
    let clients: Vec<(RawClient, String)> = (0..12)
        .map(|number| {
            let user = format!("u{}", number % 3);
            let group = format!("g{:02}", number % 4);
            connect(&server, "chat", Some(&user), &[&group, "all"])
        })
        .collect();
    let _other = connect(&server, "other", None, &[]);
    let hubs = all(&server, "/api/ext/inventory", 2, || {});
    let hub = |hub, connections, users, groups, has_settings: bool| json!({ "hub": hub, "connections": connections, "users": users, "groups": groups, "hasSettings": has_settings });
    assert_eq!(
        hubs,
        [hub("chat", 12, 3, 5, false), hub("other", 1, 0, 0, false), hub("quiet", 0, 0, 0, true)]
    );
    let groups = all(&server, "/api/ext/hubs/CHAT/groups", 2, || {});
    let group = |group, connections| json!({ "group": group, "connections": connections });
    assert_eq!(
        groups,
        [group("all", 12), group("g00", 3), group("g01", 3), group("g02", 3), group("g03", 3)]
    );
    assert_eq!(all(&server, "/api/ext/hubs/chat/groups?search=G0", 10, || {}).len(), 4);
    let users = all(&server, "/api/ext/hubs/chat/users?group=g00", 10, || {});
    let user = |user, connections| json!({ "userId": user, "connections": connections });
    assert_eq!(users, [user("u0", 1), user("u1", 1), user("u2", 1)]);
    assert_eq!(all(&server, "/api/ext/hubs/nowhere/users", 10, || {}), [] as [Value; 0]);
    drop(clients);
}

#[test]
fn hostile_requests_are_refused() {
    let server = two_shards();
    let _client = connect(&server, "chat", Some("a"), &["g"]);
    assert_eq!(request(&server, "GET", CONNECTIONS, &[], b"").status, 401);
    let long = "x".repeat(257);
    let long_group = "g".repeat(1_025);
    for (path, status) in [
        ("?maxpagesize=0", 400),
        ("?maxpagesize=201", 400),
        ("?maxpagesize=-1", 400),
        ("?maxpagesize=1&maxpagesize=2", 400),
        ("?continuationToken=", 400),
        ("?continuationToken=x", 400),
        ("?continuationToken=0.-1", 400),
        ("?continuationToken=0.4294967296", 400),
        ("?continuationToken=256.0", 400),
        ("?continuationToken=255.4294967295", 200),
        ("?continuationToken=1.4294967295", 200),
        (&format!("?continuationToken={}", "1".repeat(9_000)), 400),
        (&format!("?search={long}"), 400),
        (&format!("?group={long_group}"), 400),
        ("?group=", 400),
        ("?protocol=mqtt", 400),
        ("?user=%00%ff", 200),
        ("?unknown=1", 200),
        ("/nothing", 404),
        ("/%ff", 404),
        ("/a/b", 404),
    ] {
        let answer = call(&server, "GET", &format!("{CONNECTIONS}{path}"), &[], b"");
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    for path in ["/api/ext/hubs/1/connections", "/api/ext/hubs/%2F/users", "/api/ext/hubs/a%20b/groups"] {
        assert_eq!(call(&server, "GET", path, &[], b"").status, 400, "{path}");
    }
    assert_eq!(call(&server, "DELETE", CONNECTIONS, &[], b"").status, 405);
    // Names with everything that a URL could confuse.
    let strange = "a&b=c+d %2F/ü?#";
    let _strange =
        [connect(&server, "chat", Some(strange), &[strange]), connect(&server, "chat", Some("z"), &["z"])];
    assert_eq!(texts(&all(&server, "/api/ext/hubs/chat/users", 1, || {}), "userId"), ["a", strange, "z"]);
    assert_eq!(texts(&all(&server, "/api/ext/hubs/chat/groups", 1, || {}), "group"), [strange, "g", "z"]);
    let path = format!("{CONNECTIONS}?user={}&group={}", query(strange), query(strange));
    assert_eq!(all(&server, &path, 1, || {}).len(), 1);
}

fn hublet(server: &Server, arguments: &[&str]) -> Ended {
    let mut command = command(server.folder());
    once::run(command.args(arguments).args(["--connection-string", server.connection_string()]), "")
}

#[test]
fn the_command_line_lists_them() {
    let server = two_shards();
    let (_one, id) = connect(&server, "chat", Some("ann"), &["a", "b", "c", "d", "e"]);
    let _two = connect(&server, "chat", Some("bob"), &["a"]);
    let out = |arguments: &[&str]| {
        let ended = hublet(&server, arguments);
        assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{arguments:?}");
        ended.out
    };
    let table = out(&["connection", "list", "--hub", "chat", "--user", "ann"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("connection ") && lines.len() == 2, "{table}");
    assert!(lines[1].starts_with(&id) && lines[1].contains("and 2 more"), "{table}");
    let listed: Value =
        serde_json::from_str(&out(&["connection", "list", "--hub", "chat", "--json", "--top", "1"])).unwrap();
    assert_eq!((listed["connections"].as_array().map(Vec::len), &listed["hub"]), (Some(1), &json!("chat")));
    let shown: Value =
        serde_json::from_str(&out(&["connection", "show", &id, "--hub", "chat", "--json"])).unwrap();
    assert_eq!((&shown["userId"], &shown["groupCount"]), (&json!("ann"), &json!(5)));
    let text = out(&["connection", "show", &id, "--hub", "chat"]);
    assert!(text.contains("user           ann\n") && text.contains("groups         5: "), "{text}");
    assert_eq!(
        out(&["user", "list", "--hub", "chat", "--search", "B"]),
        "connections  user\n1            bob\n"
    );
    assert_eq!(
        out(&["group", "list", "--hub", "chat", "--top", "1"]),
        "connections  group\n2            a\n"
    );
    let hubs = out(&["hub", "list", "--all"]);
    assert_eq!(hubs, "hub   connections  users  groups  settings\nchat  2            2      5       no\n");
    assert_eq!(hublet(&server, &["connection", "show", "nothing", "--hub", "chat"]).code, Some(1));
    assert!(out(&["user", "list", "--hub", "none"]).starts_with("there are no such users"));
}
