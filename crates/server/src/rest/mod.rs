//! The REST API of app servers under `/api/hubs/{hub}/…` (rest-api.md).
//!
//! A request is checked in the order of rest-api.md §1.6: route, credential, api-version, names and parameters, body.
//! Nothing takes effect before every check has passed.

mod content;
mod error;
mod parameters;
mod route;
mod tokens;

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, StatusCode};
use hublet_hub::{ConnOp, Publish, Select, Target};
use hublet_wire::name;
use hyper::body::Incoming;

use crate::http::{Connection, Response, authenticate_request, empty};
use error::{Missing, RestError};
use parameters::Parameters;
use route::{Operation, Route};

/// The api-versions that are served, oldest first (rest-api.md §1.4).
const API_VERSIONS: &str = "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";

/// Answers a request; `hub` and `path` as they stand in the URL, without the slash between them.
pub(crate) async fn handle(
    connection: &Connection,
    request: http::Request<Incoming>,
    hub: &str,
    path: &str,
) -> Response {
    let (request, mut body) = request.into_parts();
    let answer = answer(connection, &request, &mut body, hub, path).await;
    content::discard(&request.headers, &mut body).await;
    match answer {
        Ok(mut response) => {
            add_versions(&mut response);
            response
        }
        Err(error) => error.into_response(),
    }
}

fn add_versions(response: &mut Response) {
    response.headers_mut().insert("api-supported-versions", HeaderValue::from_static(API_VERSIONS));
}

async fn answer(
    connection: &Connection,
    request: &Parts,
    body: &mut Incoming,
    hub: &str,
    path: &str,
) -> Result<Response, RestError> {
    let Route { operation, segments } = Route::find(&request.method, path)?;
    let context = &connection.context;
    authenticate_request(&context.config, request).map_err(|denied| {
        tracing::info!(hub, reason = %denied, "a REST request was refused");
        RestError::Unauthorized(denied)
    })?;
    let parameters = Parameters::parse(request.uri.query().unwrap_or_default());
    parameters.check_version(request.uri.path())?;
    let hub: Arc<str> = hub_name(hub)?.into();
    let node = &context.node;
    match operation {
        Operation::Send(resource) => {
            let target = match segments.select(resource)? {
                Some(Select::All) => Some(Target::All),
                Some(Select::Group(group)) => Some(Target::Group(group)),
                Some(Select::User(user)) => Some(Target::User(user)),
                Some(Select::Connection(id)) => Some(Target::Connection(id)),
                None => None,
            };
            parameters.check_send(resource)?;
            let payload = content::read(&request.headers, body).await?;
            // A message to a connection that cannot exist is accepted like one to a connection that is gone.
            if let Some(target) = target {
                let mut publish = Publish::new(hub, target, payload);
                publish.excluded = parameters.excluded().collect();
                node.publish(publish)?;
            }
            Ok(empty(StatusCode::ACCEPTED))
        }
        Operation::Exists(resource) => {
            let found = match segments.select(resource)? {
                Some(select) => node.apply(hub, select, ConnOp::Exists).await?.selected,
                None => 0,
            };
            if found == 0 {
                Err(segments.missing(resource, Missing::Warning))
            } else {
                Ok(empty(StatusCode::OK))
            }
        }
        Operation::Close(resource) => {
            let reason = parameters.single("reason")?.unwrap_or_default().into();
            if let Some(select) = segments.select(resource)? {
                let excluded = parameters.excluded().collect();
                node.apply(hub, select, ConnOp::Close { reason, excluded }).await?;
            }
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::Join(resource) => {
            let group = segments.group()?;
            let select = segments.select(resource)?;
            let outcome = match select {
                Some(select) => node.apply(hub, select, ConnOp::Join(group)).await?,
                None => hublet_hub::Outcome::default(),
            };
            let severity = match resource {
                route::Resource::User => Missing::Warning,
                _ => Missing::Error,
            };
            match outcome {
                hublet_hub::Outcome { selected: 0, .. } => Err(segments.missing(resource, severity)),
                hublet_hub::Outcome { refused: 0, .. } => Ok(empty(StatusCode::OK)),
                _ => Err(RestError::bad_request(format!(
                    "A connection is in {} groups already, the most it may be in.",
                    context.config.limits.groups_per_connection
                ))),
            }
        }
        Operation::Leave(resource) => {
            let group = segments.group()?;
            if let Some(select) = segments.select(resource)? {
                node.apply(hub, select, ConnOp::Leave(group)).await?;
            }
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Operation::GenerateToken => tokens::generate(connection, request, &parameters, &hub),
    }
}

/// The hub, lower-cased: hub names have no case (rest-api.md §3.2).
fn hub_name(segment: &str) -> Result<String, RestError> {
    crate::http::decode(segment).filter(|hub| name::is_valid_hub(hub)).map(|hub| hub.to_ascii_lowercase()).ok_or_else(
        || {
            RestError::validation(
                "hub",
                "Invalid hub name. Valid hub name should be a letter followed by letters, digits or any of _`,.[], in \
                 between 1 and 128 characters long.",
            )
        },
    )
}
