//! Takes the path prefix of a public endpoint away, which a proxy may leave in front of ours (rest-api.md §2.4).

use http::uri::PathAndQuery;
use http::{Request, Uri};

use crate::config::Config;

/// The path of a request as it came, kept with the request when a prefix was taken from it.
#[derive(Debug, Clone)]
pub(super) struct OriginalPath(pub(super) String);

/// Strips the longest configured prefix that the path starts with. A proxy that strips it itself is fine too.
pub(super) fn strip<B>(config: &Config, request: &mut Request<B>) {
    let Some(uri) = stripped(config, request.uri()) else { return };
    let original = std::mem::replace(request.uri_mut(), uri);
    request.extensions_mut().insert(OriginalPath(original.path().to_owned()));
}

fn stripped(config: &Config, uri: &Uri) -> Option<Uri> {
    let rests = config.public_endpoints.iter().filter_map(|endpoint| endpoint.behind_prefix(uri.path()));
    let path = rests.min_by_key(|rest| rest.len())?;
    let path = if path.is_empty() { "/" } else { path };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    // A part of a path from its slash on is a path.
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn the_longest_prefix_goes() {
        let text =
            "public_endpoints = [\"http://localhost/a\", \"http://localhost/a/b%20c\", \"http://[::1]\"]";
        let config = Config::new(&Settings::from_toml(text).unwrap()).unwrap();
        for (path, expected) in [
            ("/a/api/hubs/h/:send?x=/a&y", "/api/hubs/h/:send?x=/a&y"),
            ("/a/b%20c/api/hubs/%2F", "/api/hubs/%2F"),
            ("/a/b%20c", "/"),
            ("/a?x", "/?x"),
            ("/a/a/client", "/a/client"),
            ("/ab/client", "/ab/client"),
            ("/client/hubs/a?access_token=t", "/client/hubs/a?access_token=t"),
            ("http://h:1/a/client", "http://h:1/client"),
            ("/a//client", "//client"),
        ] {
            let mut request = Request::builder().uri(path).body(()).unwrap();
            strip(&config, &mut request);
            assert_eq!(request.uri().to_string(), expected, "{path}");
            let original = request.extensions().get::<OriginalPath>().map(|OriginalPath(path)| path.clone());
            let came = path.parse::<Uri>().unwrap().path().to_owned();
            assert_eq!(original, (path != expected).then_some(came));
        }
    }
}
