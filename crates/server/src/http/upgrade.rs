//! The handshake of a WebSocket client, in the order of checks of client-protocols.md §1.2.

use std::sync::Arc;

use http::header::{
    CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use hublet_hub::{Accept, Permissions, Protocol};
use hublet_wire::client::JSON_SUBPROTOCOL;
use hublet_wire::client::raw::{self, SimpleMode};
use hublet_wire::jwt::Claims;
use hublet_wire::ws::handshake;
use hublet_wire::{name, percent};
use hyper::body::Incoming;

use super::auth;
use super::respond::{self, Response, header};
use super::router::decode;
use super::{Connection, HttpContext};
use crate::denied::Denied;
use crate::node::NotAccepted;

/// The WebSocket version of RFC 6455.
const VERSION: &str = "13";

/// What is known of a client when all checks have passed.
struct Admitted {
    accept: Accept,
    /// The subprotocol to name in the answer, as the client spelled it (decision D20).
    subprotocol: Option<HeaderValue>,
    accept_key: HeaderValue,
}

/// Answers a handshake. `hub` is the hub as it stands in the path; `None`: it stands in the query.
///
/// The client is registered before the answer is written: whoever sees the answer gets every later message.
pub(super) async fn handshake(
    connection: &Arc<Connection>,
    mut request: http::Request<Incoming>,
    hub: Option<&str>,
) -> Response {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (request, _) = request.into_parts();
    let context = &connection.context;
    let Admitted { accept, subprotocol, accept_key } = match admit(context, &request, hub) {
        Ok(admitted) => admitted,
        Err(refusal) => return *refusal,
    };
    let connections_max = context.config.limits.connections_max;
    let reservation = match context.node.accept(context.shard, accept, connections_max).await {
        Ok(reservation) => reservation,
        Err(NotAccepted::Stopping) => return *stopping(),
        Err(NotAccepted::Full) => {
            tracing::warn!("limits.connections_max is reached: a client was refused");
            return *retry_later(StatusCode::TOO_MANY_REQUESTS, "Connection count reaches limit");
        }
    };
    connection.upgrade(on_upgrade, reservation);
    let mut response = respond::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept_key);
    if let Some(subprotocol) = subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

/// The first check that fails decides.
fn admit(context: &HttpContext, request: &Parts, path_hub: Option<&str>) -> Result<Admitted, Box<Response>> {
    let accept_key = check_upgrade(request)?;
    if context.node.is_stopping() {
        return Err(stopping());
    }
    let hub = hub_name(request, path_hub)?;
    let claims = identify(context, request, &hub)?;
    if let Some(claims) = &claims {
        check_groups(claims, context.config.limits.groups_per_connection)?;
    }
    let mode = raw::simple_mode(request.uri.query())
        .map_err(|invalid| refuse(StatusCode::BAD_REQUEST, invalid.to_string()))?;
    let (subprotocol, protocol) = match choose_subprotocol(&request.headers) {
        Some(json) => (Some(json), Protocol::Json),
        None => (None, simple_protocol(mode)),
    };
    Ok(Admitted { accept: accept(hub, claims.unwrap_or_default(), protocol), subprotocol, accept_key })
}

/// Whether this is a WebSocket request, and the key to answer it with (RFC 6455 §4.2.1).
fn check_upgrade(request: &Parts) -> Result<HeaderValue, Box<Response>> {
    let headers = &request.headers;
    let is_upgrade = request.method == Method::GET
        && request.version == http::Version::HTTP_11
        && has_word(headers, &UPGRADE, "websocket")
        && has_word(headers, &CONNECTION, "upgrade");
    if !is_upgrade {
        return Err(refuse(StatusCode::BAD_REQUEST, "This address is for WebSocket clients only."));
    }
    if header(headers, &SEC_WEBSOCKET_VERSION).map(str::trim) != Some(VERSION) {
        let mut response = refuse(StatusCode::UPGRADE_REQUIRED, "The WebSocket version must be 13.");
        response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        return Err(response);
    }
    header(headers, &SEC_WEBSOCKET_KEY)
        .and_then(handshake::accept_key)
        .and_then(|key| HeaderValue::try_from(key).ok())
        .ok_or_else(|| {
            refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing or not 16 bytes in base64.")
        })
}

fn has_word(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(word))
}

