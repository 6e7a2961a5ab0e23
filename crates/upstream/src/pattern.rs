//! Which user events a handler or listener gets (event-handlers.md §1.2).

/// The names of user events, compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EventPattern {
    /// No event.
    #[default]
    None,
    /// Every event.
    All,
    /// These, in lower case.
    Names(Box<[String]>),
}

/// A pattern that cannot be meant. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// A name with a wildcard in it.
    #[error(
        "There are no wildcards within a name, as in {0:?}. Write * for all events, or names with commas between them."
    )]
    Wildcard(String),
    /// Nothing between two commas.
    #[error("A name is missing before or behind a comma. Remove the comma, or write * for all events.")]
    Empty,
}

impl EventPattern {
    /// Reads `*`, a name, or names with commas; nothing matches nothing. Whether an event can have such a name does not
    /// matter.
    ///
    /// # Errors
    /// A wildcard within a name, or a missing name.
    pub fn parse(text: Option<&str>) -> Result<Self, InvalidPattern> {
        let text = text.unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(Self::None);
        }
        let mut names = Vec::new();
        let mut all = false;
        for name in text.split(',').map(str::trim) {
            match name {
                "*" => all = true,
                "" => return Err(InvalidPattern::Empty),
                name if name.contains(['*', '?']) => return Err(InvalidPattern::Wildcard(name.to_owned())),
                name => names.push(name.to_ascii_lowercase()),
            }
        }
        Ok(if all { Self::All } else { Self::Names(names.into()) })
    }

    /// Whether the event is one of them.
    pub fn matches(&self, event: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Names(names) => names.iter().any(|name| name.eq_ignore_ascii_case(event)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases 1 to 4 and 7 of event-handlers.md §11.
    #[test]
    fn patterns_and_events() {
        for (pattern, matching, others) in [
            (Some("*"), &["foo", "connected", "ü"][..], &[][..]),
            (Some(" * "), &["foo"], &[]),
            (Some("a"), &["a", "A"], &["b", "aa", ""]),
            (Some("a,b"), &["a", "b"], &["c", "a,b"]),
            (Some(" a , B "), &["A", "b"], &["c", " a"]),
            (Some("a,*"), &["a", "c"], &[]),
            (Some("connected"), &["connected"], &["connect"]),
            (Some("order.v1_x-y/z 1"), &["Order.v1_x-y/z 1"], &["order"]),
            (Some(""), &[], &["foo", ""]),
            (Some("  "), &[], &["foo"]),
            (None, &[], &["foo"]),
        ] {
            let parsed = EventPattern::parse(pattern).expect("a pattern");
            for event in matching {
                assert!(parsed.matches(event), "{pattern:?} {event}");
            }
            for event in others {
                assert!(!parsed.matches(event), "{pattern:?} {event}");
            }
        }
    }

    /// Case 15 of event-handlers.md §11.
    #[test]
    fn wildcards_and_gaps_are_refused() {
        for pattern in ["room.*", "room.**", "room.?", "a,b*", "**", "?"] {
            let error = EventPattern::parse(Some(pattern)).expect_err("it is wrong").to_string();
            assert!(error.contains("no wildcards within a name"), "{pattern}: {error}");
        }
        for pattern in ["a,,b", "a,", ",", ", a"] {
            assert_eq!(EventPattern::parse(Some(pattern)), Err(InvalidPattern::Empty), "{pattern}");
        }
    }
}
