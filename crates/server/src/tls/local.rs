//! The local certificate authority: made on the first start, kept in the data folder, trusted by clients once.
//!
//! Whether the server's certificate is still good is decided as a client does: its chain is verified for every host,
//! now and in 30 days. So nothing has to be kept beside the certificates, and no certificate has to be parsed here.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};

use super::{in_file, invalid, load, provider, read_chain};

pub(super) const CA: &str = "ca.pem";
pub(super) const CA_KEY: &str = "ca-key.pem";
pub(super) const SERVER: &str = "server.pem";
pub(super) const SERVER_KEY: &str = "server-key.pem";
const LOCK: &str = "lock";

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Certificates begin a day early, for clients whose clock is behind.
const EARLY: Duration = DAY;
const CA_LIFE: Duration = DAY.saturating_mul(3_652);
/// With the early day below 397 days, the most that Apple's and Chromium's rules for public certificates allow.
pub(super) const SERVER_LIFE: Duration = DAY.saturating_mul(395);
/// Left to live at a start, or there is a new one.
const RENEW: Duration = DAY.saturating_mul(30);

/// Names that every certificate is good for.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("tls")
}

/// The server's certificate and key: the ones in the data folder if they still do, or else new ones.
pub(super) fn certificate(data: &Path, hosts: &[String], now: SystemTime) -> io::Result<CertifiedKey> {
    let hosts = Hosts::new(hosts)?;
    let folder = folder(data);
    // Without the lock, so that a folder with all it needs may be read-only. A pair that another process is just
    // replacing does not match, and is looked at again below.
    if let Ok(found) = find(&folder, &hosts, now) {
        return Ok(found);
    }
    fs::create_dir_all(data)
        .map_err(|error| in_file(error.kind(), data, format_args!("cannot make the data folder: {error}")))?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| in_file(error.kind(), &folder, format_args!("cannot make the folder: {error}")))?;
    let _lock = lock(&folder.join(LOCK))?;
    match find(&folder, &hosts, now) {
        Ok(found) => Ok(found),
        Err(reason) => {
            issue(&folder, &hosts, now)?;
            tracing::info!(reason, file = %folder.join(SERVER).display(), "made a server certificate");
            find(&folder, &hosts, now).map_err(|what| invalid(&folder.join(SERVER), what))
        }
    }
}

/// What the certificate must be good for.
struct Hosts {
    texts: Vec<String>,
    names: Vec<ServerName<'static>>,
}

impl Hosts {
    fn new(more: &[String]) -> io::Result<Self> {
        let mut all = Self { texts: Vec::new(), names: Vec::new() };
        for host in OWN_HOSTS.iter().copied().chain(more.iter().map(String::as_str)) {
            let text = match host.parse::<IpAddr>() {
                // Something to listen on, but nothing to connect to.
                Ok(address) if address.is_unspecified() => continue,
                Ok(address) => address.to_string(),
                Err(_) => host.trim_end_matches('.').to_ascii_lowercase(),
            };
            if all.texts.contains(&text) {
                continue;
            }
            let name = ServerName::try_from(text.clone()).map_err(|_| {
                let text =
                    format!("TLS: {host:?} is not a host name or an IP address to make a certificate for");
                io::Error::new(io::ErrorKind::InvalidInput, text)
            })?;
            all.texts.push(text);
            all.names.push(name);
        }
        Ok(all)
    }
}

/// Reads what the folder has. An error is the reason to make a new certificate.
fn find(folder: &Path, hosts: &Hosts, now: SystemTime) -> Result<CertifiedKey, String> {
    let authority = read_authority(&folder.join(CA)).map_err(|error| error.to_string())?;
    let found = load(&folder.join(SERVER), &folder.join(SERVER_KEY)).map_err(|error| error.to_string())?;
    let certificate = found.end_entity_cert().map_err(|error| error.to_string())?;
    for time in [now, now + RENEW] {
        for name in &hosts.names {
            verify(&authority, certificate, name, time)
                .map_err(|error| format!("not good for {}: {error}", name.to_str()))?;
        }
    }
    Ok(found)
}

fn read_authority(path: &Path) -> io::Result<CertificateDer<'static>> {
    let mut chain = read_chain(path)?;
    Ok(chain.swap_remove(0))
}

fn verify(
    authority: &CertificateDer<'static>,
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    time: SystemTime,
) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let time = UnixTime::since_unix_epoch(since_epoch(time));
    verifier.verify_server_cert(certificate, &[], name, &[], time).map(|_| ())
}

/// Whether an authority's certificate has not expired by then.
pub(super) fn lives_until(authority: &CertificateDer<'static>, time: SystemTime) -> bool {
    // Verified as a server's it is always refused; but the lifetime is the first thing to be looked at.
    let [name, ..] = OWN_HOSTS;
    let Ok(name) = ServerName::try_from(name) else { return false };
    !matches!(
        verify(authority, authority, &name, time),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. }
        ))
    )
}

