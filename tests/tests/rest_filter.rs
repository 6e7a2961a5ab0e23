//! Filters: whom a send reaches and which connections change groups (§7 and §3.3 of the REST reference).
//!
//! Numbers in comments are the cases of the REST reference that `docs/compatibility.md` lists.

#[path = "../../crates/wire/tests/tables/filters.rs"]
mod filters;

use filters::{REFUSED, WORKED};
use hublet_tests::http::{self, Answer, call, query};
use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, Server};
use serde_json::{Value, json};

const HUB: &str = "/api/hubs/chat";
const TEXT: &str = "Content-Type: text/plain";
const AS_JSON: &str = "Content-Type: application/json";

/// The four connections of the reference's table: A and D speak JSON, B and C are simple.
struct Four {
    server: Server,
    clients: [RawClient; 4],
    ids: [String; 4],
}

impl Four {
    fn start() -> Self {
        // Two shards: each evaluates the filter for its own connections.
        let server = Server::start_with(&["--shards", "2"]);
        let json = |user, groups: &[&str]| {
            let mut client = RawClient::connect(&server.client_url("chat", user, &[], groups), JSON);
            let id = client.expect_connected();
            (client, id)
        };
        let (a, a_id) = json(Some("user1"), &["group1", "group2"]);
        let (d, d_id) = json(Some("O'Brien, Jane"), &["group1", "a/b"]);
        // A simple client is not told its id; a list of the group it is in tells.
        let simple = |user: Option<&str>, groups: &[&str]| {
            let own = user.unwrap_or("anonymous");
            let all = [groups, &[own]].concat();
            let client = RawClient::connect(&server.client_url("chat", user, &[], &all), None);
            let path = format!("{HUB}/groups/{own}/connections");
            let page: Value =
                serde_json::from_str(&call(&server, "GET", &path, &[], b"").body).expect("JSON");
            let id = page["value"][0]["connectionId"].as_str().expect("a member").to_owned();
            let leave = format!("{HUB}/groups/{own}/connections/{id}");
            assert_eq!(call(&server, "DELETE", &leave, &[], b"").status, 204);
            (client, id)
        };
        let (b, b_id) = simple(Some("User-ab-de"), &["group2"]);
        let (c, c_id) = simple(None, &[]);
        Self { server, clients: [a, b, c, d], ids: [a_id, b_id, c_id, d_id] }
    }

    /// The filter for the ids that these connections really have.
    fn with_ids(&self, filter: &str) -> String {
        let ids = self.ids.iter().enumerate();
        ids.fold(filter.to_owned(), |filter, (at, id)| filter.replace(&format!("conn-{}", at + 1), id))
    }

    fn send(&self, path: &str, text: &str) -> Answer {
        call(&self.server, "POST", &format!("{HUB}{path}"), &[TEXT], text.as_bytes())
    }

