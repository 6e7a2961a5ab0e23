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
#[error(
    "{0:?} in `userEventPattern` is no event name. Write * for all events, or names with commas between them; there are no \
     wildcards within a name."
)]
pub struct InvalidPattern(String);

impl EventPattern {
    /// Reads `*`, a name, or names with commas; nothing matches nothing.
    ///
    /// # Errors
    /// A name that no event can have.
    pub fn parse(text: Option<&str>) -> Result<Self, InvalidPattern> {
        let text = text.unwrap_or_default().trim();
        if text.is_empty() {
            return Ok(Self::None);
        }
        if text == "*" {
            return Ok(Self::All);
        }
        let name = |name: &str| {
            let name = name.trim();
            if hublet_wire::name::is_valid_event(name) {
                Ok(name.to_ascii_lowercase())
            } else {
                Err(InvalidPattern(name.to_owned()))
            }
        };
        text.split(',').map(name).collect::<Result<_, _>>().map(Self::Names)
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
