//! Documents of issuers over HTTP: small ones, in little time, from where the configuration says and nowhere else.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hublet_wire::jwt::{Jwk, KeySetError, parse_key_set};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::{Issuer, KeyLocation, http_url};

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longest head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long a document may take, from the look-up of its host to its last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a foreign text the log shows.
const SHOWN_CHARS_MAX: usize = 200;

/// Why keys could not be fetched, and what to check.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("cannot connect to {0}: {1}; check the address and whether this machine may reach it")]
    Connect(String, io::Error),
    #[error("no TLS with {0}: {1}; check its certificate, or have this machine trust its authority")]
    Tls(String, io::Error),
    #[error("{0} gave no complete answer in {1:?}; check whether it is up")]
    Timeout(Uri, Duration),
    #[error("{0} gave no valid answer: {1}; check whether it speaks HTTP")]
    Http(Uri, Box<dyn std::error::Error + Send + Sync>),
    #[error("{0} answers with a redirect, which is not followed; configure the address that it leads to")]
    Redirect(Uri),
    #[error("{0} answers {1}; check the address")]
    Status(Uri, StatusCode),
    #[error("the answer of {0} is longer than {ANSWER_BYTES_MAX} bytes; check the address")]
    TooLong(Uri),
    #[error(
        "{0} is no discovery document with `issuer` and `jwks_uri`; check the address, or set `jwks_uri`"
    )]
    Discovery(Uri),
    #[error(
        "{0} is the discovery document of {1:?}; write the issuer exactly like this, or check the address"
    )]
    OtherIssuer(Uri, String),
    #[error("the `jwks_uri` in {0} is not a URL with https; check the issuer, or set `jwks_uri`")]
    KeyAddress(Uri),
    #[error("{0} is of no use as a key set: {1}; check the address")]
    KeySet(Uri, KeySetError),
}

/// The part of a discovery document that matters (OpenID Connect Discovery 1.0 §3).
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Fetches keys; it holds what is needed for TLS.
pub(super) struct Fetcher {
    tls: OnceLock<TlsConnector>,
    timeout: Duration,
}

impl Fetcher {
    pub(super) fn new() -> Self {
        Self { tls: OnceLock::new(), timeout: TIMEOUT }
    }

    /// The keys that an issuer publishes now.
    ///
    /// # Errors
    /// It is not there, or what it publishes is of no use.
    pub(super) async fn keys(&self, issuer: &Issuer) -> Result<Vec<Jwk>, FetchError> {
        let location = match &issuer.keys {
            KeyLocation::At(uri) => uri.clone(),
            KeyLocation::DiscoveredAt(uri) => {
                let document = self.get(uri).await?;
                discovered(uri, &document, &issuer.issuer)?
            }
        };
        let document = self.get(&location).await?;
        parse_key_set(&document).map_err(|error| FetchError::KeySet(location, error))
    }

    async fn get(&self, uri: &Uri) -> Result<Bytes, FetchError> {
        let answer = timeout(self.timeout, self.get_at_leisure(uri));
        answer.await.unwrap_or_else(|_| Err(FetchError::Timeout(uri.clone(), self.timeout)))
    }

    async fn get_at_leisure(&self, uri: &Uri) -> Result<Bytes, FetchError> {
        let secure = uri.scheme_str() == Some("https");
        // Only addresses with a host come here.
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tcp = TcpStream::connect((host, port))
            .await
            .map_err(|error| FetchError::Connect(authority.clone(), error))?;
        if !secure {
            return exchange(tcp, uri).await;
        }
        let failed = |error| FetchError::Tls(authority.clone(), error);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(io::Error::other(error)))?;
        let tls = self.connector().map_err(failed)?.connect(name, tcp).await.map_err(failed)?;
        exchange(tls, uri).await
    }

    fn connector(&self) -> io::Result<&TlsConnector> {
        if let Some(connector) = self.tls.get() {
            return Ok(connector);
        }
        let connector = connector()?;
        Ok(self.tls.get_or_init(|| connector))
    }
}

/// Trusts the authorities that the system trusts.
fn connector() -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read is not worth a failure: if it is needed, the handshake fails and says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn exchange<S>(stream: S, uri: &Uri) -> Result<Bytes, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: hyper::Error| FetchError::Http(uri.clone(), error.into());
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // It ends when sender and answer are dropped; what goes wrong there is told here too.
    tokio::spawn(connection);
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = Request::get(target)
        .header(HOST, uri.authority().map(http::uri::Authority::as_str).unwrap_or_default())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("hublet/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| FetchError::Http(uri.clone(), error.into()))?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    match answer.status() {
        StatusCode::OK => {}
        status if status.is_redirection() => return Err(FetchError::Redirect(uri.clone())),
        status => return Err(FetchError::Status(uri.clone(), status)),
    }
    match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLong(uri.clone())),
        Err(error) => Err(FetchError::Http(uri.clone(), error)),
    }
}

