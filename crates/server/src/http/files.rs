//! Files that the service has in itself, as it serves them to browsers: the page of the REST API and the portal.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::Full;

use super::respond::{self, Response};

/// Headers of every file. `no-cache`: browsers ask each time, so that after an upgrade a page and its parts fit together.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// One file.
pub(super) struct File {
    /// Its path below the page's own one.
    pub(super) name: &'static str,
    content_type: &'static str,
    /// `None`: only the compressed form is there, which every browser reads.
    plain: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
    etag: OnceLock<String>,
}

impl File {
    /// One of the two forms is there.
    pub(super) const fn new(
        name: &'static str,
        content_type: &'static str,
        plain: Option<&'static [u8]>,
        gzip: Option<&'static [u8]>,
    ) -> Self {
        Self { name, content_type, plain, gzip, etag: OnceLock::new() }
    }

    /// The answer to a request for it, under this content security policy.
    pub(super) fn serve(&self, method: &Method, headers: &HeaderMap, policy: &HeaderValue) -> Response {
        if method != Method::GET && method != Method::HEAD {
            return respond::read_only();
        }
        let (bytes, is_gzip) = match (self.plain, self.gzip) {
            (Some(plain), Some(_)) if !accepts_gzip(headers) => (plain, false),
            (_, Some(gzip)) => (gzip, true),
            (plain, None) => (plain.unwrap_or_default(), false),
        };
        let etag = self.etag(is_gzip);
        let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| matches(known, &etag));
        let mut response = if is_known {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = Response::new(Full::new(Bytes::from_static(bytes)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            if is_gzip {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
            response
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, etag);
        if self.plain.is_some() && self.gzip.is_some() {
            headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        headers.extend(HEADERS);
        headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        response
    }

    /// Names the content and its form, so that a browser fetches it again only when it has changed.
    fn etag(&self, is_gzip: bool) -> HeaderValue {
        let name = self.etag.get_or_init(|| {
            let bytes = self.plain.or(self.gzip).unwrap_or_default();
            let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
            URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
        });
        let form = if is_gzip { "-gzip" } else { "" };
        HeaderValue::try_from(format!("\"{name}{form}\"")).unwrap_or(HeaderValue::from_static("\"\""))
    }
}

/// Sends a browser from a page's path without a slash at the end to the one with it, on which its links rely. The target
/// is relative, so that it holds behind a proxy that adds a prefix.
pub(super) fn to_folder(folder: &'static str) -> Response {
    let mut response = respond::empty(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(folder));
    response
}

/// Whether a list of entity tags has this one; a proxy may have weakened it (RFC 9110 §13.1.2).
fn matches(list: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(list), Ok(etag)) = (list.to_str(), etag.to_str()) else { return false };
    list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

/// Whether the sender reads gzip: it says so, and does not give it the weight 0 (RFC 9110 §12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().trim_start_matches("q=").trim_end_matches(['0', '.']);
        name.trim().eq_ignore_ascii_case("gzip") && (!coding.contains(';') || !weight.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'");
    static BOTH: File = File::new("a.js", "text/javascript", Some(b"plain text"), Some(b"short"));
    static PACKED: File = File::new("b.js", "text/javascript", None, Some(b"short"));

    fn get(file: &File, name: HeaderName, value: &str) -> Response {
        let headers = [(name, value.parse().unwrap())].into_iter().collect();
        file.serve(&Method::GET, &headers, &POLICY)
    }

    #[test]
    fn files_are_sent_once() {
        for file in [&BOTH, &PACKED] {
            let response = get(file, IF_NONE_MATCH, "\"other\"");
            assert_eq!(response.status(), StatusCode::OK);
            let etag = response.headers()[ETAG].to_str().unwrap().to_owned();
            for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
                assert_eq!(get(file, IF_NONE_MATCH, &known).status(), StatusCode::NOT_MODIFIED, "{known}");
            }
        }
    }

    #[test]
    fn the_form_is_one_that_the_sender_reads() {
        for (accepted, is_gzip) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("br,gzip;q=1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("br", false),
            ("xgzip", false),
            ("", false),
        ] {
            let response = get(&BOTH, ACCEPT_ENCODING, accepted);
            assert_eq!(response.headers().get(CONTENT_ENCODING).is_some(), is_gzip, "{accepted}");
            assert_eq!(response.headers()[VARY], "Accept-Encoding");
            let etag = response.headers()[ETAG].to_str().unwrap();
            assert_eq!(etag.ends_with("-gzip\""), is_gzip, "two forms have two names");
        }
        let response = get(&PACKED, ACCEPT_ENCODING, "");
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert!(!response.headers().contains_key(VARY));
    }

    #[test]
    fn what_protects_the_page_is_always_said() {
        for known in ["\"other\"", "*"] {
            let response = get(&BOTH, IF_NONE_MATCH, known);
            for (name, value) in HEADERS {
                assert_eq!(response.headers()[&name], value, "{name}");
            }
            assert_eq!(response.headers()[CONTENT_SECURITY_POLICY], POLICY);
        }
        let refused = BOTH.serve(&Method::POST, &HeaderMap::new(), &POLICY);
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
