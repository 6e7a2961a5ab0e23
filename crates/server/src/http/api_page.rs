//! What describes the REST API under `/api/`: the OpenAPI document, and Swagger UI as a page to browse and try it.
//!
//! All of it is public knowledge and served without a token; calls made from the page carry one.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::Full;

use super::respond::{self, Response};

/// Nothing comes from elsewhere, and no script or style stands in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One file of the page.
struct File {
    /// Its name under `/api/`.
    name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
    /// It is kept compressed, and sent so: there is no browser that cannot read it.
    gzip: bool,
    etag: OnceLock<HeaderValue>,
}

macro_rules! file {
    ($name:literal, $content_type:literal, $bytes:expr, $gzip:literal) => {
        File { name: $name, content_type: $content_type, bytes: $bytes, gzip: $gzip, etag: OnceLock::new() }
    };
    ($name:literal, $content_type:literal, asset $path:literal) => {
        file!($name, $content_type, include_bytes!(concat!("../../assets/", $path)), false)
    };
    ($name:literal, $content_type:literal, gzip $path:literal) => {
        file!($name, $content_type, include_bytes!(concat!(env!("OUT_DIR"), "/", $path)), true)
    };
}

static FILES: [File; 7] = [
    file!("", "text/html; charset=utf-8", asset "api/index.html"),
    file!("openapi.json", "application/json; charset=utf-8", asset "openapi.json"),
    file!("page.js", "text/javascript; charset=utf-8", asset "api/page.js"),
    file!("page.css", "text/css; charset=utf-8", asset "api/page.css"),
    file!("swagger-ui-bundle.js", "text/javascript; charset=utf-8", gzip "swagger-ui-bundle.js.gz"),
    file!("swagger-ui.css", "text/css; charset=utf-8", gzip "swagger-ui.css.gz"),
    file!("swagger-ui-license.txt", "text/plain; charset=utf-8", gzip "swagger-ui-license.txt.gz"),
];

impl File {
    /// Names the content, so that a browser fetches it again only when it has changed.
    fn etag(&self) -> HeaderValue {
        let compute = || {
            let digest = ring::digest::digest(&ring::digest::SHA256, self.bytes);
            let text = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]));
            HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"\""))
        };
        self.etag.get_or_init(compute).clone()
    }
}

/// Answers a request for `/api` or for a name under it; `None`: there is no such file.
pub(super) fn serve(method: &Method, headers: &HeaderMap, path: &str, name: &str) -> Option<Response> {
    let file = FILES.iter().find(|file| file.name.eq_ignore_ascii_case(name))?;
    if method != Method::GET && method != Method::HEAD {
        return Some(respond::read_only());
    }
    if name.is_empty() && !path.ends_with('/') {
        // Relative, so that it holds behind a proxy that adds a prefix.
        let mut response = respond::empty(StatusCode::PERMANENT_REDIRECT);
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("api/"));
        return Some(response);
    }
    let etag = file.etag();
    let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| matches(known, &etag));
    let mut response = if is_known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Full::new(Bytes::from_static(file.bytes)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        if file.gzip {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, etag);
    // Ask each time: after an upgrade the page and its parts fit together.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(response)
}

/// Whether a list of entity tags has this one; a proxy may have weakened it (RFC 9110 §13.1.2).
fn matches(list: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(list), Ok(etag)) = (list.to_str(), etag.to_str()) else { return false };
    list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(name: &str, known: &str) -> Option<Response> {
        let headers = [(IF_NONE_MATCH, known.parse().unwrap())].into_iter().collect();
        serve(&Method::GET, &headers, "/api/", name)
    }

    #[test]
    fn files_are_sent_once() {
        for file in &FILES {
            let response = get(file.name, "\"other\"").unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{}", file.name);
            let etag = response.headers()[ETAG].to_str().unwrap().to_owned();
            for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
                assert_eq!(get(file.name, &known).unwrap().status(), StatusCode::NOT_MODIFIED, "{known}");
            }
        }
        assert!(get("nothing", "\"\"").is_none());
    }

    #[test]
    fn gzip_is_gzip() {
        for file in FILES.iter().filter(|file| file.gzip) {
            assert_eq!(&file.bytes[..3], [0x1f, 0x8b, 8], "{}", file.name);
            let length = file.bytes.last_chunk().map(|last| u32::from_le_bytes(*last)).unwrap();
            assert!(length as usize > file.bytes.len(), "{}", file.name);
        }
    }
}