/// Where the keys are according to the discovery document at `uri`.
fn discovered(uri: &Uri, document: &[u8], issuer: &str) -> Result<Uri, FetchError> {
    let document: Discovery =
        serde_json::from_slice(document).map_err(|_| FetchError::Discovery(uri.clone()))?;
    // OpenID Connect Discovery 1.0 §4.3.
    if document.issuer != issuer {
        let shown = document.issuer.chars().take(SHOWN_CHARS_MAX).collect();
        return Err(FetchError::OtherIssuer(uri.clone(), shown));
    }
    // What came over TLS must not lead out of it.
    http_url(&document.jwks_uri)
        .filter(|keys| keys.scheme_str() == Some("https") || uri.scheme_str() == Some("http"))
        .ok_or_else(|| FetchError::KeyAddress(uri.clone()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of one answer, written as it is.
    async fn fetched(answer: Vec<u8>) -> Result<Bytes, FetchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/keys?x=y", listener.local_addr().unwrap()).parse().unwrap();
        let serve = async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let count = socket.read(&mut request).await.unwrap();
            // Who has seen enough may have gone.
            let _ = socket.write_all(&answer).await;
            String::from_utf8_lossy(&request[..count]).into_owned()
        };
        let fetcher = Fetcher::new();
        let (answer, request) = tokio::join!(fetcher.get(&uri), serve);
        assert!(request.starts_with("GET /keys?x=y HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("host: {}\r\n", uri.authority().unwrap())), "{request}");
        answer
    }

    fn head(status: &str, length: usize) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    }

    #[tokio::test]
    async fn answers() {
        let good = fetched([head("200 OK", 2), b"ok".to_vec()].concat()).await;
        assert_eq!(good.unwrap(), "ok");
        for (answer, part) in [
            (head("302 Found\r\nLocation: file:///etc/passwd", 0), "a redirect, which is not followed"),
            (head("404 Not Found", 0), "answers 404 Not Found"),
            (b"SSH-2.0-x\r\n".to_vec(), "gave no valid answer"),
            (head("200 OK", 2), "gave no valid answer"),
            (Vec::new(), "gave no valid answer"),
            (
                [head("200 OK", (1 << 20) + 1), vec![b' '; (1 << 20) + 1]].concat(),
                "longer than 1048576 bytes",
            ),
            (
                [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; (1 << 20) + 1]].concat(),
                "longer than 1048576 bytes",
            ),
        ] {
            let error = fetched(answer).await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let full = fetched([head("200 OK", 1 << 20), vec![b' '; 1 << 20]].concat()).await;
        assert_eq!(full.unwrap().len(), 1 << 20);
    }

    #[tokio::test]
    async fn silence_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri: Uri = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let fetcher = Fetcher { timeout: Duration::from_millis(50), ..Fetcher::new() };
        let error = fetcher.get(&uri).await.unwrap_err().to_string();
        assert!(error.contains("no complete answer in 50ms"), "{error}");
    }

    #[test]
    fn discovery() {
        let (plain, secure) = (Uri::from_static("http://i/d"), Uri::from_static("https://i/d"));
        let document =
            |issuer: &str, keys: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{keys}","x":[1]}}"#);
        let read = |uri: &Uri, text: String| {
            discovered(uri, text.as_bytes(), "https://i").map_err(|e| e.to_string())
        };
        assert_eq!(read(&secure, document("https://i", "https://k/1")), Ok(Uri::from_static("https://k/1")));
        assert_eq!(read(&plain, document("https://i", "http://k/1")), Ok(Uri::from_static("http://k/1")));
        for (text, part) in [
            (document("https://i/", "https://k"), "discovery document of \"https://i/\""),
            (document(&"\\u001b".repeat(5_000), "https://k"), "\\u{1b}"),
            (document("https://i", "http://k"), "is not a URL with https"),
            (document("https://i", "file:///k"), "is not a URL with https"),
            (document("https://i", "https://u@k"), "is not a URL with https"),
            ("[]".to_owned(), "no discovery document"),
            ("{}".to_owned(), "no discovery document"),
        ] {
            let error = read(&secure, text).unwrap_err();
            assert!(error.contains(part) && error.len() < 2_000, "{error}");
        }
    }
}
