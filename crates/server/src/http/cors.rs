//! Calls from pages of other sites (the CORS protocol of the Fetch standard). Off unless `rest.allowed_origins` is set.
//!
//! What a call may do is decided by its token alone. A browser sends none by itself, so no answer allows credentials.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, StatusCode};

use super::respond::{self, Response};
use crate::config::AllowedOrigins;

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE";
/// What scripts may read beside the few headers that they always may.
const EXPOSED: &str = "x-ms-error-code, api-supported-versions, Retry-After, WWW-Authenticate, ETag";
/// How long a browser may remember a preflight; none does longer than two hours.
const MAX_AGE_S: &str = "7200";

/// What a request has to do with other sites.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cors {
    /// The value of `Access-Control-Allow-Origin`.
    allowed: Option<HeaderValue>,
    /// The answer depends on the origin, whichever this one is.
    varies: bool,
}

impl Cors {
    /// Judges a request by its `Origin`.
    pub(super) fn of(origins: &AllowedOrigins, headers: &HeaderMap) -> Self {
        let origin = headers.get(ORIGIN);
        match origins {
            AllowedOrigins::None => Self::default(),
            AllowedOrigins::Any => {
                Self { allowed: origin.map(|_| HeaderValue::from_static("*")), varies: false }
            }
            AllowedOrigins::These(these) => {
                let is_allowed = |origin: &&HeaderValue| {
                    these.iter().any(|known| origin.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
                };
                Self { allowed: origin.filter(is_allowed).cloned(), varies: true }
            }
        }
    }

    /// The answer to a browser that asks whether it may send a request; `None`: it does not ask, or may not.
    pub(super) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        let asks = method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.allowed.is_none() {
            return None;
        }
        let mut response = respond::empty(StatusCode::NO_CONTENT);
        let answer = response.headers_mut();
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
        // A list could not name them all: `x-ms-…` and metadata headers have endless names, and `*` does not cover
        // `Authorization`.
        if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            answer.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        }
        Some(response)
    }

    /// Lets the page read the answer.
    pub(super) fn mark(self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.varies {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn allowed(origins: &AllowedOrigins, origin: &str) -> Option<String> {
        let cors = Cors::of(origins, &headers(&[(ORIGIN, origin)]));
        cors.allowed.map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn origins() {
        let these =
            AllowedOrigins::These(vec!["https://app.example.com".into(), "http://localhost:3000".into()]);
        for origin in ["https://app.example.com", "http://localhost:3000"] {
            assert_eq!(allowed(&these, origin).as_deref(), Some(origin));
            assert_eq!(allowed(&AllowedOrigins::Any, origin).as_deref(), Some("*"));
            assert_eq!(allowed(&AllowedOrigins::None, origin), None);
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:444",
            "https://app.example.com.evil.example",
            "https://evil.example/https://app.example.com",
            "null",
            "",
        ] {
            assert_eq!(allowed(&these, origin), None, "{origin}");
        }
        assert_eq!(Cors::of(&AllowedOrigins::Any, &HeaderMap::new()), Cors::default());
    }

    #[test]
    fn preflights() {
        let asks = [(ORIGIN, "https://a.example"), (ACCESS_CONTROL_REQUEST_METHOD, "PUT")];
        let cors = |pairs: &[(http::HeaderName, &str)]| Cors::of(&AllowedOrigins::Any, &headers(pairs));
        let preflight = |method: Method, pairs: &[(http::HeaderName, &str)]| {
            cors(pairs).preflight(&method, &headers(pairs))
        };
        assert!(preflight(Method::OPTIONS, &asks).is_some());
        assert!(preflight(Method::PUT, &asks).is_none());
        assert!(preflight(Method::OPTIONS, &asks[..1]).is_none());
        assert!(preflight(Method::OPTIONS, &asks[1..]).is_none());
    }
}
