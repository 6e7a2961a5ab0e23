//! The audience rule: `aud` must be the URL of the request, in any of its spellings (rest-api.md §2.3).

use std::borrow::Cow;

use crate::percent;

/// For which hosts a token may be made out.
#[derive(Debug, Clone, Copy)]
pub enum Authorities<'a> {
    /// Any host: the development switch that lets `localhost` and `127.0.0.1` stand for each other.
    Any,
    /// These, as `host` or `host:port`: the `Host` header of the request and the configured public endpoints.
    OneOf(&'a [&'a str]),
}

/// Whether `aud` is the URL of a request for `path`.
///
/// * The scheme is `http`, `https`, `ws` or `wss`, whatever the request used.
/// * The authority is one of `authorities`, compared without regard to case and to the ports 80 and 443.
/// * The path is `path` (percent-encoded, without query): compared segment by segment after percent-decoding, without
///   regard to ASCII case and to slashes at the ends.
/// * Query and fragment do not matter.
pub fn audience_matches(aud: &str, path: &str, authorities: Authorities<'_>) -> bool {
    matches_segments(aud, &segments(path).collect::<Vec<_>>(), authorities)
}

/// Whether `aud` is the URL of a request for `path`, written with the same escapes: what [`audience_matches`] finds
/// without decoding anything.
pub(super) fn is_spelled(aud: &str, path: &str, authorities: Authorities<'_>) -> bool {
    split(aud).is_some_and(|(authority, aud_path)| {
        aud_path.eq_ignore_ascii_case(path) && is_authority(authority, authorities)
    })
}

/// As [`audience_matches`], with the path of the request already decoded: a token may have thousands of audiences.
pub(super) fn matches_segments(aud: &str, request: &[Cow<'_, [u8]>], authorities: Authorities<'_>) -> bool {
    split(aud).is_some_and(|(authority, aud_path)| {
        is_authority(authority, authorities) && is_same_path(segments(aud_path), request)
    })
}

/// The authority and the path of an audience with one of the four schemes.
fn split(aud: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = aud.split_once("://")?;
    if !["https", "http", "wss", "ws"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    let end = rest.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
    let rest = &rest[..end];
    Some(rest.split_at(rest.find('/').unwrap_or(rest.len())))
}

fn is_authority(authority: &str, authorities: Authorities<'_>) -> bool {
    match authorities {
        Authorities::Any => !authority.is_empty(),
        Authorities::OneOf(known) => {
            let authority = without_default_port(authority);
            !authority.is_empty()
                && known.iter().any(|known| without_default_port(known).eq_ignore_ascii_case(authority))
        }
    }
}

/// The ports are dropped whatever the scheme, since the scheme does not matter either. An empty port is none.
fn without_default_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, "80" | "443" | "")) => host,
        _ => authority,
    }
}

/// The decoded segments of a path, without the empty ones at its ends.
pub(super) fn segments(path: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
    path.trim_matches('/').split('/').map(percent::decode_segment)
}

