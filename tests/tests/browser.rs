//! The browser example in headless Chromium: see tests/sdk/browser.mjs.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use hublet_tests::{Server, program, tools};

#[test]
fn two_tabs_chat_through_the_service() {
    let server = Server::start();
    let mut script = tools::node("tests/sdk/browser.mjs");
    script.arg(tools::chromium()).arg(tools::root().join("examples/browser")).arg(server.connection_string());
    program::run("browser.mjs", &mut script);
}
