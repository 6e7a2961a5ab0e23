//! Which handler a path belongs to.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode, header};
use hublet_wire::percent;
use hyper::body::Incoming;

use super::cors::Cors;
use super::prefix::OriginalPath;
use super::respond::{self, Response};
use super::{Connection, api_page, metrics, portal_page, upgrade, viewer};
use crate::portal;
use crate::rest;

/// The `RestApiCategory` of a look at the health (operations.md §3).
const HEALTH_CHECK: &str = "HealthCheck";

/// What a path is about, by its first segments. Literals match without regard to case, and one slash at the end is
/// tolerated (rest-api.md §1.1).
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// `/`
    Root,
    /// `/client/hubs/{hub}` with the hub as it stands in the path.
    Client {
        hub: &'a str,
    },
    /// `/client`, the older form with the hub in the query.
    ClientByQuery,
    /// `/api/hubs/{hub}/…`, both parts as they stand in the path.
    Rest {
        hub: &'a str,
        rest: &'a str,
    },
    /// `/api/ext/…`: the admin API, with the path as it stands behind it.
    Ext {
        path: &'a str,
    },
    /// `/api`, `/api/{file}`: what describes the REST API, or nothing.
    ApiPage {
        file: &'a str,
    },
    /// `/portal`, `/portal/{file}`.
    Portal {
        file: &'a str,
    },
    /// `/livetrace`: a program reads the live trace.
    LiveTrace,
    /// `/metrics`: what is counted.
    Metrics,
    /// `/api/health`, `/health`: the process lives.
    Health,
    /// `/ready`: it takes clients.
    Ready,
    Unknown,
}

impl<'a> Place<'a> {
    /// Whether something is there that is not for everybody, or that protects such things.
    fn is_guarded(&self) -> bool {
        matches!(
            self,
            Self::Client { .. }
                | Self::ClientByQuery
                | Self::Rest { .. }
                | Self::Ext { .. }
                | Self::Portal { .. }
                | Self::LiveTrace
                | Self::Metrics
        )
    }

    fn of(path: &'a str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let (first, after) = path.split_once('/').unwrap_or((path, ""));
        let is = |segment: &str, literal: &str| segment.eq_ignore_ascii_case(literal);
        if path.is_empty() {
            return Self::Root;
        }
        if is(first, "client") {
            return match after.split_once('/') {
                None if after.is_empty() => Self::ClientByQuery,
                // An empty name is a hub that cannot be, not a path that is not there.
                None if is(after, "hubs") => Self::Client { hub: "" },
                Some((hubs, hub)) if is(hubs, "hubs") && !hub.contains('/') => Self::Client { hub },
                _ => Self::Unknown,
            };
        }
        if is(first, "api") {
            let (second, after) = after.split_once('/').unwrap_or((after, ""));
            if is(second, "hubs") && !after.is_empty() {
                let (hub, rest) = after.split_once('/').unwrap_or((after, ""));
                return Self::Rest { hub, rest };
            }
            if is(second, "ext") && !after.is_empty() {
                return Self::Ext { path: after };
            }
            return match after {
                "" if is(second, "health") => Self::Health,
                "" => Self::ApiPage { file: second },
                _ => Self::Unknown,
            };
        }
        if is(first, "portal") {
            return Self::Portal { file: after };
        }
        match after {
            "" if is(first, "health") => Self::Health,
            "" if is(first, "ready") => Self::Ready,
            "" if is(first, "livetrace") => Self::LiveTrace,
            "" if is(first, "metrics") => Self::Metrics,
            _ => Self::Unknown,
        }
    }
}

pub(super) async fn handle(connection: &Arc<Connection>, request: http::Request<Incoming>) -> Response {
    let node = &connection.context.node;
    if !has_one_host(&request) {
        return respond::empty(StatusCode::BAD_REQUEST);
    }
    // A clone of the URL shares its text.
    let url = request.uri().clone();
    let place = Place::of(url.path());
    let place = match place {
        Place::Metrics | Place::Health | Place::Ready => place,
        _ if connection.monitors => Place::Unknown,
        _ => place,
    };
    let cors = match place {
        Place::Rest { .. } | Place::Ext { .. } | Place::ApiPage { .. } | Place::Health => {
            Cors::of(&connection.context.config.rest.allowed_origins, request.headers())
        }
        _ => Cors::default(),
    };
    let preflight = cors.preflight(request.method(), request.headers());
    let mut response = match preflight {
        Some(response) => response,
        None => answer(connection, request, url.path(), place).await,
    };
    cors.mark(&mut response);
    if node.is_stopping() {
        // The connection ends with this answer, so that its client goes elsewhere.
        response.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    }
    response
}

/// Whether a request says once which host it is for (RFC 9112 §3.2).
fn has_one_host<B>(request: &http::Request<B>) -> bool {
    match request.headers().get_all(header::HOST).iter().count() {
        0 => request.version() != http::Version::HTTP_11 || request.uri().authority().is_some(),
        count => count == 1,
    }
}

