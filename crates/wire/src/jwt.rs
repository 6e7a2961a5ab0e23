//! JSON Web Tokens in compact form: their parts, their claims, their lifetime and their audience; and the public keys
//! of issuers. No cryptography: whoever holds the keys checks [`UnverifiedToken::signature`] over
//! [`UnverifiedToken::signing_input`].
//!
//! Rules: client-protocols.md §1.4 and §1.5 for client tokens, rest-api.md §2.3 and §8.2 for both kinds.

mod audience;
mod claims;
mod issue;
mod jwks;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use audience::{Authorities, audience_matches};
pub use claims::{CLOCK_SKEW_S, Claims, Header};
pub use issue::{NewToken, with_signature};
pub use jwks::{Algorithm, Jwk, KEYS_MAX, KeyMaterial, KeySetError, parse_key_set};

/// Longest token that is looked at. Request heads are limited to less than twice that anyway.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;

/// A token whose parts could be read. Nothing in it may be believed before the signature is verified.
#[derive(Debug, Clone, PartialEq)]
pub struct UnverifiedToken<'a> {
    /// What the signature covers: the header and the payload as they came, with the dot between them.
    pub signing_input: &'a str,
    /// The signature, decoded.
    pub signature: Vec<u8>,
    /// The header.
    pub header: Header,
    /// The payload.
    pub claims: Claims,
}

