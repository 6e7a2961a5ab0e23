//! The handshake of a WebSocket client, in the order of checks of client-protocols.md §1.2.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{
    CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use hublet_hub::Accept;
use hublet_upstream::Admission;
use hublet_wire::client::raw::{self, SimpleMode};
use hublet_wire::jwt::Claims;
use hublet_wire::ws::handshake;
use hublet_wire::{name, percent};
use hyper::body::Incoming;

use super::auth;
use super::candidate::{self, Candidate, Token};
use super::negotiate::{self, Choice};
use super::quirks;
use super::refusal::{self, Sentence};
use super::respond::{self, Response, header};
use super::router::decode;
use super::viewer::Viewing;
use super::{Connection, HttpContext};
use crate::denied::Denied;
use crate::node::{NotAccepted, Reservation};

/// The WebSocket version of RFC 6455.
const VERSION: &str = "13";

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
    let response = match welcome(connection, &request, hub).await {
        Ok((mut newcomer, response)) => {
            if let Newcomer::Client(reservation) = &mut newcomer {
                reservation.is_paced = quirks::misses_fast_answers(&request.headers);
            }
            connection.upgrade(on_upgrade, newcomer);
            response
        }
        Err(refusal) => {
            tell(connection, &request, hub, &refusal);
            *refusal
        }
    };
    if let Some(meter) = connection.context.meter() {
        meter.handshake(response.status());
    }
    response
}

/// Tells those who look that a client was refused.
fn tell(connection: &Connection, request: &Parts, hub: Option<&str>, refusal: &Response) {
    let context = &connection.context;
    let hub = hub_name(request, hub).ok();
    let why = match refusal.extensions().get::<Denied>() {
        Some(denied) => {
            let token = query_value(request, "access_token");
            let token = token.as_deref().or_else(|| auth::bearer(request));
            let path = format!("/client/hubs/{}", hub.as_deref().unwrap_or_default());
            refusal::reason(*denied, &context.config, request, connection.secure, &path, token).into()
        }
        None => refusal::sentence(refusal),
    };
    context.tracer.refused_client(request, connection.peer, hub, refusal.status(), &why);
}

/// Whose socket it is once the handshake is answered.
#[derive(Debug)]
pub(super) enum Newcomer {
    /// A client's.
    Client(Reservation),
    /// One who reads the live trace.
    Viewer(Box<Viewing>),
    /// One who wants to come back and cannot: that is said by a close frame, since clients take any HTTP error for a reason
    /// to try again (decision D9).
    Stranger,
}

/// Checks the request, asks the application if it wants to be asked, and registers the client.
async fn welcome(
    connection: &Connection,
    request: &Parts,
    hub: Option<&str>,
) -> Result<(Newcomer, Response), Box<Response>> {
    let context = &connection.context;
    let limits = &context.config.limits;
    let not_accepted = |reason| not_accepted(context, reason);
    let accept_key = check_upgrade(request)?;
    if let Some(id) = query_value(request, "awps_connection_id") {
        let (newcomer, subprotocol) = recover(context, request, hub, &id).await?;
        return Ok((newcomer, switching_protocols(accept_key, subprotocol)));
    }
    let candidate = examine(context, request, hub)?;
    let (reservation, choice) = if context.courier.asks_before_connect(&candidate.hub) {
        let reservation =
            context.node.reserve(context.shard, limits.connections_max).await.map_err(not_accepted)?;
        let admission = ask(connection, &candidate, &reservation).await?;
        let (accept, choice) = admit(candidate, admission, limits.groups_per_connection)?;
        reservation.activate(accept).await.map_err(not_accepted)?;
        (reservation, choice)
    } else {
        let (accept, choice) = admit(candidate, Admission::default(), limits.groups_per_connection)?;
        let accepted = context.node.accept(context.shard, accept, limits.connections_max).await;
        (accepted.map_err(not_accepted)?, choice)
    };
    Ok((Newcomer::Client(reservation), switching_protocols(accept_key, choice.echo)))
}

/// A client wants to come back to its connection. Its token is not looked at: only the reconnection token counts
/// (client-protocols.md §5.4).
async fn recover(
    context: &HttpContext,
    request: &Parts,
    hub: Option<&str>,
    id: &str,
) -> Result<(Newcomer, Option<HeaderValue>), Box<Response>> {
    if context.node.is_stopping() {
        return Err(stopping());
    }
    let hub = hub_name(request, hub)?;
    let token = query_value(request, "awps_reconnection_token").unwrap_or_default();
    let now_s = u64::try_from(auth::now_s()).unwrap_or_default();
    let id = id.parse().ok().filter(|id| context.config.keys.verify_reconnection(&token, id, now_s));
    let resumed = match id {
        Some(id) => context.node.resume(id, hub.as_str().into()).await,
        None => None,
    };
    let offered = negotiate::offered(&request.headers);
    Ok(match resumed {
        Some((reservation, subprotocol)) => {
            (Newcomer::Client(reservation), negotiate::resumed(&offered, subprotocol))
        }
        // Its connection is on its way to the next process.
        None if context.node.is_stopping() => return Err(stopping()),
        None => {
            tracing::debug!(hub, "a connection could not be recovered");
            if let Some(meter) = context.meter() {
                meter.not_recovered();
            }
            let chosen = negotiate::choose(&offered, None, SimpleMode::SendEvent);
            (Newcomer::Stranger, chosen.ok().and_then(|choice| choice.echo))
        }
    })
}