async fn answer(
    connection: &Arc<Connection>,
    request: http::Request<Incoming>,
    path: &str,
    place: Place<'_>,
) -> Response {
    let context = &connection.context;
    let node = &context.node;
    let request = match check_host(connection, request, &place) {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    match place {
        Place::Client { hub } => upgrade::handshake(connection, request, Some(hub)).await,
        Place::ClientByQuery => upgrade::handshake(connection, request, None).await,
        Place::Rest { hub, rest } => rest::handle(connection, request, hub, rest).await,
        Place::Ext { path } => rest::handle_ext(connection, request, path).await,
        Place::LiveTrace => viewer::handshake(connection, request).await,
        Place::Metrics => {
            let (request, _) = request.into_parts();
            metrics::serve(connection, &request).await.unwrap_or_else(nothing)
        }
        Place::Health => {
            let (began, response) = (Instant::now(), health(request.method(), StatusCode::OK));
            if let Some(meter) = connection.context.meter() {
                meter.rest(HEALTH_CHECK, response.status(), began.elapsed());
            }
            response
        }
        Place::Ready if node.is_stopping() => health(request.method(), StatusCode::SERVICE_UNAVAILABLE),
        Place::Ready => health(request.method(), StatusCode::OK),
        Place::Root if !matches!(*request.method(), Method::GET | Method::HEAD) => {
            // To CONNECT anything else would be a tunnel.
            respond::read_only()
        }
        Place::Root if context.portal.is_some() && portal_page::wants_page(request.headers()) => {
            portal_page::redirect(request.extensions().get::<OriginalPath>())
        }
        Place::Root => respond::text(
            StatusCode::OK,
            format!("hublet {} is running. Clients connect to /client/hubs/HUB.", env!("CARGO_PKG_VERSION")),
        ),
        Place::ApiPage { file } => {
            api_page::serve(request.method(), request.headers(), path, file).unwrap_or_else(nothing)
        }
        Place::Portal { file } => portal_file(connection, request, path, file),
        Place::Unknown => nothing(),
    }
}

/// What is answered to a request that came by a name which is not ours; the request if it did not.
fn check_host<B>(
    connection: &Connection,
    request: http::Request<B>,
    place: &Place<'_>,
) -> Result<http::Request<B>, Box<Response>> {
    // The addresses for metrics are configured, and wherever those want them who read them.
    if connection.monitors || !place.is_guarded() {
        return Ok(request);
    }
    let (request, body) = request.into_parts();
    match portal::check_host(connection, &request) {
        Ok(()) => Ok(http::Request::from_parts(request, body)),
        Err(denied) => {
            if connection.context.refusals.may_tell() {
                tracing::info!(reason = %denied, "a request was refused");
            }
            Err(Box::new(match place {
                Place::Rest { .. } | Place::Ext { .. } => rest::refusal(denied),
                _ => respond::text(StatusCode::FORBIDDEN, denied.to_string()),
            }))
        }
    }
}

fn portal_file<B>(connection: &Connection, request: http::Request<B>, path: &str, file: &str) -> Response {
    let Some(portal) = &connection.context.portal else {
        return respond::text(StatusCode::NOT_FOUND, portal::OFF);
    };
    let (request, _) = request.into_parts();
    portal_page::serve(&request.method, &request.headers, path, file, portal.policy()).unwrap_or_else(nothing)
}

fn nothing() -> Response {
    respond::text(StatusCode::NOT_FOUND, "There is nothing at this path.")
}

fn health(method: &Method, status: StatusCode) -> Response {
    if method == Method::GET || method == Method::HEAD {
        respond::empty(status)
    } else {
        respond::read_only()
    }
}

/// A path segment as text; `None` when it is not UTF-8.
pub(crate) fn decode(segment: &str) -> Option<String> {
    String::from_utf8(percent::decode_segment(segment).into_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let rest = |hub, rest| Place::Rest { hub, rest };
        for (path, place) in [
            ("/", Place::Root),
            ("/client/hubs/chat", Place::Client { hub: "chat" }),
            ("/CLIENT/Hubs/chat%5B1%5D/", Place::Client { hub: "chat%5B1%5D" }),
            ("/client/hubs/", Place::Client { hub: "" }),
            ("/client/hubs", Place::Client { hub: "" }),
            ("/client/hubs/chat/x", Place::Unknown),
            ("/client", Place::ClientByQuery),
            ("/client/", Place::ClientByQuery),
            ("/client/chat", Place::Unknown),
            ("/clients/mqtt/hubs/chat", Place::Unknown),
            ("/api/hubs/chat/:send", rest("chat", ":send")),
            ("/API/HUBS/chat/users/a%2Fb/:send/", rest("chat", "users/a%2Fb/:send")),
            ("/api/hubs/chat", rest("chat", "")),
            ("/api/hubs/", Place::ApiPage { file: "hubs" }),
            ("/api/ext/hubs", Place::Ext { path: "hubs" }),
            ("/API/Ext/Hubs/chat/", Place::Ext { path: "Hubs/chat" }),
            ("/api/ext/", Place::ApiPage { file: "ext" }),
            ("/api", Place::ApiPage { file: "" }),
            ("/API/", Place::ApiPage { file: "" }),
            ("/api/openapi.json", Place::ApiPage { file: "openapi.json" }),
            ("/api/openapi.json/x", Place::Unknown),
            ("/api/health", Place::Health),
            ("/api/health/x", Place::Unknown),
            ("/portal", Place::Portal { file: "" }),
            ("/Portal/js/main.js", Place::Portal { file: "js/main.js" }),
            ("/portals", Place::Unknown),
            ("/health", Place::Health),
            ("/ready/", Place::Ready),
            ("/metrics", Place::Metrics),
            ("/metrics/x", Place::Unknown),
            ("/ready/x", Place::Unknown),
            ("/LiveTrace", Place::LiveTrace),
            ("/livetrace/negotiate", Place::Unknown),
            ("/nothing", Place::Unknown),
            ("*", Place::Unknown),
        ] {
            assert_eq!(Place::of(path), place, "{path}");
        }
    }
}
