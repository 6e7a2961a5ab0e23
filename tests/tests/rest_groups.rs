//! Lists of group members, page by page, and leaving all groups at once (§3.4 and §5.1 of the REST reference).
//!
//! Numbers in comments are the cases of the REST reference that `docs/compatibility.md` lists.

use std::collections::BTreeMap;

use hublet_tests::http::{self, Answer, bearer, call, head, query};
use hublet_tests::raw::RawClient;
use hublet_tests::token::{OWN_KEY, now_s, signed};
use hublet_tests::{JSON, Server, new_folder, raise_open_files_limit};
use hublet_wire::id::ConnId;
use serde_json::{Value, json};

const HUB: &str = "/api/hubs/chat";
const LIST: &str = "/api/hubs/chat/groups/room/connections";

fn two_shards() -> Server {
    Server::start_with(&["--shards", "2"])
}

/// So many JSON clients of the group, by id.
fn members(server: &Server, count: usize) -> BTreeMap<String, RawClient> {
    let mut members = BTreeMap::new();
    for _ in 0..count {
        let mut client = RawClient::connect(&server.client_url("chat", Some("u"), &[], &["room"]), JSON);
        members.insert(client.expect_connected(), client);
    }
    members
}

/// On how many shards these connections are.
fn shards(members: &BTreeMap<String, RawClient>) -> usize {
    let mut shards: Vec<u8> =
        members.keys().filter_map(|id| id.parse::<ConnId>().ok()).map(|id| id.shard).collect();
    shards.sort_unstable();
    shards.dedup();
    shards.len()
}

/// A page: the ids on it, and the link to the next one.
fn page(answer: &Answer) -> (Vec<String>, Option<String>) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let page: Value = serde_json::from_str(&answer.body).expect("JSON");
    let ids = page["value"].as_array().expect("a list").iter();
    let ids = ids.map(|member| member["connectionId"].as_str().expect("an id").to_owned()).collect();
    let link = page.get("nextLink").map(|link| link.as_str().expect("a text").to_owned());
    (ids, link)
}

fn get(server: &Server, path: &str) -> (Vec<String>, Option<String>) {
    page(&call(server, "GET", path, &[], b""))
}

/// What a link to the next page asks for at this server.
fn follow(server: &Server, link: &str) -> (Vec<String>, Option<String>) {
    let path = link.strip_prefix(&format!("http://{}", server.authority())).expect("a link to this server");
    get(server, path)
}

/// All pages from a first request on.
fn pages(server: &Server, path: &str) -> Vec<Vec<String>> {
    let (ids, mut link) = get(server, path);
    let mut pages = vec![ids];
    while let Some(next) = link {
        let (ids, after) = follow(server, &next);
        pages.push(ids);
        link = after;
    }
    pages
}

