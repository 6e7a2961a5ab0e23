//! How the service stops: what clients are told, what is still answered, and how long it takes.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use hublet_tests::http::{self, Client};
use hublet_tests::raw::{Message, RawClient};
use hublet_tests::{JSON, Server};
use rustix::process::Signal;

const SEND: &str = "/api/hubs/chat/:send";
const RELOADING: &str = "Service reloading, reconnect";
/// Documented: the process ends within 5 seconds.
const STOP_MAX: Duration = Duration::from_secs(5);

fn json(server: &Server) -> RawClient {
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    client.expect_connected();
    client
}

fn simple(server: &Server) -> RawClient {
    RawClient::connect(&server.client_url("chat", None, &[], &[]), None)
}

fn expect_disconnected(client: &mut RawClient) {
    client.expect_text(&format!(r#"{{"type":"system","event":"disconnected","message":"{RELOADING}"}}"#));
}

#[test]
fn clients_are_told_to_come_back() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start();
        let mut clients = [json(&server), json(&server)];
        let mut simple = simple(&server);
        server.signal(signal);
        for client in &mut clients {
            expect_disconnected(client);
            client.expect_close(1012, RELOADING);
        }
        simple.expect_close(1012, RELOADING);
        let status = server.wait_at_most(STOP_MAX).unwrap_or_else(|| panic!("it runs on after {signal:?}"));
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(server.log().contains("stopped"), "{}", server.log());
    }
}

#[test]
fn a_service_without_clients_stops() {
    let mut server = Server::start();
    // A connection without a request, and one that waits for its next, hold nothing up.
    let _silent = TcpStream::connect(server.authority()).expect("the server listens");
    let mut kept = Client::connect(&server);
    assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
    server.signal(Signal::TERM);
    let status = server.wait_at_most(STOP_MAX).expect("nothing keeps it");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn clients_that_do_not_answer_do_not_hold_it_up() {
    let mut server = Server::start_with(&["--shards", "1"]);
    let (mut deaf, mut gone) = (json(&server), simple(&server));
    server.signal(Signal::TERM);
    expect_disconnected(&mut deaf);
    assert_eq!(deaf.next(), Message::Close(Some(1012), RELOADING.to_owned()));
    gone.socket().shutdown(Shutdown::Write).expect("an open socket");
    assert_eq!(gone.next(), Message::Close(Some(1012), RELOADING.to_owned()));
    // Meanwhile nobody gets in, and whoever asks is told.
    let path = format!(
        "/client{}",
        server.client_url("chat", None, &[], &[]).split_once("/client").expect("a path").1
    );
    let refused = http::handshake(&server, &path, &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let ready = http::request(&server, "GET", "/ready", &[], b"");
    assert_eq!((ready.status, ready.header("connection")), (503, Some("close")));
    let rest = http::call(&server, "POST", SEND, &["Content-Type: text/plain"], b"x");
    assert_eq!((rest.status, rest.header("connection")), (202, Some("close")));
    let status = server.wait_at_most(STOP_MAX).expect("it ends in time");
    assert_eq!(status.code(), Some(0));
    assert_eq!(deaf.next(), Message::Ended);
}

#[test]
fn requests_that_were_begun_are_answered() {
    let mut server = Server::start_with(&["--shards", "1"]);
    let mut client = RawClient::connect(&server.client_url("chat", None, &[], &[]), JSON);
    let id = client.expect_connected();
    let mut kept = Client::connect(&server);
    assert_eq!(kept.request("GET", "/health", &[], b"").status, 200);
    let mut slow = Client::connect(&server);
    slow.send(
        format!(
            "POST {SEND} HTTP/1.1\r\nHost: {}\r\n{}\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n\
             Content-Length: 2\r\n\r\n",
            server.authority(),
            http::authorization(&server, SEND)
        )
        .as_bytes(),
    );
    // The service waits for the body now.
    assert_eq!(slow.answer("HEAD").status, 100);
    server.signal(Signal::TERM);
    expect_disconnected(&mut client);
    client.expect_close(1012, RELOADING);
    // All clients are gone. A question about one is answered all the same.
    let path = format!("/api/hubs/chat/connections/{id}");
    let answer = kept.request("HEAD", &path, &[&http::authorization(&server, &path)], b"");
    assert_eq!((answer.status, answer.header("connection")), (404, Some("close")));
    slow.send(b"ok");
    let answer = slow.answer("POST");
    assert_eq!((answer.status, answer.header("connection")), (202, Some("close")));
    slow.expect_end();
    let status = server.wait_at_most(STOP_MAX).expect("nothing keeps it");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let mut server = Server::start();
        let mut deaf = json(&server);
        server.signal(first);
        expect_disconnected(&mut deaf);
        server.signal(second);
        // Code 0 would mean that it waited for the client.
        assert_eq!(server.wait().code(), Some(1));
        assert!(server.log().contains("before all connections were closed"), "{}", server.log());
    }
}

#[test]
fn a_port_is_free_again_at_once() {
    let server = Server::start();
    let address = server.authority().to_owned();
    let mut client = json(&server);
    server.signal(Signal::TERM);
    expect_disconnected(&mut client);
    client.expect_close(1012, RELOADING);
    let folder = server.stop_and_take_folder();
    let again = Server::start_in(folder, &["--listen", &address], &[]);
    assert_eq!(again.authority(), address);
    json(&again).expect_silence();
}

#[test]
fn a_hangup_without_a_terminal_drops_nobody() {
    let server = Server::start();
    let mut client = json(&server);
    server.signal(Signal::HUP);
    client.send_text(r#"{"type":"ping"}"#);
    client.expect_text(r#"{"type":"pong"}"#);
    assert_eq!(http::head(&server, "/health").status, 200);
}