    /// Reads at every client up to a marker, and tells as in the table's columns who got `text` before it.
    fn receivers(&mut self, text: &str) -> String {
        assert_eq!(self.send("/:send", "marker").status, 202);
        let of = |client: &mut RawClient| {
            let got = |received: &str, text: &str| {
                received == text || received.ends_with(&format!(r#""data":"{text}"}}"#))
            };
            let first = client.next_text();
            if got(&first, "marker") {
                return 'f';
            }
            assert!(got(&first, text), "{first}");
            let second = client.next_text();
            assert!(got(&second, "marker"), "{second}");
            'T'
        };
        self.clients.iter_mut().map(of).collect()
    }
}

#[test]
fn each_row_of_the_table_reaches_whom_it_says() {
    // 44-46, 117
    let mut four = Four::start();
    for (row, (filter, expected)) in WORKED.iter().enumerate() {
        let filter = four.with_ids(filter);
        let text = format!("row {}", row + 1);
        let answer = four.send(&format!("/:send?filter={}", query(&filter)), &text);
        assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{filter}");
        assert_eq!(four.receivers(&text), *expected, "row {}: {filter}", row + 1);
    }
    for filter in REFUSED {
        for path in ["/:send", "/groups/group1/:send", "/users/user1/:send"] {
            let answer = four.send(&format!("{path}?filter={}", query(filter)), "refused");
            assert_eq!(
                (answer.status, answer.header("x-ms-error-code")),
                (400, Some("Error.BadRequest")),
                "{filter}"
            );
            let error: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(error["target"], "Request", "{filter}");
            let message = error["message"].as_str().expect("a text");
            assert!(message.starts_with("Invalid syntax for '"), "{message}");
            assert!(message.ends_with("(Parameter 'filter')"), "{message}");
        }
    }
    assert_eq!(four.receivers("refused"), "ffff");
}

#[test]
fn refusals_name_the_part_that_is_wrong() {
    // 46
    let server = Server::start();
    for (filter, message) in [
        ("not length(userId) gt 5", "Invalid syntax for 'not length(userId)': Type 'null', expect 'bool'."),
        ("( not 'a' )", "Invalid syntax for 'not 'a'': Type 'string', expect 'bool'."),
        ("userId lt 1", "Invalid syntax for 'userId lt 1': Type 'string', expect 'int'."),
        ("invalid(ab,c)", "Invalid syntax for 'invalid(ab,c)': Token 'invalid(ab,c)' is not supported."),
        ("ab eq 1", "Invalid syntax for 'ab eq 1': Token 'ab' is not supported."),
    ] {
        let path = format!("{HUB}/:send?filter={}", query(filter));
        let answer = call(&server, "POST", &path, &[TEXT], b"x");
        let expected = json!({
            "code": "Error.BadRequest",
            "message": format!("{message} (Parameter 'filter')"),
            "target": "Request", "details": null, "inner": null,
        });
        assert_eq!(serde_json::from_str::<Value>(&answer.body).expect("JSON"), expected, "{filter}");
    }
    // 52: where no filter belongs none is read.
    let path = format!("{HUB}/connections/x/:send?filter=userId");
    assert_eq!(call(&server, "POST", &path, &[TEXT], b"x").status, 202);
    let twice = format!("{HUB}/:send?filter=&filter=");
    assert_eq!(call(&server, "POST", &twice, &[TEXT], b"x").status, 400);
}

#[test]
fn a_filter_narrows_groups_and_users_and_goes_with_excluded() {
    // 44, 47
    let mut four = Four::start();
    let [a, _, _, d] = four.ids.clone();
    for (path, filter, expected) in [
        ("/groups/group1/:send", "userId eq 'user1'".to_owned(), "Tfff"),
        ("/groups/group1/:send", "not ('group2' in groups)".to_owned(), "fffT"),
        ("/groups/group2/:send", "protocol eq null".to_owned(), "fTff"),
        ("/groups/group2/:send", String::new(), "TTff"),
        ("/users/user1/:send", "'group1' in groups".to_owned(), "Tfff"),
        ("/users/user1/:send", format!("connectionId eq '{d}'"), "ffff"),
    ] {
        let text = format!("{path} {filter}").replace(['\'', '/'], "");
        let answer = four.send(&format!("{path}?filter={}", query(&filter)), &text);
        assert_eq!(answer.status, 202, "{filter}");
        assert_eq!(four.receivers(&text), expected, "{path} {filter}");
    }
    let filter = query("'group1' in groups");
    for path in ["/:send", "/groups/group1/:send"] {
        let answer = four.send(&format!("{path}?filter={filter}&excluded={a}&excluded=x"), "both");
        assert_eq!((answer.status, four.receivers("both").as_str()), (202, "fffT"), "{path}");
    }
    // Messages that follow each other under different filters are kept apart.
    for (filter, text) in [("userId eq null", "one"), ("userId ne null", "two"), ("userId eq null", "three")]
    {
        assert_eq!(four.send(&format!("/:send?filter={}", query(filter)), text).status, 202);
    }
    four.clients[2].expect_text("one");
    four.clients[2].expect_text("three");
    four.clients[1].expect_text("two");
    for json in [0, 3] {
        assert!(four.clients[json].next_text().ends_with(r#""data":"two"}"#));
    }
    assert_eq!(four.receivers("nothing more"), "ffff");
}

#[test]
fn a_filter_has_its_bounds() {
    let server = Server::start();
    let status = |filter: &str| {
        let path = format!("{HUB}/:send?filter={}", query(filter));
        call(&server, "POST", &path, &[TEXT], b"x").status
    };
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!((status(&nested(32)), status(&nested(200))), (202, 400));
    let clauses = |count: usize| vec!["true"; count].join(" or ");
    assert_eq!((status(&clauses(100)), status(&clauses(1_000))), (202, 400));
    let long = |length: usize| format!("userId eq '{}'", "x".repeat(length));
    assert_eq!((status(&long(8_000)), status(&long(9_000))), (202, 400));
}

fn change(server: &Server, action: &str, body: &str) -> Answer {
    call(server, "POST", &format!("{HUB}/:{action}"), &[AS_JSON], body.as_bytes())
}

/// Who of the four is in a group, as in the table's columns.
fn members(four: &Four, group: &str) -> String {
    let path = format!("{HUB}/groups/{}/connections", query(group));
    let page: Value = serde_json::from_str(&call(&four.server, "GET", &path, &[], b"").body).expect("JSON");
    let listed: Vec<&str> = page["value"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|member| member["connectionId"].as_str())
        .collect();
    four.ids.iter().map(|id| if listed.contains(&id.as_str()) { 'T' } else { 'f' }).collect()
}

#[test]
fn connections_that_match_join_and_leave_many_groups() {
    // 68-70, 74
    let mut four = Four::start();
    let elsewhere_url = four.server.client_url("other", Some("user1"), &[], &[]);
    let mut elsewhere = RawClient::connect(&elsewhere_url, JSON);
    elsewhere.expect_connected();
    let answer =
        change(&four.server, "addToGroups", r#"{"groups":["g","a b/ü"],"filter":"userId eq 'user1'"}"#);
    assert_eq!((answer.status, answer.header("content-length"), answer.body.as_str()), (200, Some("0"), ""));
    assert_eq!((members(&four, "g"), members(&four, "a b/ü")), ("Tfff".to_owned(), "Tfff".to_owned()));
    assert_eq!(four.send("/groups/g/:send", "to g").status, 202);
    assert_eq!(four.receivers("to g"), "Tfff");

    // A snapshot: all that match before the first change, though each change alters what the filter reads.
    let snapshot = r#"{"groups":["all","g"],"filter":"not ('all' in groups)"}"#;
    assert_eq!(change(&four.server, "addToGroups", snapshot).status, 200);
    assert_eq!((members(&four, "all"), members(&four, "g")), ("TTTT".to_owned(), "TTTT".to_owned()));
    for body in [
        r#"{"groups":["every"]}"#,
        r#"{"groups":["every","every"],"filter":null}"#,
        r#"{"groups":["every"],"filter":""}"#,
    ] {
        assert_eq!(change(&four.server, "addToGroups", body).status, 200, "{body}");
        assert_eq!(members(&four, "every"), "TTTT");
    }
    for group in ["g", "all", "every"] {
        assert_eq!(http::head(&four.server, &format!("/api/hubs/other/groups/{group}")).status, 404);
    }

    let some = r#"{"groups":["g","every","nobody's"],"filter":"'group1' in groups"}"#;
    let answer = change(&four.server, "removeFromGroups", some);
    assert_eq!((answer.status, answer.header("content-length"), answer.body.as_str()), (200, Some("0"), ""));
    assert_eq!((members(&four, "g"), members(&four, "every")), ("fTTf".to_owned(), "fTTf".to_owned()));
    assert_eq!((members(&four, "all"), members(&four, "group1")), ("TTTT".to_owned(), "TffT".to_owned()));
    // Those leave whom the filter finds in the very group they leave.
    assert_eq!(
        change(&four.server, "removeFromGroups", r#"{"groups":["g"],"filter":"'g' in groups"}"#).status,
        200
    );
    assert_eq!(http::head(&four.server, &format!("{HUB}/groups/g")).status, 404);
    let nobody = r#"{"groups":["x"],"filter":"userId eq 'nobody'"}"#;
    for action in ["addToGroups", "removeFromGroups"] {
        assert_eq!(change(&four.server, action, nobody).status, 200);
        let hub = format!("/api/hubs/empty/:{action}");
        assert_eq!(call(&four.server, "POST", &hub, &[AS_JSON], br#"{"groups":["x"]}"#).status, 200);
    }
    assert_eq!(change(&four.server, "removeFromGroups", r#"{"groups":["all"]}"#).status, 200);
    assert_eq!(members(&four, "all"), "ffff");
    // A long name, many names, and no word of all this to the clients.
    let many: Vec<String> = (0..300).map(|number| format!("group-{number}-{}", "x".repeat(1_000))).collect();
    let body = json!({"groups": many, "filter": "userId eq 'user1'"}).to_string();
    assert_eq!(change(&four.server, "addToGroups", &body).status, 200);
    assert_eq!(members(&four, &many[299]), "Tfff");
    assert_eq!(four.receivers("nothing"), "ffff");
    elsewhere.expect_silence();
}

#[test]
fn a_selection_that_is_none_changes_nothing() {
    // 71-73
    let four = Four::start();
    let wide = "g".repeat(1_025);
    for (action, other) in [("addToGroups", "TffT"), ("removeFromGroups", "TffT")] {
        for body in [
            "",
            "{",
            "[]",
            "null",
            "\"group1\"",
            "{}",
            r#"{"filter":"true"}"#,
            r#"{"groups":null}"#,
            r#"{"groups":[]}"#,
            r#"{"groups":"group1"}"#,
            r#"{"groups":["group1",null]}"#,
            r#"{"groups":["group1"," "]}"#,
            r#"{"groups":["group1",""]}"#,
            r#"{"groups":["group1",7]}"#,
            &format!(r#"{{"groups":["group1","{wide}"]}}"#),
            r#"{"groups":["group1"],"filter":42}"#,
            r#"{"groups":["group1"],"filter":"userId"}"#,
            r#"{"groups":["group1"],"filter":" "}"#,
            r#"{"groups":["group1"],"filter":["true"]}"#,
        ] {
            let answer = change(&four.server, action, body);
            assert_eq!(
                (answer.status, answer.header("x-ms-error-code")),
                (400, Some("Error.BadRequest")),
                "{body}"
            );
        }
        let answer = change(&four.server, action, r#"{"groups":null}"#);
        assert_eq!(
            answer.body,
            "{\"code\":\"Error.BadRequest\",\"message\":\"Invalid group name. Valid group name should be in between 1 and \
             1024 characters long.\",\"target\":\"Groups\",\"errors\":{\"Groups\":[\"Invalid group name. Valid group name \
             should be in between 1 and 1024 characters long.\"]},\"type\":null,\"title\":\"One or more validation errors \
             occurred.\",\"status\":400,\"detail\":null,\"instance\":null,\"extensions\":{}}"
        );
        let path = format!("{HUB}/:{action}");
        let body = br#"{"groups":["group1"]}"#;
        for headers in [
            &["Content-Type: text/plain"][..],
            &["Content-Type: application/jsonp"],
            &["Content-Type: application/json; charset=\""],
            &["Content-Type: application/json; charset=klingon"],
            &["Content-Type: application/json", "Content-Encoding: gzip"],
            &["Content-Type: application/json", "Content-Type: application/json"],
            &[],
        ] {
            assert_eq!(call(&four.server, "POST", &path, headers, body).status, 415, "{headers:?}");
        }
        let large = format!(r#"{{"groups":["group1"],"filter":"{}"}}"#, " ".repeat(1 << 20));
        assert_eq!(change(&four.server, action, &large).status, 400);
        assert_eq!(members(&four, "group1"), other);
    }
    let wide: Vec<u8> = r#"{"groups":["wide"]}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let in_utf_16 = ["Content-Type: application/json; charset=utf-16"];
    assert_eq!(call(&four.server, "POST", &format!("{HUB}/:addToGroups"), &in_utf_16, &wide).status, 200);
    assert_ne!(members(&four, "wide"), members(&four, "nobody"));
    let with_charset = ["Content-Type: application/json; charset=utf-8"];
    let path = format!("{HUB}/:addToGroups");
    assert_eq!(call(&four.server, "POST", &path, &with_charset, br#"{"groups":["group1"]}"#).status, 200);
    assert_eq!(members(&four, "group1"), "TTTT");
}
