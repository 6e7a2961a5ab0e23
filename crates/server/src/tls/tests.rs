//! The local authority over its years, and files of the operator with all that can be wrong with them.

use std::collections::HashSet;
use std::env;
use std::os::unix::fs::PermissionsExt;
use std::process;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::local::{CA, CA_KEY, DAY, SERVER, SERVER_KEY, certificate, lives_until};
use super::*;

/// A data folder that goes when the test ends. It is not there before the first use, as at a first start.
struct Data(PathBuf);

impl Data {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(env::temp_dir().join(format!("hublet-tls-{}-{count}", process::id())))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join("tls").join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// The server's certificate after a start at a time.
    fn start(&self, hosts: &[&str], now: SystemTime) -> Vec<u8> {
        self.try_start(hosts, now).unwrap()
    }

    fn try_start(&self, hosts: &[&str], now: SystemTime) -> io::Result<Vec<u8>> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Ok(certificate(&self.0, &hosts, now)?.end_entity_cert().unwrap().to_vec())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::create_dir_all(&self.0).unwrap();
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

#[test]
fn later_starts_use_what_the_first_one_made() {
    let data = Data::new();
    let first = data.start(&["hub.test", "192.0.2.7"], now());
    let authority = data.text(CA);
    assert_eq!(data.start(&["hub.test", "192.0.2.7"], now()), first);
    // Fewer hosts and other spellings need no other certificate; nor does an address that is only listened on.
    assert_eq!(data.start(&["HUB.test.", "localhost", "0.0.0.0", "::"], now()), first);
    assert_eq!(data.text(CA), authority);
    assert_eq!(ca_file(&data.0), data.file(CA));
}

#[test]
fn files_are_private_and_nothing_else_is_left() {
    let data = Data::new();
    data.start(&[], now());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data.0.join("tls")), 0o700);
    assert_eq!(mode(&data.file(CA_KEY)), 0o600);
    assert_eq!(mode(&data.file(SERVER_KEY)), 0o600);
    let names: HashSet<String> = fs::read_dir(data.0.join("tls"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, [CA, CA_KEY, SERVER, SERVER_KEY, "lock"].map(str::to_owned).into());
}

#[test]
fn another_host_renews_the_certificate_under_the_same_authority() {
    let data = Data::new();
    let first = data.start(&[], now());
    let authority = data.text(CA);
    let second = data.start(&["hub.test"], now());
    assert_ne!(second, first);
    let third = data.start(&["hub.test", "2001:db8::1"], now());
    assert_ne!(third, second);
    assert_eq!(data.start(&["2001:DB8:0::1"], now()), third);
    assert_eq!(data.text(CA), authority);
}

#[test]
fn the_certificate_is_renewed_thirty_days_before_its_end() {
    let data = Data::new();
    let first = data.start(&[], now());
    let authority = data.text(CA);
    assert_eq!(data.start(&[], now() + DAY * 364), first);
    let second = data.start(&[], now() + DAY * 366);
    assert_ne!(second, first);
    assert_eq!(data.text(CA), authority);
    // Also when the clock was wrong at first.
    assert_ne!(data.start(&[], now()), second);
}

#[test]
fn the_authority_is_renewed_before_a_certificate_would_outlive_it() {
    let data = Data::new();
    let start = now();
    data.start(&[], start);
    let (old_text, old) = (data.text(CA), authority_of(&data));
    let key = data.text(CA_KEY);
    assert!(lives_until(&old, start + DAY * 3_650));
    assert!(!lives_until(&old, start + DAY * 3_653));

    let late = start + DAY * 3_300;
    let certificate = data.start(&[], late);
    let new = authority_of(&data);
    assert_ne!(new, old);
    assert!(lives_until(&new, late + DAY * 3_650));
    assert_eq!(data.text(CA_KEY), key);
    // Whoever still trusts the old one accepts the new certificate.
    fs::write(data.file(CA), old_text).unwrap();
    assert_eq!(data.start(&[], late), certificate);
}

fn authority_of(data: &Data) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(ca_file(&data.0)).unwrap()
}

