//! Public endpoints: where clients and app servers think the service is (rest-api.md §2.4).

use http::Uri;

use super::ConfigError;

/// An address under which clients and app servers know this service, for example of a proxy in front of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEndpoint {
    /// TLS is spoken there.
    pub secure: bool,
    /// `host` or `host:port`, lower-cased, as in a `Host` header.
    pub authority: String,
    /// What stands in front of every path there: empty, or a slash and segments as they are written in URLs.
    pub prefix: String,
}

impl PublicEndpoint {
    /// Reads a URL.
    ///
    /// # Errors
    /// It is not a URL of a service, or its path would hide a path of this one.
    pub(super) fn parse(url: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            ConfigError::new(format!(
                "{url:?} in `public_endpoints` is not the address of a service. Write a scheme and a host, and perhaps \
                 the path that a proxy has in front of ours, such as https://ws.example.com or \
                 https://example.com/ws."
            ))
        };
        let uri: Uri = url.trim().parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return Err(wrong()),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?;
        if uri.query().is_some() {
            return Err(wrong());
        }
        let path = uri.path().trim_matches('/');
        let first = path.split('/').next().unwrap_or_default();
        if ["api", "client", "clients", "health", "portal", "ready"]
            .iter()
            .any(|ours| first.eq_ignore_ascii_case(ours))
        {
            return Err(ConfigError::new(format!(
                "The path of {url:?} in `public_endpoints` begins like a path of the service itself. Leave it out, or \
                 choose another one at the proxy."
            )));
        }
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { secure, authority: authority.as_str().to_ascii_lowercase(), prefix })
    }

    /// The URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}{}", if self.secure { "https" } else { "http" }, self.authority, self.prefix)
    }

    /// The host without the port and without the brackets of IPv6.
    pub fn host(&self) -> &str {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &self.authority,
        };
        host.trim_matches(['[', ']'])
    }

    /// What is left of a path behind the prefix; `None` when it does not start with one.
    pub(crate) fn behind_prefix<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() {
            return None;
        }
        path.strip_prefix(&self.prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_hosts() {
        for (text, url, host) in [
            ("https://WS.example.com/", "https://ws.example.com", "ws.example.com"),
            ("ws://h:81", "http://h:81", "h"),
            ("http://[::1]:5", "http://[::1]:5", "::1"),
            ("wss://H/Pre%20fix/x/", "https://h/Pre%20fix/x", "h"),
            (" https://h//a ", "https://h/a", "h"),
        ] {
            let endpoint = PublicEndpoint::parse(text).unwrap();
            assert_eq!((endpoint.url().as_str(), endpoint.host()), (url, host), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_none() {
        for text in ["h", "ftp://h", "https://u@h", "https://h/?x", "https://", "/prefix"] {
            assert!(PublicEndpoint::parse(text).is_err(), "{text}");
        }
        for text in ["https://h/api", "https://h/CLIENT/x", "https://h/health"] {
            let error = PublicEndpoint::parse(text).unwrap_err().to_string();
            assert!(error.contains("a path of the service itself"), "{text}: {error}");
        }
    }

    #[test]
    fn prefixes_end_at_segments() {
        let endpoint = PublicEndpoint::parse("https://h/a/b").unwrap();
        for (path, rest) in [
            ("/a/b/api/x", Some("/api/x")),
            ("/a/b/", Some("/")),
            ("/a/b", Some("")),
            ("/a/bc", None),
            ("/a", None),
            ("/A/b/api", None),
            ("/api/a/b", None),
        ] {
            assert_eq!(endpoint.behind_prefix(path), rest, "{path}");
        }
        assert_eq!(PublicEndpoint::parse("https://h").unwrap().behind_prefix("/x"), None);
    }
}
