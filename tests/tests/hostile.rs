//! Hostile and broken peers: each gets its documented answer, the process stays up, nobody else notices.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::io::Write;
use std::net::TcpStream;

use hublet_tests::http::exchange;
use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, Server, http};

fn good_client(server: &Server) -> RawClient {
    let url = server.client_url("chat", Some("good"), &["webpubsub.sendToGroup"], &["room"]);
    let mut client = RawClient::connect(&url, JSON);
    client.expect_connected();
    client
}

#[test]
fn a_header_of_64_kb_is_refused() {
    let server = Server::start();
    let request = format!("GET /api/health HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "x".repeat(64 << 10));
    let answer = exchange(&server, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let line = format!(
        "GET /api/health?x={} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "x".repeat(16 << 10)
    );
    assert!(exchange(&server, line.as_bytes()).starts_with("HTTP/1.1 200 "), "long request lines are fine");
}

#[test]
fn requests_that_never_end_are_ended() {
    let server = Server::start_with(&["--head-timeout", "1"]);
    let mut good = good_client(&server);
    // `exchange` returns because the server closes; it would fail after its patience otherwise.
    for start in ["", "GET /client/hubs/chat HTTP/1.1\r\nHost: x\r\nX: ", "GET / HT"] {
        exchange(&server, start.as_bytes());
    }
    good.expect_silence();
}

#[test]
fn a_tunnel_is_refused() {
    let server = Server::start();
    let answer =
        exchange(&server, b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer =
        exchange(&server, b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let answer = exchange(&server, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// Which of two hosts would the audience of a token have to be? (RFC 9112 §3.2)
#[test]
fn a_second_host_is_refused() {
    let server = Server::start();
    let two = b"GET /api/health HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n";
    let answer = exchange(&server, two);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn garbage_is_answered_and_forgotten() {
    let server = Server::start();
    for garbage in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n"]
    {
        let answer = exchange(&server, garbage);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    good_client(&server).expect_silence();
}

#[test]
fn five_thousand_half_open_sockets_do_not_keep_others_out() {
    let server = Server::start();
    let mut good = good_client(&server);
    hublet_tests::raise_open_files_limit();
    let mut half_open = Vec::new();
    for i in 0..5_000 {
        let mut socket = TcpStream::connect(server.authority()).expect("the backlog has room");
        if i % 2 == 0 {
            socket.write_all(b"GET /client/hubs/chat HTTP/1.1\r\n").expect("the server reads");
        }
        half_open.push(socket);
        if i % 100 == 0 {
            good.expect_silence();
        }
    }
    good.send_text(r#"{"type":"sendToGroup","group":"room","dataType":"text","data":"still here"}"#);
    assert!(good.next_text().contains("still here"));
    good_client(&server).expect_silence();
    assert_eq!(http::head(&server, "/api/hubs/chat/users/good").status, 200);
}

#[test]
fn cut_connections_leave_nothing_behind() {
    let server = Server::start();
    for _ in 0..50 {
        good_client(&server).cut();
    }
    // The end of a socket is seen by the server a moment later: ask until it is.
    while http::head(&server, "/api/hubs/chat/users/good").status != 404 {}
}

#[test]
fn no_token_is_in_any_log_line() {
    let server = Server::start_with(&["--log", "trace"]);
    let url = server.client_url("chat", Some("secretive"), &[], &[]);
    let token = url.split_once("access_token=").expect("a token").1.to_owned();
    let mut client = RawClient::connect(&url, JSON);
    client.expect_connected();
    let broken = format!("{url}x");
    assert!(RawClient::try_connect(&broken, JSON, &[]).is_err());
    let path = url.split_once("/client").expect("a path").0.to_owned() + "/client/hubs/chat";
    let header = format!("Authorization: Bearer {token}");
    RawClient::try_connect(&path, JSON, &[&header]).expect("a token in the header").0.expect_connected();
    assert_eq!(http::head(&server, "/api/hubs/chat/users/secretive?access_token=abc").status, 200);
    exchange(
        &server,
        format!("GET /?access_token={token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
    );
    let log = server.stop_and_take_log();
    assert!(!log.is_empty(), "trace logging writes something");
    for part in token.split('.') {
        assert!(!log.contains(part), "a token part is in the log");
    }
    assert!(!log.contains("Bearer"), "no credential header is in the log");
}
