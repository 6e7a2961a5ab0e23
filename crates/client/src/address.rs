//! Addresses: where to connect, what to write into `Host`, and how names become parts of a path.

use hyper::Uri;

use crate::error::Error;

/// A URL taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// TLS is asked for.
    pub(crate) secure: bool,
    /// Without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As in the URL: for the `Host` header and for messages.
    pub(crate) authority: String,
    /// Path and query, starting with a slash.
    pub(crate) target: String,
}

impl Address {
    /// Reads a URL of one of the schemes `http`, `https`, `ws` and `wss`.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let uri: Uri = url.trim().parse().map_err(|_| Error::Url("it is not a URL"))?;
        let secure = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            Some(_) => return Err(Error::Url("its scheme is none of http, https, ws and wss")),
            None => return Err(Error::Url("it does not start with http://, https://, ws:// or wss://")),
        };
        let authority = uri.authority().ok_or(Error::Url("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(Error::Url("it contains a user name"));
        }
        let host = authority.host();
        let port_text = authority.as_str().get(host.len()..).unwrap_or_default();
        let port = match port_text.strip_prefix(':') {
            None | Some("") => {
                if secure {
                    443
                } else {
                    80
                }
            }
            Some(_) => authority.port_u16().ok_or(Error::Url("its port is not a number up to 65535"))?,
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(Error::Url("it has no host"));
        }
        // Written out, the part always starts with a slash.
        let target = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            authority: authority.as_str().trim_end_matches(':').to_owned(),
            target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, secure, host, port, authority, target) in [
            ("ws://localhost:8080/a?b=c", false, "localhost", 8080, "localhost:8080", "/a?b=c"),
            ("WSS://Example.com", true, "Example.com", 443, "Example.com", "/"),
            ("http://[::1]:81/", false, "::1", 81, "[::1]:81", "/"),
            ("https://h:/?q", true, "h", 443, "h", "/?q"),
            (" http://127.0.0.1?q#f ", false, "127.0.0.1", 80, "127.0.0.1", "/?q"),
        ] {
            let expected = Address {
                secure,
                host: host.to_owned(),
                port,
                authority: authority.to_owned(),
                target: target.to_owned(),
            };
            assert_eq!(Address::parse(url).unwrap(), expected, "{url}");
        }
        for url in [
            "",
            "localhost:8080",
            "/client",
            "ftp://h/",
            "http://",
            "http://u@h/",
            "http://h:99999/",
            "http://a b/",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
