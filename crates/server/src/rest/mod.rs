//! The REST API of app servers under `/api/hubs/{hub}/…` (rest-api.md).
//!
//! A request is checked in the order of rest-api.md §1.6: route, credential, api-version, names and parameters, body.
//! Nothing takes effect before every check has passed.

mod audited;
mod connections;
mod content;
mod error;
mod ext;
mod groups;
mod parameters;
mod permissions;
mod rate;
mod route;
mod send;
mod tokens;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use hublet_hub::{ConnOp, Outcome};
use hublet_wire::name;
use hyper::body::Incoming;

use crate::audit::Entry;
use crate::config::Config;
use crate::denied::Denied;
use crate::http::{
    Connection, HttpContext, Response, authenticate_request, bearer, empty, endpoint, refusal_reason,
};
use crate::issuer::Access;
use crate::node::Node;
use crate::trace::{Kind, Tracer};
pub(crate) use ext::handle as handle_ext;
pub(crate) use ext::time::rfc3339;
pub(crate) use rate::RateLimit;

use error::{Missing, RestError};
use parameters::Parameters;
use route::{Operation, Resource, Route, Segments};

/// The api-versions that are served, oldest first (rest-api.md §1.4).
const API_VERSIONS: &str = "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";

/// The `RestApiCategory` of everything that has no other (operations.md §3).
const UNCATEGORIZED: &str = "Uncategorized";

/// Answers a request; `hub` and `path` as they stand in the URL, without the slash between them.
pub(crate) async fn handle(
    connection: &Connection,
    request: http::Request<Incoming>,
    hub: &str,
    path: &str,
) -> Response {
    let began = Instant::now();
    let context = &connection.context;
    let (request, mut body) = request.into_parts();
    let tracer = &context.tracer;
    let route = Route::find(&request.method, path, context.config.rest.legacy_path_decoding);
    let observed = tracer.begin(&request, connection.peer, || {
        let segments = route.as_ref().ok().map(|route| &route.segments);
        route::subject(hub_name(hub).ok(), path, segments)
    });
    let category = route.as_ref().map_or(UNCATEGORIZED, |route| route.operation.category());
    let answer = match route {
        Ok(route) => answer(connection, &request, &mut body, (hub, path), route).await,
        Err(error) => Err(error),
    };
    content::discard(&request.headers, &mut body).await;
    let response = match answer {
        Ok(mut response) => {
            add_versions(&mut response);
            response
        }
        Err(error) => error.into_response(),
    };
    if let Some(observed) = observed {
        tracer.finish(observed, response.status());
    }
    count(context, category, &response, began);
    response
}

/// The answer to a request that is refused before anything of it is looked at.
pub(crate) fn refusal(denied: Denied) -> Response {
    RestError::Denied(denied).into_response()
}

fn count(context: &HttpContext, category: &'static str, response: &Response, began: Instant) {
    if let Some(meter) = context.meter() {
        meter.rest(category, response.status(), began.elapsed());
    }
}

fn add_versions(response: &mut Response) {
    const NAME: HeaderName = HeaderName::from_static("api-supported-versions");
    response.headers_mut().insert(NAME, HeaderValue::from_static(API_VERSIONS));
}

/// A call that may be carried out: its route, credential and version are good.
struct Call<'a> {
    node: &'a Node,
    tracer: &'a Tracer,
    /// Who sent it.
    peer: IpAddr,
    /// Below the hub, as it stands in the URL.
    path: &'a str,
    config: &'a Config,
    request: &'a Parts,
    /// The request came over TLS.
    secure: bool,
    /// Lower-cased.
    hub: Arc<str>,
    segments: Segments,
    parameters: Parameters<'a>,
}

async fn answer(
    connection: &Connection,
    request: &Parts,
    body: &mut Incoming,
    (hub, path): (&str, &str),
    route: Route,
) -> Result<Response, RestError> {
    let context = &connection.context;
    let operation = route.operation;
    let needs = if request.method.is_safe() { Access::Read } else { Access::All };
    let parameters = Parameters::parse(request.uri.query().unwrap_or_default());
    // What app servers do all day is nobody's action.
    let action = |by_portal| operation.action().filter(|_| by_portal);
    let target = || audited::target(operation, hub, path, &parameters);
    let caller = authenticate_request(connection, request, needs).await.map_err(|refused| {
        let denied = refused.denied;
        if context.refusals.may_tell() {
            tracing::info!(hub, reason = %denied, "a REST request was refused");
        }
        if let Some(action) = action(refused.by_portal) {
            context.audit.record_refused(&refused, connection.peer, action, &target());
        }
        tell_of_denied(connection, request, hub_name(hub).ok(), denied);
        RestError::Denied(denied)
    })?;
    let action = action(caller.by_portal).map(|action| (action, target()));
    let outcome = permitted(connection, request, body, (hub, path), route, parameters).await;
    if let Some((action, target)) = action {
        let refusal = outcome.as_ref().err().map(RestError::sentence);
        context.audit.record(Entry::new(&caller, action, &target, refusal.as_deref()));
    }
    outcome
}

