//! Tokens made by hand, so that each claim can be right or wrong.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::Value;

/// The key that everybody knows.
pub const DEVELOPMENT_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
/// A key that a service can be configured with.
pub const OWN_KEY: &str = "primary-key-primary-key-primary-key";
/// Another one.
pub const OTHER_KEY: &str = "secondary-key-secondary-key-secondary";
/// The header that everybody writes.
pub const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Seconds since 1970.
pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(since.as_secs()).expect("a clock before the end of time")
}

/// A token with these claims, signed with HMAC-SHA256.
pub fn signed(key: &str, claims: &Value) -> String {
    signed_with(hmac::HMAC_SHA256, HEADER, key, claims)
}

/// A token with any header, signed with any algorithm.
pub fn signed_with(algorithm: hmac::Algorithm, header: &str, key: &str, claims: &Value) -> String {
    let input = unsigned(header, claims);
    let signature = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Header and payload without a signature.
pub fn unsigned(header: &str, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The claims of a token.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    let json = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&json).expect("JSON")
}