#[test]
fn members_are_told_with_their_users() {
    // 60, 76, 77
    let server = Server::start();
    for path in [LIST, "/api/hubs/nobody/groups/x/connections", "/api/hubs/chat/groups/a%2Fb/connections/"] {
        let answer = call(&server, "GET", path, &[], b"");
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"value":[]}"#));
        assert!(answer.header("api-supported-versions").is_some());
    }
    let mut anonymous = RawClient::connect(&server.client_url("chat", None, &[], &["room", "a/b"]), JSON);
    let id = anonymous.expect_connected();
    let listed = |path: &str| call(&server, "GET", path, &[], b"").body;
    let body = format!(r#"{{"value":[{{"connectionId":"{id}","userId":null}}]}}"#);
    assert_eq!(listed(LIST), body);
    assert_eq!(listed("/api/hubs/chat/groups/a%2Fb/connections"), body);
    assert_eq!(listed("/api/hubs/chat/groups/Room/connections"), r#"{"value":[]}"#);
    let path = format!("{LIST}/{id}");
    assert_eq!(call(&server, "PUT", &path, &[], b"").status, 200);
    assert_eq!(listed(LIST), body, "once, however often it is put there");

    let mut named = RawClient::connect(&server.client_url("chat", Some("ü \"q\""), &[], &["room"]), JSON);
    let named_id = named.expect_connected();
    let page: Value = serde_json::from_str(&listed(LIST)).expect("JSON");
    let mut expected = vec![
        json!({"connectionId": id, "userId": null}),
        json!({"connectionId": named_id, "userId": "ü \"q\""}),
    ];
    expected.sort_by_key(|member| member["connectionId"].as_str().map(str::to_owned));
    assert_eq!(page["value"], json!(expected), "in the order of ids");
    anonymous.cut();
    while listed(LIST).contains(&id) {}
    assert!(listed(LIST).contains(&named_id));
    assert_eq!(call(&server, "DELETE", &format!("{LIST}/{named_id}"), &[], b"").status, 204);
    assert_eq!(listed(LIST), r#"{"value":[]}"#);
}

#[test]
fn pages_have_the_size_that_was_asked_for() {
    // 78-80
    let server = two_shards();
    let mut members = members(&server, 6);
    while shards(&members) < 2 {
        let (id, client) = members.pop_first().expect("a member");
        client.cut();
        while get(&server, LIST).0.contains(&id) {}
        members.extend(self::members(&server, 1));
    }
    let all: Vec<String> = members.keys().cloned().collect();
    let sizes = |pages: &[Vec<String>]| pages.iter().map(Vec::len).collect::<Vec<_>>();
    for (parameters, expected) in [
        ("?maxpagesize=2&top=5", &[2, 2, 1][..]),
        ("?top=3", &[3]),
        ("?maxpagesize=2", &[2, 2, 2]),
        ("?maxpagesize=4", &[4, 2]),
        ("?maxpagesize=4&top=4", &[4]),
        ("?maxpagesize=1&top=2147483647", &[1; 6]),
        ("?maxpagesize=6", &[6]),
        ("?top=6", &[6]),
        ("?maxpagesize=200&TOP=7", &[6]),
        ("", &[6]),
    ] {
        let pages = pages(&server, &format!("{LIST}{parameters}"));
        assert_eq!(sizes(&pages), expected, "{parameters}");
        let ids = pages.concat();
        assert_eq!(ids, all[..ids.len()], "{parameters}: no gap, none twice, in the order of ids");
    }

    // The link: what remains of top, the page size, where to go on, the version; nothing that was not asked for.
    let endpoint = format!("http://{}{LIST}", server.authority());
    let (first, link) = get(&server, &format!("{LIST}?maxpagesize=2&top=5&api-version=2024-12-01"));
    let token = |ids: &[String]| format!("continuationToken={}&api-version=2024-12-01", ids[1]);
    assert_eq!(link, Some(format!("{endpoint}?top=3&maxpagesize=2&{}", token(&first))));
    let (second, link) = follow(&server, &link.expect("a link"));
    assert_eq!(link, Some(format!("{endpoint}?top=1&maxpagesize=2&{}", token(&second))));
    let (_, link) = get(&server, &format!("{LIST}?maxpagesize=2"));
    assert_eq!(link, Some(format!("{endpoint}?maxpagesize=2&{}", token(&first))));
}

#[test]
fn two_hundred_members_are_a_page() {
    // 81
    raise_open_files_limit();
    let server = two_shards();
    let members = members(&server, 201);
    let (first, link) = get(&server, LIST);
    assert_eq!(first.len(), 200);
    let (second, end) = follow(&server, &link.expect("a link"));
    assert_eq!((second.len(), end), (1, None));
    assert_eq!([first, second].concat(), members.into_keys().collect::<Vec<_>>());
}

#[test]
fn pages_lose_and_repeat_nobody_while_members_leave() {
    // 82, 83
    let server = two_shards();
    let mut members = members(&server, 12);
    while shards(&members) < 2 {
        members.extend(self::members(&server, 1));
    }
    let all: Vec<String> = members.keys().cloned().collect();
    let leave = |id: &str| {
        assert_eq!(call(&server, "DELETE", &format!("{LIST}/{id}"), &[], b"").status, 204);
    };
    let (first, link) = get(&server, &format!("{LIST}?maxpagesize=3"));
    assert_eq!(first, all[..3]);
    // The one that the link points behind, one that was listed before it, one that was not listed yet.
    for gone in [2, 0, 4] {
        leave(&all[gone]);
    }
    let link = link.expect("a link");
    let (second, after) = follow(&server, &link);
    assert_eq!(second, [all[3].as_str(), &all[5], &all[6]]);
    // Someone who comes meanwhile disturbs nobody.
    let newcomers = self::members(&server, 3);
    let mut rest = Vec::new();
    let mut next = after;
    while let Some(link) = next {
        let (ids, after) = follow(&server, &link);
        rest.extend(ids);
        next = after;
    }
    rest.retain(|id| !newcomers.contains_key(id));
    assert_eq!(rest, all[7..]);

    // Some SDKs hand back the whole link as the token.
    let (whole, _) = get(&server, &format!("{LIST}?maxpagesize=3&continuationToken={}", query(&link)));
    let (token, _) = follow(&server, &link);
    assert_eq!(whole, token);
    let (mut rest, end) = get(&server, &format!("{LIST}?continuationToken={}", query(&link)));
    rest.retain(|id| !newcomers.contains_key(id));
    assert_eq!((rest, end), ([&all[3..4], &all[5..]].concat(), None));
    // A token from elsewhere is a place in the order, too.
    assert_eq!(get(&server, &format!("{LIST}?continuationToken=~")), (Vec::new(), None));
    assert_eq!(
        get(&server, &format!("{LIST}?continuationToken=-")).0.len(),
        members.len() - 3 + newcomers.len()
    );
}

#[test]
fn page_parameters_are_checked() {
    // 84
    let server = Server::start();
    for (parameters, target) in [
        ("maxpagesize=0", "maxpagesize"),
        ("maxpagesize=201", "maxpagesize"),
        ("maxpagesize=x", "maxpagesize"),
        ("maxpagesize=", "maxpagesize"),
        ("maxpagesize=-1", "maxpagesize"),
        ("top=0", "top"),
        ("top=-1", "top"),
        ("top=2147483648", "top"),
        ("top=1&top=2", "top"),
        ("continuationToken=", "continuationToken"),
        ("continuationToken=a&continuationToken=a", "continuationToken"),
    ] {
        let answer = call(&server, "GET", &format!("{LIST}?{parameters}"), &[], b"");
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (400, Some("Error.BadRequest")),
            "{parameters}"
        );
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["target"], target, "{parameters}");
        assert_eq!(body["errors"][target][0], body["message"]);
    }
    assert_eq!(get(&server, &format!("{LIST}?maxpagesize=200&top=1&unknown=x")), (Vec::new(), None));
    let blank = call(&server, "GET", "/api/hubs/chat/groups/%20/connections", &[], b"");
    assert_eq!(blank.status, 400);
}

