//! What describes the REST API under `/api/`: the OpenAPI document, and Swagger UI as a page to browse and try it.
//!
//! All of it is public knowledge and served without a token; calls made from the page carry one.

use http::{HeaderMap, HeaderValue, Method};

use super::files::{self, File};
use super::respond::{self, Response};

/// Nothing comes from elsewhere, and no script or style stands in the page itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

macro_rules! asset {
    ($name:literal, $content_type:literal, $path:literal) => {
        File::new($name, $content_type, Some(include_bytes!(concat!("../../assets/", $path))), None)
    };
}

macro_rules! gzip {
    ($name:literal, $content_type:literal) => {
        File::new(
            $name,
            $content_type,
            None,
            Some(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))),
        )
    };
}

static FILES: [File; 7] = [
    asset!("", "text/html; charset=utf-8", "api/index.html"),
    asset!("openapi.json", "application/json; charset=utf-8", "openapi.json"),
    asset!("page.js", "text/javascript; charset=utf-8", "api/page.js"),
    asset!("page.css", "text/css; charset=utf-8", "api/page.css"),
    gzip!("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    gzip!("swagger-ui.css", "text/css; charset=utf-8"),
    gzip!("swagger-ui-license.txt", "text/plain; charset=utf-8"),
];

/// Answers a request for `/api` or for a name under it; `None`: there is no such file.
pub(super) fn serve(method: &Method, headers: &HeaderMap, path: &str, name: &str) -> Option<Response> {
    let file = FILES.iter().find(|file| file.name.eq_ignore_ascii_case(name))?;
    if method != Method::GET && method != Method::HEAD {
        return Some(respond::read_only());
    }
    if name.is_empty() && !path.ends_with('/') {
        return Some(files::to_folder("api/"));
    }
    Some(file.serve(method, headers, &POLICY))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http::header::CONTENT_ENCODING;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn all_files_are_there() {
        for file in &FILES {
            let response = serve(&Method::GET, &HeaderMap::new(), "/api/", file.name).unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{}", file.name);
            let is_gzip = response.headers().contains_key(CONTENT_ENCODING);
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(bytes.starts_with(&[0x1f, 0x8b, 8]), is_gzip, "{}", file.name);
            if is_gzip {
                let length = bytes.last_chunk().map(|last| u32::from_le_bytes(*last)).unwrap();
                assert!(length as usize > bytes.len(), "{}", file.name);
            }
        }
        assert!(serve(&Method::GET, &HeaderMap::new(), "/api/", "nothing").is_none());
        let redirect = serve(&Method::GET, &HeaderMap::new(), "/api", "").unwrap();
        assert_eq!(redirect.status(), StatusCode::PERMANENT_REDIRECT);
    }
}
