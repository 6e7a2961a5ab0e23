//! The admin API under `/api/ext/…`: what the original's data plane has not. Authentication and errors are those of the
//! REST API.

mod about;
mod audit;
mod doctor;
mod hubs;
mod inventory;
mod keys;
mod overview;
mod session;
pub(crate) mod time;
mod trace;

use std::borrow::Cow;
use std::time::Instant;

use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::{HeaderValue, Method};
use hyper::body::Incoming;

use self::inventory::Listing;
use super::error::RestError;
use super::parameters::Parameters;
use super::route::literal;
use super::{UNCATEGORIZED, content, count, hub_name, tell_of_denied};
use crate::http::{Connection, Response, authenticate_request};
use crate::issuer::Access;

/// Answers a request; `path` as it stands in the URL behind `/api/ext/`.
pub(crate) async fn handle(
    connection: &Connection,
    request: http::Request<Incoming>,
    path: &str,
) -> Response {
    let began = Instant::now();
    let context = &connection.context;
    let (request, mut body) = request.into_parts();
    let answer = answer(connection, &request, &mut body, path).await;
    if let Err(RestError::Denied(denied) | RestError::SignIn(denied)) = &answer {
        if context.refusals.may_tell() {
            tracing::info!(path, reason = %denied, "a request to the admin API was refused");
        }
        tell_of_denied(connection, &request, None, *denied);
    }
    content::discard(&request.headers, &mut body).await;
    let mut response = answer.unwrap_or_else(RestError::into_response);
    // Some have keys in them, and all are about now.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    count(context, UNCATEGORIZED, &response, began);
    response
}

