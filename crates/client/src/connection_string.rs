//! Connection strings: `Endpoint=…;AccessKey=…;Version=1.0;` (rest-api.md §2.1).

use std::fmt;
use std::str::FromStr;

use crate::address::Address;
use crate::error::Error;

/// The key that the emulator of the vendor, the tests of its SDKs, and hublet in development mode accept.
const DEVELOPMENT_KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";

/// The address of a service and one of its access keys.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    /// Scheme, host and port, perhaps with the path prefix of a proxy; no slash at the end.
    endpoint: String,
    access_key: String,
}

/// What is wrong with a connection string. The texts never contain the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConnectionString {
    /// A part is missing or empty.
    #[error(
        "The connection string has no {0}: it should look like Endpoint=http://localhost:8080;AccessKey=…;Version=1.0;"
    )]
    Missing(&'static str),
    /// The endpoint is not a URL of a service.
    #[error("The Endpoint of the connection string cannot be used: {0}.")]
    Endpoint(&'static str),
    /// The port is not a number.
    #[error("The Port of the connection string is not a number between 1 and 65535.")]
    Port,
}

impl ConnectionString {
    /// The one of a service in development mode on its default port.
    pub fn development() -> Self {
        Self { endpoint: "http://localhost:8080".to_owned(), access_key: DEVELOPMENT_KEY.to_owned() }
    }

    /// Makes one of its parts.
    ///
    /// # Errors
    /// The endpoint is not a URL, or the key is empty.
    pub fn new(endpoint: &str, access_key: &str) -> Result<Self, InvalidConnectionString> {
        if access_key.is_empty() {
            return Err(InvalidConnectionString::Missing("AccessKey"));
        }
        Ok(Self { endpoint: endpoint_with_port(endpoint, None)?, access_key: access_key.to_owned() })
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The key; its UTF-8 bytes are what signs.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The endpoint with the scheme `ws` or `wss`.
    pub(crate) fn websocket_endpoint(&self) -> String {
        // The scheme was checked to be http, https, ws or wss.
        match self.endpoint.strip_prefix("http") {
            Some(rest) => format!("ws{rest}"),
            None => self.endpoint.clone(),
        }
    }

    /// The connection string as text, with the key in it.
    pub fn reveal(&self) -> String {
        format!("Endpoint={};AccessKey={};Version=1.0;", self.endpoint, self.access_key)
    }
}

impl FromStr for ConnectionString {
    type Err = InvalidConnectionString;

    /// Takes everything that one of the official SDKs takes: keys in any case and order, parts it does not know, a
    /// part twice (the last one counts), an endpoint without a scheme (`https` is meant), a `Port` that replaces the
    /// one of the endpoint, and an empty `Port`.
    fn from_str(text: &str) -> Result<Self, InvalidConnectionString> {
        let [mut endpoint, mut access_key, mut port] = [""; 3];
        let text = text.trim().trim_matches(['"', '\'']);
        for (name, value) in text.split(';').filter_map(|part| part.split_once('=')) {
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("endpoint") {
                endpoint = value;
            } else if name.eq_ignore_ascii_case("accesskey") {
                access_key = value;
            } else if name.eq_ignore_ascii_case("port") {
                port = value;
            }
        }
        if endpoint.is_empty() {
            return Err(InvalidConnectionString::Missing("Endpoint"));
        }
        if access_key.is_empty() {
            return Err(InvalidConnectionString::Missing("AccessKey"));
        }
        let port = match port {
            "" => None,
            port => Some(port.parse().ok().filter(|port| *port != 0).ok_or(InvalidConnectionString::Port)?),
        };
        Ok(Self { endpoint: endpoint_with_port(endpoint, port)?, access_key: access_key.to_owned() })
    }
}

/// The key is left out.
impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint={};AccessKey=***;Version=1.0;", self.endpoint)
    }
}

fn endpoint_with_port(endpoint: &str, port: Option<u16>) -> Result<String, InvalidConnectionString> {
    let invalid = InvalidConnectionString::Endpoint;
    let with_scheme;
    let endpoint = if endpoint.contains("://") {
        endpoint
    } else {
        with_scheme = format!("https://{endpoint}");
        &with_scheme
    };
    let address = Address::parse(endpoint).map_err(|error| match error {
        Error::Url(what) => invalid(what),
        _ => invalid("it is not a URL"),
    })?;
    if endpoint.contains(['?', '#']) {
        return Err(invalid("it has a query or a fragment"));
    }
    let scheme = if address.secure { "https" } else { "http" };
    let authority = match port {
        Some(port) if address.host.contains(':') => format!("[{}]:{port}", address.host),
        Some(port) => format!("{}:{port}", address.host),
        None => address.authority,
    };
    Ok(format!("{scheme}://{authority}{}", address.target.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_an_sdk_takes() {
        for (text, endpoint) in [
            ("Endpoint=http://localhost:8080;AccessKey=k=;Version=1.0;", "http://localhost:8080"),
            ("endpoint=https://h/;ACCESSKEY=k=", "https://h"),
            (" Version=1.0 ; AccessKey=k= ; Endpoint=https://h ; ", "https://h"),
            ("\"Endpoint=https://h;AccessKey=k=;\"", "https://h"),
            ("Endpoint=h:81;AccessKey=k=;", "https://h:81"),
            ("Endpoint=http://h;Port=8080;AccessKey=k=", "http://h:8080"),
            ("Port=8081;Endpoint=http://h:8080;AccessKey=k=", "http://h:8081"),
            ("Endpoint=http://[::1]:1;Port=2;AccessKey=k=", "http://[::1]:2"),
            ("Endpoint=http://h:8080;Port=;AccessKey=k=", "http://h:8080"),
            ("Endpoint=a;AccessKey=x;Endpoint=http://h;AccessKey=k=;what;New=1", "http://h"),
            ("Endpoint=wss://h/prefix/;AccessKey=k=", "https://h/prefix"),
        ] {
            let parsed: ConnectionString = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((parsed.endpoint(), parsed.access_key()), (endpoint, "k="), "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        use InvalidConnectionString::{Endpoint, Missing, Port};
        for (text, expected) in [
            ("", Missing("Endpoint")),
            ("AccessKey=k", Missing("Endpoint")),
            ("Endpoint=;AccessKey=k", Missing("Endpoint")),
            ("Endpoint=http://h", Missing("AccessKey")),
            ("Endpoint=http://h;AuthType=azure", Missing("AccessKey")),
            ("Endpoint=http://h;AccessKey=k;Port=x", Port),
            ("Endpoint=http://h;AccessKey=k;Port=0", Port),
            ("Endpoint=ftp://h;AccessKey=k", Endpoint("its scheme is none of http, https, ws and wss")),
            ("Endpoint=http://h?x;AccessKey=k", Endpoint("it has a query or a fragment")),
        ] {
            assert_eq!(text.parse::<ConnectionString>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_key_is_shown_only_on_purpose() {
        let development = ConnectionString::development();
        assert_eq!(
            development.reveal(),
            "Endpoint=http://localhost:8080;AccessKey=ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH;Version=1.0;"
        );
        assert_eq!(development.reveal().parse(), Ok(development.clone()));
        assert!(!format!("{development:?}").contains("ABCDEF"));
        assert_eq!(development.websocket_endpoint(), "ws://localhost:8080");
    }
}