/// A parameter of the query that is there and not empty; names have no case.
pub(super) fn query_value<'a>(request: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    let pairs = percent::query_pairs(request.uri.query().unwrap_or_default());
    let found = pairs.into_iter().find(|(own, value)| own.eq_ignore_ascii_case(name) && !value.is_empty());
    found.map(|(_, value)| value)
}

pub(super) fn switching_protocols(accept_key: HeaderValue, subprotocol: Option<HeaderValue>) -> Response {
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

/// Everything that can be known without asking the application. The first check that fails decides.
fn examine<'a>(
    context: &HttpContext,
    request: &'a Parts,
    path_hub: Option<&str>,
) -> Result<Candidate<'a>, Box<Response>> {
    if context.node.is_stopping() {
        return Err(stopping());
    }
    let hub = hub_name(request, path_hub)?;
    let token = identify(context, request, &hub)?;
    let user = token.as_ref().and_then(|token| token.claims.sub.as_deref());
    if user.is_some_and(|user| user.contains(char::is_control))
        && context.hubs.get(&hub).is_some_and(|rules| !rules.handlers.is_empty())
    {
        // Its events could not be told, so the application would not know that it is there.
        let sentence = "The user id of the token has control characters, which events cannot carry.";
        return Err(refuse(StatusCode::BAD_REQUEST, sentence));
    }
    if let Some(token) = &token {
        check_groups(&token.claims, context.config.limits.groups_per_connection)?;
    }
    let mode = raw::simple_mode(request.uri.query())
        .map_err(|invalid| refuse(StatusCode::BAD_REQUEST, invalid.to_string()))?;
    Ok(Candidate { request, hub: hub.into(), token, mode, host: auth::host_name(request).into() })
}

/// Asks the event handler whether the client may come in.
async fn ask(
    connection: &Connection,
    candidate: &Candidate<'_>,
    reservation: &Reservation,
) -> Result<Admission, Box<Response>> {
    let Some(id) = reservation.id() else { return Err(stopping()) };
    let context = &connection.context;
    let _asking = connection.asking();
    let (event, trace) = (candidate.connect_event(id), context.tracer.context(candidate.request));
    tokio::select! {
        admission = context.courier.connect_within(event, trace) => admission.map_err(|status| {
            if context.refusals.may_tell() {
                tracing::info!(hub = &*candidate.hub, %status, "a client was refused by its event handler");
            }
            refuse(status, candidate::refusal(status))
        }),
        () = context.node.stopped() => Err(stopping()),
    }
}

fn admit(
    candidate: Candidate<'_>,
    admission: Admission,
    groups_max: usize,
) -> Result<(Accept, Choice), Box<Response>> {
    let hub = Arc::clone(&candidate.hub);
    candidate.admit(admission, groups_max).map_err(|invalid| {
        tracing::warn!(hub = &*hub, "the event handler's answer to `connect` is no good: {invalid}");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        refuse(status, candidate::refusal(status))
    })
}

fn not_accepted(context: &HttpContext, reason: NotAccepted) -> Box<Response> {
    match reason {
        NotAccepted::Stopping => stopping(),
        NotAccepted::Full => {
            if context.refusals.may_tell() {
                tracing::warn!("limits.connections_max is reached: a client was refused");
            }
            retry_later(StatusCode::TOO_MANY_REQUESTS, "Connection count reaches limit")
        }
    }
}

/// Whether this is a WebSocket request, and the key to answer it with (RFC 6455 §4.2.1).
pub(super) fn check_upgrade(request: &Parts) -> Result<HeaderValue, Box<Response>> {
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

/// The verified token; `None` for a client without one on a hub that allows it.
fn identify<'a>(
    context: &HttpContext,
    request: &'a Parts,
    hub: &str,
) -> Result<Option<Token<'a>>, Box<Response>> {
    let token = query_value(request, "access_token").or_else(|| auth::bearer(request).map(Cow::Borrowed));
    let Some(text) = token else {
        return if context.hubs.get(hub).is_some_and(|rules| rules.anonymous) {
            Ok(None)
        } else {
            Err(unauthorized(context, hub, Denied::Missing))
        };
    };
    let canonical = format!("/client/hubs/{hub}");
    auth::authenticate_client(&context.config, request, &text, &[&canonical, request.uri.path()])
        .map(|claims| Some(Token { text, claims }))
        .map_err(|denied| unauthorized(context, hub, denied))
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

pub(super) fn refuse(status: StatusCode, sentence: impl Into<String>) -> Box<Response> {
    let sentence: String = sentence.into();
    let mut response = respond::text(status, sentence.as_str());
    response.extensions_mut().insert(Sentence(sentence.into()));
    Box::new(response)
}

pub(super) fn retry_later(status: StatusCode, sentence: &str) -> Box<Response> {
    let mut response = refuse(status, sentence);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn stopping() -> Box<Response> {
    retry_later(StatusCode::SERVICE_UNAVAILABLE, "The service is stopping.")
}

fn unauthorized(context: &HttpContext, hub: &str, denied: Denied) -> Box<Response> {
    if context.refusals.may_tell() {
        tracing::info!(hub, reason = %denied, "a client was refused");
    }
    let mut response = refuse(StatusCode::UNAUTHORIZED, denied.to_string());
    response.headers_mut().insert(http::header::WWW_AUTHENTICATE, denied.challenge());
    response.extensions_mut().insert(denied);
    response
}