/// What a request asks for, with the name of the hub as it stands in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation<'a> {
    Overview,
    History,
    Inventory,
    ListConnections(&'a str),
    ShowConnection(&'a str, &'a str),
    ListUsers(&'a str),
    ListGroups(&'a str),
    ListHubs,
    GetHub(&'a str),
    PutHub(&'a str),
    DeleteHub(&'a str),
    TestHub(&'a str),
    ListExchanges(&'a str),
    Replay(&'a str, &'a str),
    ShowSession,
    SignIn,
    SignOut,
    ShowKeys,
    RegenerateKey,
    ListAudit,
    About,
    Trace,
    Logs,
}

impl<'a> Operation<'a> {
    /// # Errors
    /// 404 for a path that is none, 405 for one with other methods.
    fn find(method: &Method, path: &'a str) -> Result<Self, RestError> {
        let mut segments = path.split('/');
        let first = literal(segments.next().unwrap_or_default());
        let [hub, second, id, last] = std::array::from_fn(|_| segments.next());
        if segments.next().is_some() {
            return Err(RestError::NoRoute);
        }
        let [second, last] = [second, last].map(|segment| segment.map(literal));
        let operations: &[(Method, Self)] = match (&*first, hub, second.as_deref(), id, last.as_deref()) {
            ("session", None, ..) => &[
                (Method::GET, Self::ShowSession),
                (Method::POST, Self::SignIn),
                (Method::DELETE, Self::SignOut),
            ],
            ("about", None, ..) => &[(Method::GET, Self::About)],
            ("audit", None, ..) => &[(Method::GET, Self::ListAudit)],
            ("keys", None, ..) => &[(Method::GET, Self::ShowKeys)],
            ("keys", Some(action), None, ..) if &*literal(action) == ":regenerate" => {
                &[(Method::POST, Self::RegenerateKey)]
            }
            ("overview", None, ..) => &[(Method::GET, Self::Overview)],
            ("overview", Some(history), None, ..) if &*literal(history) == "history" => {
                &[(Method::GET, Self::History)]
            }
            ("inventory", None, ..) => &[(Method::GET, Self::Inventory)],
            ("trace", None, ..) => &[(Method::GET, Self::Trace)],
            ("logs", None, ..) => &[(Method::GET, Self::Logs)],
            ("hubs", None, ..) => &[(Method::GET, Self::ListHubs)],
            ("hubs", Some(hub), None, ..) => &[
                (Method::GET, Self::GetHub(hub)),
                (Method::PUT, Self::PutHub(hub)),
                (Method::DELETE, Self::DeleteHub(hub)),
            ],
            ("hubs", Some(hub), Some(":test"), None, _) => &[(Method::POST, Self::TestHub(hub))],
            ("hubs", Some(hub), Some("connections"), None, _) => &[(Method::GET, Self::ListConnections(hub))],
            ("hubs", Some(hub), Some("connections"), Some(id), None) => {
                &[(Method::GET, Self::ShowConnection(hub, id))]
            }
            ("hubs", Some(hub), Some("users"), None, _) => &[(Method::GET, Self::ListUsers(hub))],
            ("hubs", Some(hub), Some("groups"), None, _) => &[(Method::GET, Self::ListGroups(hub))],
            ("hubs", Some(hub), Some("exchanges"), None, _) => &[(Method::GET, Self::ListExchanges(hub))],
            ("hubs", Some(hub), Some("exchanges"), Some(id), Some(":replay")) => {
                &[(Method::POST, Self::Replay(hub, id))]
            }
            _ => return Err(RestError::NoRoute),
        };
        let found = operations.iter().find(|(known, _)| known == method).map(|(_, operation)| *operation);
        found.ok_or_else(|| RestError::Method(operations.iter().map(|(method, _)| method.clone()).collect()))
    }
}

/// In the order of the REST API's checks: route, credential, rate, names, body.
async fn answer(
    connection: &Connection,
    request: &Parts,
    body: &mut Incoming,
    path: &str,
) -> Result<Response, RestError> {
    let context = &connection.context;
    let operation = Operation::find(&request.method, path)?;
    let within_rate = || {
        let is_over = context.rate_limit.as_deref().is_some_and(|limit| !limit.take());
        if is_over { Err(RestError::Throttled) } else { Ok(()) }
    };
    match operation {
        Operation::ShowSession => {
            within_rate()?;
            return session::show(connection, request);
        }
        Operation::SignIn => {
            within_rate()?;
            let outcome = session::sign_in(connection, request, body).await;
            return audit::record_sign_in(connection, outcome);
        }
        Operation::SignOut => {
            within_rate()?;
            let (response, caller) = session::sign_out(connection, request).inspect_err(|_| {
                let portal = context.portal.as_ref();
                let asks = portal.and_then(|portal| portal.authenticate(connection, request, Access::Read));
                if let Some(Err(refused)) = asks {
                    audit::record_refused(connection, &refused, operation);
                }
            })?;
            audit::record_sign_out(connection, caller.as_ref());
            return Ok(response);
        }
        _ => {}
    }
    let reads = request.method.is_safe() && operation != Operation::ShowKeys;
    let needs = if reads { Access::Read } else { Access::All };
    let caller = authenticate_request(connection, request, needs).await.map_err(|refused| {
        audit::record_refused(connection, &refused, operation);
        RestError::Denied(refused.denied)
    })?;
    within_rate()?;
    let mut key = None;
    let outcome = carry_out(connection, request, body, operation, &mut key).await;
    audit::record(connection, &caller, operation, key, &outcome);
    outcome
}

/// Does what a caller asks for, who may. Notes which `key` it is about, if it is about one.
async fn carry_out(
    connection: &Connection,
    request: &Parts,
    body: &mut Incoming,
    operation: Operation<'_>,
    key: &mut Option<&'static str>,
) -> Result<Response, RestError> {
    let context = &connection.context;
    let parameters = Parameters::parse(request.uri.query().unwrap_or_default());
    match operation {
        Operation::Overview => Ok(overview::now(context).await),
        Operation::History => Ok(overview::history(context)),
        Operation::Inventory => Ok(Listing::new(connection, request, &parameters)?.hubs().await),
        Operation::ListConnections(hub) => {
            let listing = Listing::new(connection, request, &parameters)?;
            listing.connections(hub_name(hub)?).await
        }
        Operation::ShowConnection(hub, id) => inventory::show(context, hub_name(hub)?, id).await,
        Operation::ListUsers(hub) => {
            Listing::new(connection, request, &parameters)?.users(hub_name(hub)?).await
        }
        Operation::ListGroups(hub) => {
            Listing::new(connection, request, &parameters)?.groups(hub_name(hub)?).await
        }
        Operation::ListHubs => Ok(hubs::list(&context.hubs)),
        Operation::GetHub(hub) => hubs::get(&context.hubs, &hub_name(hub)?),
        Operation::PutHub(hub) => {
            let hub = hub_name(hub)?;
            let validate = flag(&parameters, "validate")?;
            let settings = content::read_json(&request.headers, body).await?;
            hubs::put(context, request, hub, &settings, validate).await
        }
        Operation::DeleteHub(hub) => hubs::delete(&context.hubs, hub_name(hub)?).await,
        Operation::TestHub(hub) => doctor::test(context, request, &hub_name(hub)?).await,
        Operation::ListExchanges(hub) => {
            let top = parameters.number("top", 1, doctor::EXCHANGES_MAX)?;
            doctor::exchanges(context, request, &hub_name(hub)?, top)
        }
        Operation::Replay(hub, id) => doctor::replay(context, &hub_name(hub)?, id).await,
        Operation::Trace => trace::trace(context, request, &parameters).await,
        Operation::Logs => trace::logs(context, request, &parameters).await,
        Operation::ShowKeys => Ok(keys::show(connection, request)),
        Operation::RegenerateKey => {
            let name = keys::wish(request, body).await?;
            *key = Some(name.as_str());
            keys::regenerate(connection, request, name).await
        }
        Operation::ListAudit => {
            let top = parameters.number("top", 1, audit::TOP_MAX)?;
            Ok(audit::list(connection, top))
        }
        Operation::About => Ok(about::show(connection)),
        Operation::ShowSession | Operation::SignIn | Operation::SignOut => Err(RestError::NoRoute),
    }
}

/// A parameter that is on or off; off when absent.
fn flag(parameters: &Parameters<'_>, name: &'static str) -> Result<bool, RestError> {
    match parameters.single(name)?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let message = format!("The value '{other}' is not valid. It must be true or false.");
            Err(RestError::Validation { target: Cow::Borrowed(name), message })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations() {
        let find = |method: &Method, path| match Operation::find(method, path) {
            Ok(operation) => format!("{operation:?}"),
            Err(RestError::NoRoute) => "404".to_owned(),
            Err(RestError::Method(allowed)) => format!("405 {allowed:?}"),
            Err(other) => format!("{other:?}"),
        };
        for (method, path, expected) in [
            (Method::GET, "overview", "Overview"),
            (Method::GET, "Overview/History", "History"),
            (Method::POST, "overview", "405 [GET]"),
            (Method::GET, "overview/x", "404"),
            (Method::GET, "overview/history/x", "404"),
            (Method::GET, "hubs", "ListHubs"),
            (Method::GET, "HUBS", "ListHubs"),
            (Method::POST, "hubs", "405 [GET]"),
            (Method::GET, "hubs/a%5B", "GetHub(\"a%5B\")"),
            (Method::PUT, "hubs/Chat", "PutHub(\"Chat\")"),
            (Method::DELETE, "hubs/chat", "DeleteHub(\"chat\")"),
            (Method::PATCH, "hubs/chat", "405 [GET, PUT, DELETE]"),
            (Method::GET, "hubs/chat/x", "404"),
            (Method::POST, "hubs/chat/:test", "TestHub(\"chat\")"),
            (Method::GET, "hubs/chat/:TEST", "405 [POST]"),
            (Method::POST, "hubs/chat/:test/x", "404"),
            (Method::GET, "hubs/chat/exchanges", "ListExchanges(\"chat\")"),
            (Method::POST, "hubs/chat/exchanges/7/:replay", "Replay(\"chat\", \"7\")"),
            (Method::GET, "inventory", "Inventory"),
            (Method::GET, "hubs/chat/connections", "ListConnections(\"chat\")"),
            (Method::GET, "hubs/chat/connections/a%2B", "ShowConnection(\"chat\", \"a%2B\")"),
            (Method::DELETE, "hubs/chat/connections/a", "405 [GET]"),
            (Method::GET, "hubs/chat/connections/a/b", "404"),
            (Method::GET, "hubs/chat/users", "ListUsers(\"chat\")"),
            (Method::GET, "hubs/chat/users/u", "404"),
            (Method::GET, "hubs/chat/Groups", "ListGroups(\"chat\")"),
            (Method::GET, "hubs/chat/exchanges/7", "404"),
            (Method::POST, "hubs/chat/exchanges/7/:replay/x", "404"),
            (Method::GET, "session", "ShowSession"),
            (Method::POST, "Session", "SignIn"),
            (Method::GET, "audit", "ListAudit"),
            (Method::GET, "About/", "404"),
            (Method::GET, "about", "About"),
            (Method::GET, "keys", "ShowKeys"),
            (Method::POST, "keys/:Regenerate", "RegenerateKey"),
            (Method::GET, "keys/:regenerate", "405 [POST]"),
            (Method::GET, "keys/primary", "404"),
            (Method::PUT, "session", "405 [GET, POST, DELETE]"),
            (Method::GET, "session/x", "404"),
            (Method::GET, "Trace", "Trace"),
            (Method::GET, "logs", "Logs"),
            (Method::POST, "trace", "405 [GET]"),
            (Method::GET, "trace/x", "404"),
            (Method::GET, "", "404"),
            (Method::GET, "hub", "404"),
        ] {
            assert_eq!(find(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_openapi_document_has_exactly_these_operations() {
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap();
        let mut count = 0;
        for (path, described) in document["paths"].as_object().unwrap() {
            let Some(path) = path.strip_prefix("/api/ext/") else { continue };
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                let is_described = described.get(method.to_ascii_lowercase()).is_some();
                let found = Operation::find(&method.parse().unwrap(), path);
                assert_eq!(found.is_ok(), is_described, "{method} {path}: {found:?}");
                count += usize::from(is_described);
            }
        }
        assert_eq!(count, 23);
    }
}
