//! `/api/ext/session`: signing in to the portal, with a cookie from then on, and out.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use http::request::Parts;
use hublet_wire::jwt::TokenError;
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use super::super::error::RestError;
use super::super::{content, gone};
use super::hubs::document;
use super::time;
use crate::caller::{Caller, Who};
use crate::denied::Denied;
use crate::http::{Connection, Response, authenticate_subject, endpoint, now_s};
use crate::issuer::Access;
use crate::keys::KeyProof;
use crate::portal::{COOKIE_NAME, Holder, Portal, is_secure};

/// What somebody signs in with: one of these.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Credential {
    access_key: Option<String>,
    connection_string: Option<String>,
    token: Option<String>,
    development: Option<bool>,
}

/// Who is signed in, and what the page needs to know before anybody is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    signed_in: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// The page may sign in without a key.
    development: bool,
    issuers: Vec<&'a str>,
    endpoint: String,
    version: &'static str,
}

/// Who is signed in, if anybody is.
pub(super) fn show(connection: &Connection, request: &Parts) -> Result<Response, RestError> {
    let portal = portal(connection)?;
    let signed_in = portal.signed_in(connection, request).ok();
    Ok(answer(connection, request, signed_in))
}

/// The answer to a good sign-in, and who it is.
pub(super) struct SignedIn {
    pub(super) response: Response,
    pub(super) caller: Caller,
}

/// Signs in.
pub(super) async fn sign_in(
    connection: &Connection,
    request: &Parts,
    body: &mut Incoming,
) -> Result<SignedIn, RestError> {
    let portal = portal(connection)?;
    Portal::check_page(connection, request).map_err(RestError::Denied)?;
    portal
        .begin_attempt(connection.peer)
        .map_err(|wait| RestError::TooManyAttempts(wait.as_secs().max(1)))?;
    let credential = content::read_json(&request.headers, body).await?;
    let (holder, who, access, lifetime) = check(connection, request, &credential).await?;
    let opened = portal.open(request, connection.peer, holder, access, lifetime);
    let id =
        opened.ok_or(RestError::Unavailable("The system gives no random numbers. Try again in a moment."))?;
    let ends = Instant::now() + lifetime.unwrap_or(Portal::LIFETIME).min(Portal::LIFETIME);
    let caller = Caller { who, access, by_portal: true, from: connection.peer };
    let mut response = answer(connection, request, Some((caller.clone(), ends)));
    set_cookie(&mut response, &id, "", is_secure(connection, request));
    Ok(SignedIn { response, caller })
}

/// Signs out. Returns who did.
pub(super) fn sign_out(
    connection: &Connection,
    request: &Parts,
) -> Result<(Response, Option<Caller>), RestError> {
    let portal = portal(connection)?;
    Portal::check_page(connection, request).map_err(RestError::Denied)?;
    let caller = portal.signed_in(connection, request).ok().map(|(caller, _)| caller);
    portal.close(request);
    let mut response = gone();
    set_cookie(&mut response, "", "; Max-Age=0", is_secure(connection, request));
    Ok((response, caller))
}

fn portal(connection: &Connection) -> Result<&Portal, RestError> {
    connection.context.portal.as_deref().ok_or(RestError::PortalOff)
}