/// Answers a request whose sender may send it.
async fn permitted(
    connection: &Connection,
    request: &Parts,
    body: &mut Incoming,
    (hub, path): (&str, &str),
    Route { operation, segments }: Route,
    parameters: Parameters<'_>,
) -> Result<Response, RestError> {
    let context = &connection.context;
    let config = &context.config;
    let since = if config.rest.strict_api_versions { operation.since() } else { "" };
    let uri = || format!("{}{}", endpoint(config, request, connection.secure), request.uri.path());
    parameters.check_version(uri, since)?;
    if context.rate_limit.as_deref().is_some_and(|limit| !limit.take()) {
        let kind = Kind::MessageCountLimitReached;
        context.tracer.refused_request(kind, request, connection.peer, hub_name(hub).ok(), "");
        return Err(RestError::Throttled);
    }
    let call = Call {
        node: &context.node,
        tracer: &context.tracer,
        peer: connection.peer,
        path,
        config,
        request,
        secure: connection.secure,
        hub: hub_name(hub)?,
        segments,
        parameters,
    };
    call.carry_out(operation, body).await
}

/// Tells those who look that a request has no good credential.
fn tell_of_denied(connection: &Connection, request: &Parts, hub: Option<Arc<str>>, denied: Denied) {
    let (context, path) = (&connection.context, request.uri.path());
    let why = refusal_reason(denied, &context.config, request, connection.secure, path, bearer(request));
    let kind = Kind::RequestAuthorizationFailed;
    context.tracer.refused_request(kind, request, connection.peer, hub, &why);
}

impl Call<'_> {
    async fn carry_out(&self, operation: Operation, body: &mut Incoming) -> Result<Response, RestError> {
        match operation {
            Operation::Send(resource) => send::send(self, resource, body).await,
            Operation::Exists(resource) => connections::exists(self, resource).await,
            Operation::Close(resource) => connections::close(self, resource).await,
            Operation::Join(resource) => groups::join(self, resource).await,
            Operation::Leave(resource) => groups::leave(self, resource).await,
            Operation::LeaveAll(resource) => groups::leave_all(self, resource).await,
            Operation::JoinMany => groups::join_many(self, body).await,
            Operation::LeaveMany => groups::leave_many(self, body).await,
            Operation::ListMembers => groups::list(self).await,
            Operation::Grant => permissions::grant(self).await,
            Operation::Revoke => permissions::revoke(self).await,
            Operation::Check => permissions::check(self).await,
            Operation::GenerateToken => tokens::generate(self),
        }
    }

    /// Acts on the connections of a resource; on none for a connection id that this service never gave out.
    async fn apply(&self, resource: Resource, op: ConnOp) -> Result<Outcome, RestError> {
        match self.segments.target(resource)? {
            Some(target) => Ok(self.node.apply(Arc::clone(&self.hub), target, None, op).await?),
            None => Ok(Outcome::default()),
        }
    }

    /// As [`Self::apply`], with [`RestError::Missing`] when there is no such connection.
    async fn apply_to_existing(
        &self,
        resource: Resource,
        op: ConnOp,
        severity: Missing,
    ) -> Result<Outcome, RestError> {
        match self.apply(resource, op).await? {
            Outcome { selected: 0, .. } => Err(self.segments.missing(resource, severity)),
            outcome => Ok(outcome),
        }
    }
}

/// 204, the answer to what takes something away.
fn gone() -> Response {
    empty(StatusCode::NO_CONTENT)
}

/// The hub, lower-cased: hub names have no case (rest-api.md §3.2).
fn hub_name(segment: &str) -> Result<Arc<str>, RestError> {
    let plain = Some(segment).filter(|hub| name::is_valid_hub(hub)).map(Cow::Borrowed);
    let hub =
        plain.or_else(|| crate::http::decode(segment).filter(|hub| name::is_valid_hub(hub)).map(Cow::Owned));
    hub.map(|hub| lower_cased(&hub)).ok_or_else(|| {
        RestError::validation(
            "hub",
            "Invalid hub name. Valid hub name should be a letter followed by letters, digits or any of _`,.[], in \
             between 1 and 128 characters long.",
        )
    })
}

fn lower_cased(hub: &str) -> Arc<str> {
    if hub.bytes().any(|byte| byte.is_ascii_uppercase()) {
        hub.to_ascii_lowercase().into()
    } else {
        hub.into()
    }
}
