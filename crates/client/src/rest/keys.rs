//! Access keys of a running service: a part of the API that is hublet's own, under `/api/ext/`.

use std::fmt;

use hyper::Method;
use serde::Deserialize;

use super::Client;
use super::transport::Content;
use crate::error::Error;

/// Which of the two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// The one that also signs what the service issues itself.
    Primary,
    /// The other one.
    Secondary,
}

/// The access keys of a service. They are not in the text that `{:?}` makes.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// Where they come from: `development`, `configured` or `stored`.
    pub source: String,
    /// The primary key.
    pub primary_key: String,
    /// The secondary key, if there is one.
    pub secondary_key: Option<String>,
    /// A connection string with the primary key.
    pub primary_connection_string: String,
    /// A connection string with the secondary key, if there is one.
    pub secondary_connection_string: Option<String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Client {
    /// The access keys. It needs no hub.
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers something else.
    pub async fn keys(&mut self) -> Result<Keys, Error> {
        let url = format!("{}/api/ext/keys", self.service.endpoint());
        keys(&self.perform(Method::GET, &url, None).await?)
    }

    /// Replaces one key by a new one and returns both as they are now. If it is the key of this client, its later calls are
    /// refused.
    ///
    /// # Errors
    /// The service refuses it (409: its keys are not its own to change), or is not there.
    pub async fn regenerate_key(&mut self, which: KeyType) -> Result<Keys, Error> {
        let url = format!("{}/api/ext/keys/:regenerate", self.service.endpoint());
        let body = match which {
            KeyType::Primary => r#"{"keyType":"Primary"}"#,
            KeyType::Secondary => r#"{"keyType":"Secondary"}"#,
        };
        keys(&self.perform(Method::POST, &url, Some(Content::new("application/json", body))).await?)
    }
}

fn keys(body: &[u8]) -> Result<Keys, Error> {
    serde_json::from_slice(body).map_err(|_| Error::Message("the answer holds no access keys"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_not_shown() {
        let answer = br#"{"source":"configured","primaryKey":"hush","secondaryKey":null,"reason":"more",
            "primaryConnectionString":"Endpoint=http://h;AccessKey=hush;","secondaryConnectionString":null}"#;
        let read = keys(answer).unwrap();
        assert_eq!((read.primary_key.as_str(), &read.secondary_key), ("hush", &None));
        assert_eq!(format!("{read:?}"), "Keys { source: \"configured\", .. }");
        assert!(keys(b"{}").is_err());
    }
}