#[test]
fn a_certificate_of_another_authority_is_renewed() {
    let (one, two) = (Data::new(), Data::new());
    let first = one.start(&[], now());
    two.start(&[], now());
    for name in [CA, CA_KEY] {
        fs::copy(two.file(name), one.file(name)).unwrap();
    }
    assert_ne!(one.start(&[], now()), first);
    assert_eq!(one.text(CA), two.text(CA));
}

#[test]
fn what_an_interrupted_start_leaves_is_made_good() {
    let data = Data::new();
    data.start(&[], now());
    let key = data.text(CA_KEY);

    // The key of a new pair without its certificate, and a file that was not finished.
    fs::write(data.file(SERVER_KEY), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    fs::write(data.file("server.new"), "half").unwrap();
    let second = data.start(&[], now());
    assert_eq!(data.start(&[], now()), second);
    assert!(!data.file("server.new").exists());

    // An authority's key without its certificate: the key is kept.
    fs::remove_file(data.file(CA)).unwrap();
    data.start(&[], now());
    assert_eq!(data.text(CA_KEY), key);
    assert!(data.file(CA).exists());
}

#[test]
fn concurrent_starts_agree() {
    let data = Data::new();
    let barrier = Barrier::new(8);
    let made: HashSet<Vec<u8>> = thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    data.start(&["hub.test"], now())
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(made.len(), 1);
}

#[test]
fn the_key_of_the_authority_may_be_kept_elsewhere_until_it_is_needed() {
    let data = Data::new();
    let first = data.start(&[], now());
    let key = data.text(CA_KEY);
    fs::remove_file(data.file(CA_KEY)).unwrap();
    assert_eq!(data.start(&[], now()), first);

    let error = data.try_start(&["hub.test"], now()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_tells(&error, &["ca-key.pem", "is gone", "put the key back, or delete ca.pem"]);

    fs::write(data.file(CA_KEY), key).unwrap();
    data.start(&["hub.test"], now());
}

#[test]
fn authority_files_of_no_use_are_left_alone_and_told_of() {
    let (data, other) = (Data::new(), Data::new());
    data.start(&[], now());
    other.start(&[], now());
    let authority = data.text(CA);
    fs::copy(other.file(CA_KEY), data.file(CA_KEY)).unwrap();
    let error = data.try_start(&["hub.test"], now()).unwrap_err();
    assert_tells(&error, &["ca.pem", "do not belong together", "delete both"]);
    assert_eq!(data.text(CA), authority);

    fs::write(data.file(CA_KEY), "no key").unwrap();
    let error = data.try_start(&["hub.test"], now()).unwrap_err();
    assert_tells(&error, &["ca-key.pem", "not a private key in PEM", "put back the right file"]);
    assert_eq!(data.text(CA_KEY), "no key");
}

#[test]
fn a_host_that_is_none_is_refused() {
    let error = Data::new().try_start(&["*.hub.test"], now()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert_tells(&error, &["\"*.hub.test\" is not a host name or an IP address"]);
}

#[track_caller]
fn assert_tells(error: &io::Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_certificate_and_key_of_the_operator_are_used() {
    let data = Data::new();
    let (cert, key) = pair(&data);
    let settings = TlsSettings { cert: Some(cert), key: Some(key) };
    acceptor(&settings, &data.0, &[]).unwrap();
    assert!(!ca_file(&data.0).exists());
}

/// A certificate and its key, as the operator would bring them.
fn pair(data: &Data) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(["hub.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    (data.write("cert.pem", &cert.pem()), data.write("key.pem", &key.serialize_pem()))
}

#[test]
fn what_is_wrong_with_files_of_the_operator_is_told() {
    let data = Data::new();
    let (cert, key) = pair(&data);
    let none = data.0.join("none.pem");
    let empty = data.write("empty.pem", "");
    let der = data.write("cert.der", "\x30\x01");
    let damaged = data.write("damaged.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let damaged_key = data.write("damaged-key.pem", "-----BEGIN PRIVATE KEY-----\nMC4C\n");
    let no_cert = data.write("no-cert.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let encrypted = data.write(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let old_encrypted = data.write(
        "old-encrypted.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n\
         -----END RSA PRIVATE KEY-----\n",
    );
    let no_key = data.write("no-key.pem", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    let other_key = data.write("other-key.pem", &KeyPair::generate().unwrap().serialize_pem());

    let cases: &[(Option<&Path>, Option<&Path>, &[&str])] = &[
        (Some(&cert), None, &["`cert` is set but `key` is not", "set both, or neither"]),
        (None, Some(&key), &["`key` is set but `cert` is not", "set both, or neither"]),
        (Some(&none), Some(&key), &["none.pem: cannot read the certificate: No such file"]),
        (Some(&cert), Some(&none), &["none.pem: cannot read the private key: No such file"]),
        (Some(&empty), Some(&key), &["empty.pem: holds no certificate in PEM", "BEGIN CERTIFICATE"]),
        (Some(&cert), Some(&empty), &["empty.pem: holds no private key in PEM", "BEGIN PRIVATE KEY"]),
        (Some(&key), Some(&cert), &["key.pem: holds a private key", "swap `cert` and `key`"]),
        (Some(&cert), Some(&cert), &["cert.pem: holds a certificate", "swap `cert` and `key`"]),
        (Some(&der), Some(&key), &["cert.der", "looks like DER", "openssl x509 -inform der"]),
        (Some(&cert), Some(&der), &["cert.der", "looks like DER", "openssl pkey -inform der"]),
        (Some(&damaged), Some(&key), &["damaged.pem: damaged PEM"]),
        (Some(&cert), Some(&damaged_key), &["damaged-key.pem: damaged PEM"]),
        (Some(&no_cert), Some(&key), &["no-cert.pem: the first certificate is of no use"]),
        (Some(&cert), Some(&encrypted), &["encrypted.pem: the private key is encrypted", "openssl pkey"]),
        (Some(&cert), Some(&old_encrypted), &["old-encrypted.pem: the private key is encrypted"]),
        (Some(&cert), Some(&no_key), &["no-key.pem: the private key is damaged or of a kind", "Ed25519"]),
        (Some(&cert), Some(&other_key), &["other-key.pem: not the key of the certificate in", "cert.pem"]),
    ];
    for (cert, key, parts) in cases {
        let settings = TlsSettings { cert: cert.map(Path::to_owned), key: key.map(Path::to_owned) };
        let error = acceptor(&settings, &data.0, &[]).err().expect("an error");
        assert_tells(&error, parts);
    }
}

#[tokio::test]
async fn clients_that_trust_the_authority_connect() {
    let data = Data::new();
    let hosts = ["hub.test".to_owned(), "192.0.2.7".to_owned()];
    let acceptor = acceptor(&TlsSettings { cert: None, key: None }, &data.0, &hosts).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority_of(&data)).unwrap();

    for host in ["localhost", "127.0.0.1", "::1", "hub.test", "192.0.2.7"] {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let protocol = handshake(&acceptor, roots.clone(), host, version, &[b"h2", b"http/1.1"]).await;
            assert_eq!(protocol.unwrap().as_deref(), Some(&b"http/1.1"[..]), "{host}");
        }
    }
    let version = &rustls::version::TLS13;
    assert_eq!(handshake(&acceptor, roots.clone(), "localhost", version, &[]).await.unwrap(), None);
    assert!(handshake(&acceptor, roots.clone(), "other.test", version, &[]).await.is_err());
    assert!(handshake(&acceptor, RootCertStore::empty(), "localhost", version, &[]).await.is_err());
}

/// Connects, sends a byte there and back, and gives the protocol agreed on.
async fn handshake(
    acceptor: &TlsAcceptor,
    roots: RootCertStore,
    host: &'static str,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> io::Result<Option<Vec<u8>>> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let connector = TlsConnector::from(Arc::new(config));
    let (here, there) = tokio::io::duplex(16 << 10);
    let server = async {
        let mut stream = acceptor.accept(there).await?;
        let byte = stream.read_u8().await?;
        stream.write_u8(byte).await?;
        stream.flush().await
    };
    let client = async {
        let mut stream = connector.connect(ServerName::try_from(host).unwrap(), here).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        assert_eq!(stream.read_u8().await?, 7);
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
    };
    let (_, protocol) = tokio::join!(server, client);
    protocol
}
