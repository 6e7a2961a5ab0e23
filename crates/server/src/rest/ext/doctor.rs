//! `/api/ext/hubs/{hub}/:test` and `/exchanges`: what goes on between the service and event handlers.

use std::borrow::Cow;

use http::StatusCode;
use http::request::Parts;
use hublet_upstream::{Exchange, HandlerReport, HandlerStatus, ReplayError};
use serde::Serialize;

use super::super::error::{Missing, RestError};
use super::hubs::{document, missing};
use crate::http::{HttpContext, Response, host_name};

/// Exchanges in one answer.
pub(super) const EXCHANGES_MAX: u32 = 100;
/// Exchanges in one answer when nobody says how many: each may have several kilobytes.
const EXCHANGES_DEFAULT: u32 = 50;

#[derive(Serialize)]
struct Reports {
    handlers: Vec<HandlerReport>,
}

#[derive(Serialize)]
struct Exchanges {
    /// The oldest first.
    value: Vec<Exchange>,
    handlers: Vec<HandlerStatus>,
}

/// Validates each handler of a hub and sends it a sample event.
pub(super) async fn test(context: &HttpContext, request: &Parts, hub: &str) -> Result<Response, RestError> {
    context.hubs.get(hub).ok_or_else(|| missing(hub))?;
    let handlers = context.courier.upstream().test(hub, &host_name(request)).await;
    Ok(document(StatusCode::OK, &Reports { handlers }))
}

/// The last exchanges with the handlers of a hub.
pub(super) fn exchanges(
    context: &HttpContext,
    request: &Parts,
    hub: &str,
    top: Option<u32>,
) -> Result<Response, RestError> {
    context.hubs.get(hub).ok_or_else(|| missing(hub))?;
    let upstream = context.courier.upstream();
    let mut value = upstream.exchanges(hub, &host_name(request));
    let excess = value.len().saturating_sub(top.unwrap_or(EXCHANGES_DEFAULT) as usize);
    value.drain(..excess);
    Ok(document(StatusCode::OK, &Exchanges { value, handlers: upstream.handler_status(hub) }))
}

/// Sends the event of an exchange again.
pub(super) async fn replay(context: &HttpContext, hub: &str, id: &str) -> Result<Response, RestError> {
    context.hubs.get(hub).ok_or_else(|| missing(hub))?;
    match context.courier.upstream().replay(hub, id).await {
        Ok(exchange) => Ok(document(StatusCode::OK, &exchange)),
        Err(ReplayError::Unknown) => {
            Err(RestError::Missing { severity: Missing::Error, what: "Exchange", name: id.to_owned() })
        }
        Err(error @ ReplayError::Cut) => {
            Err(RestError::Validation { target: Cow::Borrowed("id"), message: error.to_string() })
        }
    }
}
