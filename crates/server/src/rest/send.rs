//! Sending (rest-api.md §4).

use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use hublet_hub::Publish;
use hublet_wire::client::Metadata;
use hublet_wire::client::metadata::MetadataBuilder;
use hyper::body::Incoming;

use super::Call;
use super::content;
use super::error::RestError;
use super::route::{self, Resource};
use crate::http::{Response, empty};

/// Longest time to live of a message, in seconds.
const TTL_SECONDS_MAX: u32 = 300;
/// What the names of metadata headers begin with, in lower case.
const METADATA_PREFIX: &str = "x-webpubsub-metadata-";

pub(super) async fn send(
    call: &Call<'_>,
    resource: Resource,
    body: &mut Incoming,
) -> Result<Response, RestError> {
    let target = call.segments.target(resource)?;
    let ttl_seconds = call.parameters.number("messageTtlSeconds", 0, TTL_SECONDS_MAX)?;
    // A send to one connection has no filter: a parameter of that name is ignored like any unknown one.
    let filter = match resource {
        Resource::Connection => None,
        _ => call.parameters.filter()?,
    };
    let metadata = metadata(&call.request.headers)?;
    let payload = content::read_message(&call.request.headers, body).await?;
    // A message to a connection that cannot exist is accepted like one to a connection that is gone.
    if let Some(target) = target {
        let mut publish = Publish::new(Arc::clone(&call.hub), target, payload);
        publish.metadata = metadata;
        publish.filter = filter;
        publish.expire_after(ttl_seconds.and_then(|seconds| u16::try_from(seconds).ok()), call.node.now());
        if matches!(resource, Resource::Hub | Resource::Group) {
            publish.excluded = call.parameters.excluded().collect();
        }
        let subject = || route::subject(Some(Arc::clone(&call.hub)), call.path, Some(&call.segments));
        call.tracer.sent_by_rest(call.request, call.peer, subject, &publish.payload);
        call.node.publish(publish).await?;
    }
    Ok(empty(StatusCode::ACCEPTED))
}

/// The metadata in the headers: keys in lower case, of several values the last one, trimmed (rest-api.md §4.3).
fn metadata(headers: &HeaderMap) -> Result<Metadata, RestError> {
    let mut metadata = MetadataBuilder::default();
    let invalid = |error: &dyn std::fmt::Display| RestError::bad_request(error.to_string());
    for name in headers.keys() {
        let Some(key) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
        let last = headers.get_all(name).iter().next_back();
        let value = last.and_then(|value| value.to_str().ok()).ok_or_else(|| {
            RestError::bad_request(format!("Invalid metadata: the value of `{key}` is not ASCII."))
        })?;
        let value = value.rsplit(',').next().unwrap_or_default().trim();
        metadata.push(key.to_owned(), value.to_owned()).map_err(|error| invalid(&error))?;
    }
    metadata.finish().map_err(|error| invalid(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_in_headers() {
        let headers = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let mut headers = HeaderMap::new();
            pairs.for_each(|(name, value): (http::HeaderName, http::HeaderValue)| {
                headers.append(name, value);
            });
            headers
        };
        let of = |pairs: &[(&str, &str)]| metadata(&headers(pairs));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(of(&[("X-WebPubSub-Metadata-Trace", " a , b ")]).unwrap(), [pair("trace", "b")]);
        assert_eq!(
            of(&[("x-webpubsub-metadata-a", "1"), ("X-WebPubSub-Metadata-A", "2"), ("other", "x")]).unwrap(),
            [pair("a", "2")]
        );
        assert_eq!(of(&[("other", "x")]).unwrap(), Metadata::new());
        assert!(of(&[("x-webpubsub-metadata-", "1")]).is_err());
        assert!(of(&[("x-webpubsub-metadata-a", &"v".repeat(1_025))]).is_err());
        let many: Vec<String> = (0..9).map(|n| format!("x-webpubsub-metadata-{n}")).collect();
        let value = "v".repeat(1_000);
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), value.as_str())).collect();
        assert!(of(&many[..8]).is_ok() && of(&many).is_err());
    }
}