#[test]
fn links_lead_to_the_public_endpoint() {
    // 85
    let arguments =
        ["--listen", "127.0.0.1:0", "--production", "--public-endpoint", "https://WS.example.com"];
    let server = Server::start_in(new_folder(), &arguments, &[("HUBLET_ACCESS_KEYS", OWN_KEY)]);
    let public = "https://ws.example.com";
    let claims = json!({
        "aud": format!("{public}/client/hubs/chat"), "exp": now_s() + 60, "webpubsub.group": "room",
    });
    let token = signed(OWN_KEY, &claims);
    let url = format!("ws://{}/client/hubs/chat?access_token={token}", server.authority());
    let _members: Vec<RawClient> = (0..3).map(|_| RawClient::connect(&url, JSON)).collect();
    // A proxy may pass on its own name or the one that the client used.
    for host in [server.authority(), "ws.example.com"] {
        let get = |path: &str| {
            let claims = json!({"aud": format!("{public}{path}"), "exp": now_s() + 60});
            let headers = [format!("Host: {host}"), bearer(&signed(OWN_KEY, &claims))];
            page(&http::request(&server, "GET", path, &[&headers[0], &headers[1]], b""))
        };
        let (_, link) = get(&format!("{LIST}?maxpagesize=2"));
        let link = link.expect("a link");
        let next = link.strip_prefix(public).expect("the public endpoint");
        assert!(next.starts_with(&format!("{LIST}?maxpagesize=2&continuationToken=")), "{link}");
        let (last, end) = get(next);
        assert_eq!((last.len(), end), (1, None));
    }
}

#[test]
fn all_groups_are_left_at_once() {
    // 65, 66
    let server = two_shards();
    let groups = ["a", "b", "a/b"];
    let connect = |user| {
        let url = server.client_url("chat", Some(user), &["webpubsub.joinLeaveGroup.c"], &groups);
        let mut client = RawClient::connect(&url, JSON);
        let id = client.expect_connected();
        (client, id)
    };
    let (mut first, first_id) = connect("u");
    let (mut second, _) = connect("u");
    let (mut other, _) = connect("other");
    let left = |path: &str| {
        let answer = call(&server, "DELETE", &format!("{HUB}{path}"), &[], b"");
        assert_eq!((answer.status, answer.header("content-length"), answer.body.as_str()), (204, None, ""));
    };
    let count = |group: &str| get(&server, &format!("{HUB}/groups/{group}/connections")).0.len();
    for _ in 0..2 {
        left(&format!("/connections/{first_id}/groups"));
        assert_eq!((count("a"), count("b"), count("a%2Fb")), (2, 2, 2));
    }
    assert_eq!(head(&server, &format!("{HUB}/connections/{first_id}")).status, 200);
    first.request(r#"{"type":"joinGroup","group":"c","ackId":1}"#, 1);
    left("/users/u/groups");
    assert_eq!((count("a"), count("b"), count("c")), (1, 1, 0));
    for path in ["/connections/x/groups", "/users/nobody/groups", "/users/u/groups"] {
        left(path);
    }
    assert_eq!(count("a"), 1, "others stay");
    for path in ["/connections/%20/groups", "/users/%20/groups"] {
        assert_eq!(call(&server, "DELETE", &format!("{HUB}{path}"), &[], b"").status, 400);
    }
    first.request(r#"{"type":"joinGroup","group":"c","ackId":2}"#, 2);
    for client in [&mut first, &mut second, &mut other] {
        client.expect_silence();
    }
}
