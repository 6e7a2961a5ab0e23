//! Roles, and grants and revocations at run time.

use super::*;

const ACTIONS: [GroupAction; 3] = [GroupAction::Join, GroupAction::Leave, GroupAction::Send];

/// Whether join, leave and send are allowed on `group` under the roles.
fn allowed(roles: &[&str], group: &str) -> [bool; 3] {
    let permissions = Permissions::from_roles(roles.iter().copied());
    ACTIONS.map(|action| permissions.allows(action, group))
}

const NOTHING: [bool; 3] = [false, false, false];
const JOIN_LEAVE: [bool; 3] = [true, true, false];
const SEND: [bool; 3] = [false, false, true];
const ALL: [bool; 3] = [true, true, true];

#[test]
fn roles_and_what_they_allow() {
    let cases: &[(&[&str], &str, [bool; 3])] = &[
        (&[], "a", NOTHING),
        (&["webpubsub.joinLeaveGroup"], "any.thing", JOIN_LEAVE),
        (&["webpubsub.sendToGroup"], "any.thing", SEND),
        (&["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"], "a", ALL),
        (&["webpubsub.joinLeaveGroup.a"], "a", JOIN_LEAVE),
        (&["webpubsub.joinLeaveGroup.a"], "b", NOTHING),
        (&["webpubsub.joinLeaveGroup.a"], "a.b", NOTHING),
        (&["webpubsub.joinLeaveGroup.a"], "A", NOTHING),
        (&["webpubsub.joinLeaveGroup.a.b"], "a.b", JOIN_LEAVE),
        (&["webpubsub.sendToGroup.a"], "a", SEND),
        (&["webpubsub.sendToGroup.a", "webpubsub.joinLeaveGroup.a"], "a", ALL),
        // Pattern roles are written in the plural.
        (&["webpubsub.joinLeaveGroups.a.*"], "a.b", JOIN_LEAVE),
        (&["webpubsub.joinLeaveGroups.a.*"], "a.b.c", NOTHING),
        (&["webpubsub.joinLeaveGroups.a.*"], "A.b", NOTHING),
        (&["webpubsub.joinLeaveGroups.a.**"], "a.b.c", JOIN_LEAVE),
        (&["webpubsub.sendToGroups.a.*"], "a.b", SEND),
        (&["webpubsub.sendToGroup.a.*"], "a.b", NOTHING),
        (&["webpubsub.sendToGroup.a.*"], "a.*", SEND),
        // A pattern beside a literal.
        (&["webpubsub.sendToGroup.z", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"], "bc", SEND),
        (&["webpubsub.sendToGroup.z", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"], "z", SEND),
        (&["webpubsub.sendToGroup.z", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"], "c", NOTHING),
        // Unknown, misspelt and incomplete roles.
        (&["webpubsub.SendToGroup", "sendToGroup", "admin", ""], "a", NOTHING),
        (&["webpubsub.sendToGroup.", "webpubsub.sendToGroups."], "", NOTHING),
        (&["webpubsub.sendToGroups"], "a", NOTHING),
        (&[" webpubsub.sendToGroup"], "a", NOTHING),
    ];
    for (roles, group, expected) in cases {
        assert_eq!(allowed(roles, group), *expected, "{roles:?} on {group:?}");
    }
}

#[test]
fn ignored_roles_are_reported_and_the_others_work() {
    let roles = [
        "webpubsub.sendToGroups.******",
        "webpubsub.sendToGroup.ok",
        "unknown",
        r"webpubsub.sendToGroups.a\b",
        "webpubsub.sendToGroup. ",
    ];
    let mut ignored = Vec::new();
    let permissions = Permissions::from_roles_reporting(roles, |role| ignored.push(role));
    assert_eq!(ignored, [roles[0], roles[2], roles[3], roles[4]]);
    assert!(permissions.allows(GroupAction::Send, "ok") && !permissions.allows(GroupAction::Send, "a"));
}

#[test]
fn only_the_first_ten_patterns_and_thousand_literals_count() {
    let roles: Vec<String> = (0..11)
        .map(|n| format!("webpubsub.sendToGroups.p{n}.*"))
        .chain((0..1_001).map(|n| format!("webpubsub.sendToGroup.l{n}")))
        .chain(["webpubsub.joinLeaveGroups.j*".to_owned(), "webpubsub.joinLeaveGroup.k".to_owned()])
        .collect();
    let mut ignored = Vec::new();
    let permissions =
        Permissions::from_roles_reporting(roles.iter().map(String::as_str), |role| ignored.push(role));
    assert_eq!(ignored, ["webpubsub.sendToGroups.p10.*", "webpubsub.sendToGroup.l1000"]);
    for (group, allowed) in [("p9.x", true), ("p10.x", false), ("l999", true), ("l1000", false)] {
        assert_eq!(permissions.allows(GroupAction::Send, group), allowed, "{group}");
    }
    // Each kind of action has its own limits.
    assert!(permissions.allows(GroupAction::Join, "j1") && permissions.allows(GroupAction::Join, "k"));
}

#[test]
fn roles_for_all_groups_cost_no_heap() {
    assert!(size_of::<Permissions>() <= 16);
    assert!(Permissions::from_roles(["webpubsub.sendToGroup", "nothing"]).scoped.is_none());
}

/// What HTTP callers can do to permissions (rest-api.md §5.3 and cases 95 to 103).
#[test]
fn grants_and_revocations() {
    use Permission::{JoinLeaveGroup, SendToGroup};
    let mut none = Permissions::default();
    none.grant(SendToGroup, "room").unwrap();
    none.grant(SendToGroup, "room").unwrap();
    assert!(none.allows(GroupAction::Send, "room") && !none.allows(GroupAction::Send, "Room"));
    assert!(!none.allows(GroupAction::Join, "room"), "the two permissions are independent");
    none.revoke(SendToGroup, "room").unwrap();
    none.revoke(SendToGroup, "room").unwrap();
    assert!(!none.allows(GroupAction::Send, "room"));

    let mut all = Permissions::from_roles(["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"]);
    all.revoke(JoinLeaveGroup, "room").unwrap();
    assert!(!all.allows(GroupAction::Leave, "room") && all.allows(GroupAction::Leave, "other"));
    assert!(all.allows(GroupAction::Send, "room"));
    all.grant(JoinLeaveGroup, "room").unwrap();
    assert!(all.allows(GroupAction::Join, "room"));
    // What is granted is one group, whatever its name looks like.
    none.grant(SendToGroup, "room.*").unwrap();
    assert!(none.has(SendToGroup, "room.*") && !none.has(SendToGroup, "room.a"));

    let mut both = Permissions::from_roles(["webpubsub.sendToGroup.a", "webpubsub.sendToGroups.*"]);
    both.revoke(SendToGroup, "a").unwrap();
    assert!(!both.has(SendToGroup, "a") && both.has(SendToGroup, "b"), "the pattern gives it back to nobody");
}

#[test]
fn the_number_of_single_groups_is_bounded() {
    let mut permissions = Permissions::default();
    for n in 0..1_000 {
        permissions.grant(Permission::SendToGroup, &format!("g{n}")).unwrap();
    }
    assert_eq!(permissions.grant(Permission::SendToGroup, "one more"), Err(TooMany));
    assert!(!permissions.has(Permission::SendToGroup, "one more"));
    permissions.grant(Permission::JoinLeaveGroup, "one more").unwrap();
    permissions.revoke(Permission::SendToGroup, "g7").unwrap();
    permissions.grant(Permission::SendToGroup, "one more").unwrap();
}
