//! New connections to event handlers, plain or under TLS.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::fault::Fault;
use crate::guard::{self, Guard, is_secure};
use crate::resolver::Resolver;

/// How long a connection may take, from the look-up of the name to the end of the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// TLS's name of HTTP/2 (RFC 9113 §3.2).
const ALPN_H2: &[u8] = b"h2";

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    guard: Option<Arc<Guard>>,
    tls: TlsConnector,
    resolver: Arc<Resolver>,
    timeout: Duration,
}

impl Connector {
    /// Without a guard it connects to wherever it is told.
    pub(crate) fn new(guard: Option<Guard>, tls: TlsConnector) -> Self {
        Self { guard: guard.map(Arc::new), tls, resolver: Arc::default(), timeout: CONNECT_TIMEOUT }
    }

    async fn connect(self, uri: Uri) -> Result<Socket, Fault> {
        let deadline = Instant::now() + self.timeout;
        let attempt = async {
            let mut addresses = guard::addresses(&self.resolver, &uri).await?;
            if let Some(guard) = &self.guard {
                guard.retain_allowed(&mut addresses)?;
            }
            let tcp = connect_tcp(&addresses, deadline).await?;
            // Requests are written whole: waiting for more to send would only delay them.
            tcp.set_nodelay(true).map_err(|error| Fault::Connect(Arc::new(error)))?;
            if !is_secure(&uri) {
                return Ok(Socket::Plain(TokioIo::new(tcp)));
            }
            let host = uri.host().ok_or(Fault::Url)?.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|_| Fault::Url)?;
            let tls = timeout_at(deadline, self.tls.connect(name, tcp));
            let tls = tls.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            let tls = tls.map_err(|error| Fault::Tls(Arc::new(error)))?;
            Ok(Socket::Tls(TokioIo::new(Box::new(tls))))
        };
        timeout_at(deadline, attempt).await.unwrap_or(Err(Fault::ConnectTimeout))
    }
}

/// The first address that accepts. Each gets its share of the time, so that one that is silent leaves some to the others.
async fn connect_tcp(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Fault> {
    let mut fault = Fault::ConnectTimeout;
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => fault = Fault::Connect(Arc::new(error)),
            Err(_) => fault = Fault::ConnectTimeout,
        }
    }
    Err(fault)
}

impl Service<Uri> for Connector {
    type Response = Socket;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Socket, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// TLS that trusts the system's authorities and those of a file, and offers HTTP/2.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub(crate) fn tls(extra_roots: Option<&Path>) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    // One that cannot be read is not worth a failure: if it is needed, the handshake fails and says so.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = extra_roots {
        let invalid =
            |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", file.display()));
        let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<_, _>>)
            .map_err(|error| invalid(error.to_string()))?;
        if certificates.is_empty() {
            return Err(invalid("it contains no certificate".to_owned()));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN_H2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection to a handler.
pub(crate) enum Socket {
    Plain(TokioIo<TcpStream>),
    Tls(TokioIo<Box<TlsStream<TcpStream>>>),
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(tls) if tls.inner().get_ref().1.alpn_protocol() == Some(ALPN_H2) => {
                Connected::new().negotiated_h2()
            }
            Self::Plain(_) | Self::Tls(_) => Connected::new(),
        }
    }
}

impl Read for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        }
    }
}
