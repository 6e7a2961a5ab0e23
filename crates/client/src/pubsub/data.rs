//! The content of messages.

use serde::Serialize;
use serde_json::value::RawValue;

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Text.
    Text(String),
    /// A JSON value as text, spelled as the sender did. Make it with [`Data::json`] or [`Data::to_json`], which check it.
    Json(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A serialised `google.protobuf.Any`.
    Protobuf(Vec<u8>),
}

impl Data {
    /// A JSON value, given as text.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn json(text: &str) -> Result<Self, serde_json::Error> {
        let value: &RawValue = serde_json::from_str(text)?;
        Ok(Self::Json(value.get().to_owned()))
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// The value has no JSON form, such as a map whose keys are no strings.
    pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::Json(serde_json::to_string(value)?))
    }

    /// The `dataType` on the wire.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Json(_) => "json",
            Self::Binary(_) => "binary",
            Self::Protobuf(_) => "protobuf",
        }
    }

    /// The text of a text message, or of a JSON value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text),
            Self::Binary(_) | Self::Protobuf(_) => None,
        }
    }

    /// Length of the content in bytes, without an envelope.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Binary(bytes) | Self::Protobuf(bytes) => bytes.len(),
        }
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}
