//! `/livetrace`: programs that read the live trace by a socket, as the original's tools do (tunnel.md §8).

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;

use super::refusal;
use super::respond::Response;
use super::upgrade::{
    Newcomer, check_upgrade, query_value, refuse, retry_later, stopping, switching_protocols,
};
use super::{Connection, HttpContext, auth};
use crate::denied::Denied;
use crate::node::Node;
use crate::portal;
use crate::stream::Stream;
use crate::trace::{Viewer, viewer};

/// Somebody who may read, before the socket is there.
#[derive(Debug)]
pub(super) struct Viewing {
    viewer: Viewer,
    node: Node,
}

/// Answers a handshake.
pub(super) async fn handshake(
    connection: &Arc<Connection>,
    mut request: http::Request<Incoming>,
) -> Response {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (request, _) = request.into_parts();
    match welcome(connection, &request).await {
        Ok((viewing, response)) => {
            connection.upgrade(on_upgrade, Newcomer::Viewer(Box::new(viewing)));
            response
        }
        Err(refusal) => *refusal,
    }
}

async fn welcome(connection: &Connection, request: &Parts) -> Result<(Viewing, Response), Box<Response>> {
    let context = &connection.context;
    let accept_key = check_upgrade(request)?;
    if context.node.is_stopping() {
        return Err(stopping());
    }
    let token = query_value(request, "access_token");
    let token = token.as_deref().or_else(|| auth::bearer(request));
    let checked = match (portal::check_origin(connection, request), token) {
        (Err(denied), _) => Err(denied),
        (Ok(()), Some(token)) => auth::authenticate_viewer(connection, request, token).await,
        (Ok(()), None) => Err(Denied::Missing),
    };
    checked.map_err(|denied| denied_response(context, connection, request, token, denied))?;
    if !context.tracer.is_enabled() {
        let sentence = "The live trace is turned off. Set live_trace.enabled = true in the configuration.";
        return Err(refuse(StatusCode::FORBIDDEN, sentence));
    }
    let viewer = context.tracer.view().ok_or_else(|| {
        retry_later(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many programs read the live trace. Close some of them.",
        )
    })?;
    let viewing = Viewing { viewer, node: context.node.clone() };
    Ok((viewing, switching_protocols(accept_key, None)))
}

fn denied_response(
    context: &HttpContext,
    connection: &Connection,
    request: &Parts,
    token: Option<&str>,
    denied: Denied,
) -> Box<Response> {
    if context.refusals.may_tell() {
        tracing::info!(reason = %denied, "a reader of the live trace was refused");
    }
    let path = request.uri.path();
    let why = refusal::reason(denied, &context.config, request, connection.secure, path, token);
    let status = if denied.is_forbidden() { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
    context.tracer.refused_client(request, connection.peer, None, status, &why);
    let mut response = refuse(status, denied.to_string());
    response.headers_mut().insert(http::header::WWW_AUTHENTICATE, denied.challenge());
    response
}

impl Viewing {
    /// Tells the reader what happens until it goes.
    pub(super) async fn serve(self, stream: Stream, leftover: Bytes) {
        let Self { viewer, node } = self;
        let stopped = async move { node.stopped().await };
        viewer::serve(stream, leftover, &viewer, stopped).await;
    }
}
