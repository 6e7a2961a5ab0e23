//! TLS and HTTP/2.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::rig::{HUB, connect, courier, development, handler};
use super::stub::soon;
use crate::environment::Environment;

/// A server with a certificate for `localhost`. What it was asked by which version comes from the channel.
struct Server {
    port: u16,
    /// Its certificate, in PEM.
    roots: PathBuf,
    seen: mpsc::UnboundedReceiver<(Version, Bytes)>,
}

impl Server {
    async fn start(name: &str, alpn: &[&[u8]]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let roots = std::env::temp_dir().join(format!("hublet-{name}-{}.pem", std::process::id()));
        std::fs::write(&roots, cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (acceptor, tell) = (acceptor.clone(), tell.clone());
                tokio::spawn(async move {
                    // A client that does not trust us breaks off here.
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let is_h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
                    let answer = service_fn(move |request: http::Request<Incoming>| {
                        let tell = tell.clone();
                        async move {
                            let version = request.version();
                            let body = request.into_body().collect().await?.to_bytes();
                            let _ = tell.send((version, body));
                            Ok::<_, hyper::Error>(Response::new(Full::<Bytes>::default()))
                        }
                    });
                    let io = TokioIo::new(tls);
                    // The client ends it.
                    let _ = if is_h2 {
                        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                            .serve_connection(io, answer)
                            .await
                    } else {
                        hyper::server::conn::http1::Builder::new().serve_connection(io, answer).await
                    };
                });
            }
        });
        Self { port, roots, seen }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/{{event}}", self.port)
    }

    fn trusting(&self) -> Environment {
        Environment { extra_roots: Some(self.roots.clone()), ..development() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.roots);
    }
}

#[tokio::test]
async fn http2_if_the_handler_speaks_it() {
    for (name, alpn, expected) in [
        ("h2", &[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2),
        ("http1", &[b"http/1.1"], Version::HTTP_11),
        ("none", &[], Version::HTTP_11),
    ] {
        let mut server = Server::start(name, alpn).await;
        let courier = courier(server.trusting(), vec![handler(&server.url())]);
        let all = (0..10).map(|slot| {
            let courier = courier.clone();
            tokio::spawn(async move { courier.connect(connect(slot)).await })
        });
        for one in all.collect::<Vec<_>>() {
            soon(one).await.unwrap().unwrap();
        }
        for _ in 0..10 {
            let (version, body) = soon(server.seen.recv()).await.unwrap();
            assert_eq!((version, &body[..]), (expected, &b"{\"claims\":{}}"[..]), "{name}");
        }
    }
}

#[tokio::test]
async fn certificates_that_are_no_good() {
    let server = Server::start("untrusted", &[]).await;
    let untrusting = courier(development(), vec![handler(&server.url())]);
    assert_eq!(soon(untrusting.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR));
    let report = &soon(untrusting.upstream().test(HUB, "wps.example")).await[0];
    assert!(report.sentence.contains("authority that this machine does not trust"), "{}", report.sentence);

    let other_name = format!("https://127.0.0.1:{}/", server.port);
    let wrong_name = courier(server.trusting(), vec![handler(&other_name)]);
    let report = &soon(wrong_name.upstream().test(HUB, "wps.example")).await[0];
    assert!(report.sentence.contains("is for another name"), "{}", report.sentence);

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = plain.accept().await.unwrap();
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    });
    let not_tls = courier(development(), vec![handler(&url)]);
    let report = &soon(not_tls.upstream().test(HUB, "wps.example")).await[0];
    assert!(report.steps[0].sentence.contains("does not speak TLS"), "{}", report.steps[0].sentence);
}

#[test]
fn roots_that_cannot_be_read() {
    let environment = |file: &str| Environment { extra_roots: Some(file.into()), ..Environment::default() };
    assert!(crate::Upstream::new(environment("/no/such/file.pem")).is_err());
    let error = crate::Upstream::new(environment("/dev/null")).unwrap_err().to_string();
    assert!(error.contains("contains no certificate"), "{error}");
}
