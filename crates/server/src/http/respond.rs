//! Responses.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::Full;

/// A response of this service; each has its whole body at once.
pub(crate) type Response = http::Response<Full<Bytes>>;

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = with_body(status, None, Bytes::new());
    if status != StatusCode::NO_CONTENT && !status.is_informational() {
        // Said to HEAD requests too, as by the original (rest-api.md §1.4).
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// The refusal of a method where there is only something to read.
pub(super) fn read_only() -> Response {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// A sentence for people, without a line end: some of them are documented byte for byte.
pub(super) fn text(status: StatusCode, sentence: impl Into<String>) -> Response {
    let sentence: String = sentence.into();
    with_body(status, Some(HeaderValue::from_static("text/plain; charset=utf-8")), sentence.into())
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, document: Vec<u8>) -> Response {
    with_body(status, Some(HeaderValue::from_static("application/json; charset=utf-8")), document.into())
}

/// A document of another type.
pub(crate) fn typed(content_type: &'static str, document: Vec<u8>) -> Response {
    with_body(StatusCode::OK, Some(HeaderValue::from_static(content_type)), document.into())
}

fn with_body(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Response {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// A header's value as text, if it is there once and readable.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
