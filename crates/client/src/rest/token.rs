//! Client tokens made by the service.

use hyper::Method;
use serde::Deserialize;

use super::{Client, query_of};
use crate::error::Error;

/// For which kind of client a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientType {
    /// Simple and PubSub WebSocket clients.
    #[default]
    Default,
    /// MQTT clients.
    Mqtt,
}

/// What a client may do, and how long the token is good.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenOptions<'a> {
    /// The user id; none: an anonymous client.
    pub user: Option<&'a str>,
    /// Roles, such as `webpubsub.sendToGroup`.
    pub roles: &'a [String],
    /// Groups that the client is in from the start.
    pub groups: &'a [String],
    /// How long a connection can be made with it; none: an hour.
    pub minutes_to_expire: Option<u32>,
    /// The kind of client.
    pub client_type: ClientType,
}

impl Client {
    /// Lets the service make a client token. [`ConnectionString::client_access`] makes one without it.
    ///
    /// [`ConnectionString::client_access`]: crate::ConnectionString::client_access
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers without a token.
    pub async fn generate_token(&mut self, options: &TokenOptions<'_>) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: String,
        }
        let client_type = match options.client_type {
            ClientType::Default => None,
            ClientType::Mqtt => Some("MQTT"),
        };
        let query = query_of("userId", options.user)
            + &query_of("role", options.roles)
            + &query_of("group", options.groups)
            + &query_of("minutesToExpire", options.minutes_to_expire.map(|minutes| minutes.to_string()))
            + &query_of("clientType", client_type);
        let url = self.url("/:generateToken", &query);
        let body = self.perform(Method::POST, &url, None).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| Error::Message("the answer to :generateToken has no token"))?;
        Ok(answer.token)
    }
}