/// Makes a certificate for the server, and first the authority if there is none.
fn issue(folder: &Path, hosts: &Hosts, now: SystemTime) -> io::Result<()> {
    let (authority, issuer) = authority(folder, now)?;

    let server = folder.join(SERVER);
    let failed = |error: rcgen::Error| invalid(&server, format_args!("cannot make the certificate: {error}"));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(hosts.texts.clone()).map_err(failed)?;
    params.distinguished_name = named("hublet");
    set_lifetime(&mut params, now, SERVER_LIFE);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?;

    // The authority's name and key were taken from its key file: true only if hublet made the two of them.
    for name in &hosts.names {
        verify(&authority, certificate.der(), name, now).map_err(|error| {
            invalid(
                &folder.join(CA),
                format_args!(
                    "cannot verify a certificate made with {CA_KEY} ({error}); the two do not belong together. Put \
                     back the right ones, or delete both: a new authority is made, which clients must trust anew"
                ),
            )
        })?;
    }
    // If only the first gets written, the two do not match and are made again.
    write(&folder.join(SERVER_KEY), &key.serialize_pem(), 0o600)?;
    write(&server, &certificate.pem(), 0o644)
}

/// The authority of the folder: found, or made when there is none.
fn authority(
    folder: &Path,
    now: SystemTime,
) -> io::Result<(CertificateDer<'static>, Issuer<'static, KeyPair>)> {
    let (file, key_file) = (folder.join(CA), folder.join(CA_KEY));
    let failed = |error: rcgen::Error| invalid(&file, format_args!("cannot make the authority: {error}"));
    let has_file = file.try_exists().map_err(|error| in_file(error.kind(), &file, error))?;
    let key = match fs::read_to_string(&key_file) {
        Ok(text) => KeyPair::from_pem(&text).map_err(|error| {
            let what = "put back the right file, or delete it and ca.pem: a new authority is made, which clients must \
                        trust anew";
            invalid(&key_file, format_args!("not a private key in PEM ({error}); {what}"))
        })?,
        Err(error) if error.kind() == io::ErrorKind::NotFound && has_file => {
            let what = "the key of the local certificate authority is gone, and the server's certificate needs to be \
                        made anew; put the key back, or delete ca.pem: a new authority is made, which clients must \
                        trust anew";
            return Err(in_file(error.kind(), &key_file, what));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::generate().map_err(failed)?;
            write(&key_file, &key.serialize_pem(), 0o600)?;
            key
        }
        Err(error) => {
            return Err(in_file(error.kind(), &key_file, format_args!("cannot read the private key: {error}")));
        }
    };

    let mut params = CertificateParams::default();
    params.distinguished_name = named(&authority_name(&key));
    set_lifetime(&mut params, now, CA_LIFE);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Differs when the certificate is made again with the same key: some clients refuse two with one number.
    params.serial_number = Some(since_epoch(now).as_secs().into());

    let found = if has_file {
        let found = read_authority(&file)?;
        // With the same name and key, so that clients may trust the old or the new one while both are valid.
        lives_until(&found, now + SERVER_LIFE).then_some(found)
    } else {
        None
    };
    let certificate = match found {
        Some(found) => found,
        None => {
            let made = params.self_signed(&key).map_err(failed)?;
            write(&file, &made.pem(), 0o644)?;
            if has_file {
                tracing::warn!(file = %file.display(), "renewed the local certificate authority; trust it anew");
            } else {
                tracing::info!(file = %file.display(), "made a local certificate authority for clients to trust");
            }
            made.der().clone()
        }
    };
    Ok((certificate, Issuer::new(params, key)))
}

/// Follows from the key, so that it need not be read from the certificate, and differs between two authorities:
/// clients that trust both choose by name.
fn authority_name(key: &KeyPair) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, key.public_key_raw());
    let mark: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("hublet local CA {mark}")
}

fn named(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn set_lifetime(params: &mut CertificateParams, now: SystemTime, life: Duration) {
    let start = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = start + since_epoch(now).saturating_sub(EARLY);
    params.not_after = start + since_epoch(now) + life;
}

/// Waits for other processes that are making certificates here. The lock ends with the file's owner.
fn lock(path: &Path) -> io::Result<File> {
    let in_context = |error: io::Error| {
        in_file(error.kind(), path, format_args!("cannot lock the folder of local certificates: {error}"))
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(in_context)?;
    file.lock().map_err(in_context)?;
    Ok(file)
}

/// Replaces a file as a whole. The lock must be held.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let replace = || {
        // One left by a crash may have any content and rights.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    replace().map_err(|error| in_file(error.kind(), path, format_args!("cannot write: {error}")))
}
