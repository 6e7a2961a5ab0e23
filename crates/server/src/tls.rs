//! TLS: the certificate from files that the operator names, or from an authority of hublet's own.

mod local;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ServerConfig};
use tokio_rustls::TlsAcceptor;

/// TLS settings from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM file with the server's certificate and those between it and a trusted authority.
    /// Goes with `key`; with neither, the local authority in the data folder makes a certificate.
    pub cert: Option<PathBuf>,
    /// PEM file with the private key of the certificate.
    pub key: Option<PathBuf>,
}

/// Makes the acceptor. `hosts`: names and addresses (besides localhost, 127.0.0.1, ::1) that the local certificate
/// must be good for.
///
/// # Errors
/// `cert` without `key` or the other way round, a file that cannot be read or written, or one whose content is of no
/// use. The text names the file, what is wrong with it and what to do.
pub fn acceptor(settings: &TlsSettings, data: &Path, hosts: &[String]) -> io::Result<TlsAcceptor> {
    let certificate = match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => load(cert, key)?,
        (None, None) => local::certificate(data, hosts, SystemTime::now())?,
        (Some(_), None) => return Err(half("cert", "key")),
        (None, Some(_)) => return Err(half("key", "cert")),
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Path of the local authority's certificate in the data folder: `<data>/tls/ca.pem`.
pub fn ca_file(data: &Path) -> PathBuf {
    local::folder(data).join(local::CA)
}

/// Given to everything by hand: a default for the whole process would be a trap for who embeds the server.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn half(set: &str, missing: &str) -> io::Error {
    let text = format!(
        "TLS: `{set}` is set but `{missing}` is not; set both, or neither to use the local certificate authority"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// An error of one file, with its path in front.
fn in_file(kind: io::ErrorKind, path: &Path, what: impl std::fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{}: {what}", path.display()))
}

fn invalid(path: &Path, what: impl std::fmt::Display) -> io::Error {
    in_file(io::ErrorKind::InvalidData, path, what)
}

/// Reads a certificate with its chain and the key that belongs to it.
fn load(cert: &Path, key: &Path) -> io::Result<CertifiedKey> {
    let chain = read_chain(cert)?;
    let private = read_key(key)?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => invalid(
            key,
            format_args!(
                "not the key of the certificate in {}; name the key it was issued for, and mind that the server's \
                 own certificate has to be the first in its file",
                cert.display()
            ),
        ),
        rustls::Error::InvalidCertificate(what) => invalid(
            cert,
            format_args!("the first certificate is of no use ({what:?}); it has to be the server's own, X.509 version 3"),
        ),
        _ => invalid(
            key,
            "the private key is damaged or of a kind that is not supported; ECDSA on P-256 or P-384, Ed25519, and RSA \
             from 2048 bits are",
        ),
    })
}

fn read_chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let text = read(path, "certificate")?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(path, format_args!("damaged PEM ({error}); copy the file again")))?;
    if !chain.is_empty() {
        return Ok(chain);
    }
    Err(invalid(
        path,
        if PrivateKeyDer::from_pem_slice(&text).is_ok() {
            "holds a private key where a certificate is expected; swap `cert` and `key`"
        } else if text.first() == Some(&0x30) {
            "holds no certificate in PEM; it looks like DER, convert it with `openssl x509 -inform der`"
        } else {
            "holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----"
        },
    ))
}

fn read_key(path: &Path) -> io::Result<PrivateKeyDer<'static>> {
    let text = read(path, "private key")?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let has = |mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
        if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
            invalid(
                path,
                "the private key is encrypted; store it without a passphrase: `openssl pkey -in … -out …`",
            )
        } else if !matches!(error, pem::Error::NoItemsFound) {
            invalid(path, format_args!("damaged PEM ({error}); copy the file again"))
        } else if has(b"BEGIN CERTIFICATE") {
            invalid(path, "holds a certificate where a private key is expected; swap `cert` and `key`")
        } else if text.first() == Some(&0x30) {
            invalid(
                path,
                "holds no private key in PEM; it looks like DER, convert it with `openssl pkey -inform der`",
            )
        } else {
            invalid(
                path,
                "holds no private key in PEM, which begins with -----BEGIN PRIVATE KEY----- or the like",
            )
        }
    })
}

fn read(path: &Path, what: &str) -> io::Result<Vec<u8>> {
    fs::read(path)
        .map_err(|error| in_file(error.kind(), path, format_args!("cannot read the {what}: {error}")))
}
