//! TLS with a certificate of hublet's own authority and with one from files.

use std::fs;
use std::time::Duration;

use hublet_client::pubsub::{self, Data, Message};
use hublet_client::rest::{self, Target, TokenOptions};
use hublet_client::{ClientAccess, ConnectOptions, ConnectionString, Error, Tls};
use hublet_tests::http::exchange_at;
use hublet_tests::{Server, new_folder};
use rustix::process::Signal;

const LISTEN: [&str; 4] = ["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0"];

/// Joins a group over TLS and gets what an app server sends there over TLS.
async fn round_trip(service: &ConnectionString, tls: &Tls) -> Result<(), Error> {
    let roles = ["webpubsub.joinLeaveGroup".to_owned()];
    let access = ClientAccess { user: Some("u"), roles: &roles, ..ClientAccess::new("chat") };
    let options = ConnectOptions { tls: tls.clone(), ..ConnectOptions::default() };
    let mut client = pubsub::Client::connect(&service.client_access(&access)?.url(), &options).await?;
    client.join("room").await?;
    let mut rest = rest::Client::new(service.clone(), "chat", tls.clone());
    rest.health().await?;
    // Longer than one TLS record.
    let text = "x".repeat(100_000);
    rest.send(Target::Group("room"), Data::Text(text.clone())).await?;
    match client.next().await? {
        Some(Message::Group(message)) => {
            assert_eq!((message.group.as_str(), message.data), ("room", Data::Text(text)));
        }
        other => assert!(matches!(other, Some(Message::Group(_))), "{other:?}"),
    }
    assert!(rest.exists(Target::Connection(client.connection_id())).await?);
    client.close().await
}

#[tokio::test]
async fn clients_and_app_servers_speak_tls() {
    let server = Server::start_with(&LISTEN[2..]);
    let (service, tls) = (server.secure_service(), Tls::with_ca_file(server.ca_file()));
    round_trip(&service, &tls).await.expect("a trusted service");
    // `localhost` is in the certificate, and one host with the address in development.
    let named = service.reveal().replace("127.0.0.1", "localhost").parse().expect("a connection string");
    round_trip(&named, &tls).await.expect("another name of the same service");
    // A token that the service makes is for the address that it was asked at.
    let mut rest = rest::Client::new(service.clone(), "chat", tls.clone());
    let token = rest.generate_token(&TokenOptions::default()).await.expect("a token");
    let url = format!("{}/client/hubs/chat?access_token={token}", service.endpoint().replace("https", "wss"));
    let options = ConnectOptions { tls, ..ConnectOptions::default() };
    pubsub::Client::connect(&url, &options).await.expect("the token is good");
    // Whoever does not trust the authority does not connect.
    let untrusted = round_trip(&service, &Tls::default()).await;
    assert!(matches!(untrusted, Err(Error::Tls { .. })), "{untrusted:?}");
}

#[tokio::test]
async fn peers_that_speak_no_tls_hurt_nobody() {
    let server = Server::start_with(&[&LISTEN[2..], &["--head-timeout", "1"]].concat());
    let (service, tls) = (server.secure_service(), Tls::with_ca_file(server.ca_file()));
    let authority = service.endpoint().strip_prefix("https://").expect("TLS");
    for garbage in [
        &b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\x16\x03\x01\xff\xff\x01\0\0\x05abcde",
        b"\x80\x2e\x01\0\x02",
        b"\0",
        b"",
    ] {
        let answer = exchange_at(authority, garbage);
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
    }
    round_trip(&service, &tls).await.expect("others notice nothing");
}

#[tokio::test]
async fn the_authority_is_kept_and_certificates_come_from_files_too() {
    let server = Server::start_with(&LISTEN[2..]);
    let ca = fs::read(server.ca_file()).expect("the authority");
    let again = Server::start_in(server.stop_and_take_folder(), &LISTEN, &[]);
    assert_eq!(fs::read(again.ca_file()).expect("the authority"), ca);
    let tls = Tls::with_ca_file(again.ca_file());
    round_trip(&again.secure_service(), &tls).await.expect("the same authority");

    // The certificate of that service, as if it came from elsewhere.
    let file = |name: &str| again.folder().join("hublet-data/tls").join(name).display().to_string();
    let (cert, key) = (file("server.pem"), file("server-key.pem"));
    let own = Server::start_in(
        new_folder(),
        &[&LISTEN[..], &["--tls-cert", &cert, "--tls-key", &key]].concat(),
        &[],
    );
    assert_eq!(own.facts("trust for Node").count(), 0);
    assert!(!own.ca_file().exists());
    round_trip(&own.secure_service(), &tls).await.expect("a certificate from files");
}

#[tokio::test]
async fn a_stop_is_told_under_tls() {
    let mut server = Server::start_with(&LISTEN[2..]);
    let (service, tls) = (server.secure_service(), Tls::with_ca_file(server.ca_file()));
    let options = ConnectOptions { tls, ..ConnectOptions::default() };
    let url = service.client_access(&ClientAccess::new("chat")).expect("a valid hub").url();
    let mut client = pubsub::Client::connect(&url, &options).await.expect("a trusted service");
    server.signal(Signal::TERM);
    let Ok(Some(Message::Disconnected { message })) = client.next().await else { panic!("not told") };
    assert_eq!(message, "Service reloading, reconnect");
    let closed = client.next().await;
    assert!(matches!(closed, Err(Error::Closed { code: Some(1012), .. })), "{closed:?}");
    drop(client);
    let status = tokio::task::spawn_blocking(move || server.wait_at_most(Duration::from_secs(5)));
    assert_eq!(status.await.expect("a thread").expect("it ends in time").code(), Some(0));
}
