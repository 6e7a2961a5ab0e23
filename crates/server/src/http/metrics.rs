//! `/metrics`: what is counted, for Prometheus and what speaks like it.

use std::time::UNIX_EPOCH;

use http::header::{ACCEPT, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::auth::authenticate_request;
use super::respond::{self, Response};
use super::{Connection, HttpContext};
use crate::denied::{Denied, Refused};
use crate::issuer::Access;
use crate::metrics::{Exposition, Format, Gathered, Process};
use crate::portal::is_forwarded;

/// `None`: there is no such path here.
pub(super) async fn serve(connection: &Connection, request: &Parts) -> Option<Response> {
    let context = &connection.context;
    if !context.config.metrics.enabled {
        return None;
    }
    if request.method != Method::GET && request.method != Method::HEAD {
        return Some(respond::read_only());
    }
    if !connection.monitors
        && !is_open(context, request)
        && let Err(Refused { denied, .. }) = authenticate_request(connection, request, Access::Read).await
    {
        return Some(refused(denied));
    }
    let format = negotiate(&request.headers);
    let document = exposition(context).await.write(format);
    let mut response = respond::text(StatusCode::OK, document);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    Some(response)
}

async fn exposition(context: &HttpContext) -> Exposition {
    let gathered = Gathered::now(&context.node, &context.meters, context.courier.upstream()).await;
    Exposition {
        gathered,
        process: Process::now(),
        started_s: context.node.started_at().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        shards: context.node.shards(),
        connections_max: context.config.limits.connections_max,
    }
}

/// Whether no credential is needed. With the well-known key all addresses are on loopback and only names of this machine
/// get here, so that only this machine is there, unless a proxy stands in between. Who has keys of their own may have one.
fn is_open(context: &HttpContext, request: &Parts) -> bool {
    let config = &context.config;
    config.metrics.open || (config.has_public_key() && !is_forwarded(&request.headers))
}

fn refused(denied: Denied) -> Response {
    if denied.is_forbidden() {
        return respond::text(StatusCode::FORBIDDEN, denied.to_string());
    }
    let sentence = format!(
        "{denied} Send a bearer token for this URL or one of an issuer, or let metrics.open or metrics.listen serve it \
         without."
    );
    let mut response = respond::text(StatusCode::UNAUTHORIZED, sentence);
    response.headers_mut().insert(WWW_AUTHENTICATE, denied.challenge());
    response
}

/// The format that the request prefers; that of Prometheus if it says nothing.
fn negotiate(headers: &HeaderMap) -> Format {
    let (mut open_metrics, mut prometheus) = (0.0, 0.0);
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let (mut weight, mut version) = (1.0_f32, None);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => weight = value.trim().parse().unwrap_or(0.0),
                "version" => version = Some(value.trim().trim_matches('"')),
                _ => {}
            }
        }
        match media_type.as_str() {
            "application/openmetrics-text" if version.is_none_or(|version| version == "1.0.0") => {
                open_metrics = f32::max(open_metrics, weight);
            }
            "text/plain" if version.is_none_or(|version| version == "0.0.4") => {
                prometheus = f32::max(prometheus, weight);
            }
            _ => {}
        }
    }
    if open_metrics > 0.0 && open_metrics >= prometheus { Format::OpenMetrics } else { Format::Prometheus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_negotiated() {
        let of = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            negotiate(&headers)
        };
        assert_eq!(negotiate(&HeaderMap::new()), Format::Prometheus);
        for accept in [
            "application/openmetrics-text",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;\
             q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "text/plain;q=0.5, Application/OpenMetrics-Text; version=\"1.0.0\"",
        ] {
            assert_eq!(of(accept), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "*/*",
            "text/html",
            "text/plain;version=0.0.4",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;q=0.1,text/plain;q=0.2",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=x",
        ] {
            assert_eq!(of(accept), Format::Prometheus, "{accept}");
        }
    }
}
