//! Pages in headless Chromium: the browser example (tests/sdk/browser.mjs) and the page that describes the REST API
//! (tests/sdk/api_page.mjs).
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::token::DEVELOPMENT_KEY;
use hublet_tests::{Server, program, tools};

#[test]
fn two_tabs_chat_through_the_service() {
    let server = Server::start();
    let mut script = tools::node("tests/sdk/browser.mjs");
    script.arg(tools::chromium()).arg(tools::root().join("examples/browser")).arg(server.connection_string());
    program::run("browser.mjs", &mut script);
}

#[test]
fn the_api_page_makes_calls_and_other_sites_may_where_allowed() {
    let site = free_port();
    let origin = format!("http://127.0.0.1:{site}");
    let public = "http://localhost/prefix";
    let server = Server::start_with(&["--rest-allowed-origin", &origin, "--public-endpoint", public]);
    let mut script = tools::node("tests/sdk/api_page.mjs");
    script.arg(tools::chromium()).arg(format!("http://{}", server.authority())).arg("/prefix");
    script.arg(DEVELOPMENT_KEY).arg(site.to_string());
    program::run("api_page.mjs", &mut script);
}

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
    listener.local_addr().expect("an address").port()
}
