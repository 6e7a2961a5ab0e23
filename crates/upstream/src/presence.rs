//! Which group events a handler gets (event-handlers.md §5.7).

use hublet_hub::GroupPattern;

use crate::nearest;
use crate::settings::GroupPresenceSettings;

/// Filters of one handler: a group is compared with each.
const FILTERS_MAX: usize = 100;

/// The group events of a handler. [`Default`] is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    joined: bool,
    left: bool,
    /// `None`: all groups.
    groups: Option<Box<[GroupPattern]>>,
}

/// Settings that cannot be meant: which property, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct InvalidPresence {
    /// Path of the property below `groupPresenceEvents`, as `eventNames[1]`.
    pub property: String,
    text: String,
}

impl Presence {
    /// Checks settings. Names of events have no case; the filters are patterns as those of roles are.
    ///
    /// # Errors
    /// An unknown event, a filter that is no pattern, or more than 100 filters.
    pub fn compile(settings: &GroupPresenceSettings) -> Result<Self, InvalidPresence> {
        let mut presence = Self::default();
        for (index, name) in settings.event_names.iter().enumerate() {
            match name.trim().to_ascii_lowercase().as_str() {
                "joined" => presence.joined = true,
                "left" => presence.left = true,
                other => {
                    let hint = nearest::name(other, ["joined", "left"])
                        .map_or_else(String::new, |name| format!(" Did you mean \"{name}\"?"));
                    return Err(InvalidPresence {
                        property: format!("eventNames[{index}]"),
                        text: format!("{name:?} is no event of groups. There are joined and left.{hint}"),
                    });
                }
            }
        }
        let filters = &settings.group_filters;
        if filters.len() > FILTERS_MAX {
            return Err(InvalidPresence {
                property: "groupFilters".to_owned(),
                text: format!(
                    "There are {} filters. Write {FILTERS_MAX} at most, with * in them.",
                    filters.len()
                ),
            });
        }
        let pattern = |(index, filter): (usize, &String)| {
            GroupPattern::parse(filter).ok_or_else(|| InvalidPresence {
                property: format!("groupFilters[{index}]"),
                text: format!(
                    "{filter:?} is no pattern for groups. Write a name of at most 1024 characters, with * and ? for \
                     what varies, at most 5 stars, and a \\ only before \\, * and ?."
                ),
            })
        };
        let patterns = filters.iter().enumerate().map(pattern).collect::<Result<Box<[_]>, _>>()?;
        presence.groups = (!patterns.is_empty()).then_some(patterns);
        Ok(presence)
    }

    /// Whether it gets no event of any group.
    pub fn is_none(&self) -> bool {
        !self.joined && !self.left
    }

    /// Whether it is told who joins the group.
    pub fn matches_joined(&self, group: &str) -> bool {
        self.joined && self.covers(group)
    }

    /// Whether it is told who leaves the group.
    pub fn matches_left(&self, group: &str) -> bool {
        self.left && self.covers(group)
    }

    fn covers(&self, group: &str) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.iter().any(|pattern| pattern.matches(group)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(names: &[&str], filters: &[&str]) -> Result<Presence, InvalidPresence> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Presence::compile(&GroupPresenceSettings { event_names: texts(names), group_filters: texts(filters) })
    }

    #[test]
    fn events_and_groups() {
        let none = compile(&[], &["a"]).unwrap();
        assert!(none.is_none() && !none.matches_joined("a") && !none.matches_left("a"));
        assert!(Presence::default().is_none());

        let all = compile(&["Joined", " left "], &[]).unwrap();
        assert!(!all.is_none() && all.matches_joined("x/y.z") && all.matches_left(""));

        let left = compile(&["left"], &["chat*", "room.?", "a.**"]).unwrap();
        for group in ["chat", "chat1", "room.1", "a.b.c"] {
            assert!(left.matches_left(group) && !left.matches_joined(group), "{group}");
        }
        for group in ["chat.1", "Chat", "room.12", "a", ""] {
            assert!(!left.matches_left(group), "{group}");
        }
    }

    #[test]
    fn mistakes_name_the_property() {
        let error = |names: &[&str], filters: &[&str]| {
            let error = compile(names, filters).expect_err("it is wrong");
            format!("{}: {error}", error.property)
        };
        assert_eq!(
            error(&["joined", "jonied"], &[]),
            "eventNames[1]: \"jonied\" is no event of groups. There are joined and left. Did you mean \"joined\"?"
        );
        assert!(error(&["x"], &[]).ends_with("There are joined and left."));
        assert!(error(&["left"], &["a", ""]).starts_with("groupFilters[1]: \"\" is no pattern"));
        assert!(error(&["left"], &[r"a\b"]).starts_with("groupFilters[0]: "));
        assert!(error(&["left"], &["a"; FILTERS_MAX + 1]).starts_with("groupFilters: There are 101"));
    }
}