/// Why a token is refused. The texts are for logs and never contain the token or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// More than [`TOKEN_BYTES_MAX`].
    #[error("The token is longer than 16 KiB.")]
    TooLong,
    /// Not three parts.
    #[error("The token does not have the three parts header.payload.signature.")]
    Parts,
    /// A part is not base64url without padding.
    #[error("The {0} of the token is not base64url without padding.")]
    Base64(&'static str),
    /// A part is not a JSON object.
    #[error("The {0} of the token is not a JSON object.")]
    Json(&'static str),
    /// The header has no algorithm.
    #[error("The header of the token names no algorithm.")]
    NoAlgorithm,
    /// The header demands an extension (RFC 7515 §4.1.11).
    #[error("The header of the token demands an extension that is not understood (crit).")]
    Critical,
    /// A claim or header that is needed has a value of the wrong type.
    #[error("The value of {0} in the token has the wrong type.")]
    Type(&'static str),
    /// No `exp`.
    #[error("The token has no expiry time (exp).")]
    NoExpiry,
    /// `exp` has passed.
    #[error("The token is expired.")]
    Expired,
    /// `nbf` has not come.
    #[error("The token is not valid yet (nbf).")]
    NotYetValid,
    /// No audience matches the request.
    #[error("The audience is invalid: no aud of the token is the URL of this request.")]
    Audience,
}

/// Takes a token apart. The signature is not verified.
pub fn parse(token: &str) -> Result<UnverifiedToken<'_>, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::TooLong);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenError::Parts)?;
    let (header, payload) = signing_input.split_once('.').ok_or(TokenError::Parts)?;
    if payload.contains('.') {
        return Err(TokenError::Parts);
    }
    Ok(UnverifiedToken {
        signing_input,
        signature: part("signature", signature)?,
        header: Header::read(&part("header", header)?)?,
        claims: Claims::read(&part("payload", payload)?)?,
    })
}

/// All claims of a token as an event handler gets them (event-handlers.md §5.1): in order, a repeated one several times,
/// strings as they are and other values as their JSON text. Nothing is verified.
///
/// # Errors
/// The payload cannot be read.
pub fn claim_texts(token: &str) -> Result<Vec<(String, Vec<String>)>, TokenError> {
    let payload = token.split('.').nth(1).ok_or(TokenError::Parts)?;
    claims::all_texts(&part("payload", payload)?)
}

fn part(name: &'static str, text: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Base64(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of the given JSON texts with the signature `sig`.
    fn token(header: &str, payload: &str) -> String {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{payload}.c2ln")
    }

    #[test]
    fn a_token_of_an_sdk() {
        let text = token(
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"role":["webpubsub.sendToGroup"],"webpubsub.group":["g"],"iat":1795449740,"exp":1795453340,
                "aud":"http://localhost:8080/client/hubs/chat","sub":"u"}"#,
        );
        let token = parse(&text).unwrap();
        assert_eq!(Some(token.signing_input), text.strip_suffix(".c2ln"));
        assert_eq!(token.signature, b"sig");
        assert_eq!(token.header, Header { alg: "HS256".to_owned(), kid: None });
        assert_eq!(
            token.claims,
            Claims {
                aud: vec!["http://localhost:8080/client/hubs/chat".to_owned()],
                exp: Some(1_795_453_340),
                iat: Some(1_795_449_740),
                sub: Some("u".to_owned()),
                roles: vec!["webpubsub.sendToGroup".to_owned()],
                groups: vec!["g".to_owned()],
                ..Claims::default()
            }
        );
    }

    #[test]
    fn shapes() {
        let valid = token(r#"{"alg":"HS256"}"#, "{}");
        let (input, _) = valid.rsplit_once('.').unwrap();
        let (header, payload) = input.split_once('.').unwrap();
        for (text, expected) in [
            (String::new(), TokenError::Parts),
            ("a".to_owned(), TokenError::Parts),
            ("a.b".to_owned(), TokenError::Parts),
            (format!("{valid}.e30.c2ln"), TokenError::Parts),
            (format!("{valid}.x"), TokenError::Parts),
            (format!("{header}.{payload}.c2l"), TokenError::Base64("signature")),
            (format!("{header}.{payload}.c2ln="), TokenError::Base64("signature")),
            // The last character has bits that are not used, and an encoder leaves them zero.
            (format!("{header}.{payload}.AB"), TokenError::Base64("signature")),
            (format!("{header}.{payload}.+/+/"), TokenError::Base64("signature")),
            (format!("{header}=.{payload}.c2ln"), TokenError::Base64("header")),
            (format!("{header}.{payload}=.c2ln"), TokenError::Base64("payload")),
            (format!("{header} .{payload}.c2ln"), TokenError::Base64("header")),
            (format!("..{}", "c2ln"), TokenError::Json("header")),
            (format!("{header}..c2ln"), TokenError::Json("payload")),
            (token("[]", "{}"), TokenError::Json("header")),
            (token(r#""HS256""#, "{}"), TokenError::Json("header")),
            (token(r#"{"alg":"HS256"}{}"#, "{}"), TokenError::Json("header")),
            (token("{}", "{}"), TokenError::NoAlgorithm),
            (token(r#"{"alg":null}"#, "{}"), TokenError::NoAlgorithm),
            (token(r#"{"alg":1}"#, "{}"), TokenError::Type("alg")),
            (token(r#"{"alg":"HS256","kid":1}"#, "{}"), TokenError::Type("kid")),
            (token(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, "{}"), TokenError::Critical),
            (token(r#"{"alg":"HS256"}"#, "[]"), TokenError::Json("payload")),
            (token(r#"{"alg":"HS256"}"#, "null"), TokenError::Json("payload")),
            (token(r#"{"alg":"HS256"}"#, "{} x"), TokenError::Json("payload")),
            (token(r#"{"alg":"HS256"}"#, &"[".repeat(5_000)), TokenError::Json("payload")),
            ("a.".repeat(8_193), TokenError::TooLong),
        ] {
            assert_eq!(parse(&text).map(|_| ()), Err(expected), "{text}");
        }
        let with_kid = token(r#"{"kid":"s-1","crit":null,"alg":"none"}"#, "{}");
        let header = parse(&with_kid).unwrap().header;
        assert_eq!(header, Header { alg: "none".to_owned(), kid: Some("s-1".to_owned()) });
        // An unsigned token has an empty signature, which no key verifies.
        assert_eq!(parse(&format!("{input}.")).unwrap().signature, b"");
    }
}