/// The hub, lower-cased (decision D12). It may stand in the path, in the query, or in both if they agree.
fn hub_name(request: &Parts, path_hub: Option<&str>) -> Result<String, Box<Response>> {
    let query = request.uri.query().unwrap_or_default();
    let in_query: Vec<String> = percent::query_pairs(query)
        .filter(|(name, _)| name.eq_ignore_ascii_case("hub"))
        .map(|(_, value)| value.to_ascii_lowercase())
        .collect();
    let hub = match path_hub {
        Some(hub) => decode(hub).map(|hub| hub.to_ascii_lowercase()),
        None => in_query.first().cloned(),
    };
    let hub = hub.filter(|hub| name::is_valid_hub(hub)).ok_or_else(|| {
        refuse(
            StatusCode::BAD_REQUEST,
            "The hub name is missing or invalid: a letter, then letters, digits or one of _`,.[] are allowed, 128 \
             characters at most.",
        )
    })?;
    if in_query.iter().any(|other| *other != hub) {
        return Err(refuse(StatusCode::BAD_REQUEST, "The request names more than one hub."));
    }
    Ok(hub)
}

/// The claims of the token; `None` for a client without one on a hub that allows it.
fn identify(context: &HttpContext, request: &Parts, hub: &str) -> Result<Option<Claims>, Box<Response>> {
    let query = request.uri.query().unwrap_or_default();
    let in_query = percent::query_pairs(query)
        .find(|(name, value)| name.eq_ignore_ascii_case("access_token") && !value.is_empty());
    let token = match &in_query {
        Some((_, token)) => Some(token.as_ref()),
        None => auth::bearer(request),
    };
    let Some(token) = token else {
        return if context.config.hub(hub).anonymous {
            Ok(None)
        } else {
            Err(unauthorized(hub, Denied::Missing))
        };
    };
    let canonical = format!("/client/hubs/{hub}");
    auth::authenticate_client(&context.config, request, token, &[&canonical, request.uri.path()])
        .map(Some)
        .map_err(|denied| unauthorized(hub, denied))
}

fn check_groups(claims: &Claims, groups_max: usize) -> Result<(), Box<Response>> {
    if !claims.groups.iter().all(|group| name::is_valid_group(group)) {
        return Err(refuse(StatusCode::BAD_REQUEST, "The token contains an invalid group name."));
    }
    if claims.groups.len() > groups_max {
        let sentence =
            format!("The token names more groups than the {groups_max} that a connection may be in.");
        return Err(refuse(StatusCode::BAD_REQUEST, sentence));
    }
    Ok(())
}

/// The first offered subprotocol that is spoken here (client-protocols.md §1.7).
fn choose_subprotocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let offered = handshake::offered(values);
    let chosen = offered.into_iter().find(|name| name.eq_ignore_ascii_case(JSON_SUBPROTOCOL))?;
    HeaderValue::from_str(chosen).ok()
}

fn simple_protocol(mode: SimpleMode) -> Protocol {
    match mode {
        SimpleMode::SendEvent => Protocol::SimpleEvent,
        SimpleMode::SendToGroup { group, no_echo } => {
            Protocol::SimpleSendToGroup { group: group.into(), no_echo }
        }
    }
}

fn accept(hub: String, claims: Claims, protocol: Protocol) -> Accept {
    let permissions = Permissions::from_roles_reporting(claims.roles.iter().map(String::as_str), |role| {
        tracing::info!(
            hub,
            role,
            "a role in a token is unknown, invalid or over the limit: it has no effect"
        );
    });
    Accept {
        hub: hub.into(),
        user: claims.sub.map(Into::into),
        permissions,
        groups: claims.groups.into_iter().map(Into::into).collect(),
        protocol,
    }
}

fn refuse(status: StatusCode, sentence: impl Into<String>) -> Box<Response> {
    Box::new(respond::text(status, sentence))
}

fn retry_later(status: StatusCode, sentence: &str) -> Box<Response> {
    let mut response = refuse(status, sentence);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn stopping() -> Box<Response> {
    retry_later(StatusCode::SERVICE_UNAVAILABLE, "The service is stopping.")
}

fn unauthorized(hub: &str, denied: Denied) -> Box<Response> {
    tracing::info!(hub, reason = %denied, "a client was refused");
    let mut response = refuse(StatusCode::UNAUTHORIZED, denied.to_string());
    response.headers_mut().insert(http::header::WWW_AUTHENTICATE, denied.challenge());
    response
}