fn is_same_path<'a>(mut aud: impl Iterator<Item = Cow<'a, [u8]>>, request: &[Cow<'_, [u8]>]) -> bool {
    request.iter().all(|segment| aud.next().is_some_and(|aud| aud.eq_ignore_ascii_case(segment)))
        && aud.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOSTS: &[&str] = &["example.com", "127.0.0.1:8080", "[::1]:443"];

    #[test]
    fn audiences() {
        for (aud, path, expected) in [
            ("https://example.com/client/hubs/chat", "/client/hubs/chat", true),
            ("http://example.com/client/hubs/chat", "/client/hubs/chat", true),
            ("wss://example.com/client/hubs/chat", "/client/hubs/chat", true),
            ("ws://example.com/client/hubs/chat", "/client/hubs/chat", true),
            ("HTTPS://EXAMPLE.COM/Client/Hubs/CHAT", "/client/hubs/chat", true),
            ("ftp://example.com/client/hubs/chat", "/client/hubs/chat", false),
            ("//example.com/client/hubs/chat", "/client/hubs/chat", false),
            ("example.com/client/hubs/chat", "/client/hubs/chat", false),
            ("/client/hubs/chat", "/client/hubs/chat", false),
            ("", "", false),
            ("https://", "", false),
            ("https:///client/hubs/chat", "/client/hubs/chat", false),
            // Authorities.
            ("https://example.com:443/a", "/a", true),
            ("https://example.com:80/a", "/a", true),
            ("https://example.com:/a", "/a", true),
            ("https://example.com:8080/a", "/a", false),
            ("http://127.0.0.1:8080/a", "/a", true),
            ("http://127.0.0.1/a", "/a", false),
            ("http://[::1]/a", "/a", true),
            ("http://[::1]:80/a", "/a", true),
            ("http://[::1]:1/a", "/a", false),
            ("https://other/a", "/a", false),
            ("https://example.com.evil/a", "/a", false),
            ("https://user@example.com/a", "/a", false),
            ("https://example.com@evil/a", "/a", false),
            (r"https://evil\example.com/a", "/a", false),
            ("https://exampleclient/hubs/chat", "/client/hubs/chat", false),
            ("https://example.com", "/", true),
            ("https://example.com?x", "", true),
            ("https://example.com#f", "/", true),
            // Queries and fragments.
            ("https://example.com/a?api-version=1&x=%", "/a", true),
            ("https://example.com/a/?x#y", "/a", true),
            ("https://example.com/a#f?x", "/a", true),
            ("https://example.com/b?x=/a", "/a", false),
            ("https://evil?@example.com/a", "/a", false),
            ("https://evil#@example.com/a", "/a", false),
            // Paths: longer and shorter ones, slashes at the ends and inside.
            ("https://example.com/api/hubs/chat", "/api/hubs/chat/:send", false),
            ("https://example.com/api/hubs/chat/:send/child", "/api/hubs/chat/:send", false),
            ("https://example.com/api/hubs/chatter", "/api/hubs/chat", false),
            ("https://example.com/a/", "/a", true),
            ("https://example.com//a//", "/a", true),
            ("https://example.com/a", "/a/", true),
            ("https://example.com/client", "/client/", true),
            ("https://example.com/a//b", "/a/b", false),
            ("https://example.com/a//b", "/a//b", true),
            // Escapes, on either side.
            ("https://example.com/client/hubs/chat[1]", "/client/hubs/chat%5B1%5D", true),
            ("https://example.com/client/hubs/chat%5b1%5D", "/client/hubs/chat[1]", true),
            ("https://example.com/groups/a%2Fb%20%E4%BD%A0", "/groups/a%2fb%20%E4%BD%A0", true),
            ("https://example.com/groups/a%2Fb", "/groups/a/b", false),
            ("https://example.com/groups/a/b", "/groups/a%2Fb", false),
            ("https://example.com/groups/a%252Fb", "/groups/a%2Fb", false),
            ("https://example.com/groups/a+b", "/groups/a%20b", false),
            ("https://example.com/groups/a+b", "/groups/a%2Bb", true),
            ("https://example.com/groups/%zz%", "/groups/%zz%", true),
            ("https://example.com/groups/%ff", "/groups/%FF", true),
            // Only ASCII has no case.
            ("https://example.com/groups/Ü", "/groups/%C3%9C", true),
            ("https://example.com/groups/ü", "/groups/%C3%9C", false),
        ] {
            assert_eq!(audience_matches(aud, path, Authorities::OneOf(HOSTS)), expected, "{aud} for {path}");
            assert!(expected || !is_spelled(aud, path, Authorities::OneOf(HOSTS)), "{aud} for {path}");
        }
    }

    #[test]
    fn any_authority_still_needs_the_path() {
        let matches = |aud| audience_matches(aud, "/client/hubs/h", Authorities::Any);
        assert!(matches("http://localhost:8080/client/hubs/h") && matches("wss://elsewhere/client/hubs/h"));
        assert!(!matches("http://localhost/client/hubs/x") && !matches("http:///client/hubs/h"));
        assert!(!matches("ftp://localhost/client/hubs/h") && !matches("http://client/hubs/h"));
        assert!(!audience_matches("http://h/", "/", Authorities::OneOf(&[])));
        assert!(!audience_matches("http://:80/", "/", Authorities::OneOf(&["", ":443"])));
    }

    proptest! {
        #[test]
        fn a_url_is_its_own_audience(host in "[a-z]{1,9}(:[1-9][0-9]{1,4})?", path in "(/[^/?#\\p{C}]{1,9}){0,4}") {
            let aud = format!("https://{host}{path}?q=1");
            prop_assert!(audience_matches(&aud, &path, Authorities::OneOf(&[&host])));
            prop_assert!(audience_matches(&aud.to_ascii_uppercase(), &path, Authorities::Any));
            prop_assert!(!audience_matches(&aud, &path, Authorities::OneOf(&["0"])));
        }

        #[test]
        fn foreign_text_never_panics(aud in "(https?://)?\\PC{0,40}", path in "\\PC{0,20}") {
            audience_matches(&aud, &path, Authorities::OneOf(&["host", "\u{fc}:", ":"]));
            audience_matches(&aud, &path, Authorities::Any);
        }
    }
}
