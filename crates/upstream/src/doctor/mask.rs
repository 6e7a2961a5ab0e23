//! Takes secrets out of what is shown.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What stands in place of a secret.
pub(super) const MASK: &str = "***";
/// Headers whose values are secrets.
const SECRET: [&str; 6] =
    ["authorization", "cookie", "set-cookie", "ce-signature", "proxy-authorization", "www-authenticate"];
const TOKEN: &str = "access_token";

/// Headers as they may be shown, those of the same name one after another.
pub(super) fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), header(name, value))).collect()
}

fn header(name: &HeaderName, value: &HeaderValue) -> String {
    if value.is_sensitive() || SECRET.contains(&name.as_str()) {
        return MASK.to_owned();
    }
    let text = String::from_utf8_lossy(value.as_bytes());
    if name == http::header::LOCATION {
        // A redirect may carry a code or a token.
        return text.split(['?', '#']).next().unwrap_or_default().to_owned();
    }
    tokens(&text)
}

/// A body as it may be shown; `None`: it is not text.
pub(super) fn body(bytes: &[u8]) -> Option<String> {
    // A character may be cut at the end.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    Some(tokens(text))
}

/// The body of `connect`, without the secrets of the client's own request. One that is cut is not shown.
pub(super) fn connect_body(bytes: &[u8]) -> Option<String> {
    let mut body: Value = serde_json::from_slice(bytes).ok()?;
    if let Some(headers) = body.get_mut("headers").and_then(Value::as_object_mut) {
        for (name, values) in headers {
            if SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
                *values = Value::from(vec![MASK]);
            }
        }
    }
    Some(tokens(&body.to_string()))
}

/// Masks what stands behind each `access_token`, as in queries, forms and JSON.
fn tokens(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = lower[done..].find(TOKEN) {
        let name_end = done + found + TOKEN.len();
        let rest = &text[name_end..];
        let start =
            rest.find(|c: char| !matches!(c, '"' | '\'' | ':' | '=' | ' ' | '[')).unwrap_or(rest.len());
        let value = &rest[start..];
        let end = value.find(['&', '"', '\'', ' ', ',', '}', ']', '\n', ';']).unwrap_or(value.len());
        masked.push_str(&text[done..name_end + start]);
        if start > 0 && end > 0 {
            masked.push_str(MASK);
        } else {
            masked.push_str(&value[..end]);
        }
        done = name_end + start + end;
    }
    masked.push_str(&text[done..]);
    masked
}
