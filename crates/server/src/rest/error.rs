//! Errors as the original answers them (rest-api.md §2.7, §6).

use std::borrow::Cow;

use http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use serde::Serialize;

use super::add_versions;
use crate::denied::Denied;
use crate::http::{Response, empty, json};
use crate::node::Overloaded;
use crate::portal;

const BAD_REQUEST: &str = "Error.BadRequest";

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum RestError {
    /// There is no such path.
    NoRoute,
    /// The path has other methods.
    Method(Vec<Method>),
    /// The credential is missing or not good, or not good enough.
    Denied(Denied),
    /// Signing in did not work, with why.
    SignIn(Denied),
    /// There were too many attempts to sign in; with the seconds to wait.
    TooManyAttempts(u64),
    /// The portal is turned off.
    PortalOff,
    /// The api-version is unknown, or there is more than one.
    Version {
        /// What the request is for, without the query.
        uri: String,
        /// What was asked for.
        version: String,
    },
    /// A name or parameter breaks its rule.
    Validation {
        /// The parameter, or the property in the body.
        target: Cow<'static, str>,
        /// What is wrong.
        message: String,
    },
    /// The request as a whole cannot be carried out.
    BadRequest(String),
    /// The type of the body is not one of the three.
    ContentType,
    /// There is no such connection, user or group.
    Missing {
        /// First part of the code; the original differs by operation.
        severity: Missing,
        /// `Connection`, `User` or `Group`.
        what: &'static str,
        /// Its name in the request.
        name: String,
    },
    /// The connection does not have the permission that was asked about.
    NotPermitted {
        /// The connection.
        connection: String,
        /// The permission.
        permission: &'static str,
    },
    /// The connection has as many single-group permissions as it may have.
    TooManyPermissions,
    /// It cannot be changed so, as things are.
    Conflict(String),
    /// The service cannot do it now.
    Unavailable(&'static str),
    /// More requests than `limits.rest_requests_per_second`.
    Throttled,
    /// A shard is too far behind.
    Overloaded,
}

/// First part of the code of [`RestError::Missing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Error,
    Warning,
    Info,
}

/// The standard body (rest-api.md §6.1).
#[derive(Serialize)]
struct Standard<'a> {
    code: &'a str,
    message: &'a str,
    target: &'a str,
    details: (),
    inner: (),
}

/// The body of the original's parameter validation (rest-api.md §6.3).
#[derive(Serialize)]
struct Problem<'a> {
    code: &'a str,
    message: &'a str,
    target: &'a str,
    errors: std::collections::BTreeMap<&'a str, [&'a str; 1]>,
    r#type: (),
    title: &'a str,
    status: u16,
    detail: (),
    instance: (),
    extensions: std::collections::BTreeMap<&'a str, ()>,
}

/// The body of the original's routing layer (rest-api.md §1.5).
#[derive(Serialize)]
struct Routing<'a> {
    error: RoutingError<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoutingError<'a> {
    code: &'a str,
    message: &'a str,
    inner_error: (),
}

impl RestError {
    pub(super) fn validation(target: &'static str, message: impl Into<String>) -> Self {
        Self::Validation { target: Cow::Borrowed(target), message: message.into() }
    }

    pub(super) fn invalid_group(target: &'static str) -> Self {
        Self::validation(
            target,
            "Invalid group name. Valid group name should be in between 1 and 1024 characters long.",
        )
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::BadRequest(message.into())
    }

    /// What is wrong, for the audit log: without what the request brought along, which may have secrets in it.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Denied(denied) | Self::SignIn(denied) => denied.to_string(),
            Self::Validation { target, .. } => format!("The value of {target} is not valid."),
            Self::Missing { what, .. } => format!("There is no such {}.", what.to_ascii_lowercase()),
            Self::Conflict(message) => message.clone(),
            Self::Unavailable(message) => (*message).to_owned(),
            Self::TooManyAttempts(_) | Self::Throttled => "There were too many requests.".to_owned(),
            Self::PortalOff => portal::OFF.to_owned(),
            Self::Overloaded => Overloaded.to_string(),
            Self::NotPermitted { .. } => "The connection does not have the permission.".to_owned(),
            Self::TooManyPermissions => "The connection has too many permissions.".to_owned(),
            Self::NoRoute
            | Self::Method(_)
            | Self::Version { .. }
            | Self::BadRequest(_)
            | Self::ContentType => "The request is not valid.".to_owned(),
        }
    }

    pub(super) fn into_response(self) -> Response {
        match self {
            Self::NoRoute => empty(StatusCode::NOT_FOUND),
            Self::Method(allowed) => {
                let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
                with_header(empty(StatusCode::METHOD_NOT_ALLOWED), ALLOW, &allowed.join(", "))
            }
            Self::Denied(denied) if !denied.is_for_people() => refused(denied, empty),
            Self::Denied(denied) | Self::SignIn(denied) => refused(denied, |status| {
                let code =
                    if status == StatusCode::FORBIDDEN { "Error.Forbidden" } else { "Error.Unauthorized" };
                standard(status, code, &denied.to_string(), "Request")
            }),
            Self::TooManyAttempts(seconds) => {
                let message =
                    format!("There were too many attempts to sign in. Try again in {seconds} seconds.");
                let response =
                    standard(StatusCode::TOO_MANY_REQUESTS, "Error.TooManyRequests", &message, "Request");
                with_header(response, RETRY_AFTER, &seconds.to_string())
            }
            Self::PortalOff => {
                standard(StatusCode::NOT_FOUND, "Error.Portal.Disabled", portal::OFF, "Request")
            }
            Self::Version { uri, version } => unsupported_version(&uri, &version),
            Self::Validation { target, message } => problem(&target, &message),
            Self::BadRequest(message) => standard(StatusCode::BAD_REQUEST, BAD_REQUEST, &message, "Request"),
            Self::ContentType => empty(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::Missing { severity, what, name } => {
                let severity = match severity {
                    Missing::Error => "Error",
                    Missing::Warning => "Warning",
                    Missing::Info => "Info",
                };
                let state = if what == "Group" { "empty" } else { "not found" };
                let message = format!("{what} `{name}` is {state}.");
                let code = format!("{severity}.{what}.NotExisted");
                let mut response = standard(StatusCode::NOT_FOUND, &code, &message, what);
                add_versions(&mut response);
                response
            }
            Self::NotPermitted { connection, permission } => {
                let message =
                    format!("Connection `{connection}` doesn't have the permission `{permission}`.");
                let mut response =
                    standard(StatusCode::NOT_FOUND, "Info.Connection.NotExisted", &message, "Connection");
                add_versions(&mut response);
                response
            }
            Self::TooManyPermissions => standard(
                StatusCode::CONFLICT,
                "Error.Connection.Conflict",
                "The connection has 1000 permissions for single groups, the most it may have.",
                "Connection",
            ),
            Self::Conflict(message) => standard(StatusCode::CONFLICT, "Error.Conflict", &message, "Request"),
            Self::Unavailable(message) => {
                retry_later(StatusCode::SERVICE_UNAVAILABLE, "Error.ServiceUnavailable", message)
            }
            Self::Throttled => retry_later(
                StatusCode::TOO_MANY_REQUESTS,
                "Error.TooManyRequests",
                "There are more requests than limits.rest_requests_per_second allows. Try again in a moment.",
            ),
            Self::Overloaded => retry_later(
                StatusCode::SERVICE_UNAVAILABLE,
                "Error.ServiceUnavailable",
                &Overloaded.to_string(),
            ),
        }
    }
}

