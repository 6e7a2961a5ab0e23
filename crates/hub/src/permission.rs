//! What a connection may do to groups, from the roles of its token (client-protocols.md §7).

mod pattern;

use hublet_wire::client::GroupAction;
use hublet_wire::name;

use pattern::Pattern;

/// Pattern roles that are honoured for each of join/leave and send (client-protocols.md §7.2).
const PATTERNS_MAX: usize = 10;
/// Roles for one literal group that are honoured for each of join/leave and send (client-protocols.md §7.2).
const LITERALS_MAX: usize = 1_000;

/// The group permissions of one connection. [`Default`] allows nothing.
///
/// Most connections have the roles for all groups or none at all; they cost no heap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    join_all: bool,
    send_all: bool,
    scoped: Option<Box<Scoped>>,
}

/// Permissions for some groups only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scoped {
    join: Groups,
    send: Groups,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Groups {
    /// Sorted.
    literals: Box<[Box<str>]>,
    patterns: Box<[Pattern]>,
}

impl Permissions {
    /// The permissions that the roles give together (client-protocols.md §7.1). Roles that are unknown, not a valid
    /// pattern or beyond the limits are ignored: they never fail a handshake.
    pub fn from_roles<'a>(roles: impl IntoIterator<Item = &'a str>) -> Self {
        Self::from_roles_reporting(roles, |_| {})
    }

    /// As [`Permissions::from_roles`], and calls `ignored` with each role that has no effect, for a log line.
    pub fn from_roles_reporting<'a>(
        roles: impl IntoIterator<Item = &'a str>,
        mut ignored: impl FnMut(&'a str),
    ) -> Self {
        let mut permissions = Self::default();
        let (mut join, mut send) = (Collected::default(), Collected::default());
        for role in roles {
            let understood = match role {
                "webpubsub.joinLeaveGroup" => {
                    permissions.join_all = true;
                    true
                }
                "webpubsub.sendToGroup" => {
                    permissions.send_all = true;
                    true
                }
                _ => {
                    if let Some(group) = role.strip_prefix("webpubsub.joinLeaveGroup.") {
                        join.add_literal(group)
                    } else if let Some(pattern) = role.strip_prefix("webpubsub.joinLeaveGroups.") {
                        join.add_pattern(pattern)
                    } else if let Some(group) = role.strip_prefix("webpubsub.sendToGroup.") {
                        send.add_literal(group)
                    } else if let Some(pattern) = role.strip_prefix("webpubsub.sendToGroups.") {
                        send.add_pattern(pattern)
                    } else {
                        false
                    }
                }
            };
            if !understood {
                ignored(role);
            }
        }
        if !(join.is_empty() && send.is_empty()) {
            permissions.scoped = Some(Box::new(Scoped { join: join.finish(), send: send.finish() }));
        }
        permissions
    }

    /// Whether the connection may do `action` to `group`. Being a member gives no right (client-protocols.md §7.1).
    pub fn allows(&self, action: GroupAction, group: &str) -> bool {
        match action {
            GroupAction::Join | GroupAction::Leave => {
                self.join_all || self.scoped.as_ref().is_some_and(|scoped| scoped.join.contain(group))
            }
            GroupAction::Send => {
                self.send_all || self.scoped.as_ref().is_some_and(|scoped| scoped.send.contain(group))
            }
        }
    }
}

impl Groups {
    fn contain(&self, group: &str) -> bool {
        self.literals.binary_search_by(|literal| (**literal).cmp(group)).is_ok()
            || self.patterns.iter().any(|pattern| pattern.matches(group))
    }
}

/// The scoped roles for one kind of action, while they are read.
#[derive(Default)]
struct Collected<'a> {
    literals: Vec<&'a str>,
    patterns: Vec<Pattern>,
}

impl<'a> Collected<'a> {
    /// `group` is taken literally, whatever characters it has. Whether it was taken.
    fn add_literal(&mut self, group: &'a str) -> bool {
        let taken = self.literals.len() < LITERALS_MAX && name::is_valid_group(group);
        if taken {
            self.literals.push(group);
        }
        taken
    }

    /// Whether the pattern is valid and was taken.
    fn add_pattern(&mut self, pattern: &str) -> bool {
        if self.patterns.len() >= PATTERNS_MAX {
            return false;
        }
        let parsed = Pattern::parse(pattern);
        let taken = parsed.is_some();
        self.patterns.extend(parsed);
        taken
    }

    fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.patterns.is_empty()
    }

    fn finish(mut self) -> Groups {
        self.literals.sort_unstable();
        self.literals.dedup();
        Groups {
            literals: self.literals.into_iter().map(Box::from).collect(),
            patterns: self.patterns.into_boxed_slice(),
        }
    }
}

#[cfg(test)]
mod tests {
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
            (
                &["webpubsub.sendToGroup.z", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"],
                "bc",
                SEND,
            ),
            (&["webpubsub.sendToGroup.z", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"], "z", SEND),
            (
                &["webpubsub.sendToGroup.z", "webpubsub.sendToGroup.a", "webpubsub.sendToGroups.b*"],
                "c",
                NOTHING,
            ),
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
}
