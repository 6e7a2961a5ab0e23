//! Making tokens signed with HMAC-SHA256, for clients and for calls to the REST API.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

/// `{"alg":"HS256","typ":"JWT"}`, which is what the official libraries write.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The claims of a token to be made. Claims that are `None` or empty are left out.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct NewToken<'a> {
    /// The URL the token is for.
    pub aud: &'a str,
    /// Expiry, in seconds since 1970.
    pub exp: i64,
    /// Time of issue, in seconds since 1970.
    pub iat: i64,
    /// Start of validity, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<&'a str>,
    /// User id of a client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<&'a str>,
    /// Roles of a client.
    #[serde(rename = "role", skip_serializing_if = "<[String]>::is_empty")]
    pub roles: &'a [String],
    /// Groups that a client joins on connecting.
    #[serde(rename = "webpubsub.group", skip_serializing_if = "<[String]>::is_empty")]
    pub groups: &'a [String],
}

impl NewToken<'_> {
    /// Header and payload, which are to be signed with HMAC-SHA256 and passed on to [`with_signature`].
    pub fn signing_input(&self) -> String {
        self.behind(HEADER.to_owned())
    }

    /// As [`Self::signing_input`], with a header that names the key.
    pub fn signing_input_with_kid(&self, kid: &str) -> String {
        let header = HeaderWithKid { alg: "HS256", kid, typ: "JWT" };
        self.behind(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap_or_default()))
    }

    fn behind(&self, mut input: String) -> String {
        // Strings and numbers always serialise, so there is no error to report.
        let payload = serde_json::to_vec(self).unwrap_or_default();
        input.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut input);
        input
    }
}

/// In the order of the original (rest-api.md §8.3).
#[derive(Serialize)]
struct HeaderWithKid<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

/// The finished token.
pub fn with_signature(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut signing_input);
    signing_input
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::{Claims, Header, parse};

    #[test]
    fn a_made_token_is_read_back() {
        let roles = ["webpubsub.sendToGroup".to_owned(), "webpubsub.joinLeaveGroup".to_owned()];
        let groups = ["a \"b\" ü".to_owned()];
        let new = NewToken {
            aud: "http://localhost/client/hubs/h",
            exp: 20,
            iat: 10,
            nbf: Some(11),
            iss: Some("i"),
            sub: Some("u"),
            roles: &roles,
            groups: &groups,
        };
        let input = new.signing_input();
        let text = with_signature(input.clone(), &[0xff; 32]);
        let token = parse(&text).unwrap();
        assert_eq!((token.signing_input, token.signature.as_slice()), (input.as_str(), &[0xff; 32][..]));
        assert_eq!(token.header, Header { alg: "HS256".to_owned(), kid: None });
        assert_eq!(
            token.claims,
            Claims {
                aud: vec![new.aud.to_owned()],
                exp: Some(20),
                nbf: Some(11),
                iat: Some(10),
                sub: Some("u".to_owned()),
                roles: roles.to_vec(),
                groups: groups.to_vec(),
                other: vec![("iss".to_owned(), vec!["i".to_owned()])],
            }
        );
    }

    #[test]
    fn a_key_can_be_named() {
        let input =
            NewToken { aud: "a", exp: 2, iat: 1, ..NewToken::default() }.signing_input_with_kid("s-\"1");
        let (header, payload) = input.split_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(header).unwrap(), br#"{"alg":"HS256","kid":"s-\"1","typ":"JWT"}"#);
        assert_eq!(URL_SAFE_NO_PAD.decode(payload).unwrap(), br#"{"aud":"a","exp":2,"iat":1}"#);
    }

    #[test]
    fn absent_claims_are_left_out() {
        let input = NewToken { aud: "a", exp: 2, iat: 1, ..NewToken::default() }.signing_input();
        let (header, payload) = input.split_once('.').unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(header).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
        assert_eq!(URL_SAFE_NO_PAD.decode(payload).unwrap(), br#"{"aud":"a","exp":2,"iat":1}"#);
    }
}
