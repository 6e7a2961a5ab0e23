//! Permissions that app servers give, take and ask for, and what clients may do then (§5.3 of the REST reference).
//!
//! Numbers in comments are the cases of the REST reference that `docs/compatibility.md` lists.

use hublet_tests::http::{self, Answer, Client, call, head, query};
use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, Server};
use serde_json::Value;

const HUB: &str = "/api/hubs/chat";

/// A JSON client that counts its ack ids.
struct Member {
    client: RawClient,
    id: String,
    ack_id: u32,
}

impl Member {
    fn connect(server: &Server, roles: &[&str], groups: &[&str]) -> Self {
        let mut client = RawClient::connect(&server.client_url("chat", Some("u"), roles, groups), JSON);
        let id = client.expect_connected();
        Self { client, id, ack_id: 0 }
    }

    /// Whether the service lets the client do this; a refusal must be `Forbidden`.
    fn may(&mut self, request: &str, group: &str) -> bool {
        self.ack_id += 1;
        let more = if request == "sendToGroup" { r#","data":1,"noEcho":true"# } else { "" };
        self.client
            .send_text(&format!(r#"{{"type":"{request}","group":"{group}","ackId":{}{more}}}"#, self.ack_id));
        let ack: Value = serde_json::from_str(&self.client.next_text()).expect("JSON");
        assert_eq!((&ack["type"], &ack["ackId"]), (&"ack".into(), &self.ack_id.into()), "{ack}");
        let success = ack["success"].as_bool().expect("a bool");
        assert!(success || ack["error"]["name"] == "Forbidden", "{ack}");
        success
    }

    fn path(&self, permission: &str, group: &str) -> String {
        format!("{HUB}/permissions/{permission}/connections/{}?targetName={}", self.id, query(group))
    }

    fn grant(&self, server: &Server, permission: &str, group: &str) -> u16 {
        call(server, "PUT", &self.path(permission, group), &[], b"").status
    }

    fn revoke(&self, server: &Server, permission: &str, group: &str) -> u16 {
        call(server, "DELETE", &self.path(permission, group), &[], b"").status
    }

    fn check(&self, server: &Server, permission: &str, group: &str) -> u16 {
        head(server, &self.path(permission, group)).status
    }
}

#[test]
fn a_permission_is_given_and_taken() {
    // 95, 96
    let server = Server::start();
    let mut member = Member::connect(&server, &[], &[]);
    for (permission, request) in [("sendToGroup", "sendToGroup"), ("joinLeaveGroup", "joinGroup")] {
        assert_eq!(member.check(&server, permission, "room"), 404);
        assert!(!member.may(request, "room"));
        for _ in 0..2 {
            let answer = call(&server, "PUT", &member.path(permission, "room"), &[], b"");
            assert_eq!(
                (answer.status, answer.header("content-length"), answer.body.as_str()),
                (200, Some("0"), "")
            );
        }
        assert_eq!(member.check(&server, permission, "room"), 200);
        assert!(member.may(request, "room"));
        // For this group alone, and its name has a case.
        for other in ["Room", "room2", "roo"] {
            assert_eq!(member.check(&server, permission, other), 404, "{other}");
            assert!(!member.may(request, other));
        }
    }
    for (permission, request) in [("sendToGroup", "sendToGroup"), ("joinLeaveGroup", "joinGroup")] {
        for _ in 0..2 {
            let answer = call(&server, "DELETE", &member.path(permission, "room"), &[], b"");
            assert_eq!(
                (answer.status, answer.header("content-length"), answer.body.as_str()),
                (204, None, "")
            );
        }
        assert_eq!(member.check(&server, permission, "room"), 404);
        assert!(!member.may(request, "room"));
    }
    // Each connection has its own.
    let first = Member::connect(&server, &[], &[]);
    assert_eq!(first.grant(&server, "sendToGroup", "room"), 200);
    assert_eq!(Member::connect(&server, &[], &[]).check(&server, "sendToGroup", "room"), 404);
    member.client.expect_silence();
}

#[test]
fn a_revocation_overrules_a_role_for_one_group() {
    // 97, 98
    let server = Server::start();
    let roles = ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroups.team.*"];
    let mut member = Member::connect(&server, &roles, &["team.red"]);
    for group in ["room", "anything", "a/b ü+"] {
        assert_eq!(member.check(&server, "sendToGroup", group), 200, "a role counts");
        assert_eq!(member.check(&server, "joinLeaveGroup", group), 404);
    }
    assert_eq!(member.revoke(&server, "sendToGroup", "room"), 204);
    assert_eq!(
        (member.check(&server, "sendToGroup", "room"), member.check(&server, "sendToGroup", "hall")),
        (404, 200)
    );
    assert!(!member.may("sendToGroup", "room") && member.may("sendToGroup", "hall"));
    assert_eq!(member.grant(&server, "sendToGroup", "room"), 200);
    assert_eq!(member.check(&server, "sendToGroup", "room"), 200);
    assert!(member.may("sendToGroup", "room"));

    // A role with a pattern, taken away for one group: a member stays one and gets messages, but cannot leave.
    assert_eq!(member.check(&server, "joinLeaveGroup", "team.red"), 200);
    assert_eq!(member.revoke(&server, "joinLeaveGroup", "team.red"), 204);
    assert!(!member.may("leaveGroup", "team.red") && !member.may("joinGroup", "team.red"));
    assert!(member.may("joinGroup", "team.blue"));
    assert_eq!(head(&server, &format!("{HUB}/groups/team.red")).status, 200);
    let send = format!("{HUB}/groups/team.red/:send");
    assert_eq!(call(&server, "POST", &send, &["Content-Type: text/plain"], b"hi").status, 202);
    assert!(member.client.next_text().contains(r#""group":"team.red""#));
    assert_eq!(member.grant(&server, "joinLeaveGroup", "team.red"), 200);
    assert!(member.may("leaveGroup", "team.red"));

    // A role for one group, too.
    let mut literal = Member::connect(&server, &["webpubsub.sendToGroup.room"], &[]);
    assert_eq!(literal.revoke(&server, "sendToGroup", "room"), 204);
    assert!(!literal.may("sendToGroup", "room"));
    assert_eq!(literal.grant(&server, "sendToGroup", "room"), 200);
    assert!(literal.may("sendToGroup", "room"));
    // App servers need no permission of the connection, and give none by joining it.
    let path = format!("{HUB}/groups/closed/connections/{}", literal.id);
    assert_eq!(call(&server, "PUT", &path, &[], b"").status, 200);
    assert!(!literal.may("leaveGroup", "closed"));
    let all = format!("{HUB}/connections/{}/groups", literal.id);
    assert_eq!(call(&server, "DELETE", &all, &[], b"").status, 204);
    assert!(literal.may("sendToGroup", "room"), "66: leaving all groups changes no permission");
}

#[test]
fn permissions_of_nobody() {
    // 99
    let server = Server::start();
    let gone = {
        let Member { client, id, .. } = Member::connect(&server, &[], &[]);
        client.cut();
        while head(&server, &format!("{HUB}/connections/{id}")).status == 200 {}
        id
    };
    let member = Member::connect(&server, &[], &[]);
    let mut http = Client::connect(&server);
    for id in ["x", gone.as_str()] {
        let path = format!("{HUB}/permissions/sendToGroup/connections/{id}?targetName=room");
        let answer = call(&server, "PUT", &path, &[], b"");
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (404, Some("Info.Connection.NotExisted"))
        );
        let body = format!(
            r#"{{"code":"Info.Connection.NotExisted","message":"Connection `{id}` is not found.","target":"Connection","details":null,"inner":null}}"#
        );
        assert_eq!(answer.body, body);
        assert_eq!(call(&server, "DELETE", &path, &[], b"").status, 204);
        let answer = http.request("HEAD", &path, &[&http::authorization(&server, &path)], b"");
        assert_eq!(
            (answer.status, answer.header("x-ms-error-code")),
            (404, Some("Info.Connection.NotExisted"))
        );
        assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()));
    }
    // The same code when it is there without the permission, another text.
    let path = member.path("SendToGroup", "room");
    let answer = http.request("HEAD", &path, &[&http::authorization(&server, &path)], b"");
    assert_eq!((answer.status, answer.header("x-ms-error-code")), (404, Some("Info.Connection.NotExisted")));
    let body = format!(
        r#"{{"code":"Info.Connection.NotExisted","message":"Connection `{}` doesn't have the permission `sendToGroup`.","target":"Connection","details":null,"inner":null}}"#,
        member.id
    );
    assert_eq!(answer.header("content-length"), Some(body.len().to_string().as_str()));
    // The connection of another hub is none here.
    let other = member.path("sendToGroup", "room").replace("/chat/", "/other/");
    assert_eq!(call(&server, "PUT", &other, &[], b"").status, 404);
    assert_eq!(member.check(&server, "sendToGroup", "room"), 404);
}

#[test]
fn names_of_permissions_and_groups_are_checked() {
    // 100-102
    let server = Server::start();
    let mut member = Member::connect(&server, &[], &[]);
    let target = |query: &str| format!("{HUB}/permissions/sendToGroup/connections/{}{query}", member.id);
    let long = format!("?targetName={}", "g".repeat(1_025));
    for query in
        ["", "?targetName=", "?targetName=%20%09", &long, "?targetName=a&targetName=a", "?group=room"]
    {
        for method in ["PUT", "DELETE", "HEAD"] {
            let answer = call(&server, method, &target(query), &[], b"");
            assert_eq!(
                (answer.status, answer.header("x-ms-error-code")),
                (400, Some("Error.BadRequest")),
                "{query}"
            );
            assert!(method == "HEAD" || answer.body.contains(r#""target":"targetName""#), "{}", answer.body);
        }
    }
    let longest = format!("?targetName={}", "g".repeat(1_024));
    assert_eq!(call(&server, "PUT", &target(&longest), &[], b"").status, 200);

    for permission in ["unknown", "0", "3", "-1", "sendToGroup,joinLeaveGroup", "%20"] {
        for method in ["PUT", "DELETE", "HEAD"] {
            let answer: Answer = call(&server, method, &member.path(permission, "room"), &[], b"");
            assert_eq!(
                (answer.status, answer.header("x-ms-error-code")),
                (400, Some("Error.BadRequest")),
                "{permission}"
            );
        }
    }
    assert!(!member.may("sendToGroup", "room"));
    for (permission, group) in [("SENDTOGROUP", "a"), ("sendtogroup", "b"), ("1", "c")] {
        assert_eq!(member.grant(&server, permission, group), 200);
        assert!(member.may("sendToGroup", group) && !member.may("joinGroup", group));
        assert_eq!(member.check(&server, "SendToGroup", group), 200);
    }
    for (permission, group) in [("JOINLEAVEGROUP", "d"), ("2", "e")] {
        assert_eq!(member.grant(&server, permission, group), 200);
        assert!(member.may("joinGroup", group) && !member.may("sendToGroup", group));
    }

    // No pattern: only the group that is called so.
    for group in ["room.*", "*", "**"] {
        assert_eq!(member.grant(&server, "sendToGroup", group), 200);
        assert!(member.may("sendToGroup", group));
    }
    assert!(!member.may("sendToGroup", "room.1") && !member.may("sendToGroup", "room."));
    assert_eq!(member.check(&server, "sendToGroup", "room.1"), 404);
    // A name may have any character, as in a client's own request.
    assert_eq!(member.grant(&server, "sendToGroup", "a/b ü+%2F"), 200);
    assert!(member.may("sendToGroup", "a/b ü+%2F"));
}

#[test]
fn a_connection_has_a_thousand_permissions_of_a_kind_at_most() {
    // 103
    let server = Server::start();
    let mut member = Member::connect(&server, &[], &[]);
    let mut http = Client::connect(&server);
    let mut put = |member: &Member, permission: &str, group: &str, method: &str| {
        let path = member.path(permission, group);
        http.request(method, &path, &[&http::authorization(&server, &path)], b"")
    };
    for number in 0..1_000 {
        assert_eq!(put(&member, "sendToGroup", &format!("group-{number}"), "PUT").status, 200);
    }
    let refused = put(&member, "sendToGroup", "one-more", "PUT");
    assert_eq!((refused.status, refused.header("x-ms-error-code")), (409, Some("Error.Connection.Conflict")));
    let error: Value = serde_json::from_str(&refused.body).expect("JSON");
    assert_eq!(
        (&error["code"], &error["target"]),
        (&"Error.Connection.Conflict".into(), &"Connection".into())
    );
    assert!(!member.may("sendToGroup", "one-more") && member.may("sendToGroup", "group-0"));
    assert!(member.may("sendToGroup", "group-999"));
    // Again is no more; the other kind counts by itself; and one less makes room.
    assert_eq!(put(&member, "sendToGroup", "group-7", "PUT").status, 200);
    assert_eq!(put(&member, "joinLeaveGroup", "one-more", "PUT").status, 200);
    assert_eq!(put(&member, "sendToGroup", "group-7", "DELETE").status, 204);
    assert_eq!(put(&member, "sendToGroup", "one-more", "PUT").status, 200);
    assert!(member.may("sendToGroup", "one-more") && !member.may("sendToGroup", "group-7"));

    // Denials count, too.
    let mut denied = Member::connect(&server, &["webpubsub.sendToGroup"], &[]);
    for number in 0..1_000 {
        assert_eq!(put(&denied, "sendToGroup", &format!("group-{number}"), "DELETE").status, 204);
    }
    assert_eq!(put(&denied, "sendToGroup", "one-more", "DELETE").status, 409);
    assert!(denied.may("sendToGroup", "one-more") && !denied.may("sendToGroup", "group-0"));
    assert_eq!(put(&denied, "sendToGroup", "group-0", "PUT").status, 200);
    assert_eq!(put(&denied, "sendToGroup", "one-more", "DELETE").status, 204);
    assert!(!denied.may("sendToGroup", "one-more") && denied.may("sendToGroup", "group-0"));
}