/// Whose credential it is, what it allows, and how long if not as long as others.
async fn check(
    connection: &Connection,
    request: &Parts,
    credential: &[u8],
) -> Result<(Holder, Who, Access, Option<Duration>), RestError> {
    let config = &connection.context.config;
    let by_key = |key: &str| {
        if config.auth.disable_local_auth {
            return Err(RestError::SignIn(Denied::KeysOff));
        }
        let proof = KeyProof::of(key);
        let name = config.keys.named_by(&proof).ok_or(RestError::SignIn(Denied::AccessKey))?;
        Ok((Holder::Key(proof), Who::Key(name), Access::All, None))
    };
    // The library's own text quotes what it cannot read.
    match serde_json::from_slice(credential).ok() {
        Some(Credential {
            access_key: Some(key),
            connection_string: None,
            token: None,
            development: None,
        }) => by_key(key.trim()),
        Some(Credential {
            access_key: None,
            connection_string: Some(text),
            token: None,
            development: None,
        }) => by_key(key_in(&text).unwrap_or_default()),
        Some(Credential {
            access_key: None,
            connection_string: None,
            token: Some(token),
            development: None,
        }) => {
            let (who, access, ends) =
                authenticate_subject(&connection.context, token.trim()).await.map_err(RestError::SignIn)?;
            let holder = match &who {
                Who::Subject(subject) => Holder::Subject(Arc::clone(subject)),
                Who::Key(_) | Who::Development => return Err(RestError::SignIn(Denied::Issuer)),
            };
            let left = u64::try_from(ends.saturating_sub(now_s())).unwrap_or_default();
            if left == 0 {
                // Calls have some minutes more, for clocks that differ; a session that is over would help nobody.
                return Err(RestError::SignIn(Denied::Token(TokenError::Expired)));
            }
            Ok((holder, who, access, Some(Duration::from_secs(left))))
        }
        Some(Credential {
            access_key: None,
            connection_string: None,
            token: None,
            development: Some(true),
        }) => {
            Portal::check_development(connection, request).map_err(RestError::SignIn)?;
            Ok((Holder::Development, Who::Development, Access::All, None))
        }
        _ => Err(RestError::bad_request(
            "The body must be a JSON object with one of accessKey, connectionString and token, or with development: \
             true.",
        )),
    }
}

/// The access key in a connection string, as SDKs find it.
fn key_in(text: &str) -> Option<&str> {
    let pairs = text.trim().trim_matches('"').split(';').filter_map(|pair| pair.split_once('='));
    let mut keys = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("AccessKey"));
    keys.next_back().map(|(_, key)| key.trim())
}

fn answer(connection: &Connection, request: &Parts, signed_in: Option<(Caller, Instant)>) -> Response {
    let config = &connection.context.config;
    let expires = signed_in
        .as_ref()
        .map(|(_, ends)| time::rfc3339(SystemTime::now() + ends.saturating_duration_since(Instant::now())));
    let caller = signed_in.map(|(caller, _)| caller);
    let shown = Document {
        signed_in: caller.is_some(),
        access: caller.as_ref().map(|caller| match caller.access {
            Access::All => "all",
            Access::Read => "read",
        }),
        name: caller.map(|caller| caller.who.to_string()),
        expires,
        development: Portal::check_development(connection, request).is_ok(),
        issuers: config.auth.issuers.iter().map(|issuer| issuer.issuer.as_str()).collect(),
        endpoint: endpoint(config, request, connection.secure),
        version: env!("CARGO_PKG_VERSION"),
    };
    document(StatusCode::OK, &shown)
}

/// Neither scripts nor other sites get the cookie, and it ends with the browser.
fn set_cookie(response: &mut Response, id: &str, more: &str, secure: bool) {
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!("{COOKIE_NAME}={id}; Path=/; HttpOnly; SameSite=Strict{secure}{more}");
    if let Ok(mut value) = HeaderValue::try_from(cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_connection_strings() {
        for (text, key) in [
            ("Endpoint=http://h;AccessKey=k=;Version=1.0;", Some("k=")),
            (" \"endpoint=http://h;ACCESSKEY= k \" ", Some("k")),
            ("AccessKey=a;AccessKey=b", Some("b")),
            ("Endpoint=http://h", None),
            ("", None),
        ] {
            assert_eq!(key_in(text), key, "{text}");
        }
    }

    #[test]
    fn one_credential_is_read_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Credential>(text).is_ok();
        assert!(read(r#"{"accessKey":"k"}"#) && read(r#"{"development":true}"#));
        assert!(!read(r#"{"accesskey":"k"}"#) && !read(r#"{"accessKey":"k","other":1}"#));
    }

    #[test]
    fn cookies_are_for_the_page_alone() {
        let cookie = |id: &str, more: &str, secure: bool| {
            let mut response = gone();
            set_cookie(&mut response, id, more, secure);
            response.headers()[SET_COOKIE].to_str().unwrap().to_owned()
        };
        assert_eq!(cookie("i", "", false), "hublet_session=i; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(
            cookie("", "; Max-Age=0", true),
            "hublet_session=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0"
        );
    }
}
