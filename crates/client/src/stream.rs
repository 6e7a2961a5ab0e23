//! Sockets to a service, plain or under TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Address;
use crate::error::Error;

/// Whom to trust under TLS: the authorities that the system trusts, and perhaps those of a file.
///
/// They are read when the first secure connection is made, and once for all clones.
#[derive(Clone, Default)]
pub struct Tls {
    ca_file: Option<PathBuf>,
    connector: Arc<OnceLock<TlsConnector>>,
}

impl Tls {
    /// Also trusts the authorities in a PEM file, for example `tls/ca.pem` in the data folder of a local hublet.
    pub fn with_ca_file(file: impl Into<PathBuf>) -> Self {
        Self { ca_file: Some(file.into()), ..Self::default() }
    }

    fn connector(&self) -> Result<&TlsConnector, Error> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector);
        }
        let connector = connector(self.ca_file.as_deref())?;
        Ok(self.connector.get_or_init(|| connector))
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("ca_file", &self.ca_file).finish_non_exhaustive()
    }
}

fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    // Certificates of the system that cannot be read are not worth a failure: a needed one then fails the handshake.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca_file {
        add_file(&mut roots, file)
            .map_err(|what| Error::CaFile { file: file.display().to_string(), what })?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls { authority: "any host".to_owned(), source: io::Error::other(error) })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn add_file(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let mut is_empty = true;
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        is_empty = false;
    }
    if is_empty { Err("it contains no certificate".to_owned()) } else { Ok(()) }
}

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// TCP as it is.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects to where the address says.
    pub(crate) async fn connect(address: &Address, tls: &Tls) -> Result<Self, Error> {
        let authority = || address.authority.clone();
        let tcp = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .map_err(|source| Error::Connect { authority: authority(), source })?;
        // Messages are small and each is written whole, so waiting for more to send would only delay them.
        tcp.set_nodelay(true)?;
        if !address.secure {
            return Ok(Self::Plain(tcp));
        }
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_| Error::Url("its host is neither a DNS name nor an IP address"))?;
        let stream = tls
            .connector()?
            .connect(name, tcp)
            .await
            .map_err(|source| Error::Tls { authority: authority(), source })?;
        Ok(Self::Tls(Box::new(stream)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
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
}
