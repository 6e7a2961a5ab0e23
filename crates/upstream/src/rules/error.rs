//! What is wrong with the settings of a hub.

use std::fmt;

use crate::nearest;

/// Settings that cannot be meant: which property, and a text that says what is wrong and what to change. It holds no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    property: String,
    text: String,
}

impl SettingsError {
    /// For a property such as `eventHandlers[1].systemEvents`; empty: for the settings as a whole.
    pub fn new(property: impl Into<String>, text: impl Into<String>) -> Self {
        Self { property: property.into(), text: text.into() }
    }

    /// The path of the property, as `eventHandlers[1].systemEvents`; empty for the settings as a whole.
    pub fn property(&self) -> &str {
        &self.property
    }

    /// For a value that is none of the `known` ones.
    pub(super) fn unknown(
        property: impl Into<String>,
        value: &str,
        what: &str,
        known: &[&'static str],
    ) -> Self {
        let hint = nearest::name(value, known.iter().copied())
            .map_or_else(String::new, |name| format!(" Did you mean \"{name}\"?"));
        Self::new(property, format!("{value:?} is no {what}. There are {}.{hint}", known.join(", ")))
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.property.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "`{}`: {}", self.property, self.text)
        }
    }
}

impl std::error::Error for SettingsError {}
