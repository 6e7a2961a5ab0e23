//! Tokens, made on the spot from an access key as the official SDKs make them (rest-api.md §2.2 and §8.2).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hublet_wire::jwt::{NewToken, with_signature};
use hublet_wire::name;
use hublet_wire::percent;
use ring::hmac;

use crate::connection_string::ConnectionString;
use crate::error::Error;

/// How long a token for one REST call is good for. Clocks may differ by five minutes on top of that.
const REST_LIFETIME_S: i64 = 60;

/// What a client may do, and for how long the URL that says so is good.
#[derive(Debug, Clone)]
pub struct ClientAccess<'a> {
    /// The hub to connect to.
    pub hub: &'a str,
    /// The user id; none: an anonymous client.
    pub user: Option<&'a str>,
    /// Roles, such as `webpubsub.sendToGroup`.
    pub roles: &'a [String],
    /// Groups that the client is in from the start.
    pub groups: &'a [String],
    /// How long a connection can be made with it; an open connection stays.
    pub lifetime: Duration,
}

impl<'a> ClientAccess<'a> {
    /// Access to a hub without user, roles and groups, for one hour.
    pub fn new(hub: &'a str) -> Self {
        Self { hub, user: None, roles: &[], groups: &[], lifetime: Duration::from_secs(3600) }
    }
}

/// A client access URL in its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAccessUrl {
    /// The URL without the token.
    pub base_url: String,
    /// The token.
    pub token: String,
    /// When the token ends, in seconds since 1970.
    pub expires_at_s: i64,
}

impl ClientAccessUrl {
    /// The URL to give to a WebSocket library.
    pub fn url(&self) -> String {
        format!("{}?access_token={}", self.base_url, self.token)
    }
}

/// The token is left out.
impl fmt::Debug for ClientAccessUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}?access_token=*** until {}", self.base_url, self.expires_at_s)
    }
}

impl ConnectionString {
    /// Makes a client access URL.
    ///
    /// # Errors
    /// The hub name is not allowed.
    pub fn client_access(&self, access: &ClientAccess<'_>) -> Result<ClientAccessUrl, Error> {
        check_hub(access.hub)?;
        let path = format!("/client/hubs/{}", percent::encode(access.hub));
        let now_s = now_s();
        let lifetime_s = i64::try_from(access.lifetime.as_secs()).unwrap_or(i64::MAX);
        let expires_at_s = now_s.saturating_add(lifetime_s);
        let token = self.sign(&NewToken {
            aud: &format!("{}{path}", self.endpoint()),
            exp: expires_at_s,
            iat: now_s,
            sub: access.user,
            roles: access.roles,
            groups: access.groups,
            ..NewToken::default()
        });
        Ok(ClientAccessUrl { base_url: format!("{}{path}", self.websocket_endpoint()), token, expires_at_s })
    }

    /// Makes a token for one REST call.
    ///
    /// The audience is the URL of the request as it is sent, with its query, which is what the SDKs write.
    pub fn rest_token(&self, url: &str) -> String {
        let now_s = now_s();
        self.sign(&NewToken { aud: url, exp: now_s + REST_LIFETIME_S, iat: now_s, ..NewToken::default() })
    }

    fn sign(&self, token: &NewToken<'_>) -> String {
        let input = token.signing_input();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.access_key().as_bytes());
        let signature = hmac::sign(&key, input.as_bytes());
        with_signature(input, signature.as_ref())
    }
}

/// Checks a hub name before the service does.
///
/// # Errors
/// The name is not allowed.
pub fn check_hub(hub: &str) -> Result<(), Error> {
    if name::is_valid_hub(hub) { Ok(()) } else { Err(Error::Hub(hub.to_owned())) }
}

/// The client access URL for a simple client whose every message goes to a group, made from one for any client
/// (client-protocols.md §2.2).
pub fn send_to_group_url(url: &str, group: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}webpubsub_mode=sendToGroup&group={}", percent::encode(group))
}

fn now_s() -> i64 {
    // A clock before 1970 gives tokens that are expired, and the service says so.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use hublet_wire::jwt::{self, Authorities, audience_matches};

    use super::*;

    #[test]
    fn a_client_access_url() {
        let service = ConnectionString::development();
        let roles = ["webpubsub.sendToGroup".to_owned()];
        let groups = ["a".to_owned(), "b".to_owned()];
        let access = ClientAccess {
            user: Some("u"),
            roles: &roles,
            groups: &groups,
            lifetime: Duration::from_secs(60),
            ..ClientAccess::new("chat[1]")
        };
        let url = service.client_access(&access).unwrap();
        assert_eq!(url.base_url, "ws://localhost:8080/client/hubs/chat%5B1%5D");
        assert_eq!(url.url(), format!("{}?access_token={}", url.base_url, url.token));
        assert!(!format!("{url:?}").contains(&url.token));

        let token = jwt::parse(&url.token).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, service.access_key().as_bytes());
        hmac::verify(&key, token.signing_input.as_bytes(), &token.signature).unwrap();
        let claims = token.claims;
        assert_eq!(claims.aud, ["http://localhost:8080/client/hubs/chat%5B1%5D"]);
        let localhost = Authorities::OneOf(&["localhost:8080"]);
        assert!(audience_matches(&claims.aud[0], "/client/hubs/chat%5B1%5D", localhost));
        assert_eq!(
            (claims.sub.as_deref(), claims.roles, claims.groups),
            (Some("u"), roles.to_vec(), groups.to_vec())
        );
        assert_eq!(claims.exp, Some(url.expires_at_s));
        assert_eq!(claims.iat, Some(url.expires_at_s - 60));
    }

    #[test]
    fn a_hub_name_is_checked_before_the_service_refuses_it() {
        let access = ClientAccess::new("1 hub");
        let error = ConnectionString::development().client_access(&access).unwrap_err();
        assert!(error.to_string().starts_with("\"1 hub\" is not a hub name"), "{error}");
    }

    #[test]
    fn a_simple_client_that_publishes() {
        for (url, expected) in [
            ("ws://h/client/hubs/c", "ws://h/client/hubs/c?webpubsub_mode=sendToGroup&group=a%26b"),
            ("ws://h/c?access_token=t", "ws://h/c?access_token=t&webpubsub_mode=sendToGroup&group=a%26b"),
        ] {
            assert_eq!(send_to_group_url(url, "a&b"), expected);
        }
    }

    #[test]
    fn a_rest_token_is_made_out_for_its_url() {
        let url = "http://localhost:8080/api/hubs/chat/:send?api-version=2024-12-01";
        let token = ConnectionString::development().rest_token(url);
        let claims = jwt::parse(&token).unwrap().claims;
        assert_eq!(claims.aud, [url]);
        claims.check_lifetime(now_s()).unwrap();
    }
}
