//! Why a request was refused, for those who operate the service: with the audiences, which its sender is not told.

use std::sync::Arc;

use http::request::Parts;
use hublet_wire::jwt::{self, TokenError};

use super::auth::endpoint;
use super::respond::Response;
use crate::config::Config;
use crate::denied::Denied;

/// The sentence of a refusal, kept with its response.
#[derive(Debug, Clone)]
pub(super) struct Sentence(pub(super) Arc<str>);

/// Why a credential was refused: the sentence that its sender gets, or, when it is about the audience, the one of the
/// original's log (operations.md §4). No other part of a token is in it.
pub(crate) fn reason(
    denied: Denied,
    config: &Config,
    request: &Parts,
    secure: bool,
    path: &str,
    token: Option<&str>,
) -> String {
    if denied != Denied::Token(TokenError::Audience) {
        return denied.to_string();
    }
    let expected = format!("{}{path}", endpoint(config, request, secure));
    let actual = token.and_then(|token| jwt::parse(token).ok()).map(|token| token.claims.aud);
    let actual: Vec<String> = actual.unwrap_or_default();
    let bare = |url: &String| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    let actual: Vec<String> = actual.iter().map(bare).collect();
    format!(
        "Failed to validate audience. Expected Audiences: {expected}. Actual Audiences: {}",
        actual.join(", ")
    )
}

/// What a response to a handshake says about itself.
pub(super) fn sentence(response: &Response) -> Arc<str> {
    response.extensions().get::<Sentence>().map(|sentence| Arc::clone(&sentence.0)).unwrap_or_default()
}
