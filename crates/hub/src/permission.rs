//! What a connection may do to groups, from the roles of its token (client-protocols.md §7).

mod pattern;
#[cfg(test)]
mod tests;

use hublet_wire::client::GroupAction;
use hublet_wire::name;

pub use pattern::Pattern;

/// Pattern roles that are honoured for each of join/leave and send (client-protocols.md §7.2).
const PATTERNS_MAX: usize = 10;
/// Roles for one literal group that are honoured for each of join/leave and send (client-protocols.md §7.2).
const LITERALS_MAX: usize = 1_000;

/// What can be granted to and revoked from a connection at run time, for one group at a time (rest-api.md §5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Join and leave the group.
    JoinLeaveGroup,
    /// Publish to the group.
    SendToGroup,
}

impl Permission {
    /// The permission that an action needs.
    pub(crate) fn of(action: GroupAction) -> Self {
        match action {
            GroupAction::Join | GroupAction::Leave => Self::JoinLeaveGroup,
            GroupAction::Send => Self::SendToGroup,
        }
    }
}

/// A connection has as many single-group permissions of a kind as it may have, which is 1,000; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The group permissions of one connection. [`Default`] allows nothing.
///
/// Most connections have the roles for all groups or none at all; they cost no heap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    join_all: bool,
    send_all: bool,
    scoped: Option<Box<Scoped>>,
}

/// Single groups with what was decided on each, and texts of patterns.
pub(crate) type SomeGroups<'a, T> = (Vec<(&'a str, bool)>, Vec<T>);

/// Permissions for some groups only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Scoped {
    join: Groups,
    send: Groups,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Groups {
    /// Sorted by group. They beat patterns and the roles for all groups.
    literals: Vec<Literal>,
    patterns: Box<[Pattern]>,
}

/// A decision on one group: allowed by a role or a grant, or denied by a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Literal {
    group: Box<str>,
    allowed: bool,
}

impl Permissions {
    /// [`Permissions::from_roles_reporting`] without reports.
    #[cfg(test)]
    pub(crate) fn from_roles<'a>(roles: impl IntoIterator<Item = &'a str>) -> Self {
        Self::from_roles_reporting(roles, |_| {})
    }

    /// The permissions that the roles give together (client-protocols.md §7.1). Roles that are unknown, not a valid
    /// pattern or beyond the limits never fail a handshake: `ignored` is called with each, for a log line.
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
    pub(crate) fn allows(&self, action: GroupAction, group: &str) -> bool {
        self.has(Permission::of(action), group)
    }

    /// Whether the connection has a permission for `group`, by role or by grant.
    pub(crate) fn has(&self, permission: Permission, group: &str) -> bool {
        let all = match permission {
            Permission::JoinLeaveGroup => self.join_all,
            Permission::SendToGroup => self.send_all,
        };
        match self.scoped.as_deref().map(|scoped| scoped.groups(permission)) {
            None => all,
            Some(groups) => match groups.find(group) {
                Ok(at) => groups.literals[at].allowed,
                Err(_) => all || groups.match_pattern(group),
            },
        }
    }

    /// Gives a permission for one group.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn grant(&mut self, permission: Permission, group: &str) -> Result<(), TooMany> {
        self.decide(permission, group, true)
    }

    /// Takes a permission for one group away, from whichever role it came.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn revoke(&mut self, permission: Permission, group: &str) -> Result<(), TooMany> {
        self.decide(permission, group, false)
    }

    /// Whether all groups may be joined and left, and whether may be sent to all.
    pub(crate) fn for_all_groups(&self) -> (bool, bool) {
        (self.join_all, self.send_all)
    }

    /// Decisions on single groups and texts of patterns: for joining and leaving, then for sending.
    pub(crate) fn for_some_groups(&self) -> [SomeGroups<'_, String>; 2] {
        [Permission::JoinLeaveGroup, Permission::SendToGroup].map(|permission| {
            let groups = self.scoped.as_deref().map(|scoped| scoped.groups(permission));
            let literals = groups.into_iter().flat_map(|groups| groups.literals.iter());
            let patterns = groups.into_iter().flat_map(|groups| groups.patterns.iter());
            (
                literals.map(|literal| (&*literal.group, literal.allowed)).collect(),
                patterns.map(Pattern::text).collect(),
            )
        })
    }

    /// Permissions from their parts; `None`: no roles and no operation give such ones.
    pub(crate) fn restore(
        join_all: bool,
        send_all: bool,
        join: SomeGroups<'_, &str>,
        send: SomeGroups<'_, &str>,
    ) -> Option<Self> {
        let (join, send) = (Groups::restore(join)?, Groups::restore(send)?);
        let scoped = Scoped { join, send };
        let scoped = (scoped != Scoped::default()).then(|| Box::new(scoped));
        Some(Self { join_all, send_all, scoped })
    }

    fn decide(&mut self, permission: Permission, group: &str, allowed: bool) -> Result<(), TooMany> {
        if self.has(permission, group) == allowed {
            return Ok(());
        }
        let groups = self.scoped.get_or_insert_default().groups_mut(permission);
        // The opposite decision goes; if roles then decide otherwise, this one is written down.
        let at = match groups.find(group) {
            Ok(at) => {
                groups.literals.remove(at);
                at
            }
            Err(at) => at,
        };
        if self.has(permission, group) != allowed {
            let groups = self.scoped.get_or_insert_default().groups_mut(permission);
            if groups.literals.len() >= LITERALS_MAX {
                return Err(TooMany);
            }
            groups.literals.insert(at, Literal { group: group.into(), allowed });
        }
        Ok(())
    }
}

impl Scoped {
    fn groups(&self, permission: Permission) -> &Groups {
        match permission {
            Permission::JoinLeaveGroup => &self.join,
            Permission::SendToGroup => &self.send,
        }
    }

    fn groups_mut(&mut self, permission: Permission) -> &mut Groups {
        match permission {
            Permission::JoinLeaveGroup => &mut self.join,
            Permission::SendToGroup => &mut self.send,
        }
    }
}

impl Groups {
    fn restore((literals, patterns): SomeGroups<'_, &str>) -> Option<Self> {
        let is_sorted = literals.is_sorted_by(|(one, _), (next, _)| one < next);
        if !is_sorted || literals.len() > LITERALS_MAX || patterns.len() > PATTERNS_MAX {
            return None;
        }
        let literal = |(group, allowed): (&str, bool)| Literal { group: group.into(), allowed };
        Some(Self {
            literals: literals.into_iter().map(literal).collect(),
            patterns: patterns.into_iter().map(Pattern::parse).collect::<Option<_>>()?,
        })
    }

    /// Where the decision on a group is, or where it would have to be.
    fn find(&self, group: &str) -> Result<usize, usize> {
        self.literals.binary_search_by(|literal| (*literal.group).cmp(group))
    }

    fn match_pattern(&self, group: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(group))
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
            literals: self
                .literals
                .into_iter()
                .map(|group| Literal { group: group.into(), allowed: true })
                .collect(),
            patterns: self.patterns.into_boxed_slice(),
        }
    }
}
