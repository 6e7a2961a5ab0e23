//! The files of the portal under `/portal/`. They are public; what the page shows needs a credential.

use http::header::{HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};

use super::files::{self, File};
use super::prefix::OriginalPath;
use super::respond::{self, Response};
use crate::config::PublicEndpoint;

// `FILES`, which build.rs makes of the folder `portal/`.
include!(concat!(env!("OUT_DIR"), "/portal.rs"));

/// What the page may do: nothing comes from elsewhere, no script or style stands in it, nobody frames it. It connects to
/// this host, WebSockets included, and to the public endpoints, where the clients that it tries out connect.
pub(crate) fn policy(endpoints: &[PublicEndpoint]) -> HeaderValue {
    let sources: String = endpoints
        .iter()
        .map(|endpoint| {
            let scheme = if endpoint.secure { "wss" } else { "ws" };
            format!(" {scheme}://{}", endpoint.authority)
        })
        .collect();
    let text = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'{sources}; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    // An authority is always good in a header.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Answers a request for `/portal` or for a name under it; `None`: there is no such file.
pub(super) fn serve(
    method: &Method,
    headers: &HeaderMap,
    path: &str,
    name: &str,
    policy: &HeaderValue,
) -> Option<Response> {
    if name.is_empty() && !path.ends_with('/') {
        return Some(files::to_folder("portal/"));
    }
    let name = if name.is_empty() { "index.html" } else { name };
    let file = FILES.iter().find(|file| file.name == name)?;
    Some(file.serve(method, headers, policy))
}

/// Sends a browser from `/` to the portal.
pub(super) fn redirect(original: Option<&OriginalPath>) -> Response {
    let mut response = respond::empty(StatusCode::FOUND);
    // Relative, unless the way here is known: a proxy may have taken a prefix away.
    let location = original.and_then(|OriginalPath(path)| {
        HeaderValue::try_from(format!("{}/portal/", path.trim_end_matches('/'))).ok()
    });
    response.headers_mut().insert(LOCATION, location.unwrap_or(HeaderValue::from_static("portal/")));
    response
}

/// Whether the sender wants a page rather than a sentence.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let values = headers.get_all(http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let media_type = range.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("text/html")
    })
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_TYPE};

    use super::*;

    fn get(path: &str, name: &str) -> Option<Response> {
        serve(&Method::GET, &HeaderMap::new(), path, name, &policy(&[]))
    }

    #[test]
    fn the_page_is_there() {
        for name in ["", "index.html"] {
            let response = get("/portal/", name).unwrap();
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        }
        let response = get("/portal", "").unwrap();
        assert_eq!(
            (response.status(), &response.headers()[LOCATION]),
            (StatusCode::PERMANENT_REDIRECT, &HeaderValue::from_static("portal/"))
        );
        for other in ["nothing", "../Cargo.toml", "INDEX.HTML", "index.html/x", "%69ndex.html"] {
            assert!(get("/portal/x", other).is_none(), "{other}");
        }
    }

    #[test]
    fn redirects_keep_a_prefix() {
        let location = |original: Option<&str>| {
            let original = original.map(|path| OriginalPath(path.to_owned()));
            redirect(original.as_ref()).headers()[LOCATION].to_str().unwrap().to_owned()
        };
        assert_eq!(location(None), "portal/");
        assert_eq!(location(Some("/ws")), "/ws/portal/");
        assert_eq!(location(Some("/a/ws/")), "/a/ws/portal/");
    }

    #[test]
    fn browsers_want_pages() {
        let wants = |accept: &str| wants_page(&[(ACCEPT, accept.parse().unwrap())].into_iter().collect());
        assert!(wants("text/html,application/xhtml+xml,*/*;q=0.8") && wants("a/b, Text/HTML;q=0.1"));
        assert!(!wants("*/*") && !wants("text/plain") && !wants("application/json"));
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn the_page_connects_to_the_service_alone() {
        let endpoint = |secure, authority: &str| PublicEndpoint {
            secure,
            authority: authority.to_owned(),
            prefix: "/x".to_owned(),
        };
        let text = policy(&[endpoint(true, "ws.example.com"), endpoint(false, "localhost:81")]);
        let text = text.to_str().unwrap();
        assert!(text.contains("connect-src 'self' wss://ws.example.com ws://localhost:81; "), "{text}");
        assert!(!text.contains("unsafe") && !text.contains('*'), "{text}");
        assert!(policy(&[]).to_str().unwrap().contains("connect-src 'self'; "));
    }
}