impl From<Overloaded> for RestError {
    fn from(_: Overloaded) -> Self {
        Self::Overloaded
    }
}

/// 401 or 403, with the answer that `answer` makes of the status.
fn refused(denied: Denied, answer: impl FnOnce(StatusCode) -> Response) -> Response {
    if denied.is_forbidden() {
        return answer(StatusCode::FORBIDDEN);
    }
    let mut response = answer(StatusCode::UNAUTHORIZED);
    response.headers_mut().insert(WWW_AUTHENTICATE, denied.challenge());
    response
}

fn standard(status: StatusCode, code: &str, message: &str, target: &str) -> Response {
    coded(status, code, &Standard { code, message, target, details: (), inner: () })
}

fn unsupported_version(uri: &str, version: &str) -> Response {
    let code = "UnsupportedApiVersion";
    let message = format!(
        "The HTTP resource that matches the request URI '{uri}' does not support the API version '{version}'."
    );
    let error = RoutingError { code, message: &message, inner_error: () };
    coded(StatusCode::BAD_REQUEST, code, &Routing { error })
}

fn problem(target: &str, message: &str) -> Response {
    let problem = Problem {
        code: BAD_REQUEST,
        message,
        target,
        errors: [(target, [message])].into(),
        r#type: (),
        title: "One or more validation errors occurred.",
        status: StatusCode::BAD_REQUEST.as_u16(),
        detail: (),
        instance: (),
        extensions: Default::default(),
    };
    coded(StatusCode::BAD_REQUEST, BAD_REQUEST, &problem)
}

fn retry_later(status: StatusCode, code: &str, message: &str) -> Response {
    with_header(standard(status, code, message, "Request"), RETRY_AFTER, "1")
}

fn coded(status: StatusCode, code: &str, body: &impl Serialize) -> Response {
    // Strings, numbers and nulls always serialise.
    let response = json(status, serde_json::to_vec(body).unwrap_or_default());
    with_header(response, http::HeaderName::from_static("x-ms-error-code"), code)
}

fn with_header(mut response: Response, name: http::HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(error: RestError) -> String {
        let body = error.into_response().into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    /// The recorded bodies of rest-api.md §6.1 and §6.3.
    #[tokio::test]
    async fn bodies_are_the_recorded_ones() {
        let missing = RestError::Missing {
            severity: Missing::Error,
            what: "Connection",
            name: "fake-connection-id".into(),
        };
        assert_eq!(
            body(missing).await,
            r#"{"code":"Error.Connection.NotExisted","message":"Connection `fake-connection-id` is not found.","target":"Connection","details":null,"inner":null}"#
        );
        let invalid = body(RestError::validation("clientType", "The value 'socketio' is not valid.")).await;
        assert_eq!(
            invalid,
            r#"{"code":"Error.BadRequest","message":"The value 'socketio' is not valid.","target":"clientType","errors":{"clientType":["The value 'socketio' is not valid."]},"type":null,"title":"One or more validation errors occurred.","status":400,"detail":null,"instance":null,"extensions":{}}"#
        );
        assert_eq!(invalid.len(), 280);
        assert_eq!(body(RestError::invalid_group("Groups")).await.len(), 374);
        let version = RestError::Version { uri: "/p".into(), version: "v".into() };
        assert_eq!(
            body(version).await,
            r#"{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource that matches the request URI '/p' does not support the API version 'v'.","innerError":null}}"#
        );
    }

    #[tokio::test]
    async fn overload_asks_to_come_back() {
        let response = RestError::from(Overloaded).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["x-ms-error-code"], "Error.ServiceUnavailable");
        assert_eq!(
            body(RestError::Overloaded).await,
            r#"{"code":"Error.ServiceUnavailable","message":"The service is overloaded or restarts. Try again in a moment.","target":"Request","details":null,"inner":null}"#
        );
    }
}
