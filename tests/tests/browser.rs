//! The browser example in headless Chromium: see tests/sdk/browser.mjs.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::path::PathBuf;

use hublet_tests::{Server, program, tools};

#[test]
fn two_tabs_chat_through_the_service() {
    let server = Server::start();
    let mut script = tools::node("tests/sdk/browser.mjs");
    script.arg(chromium()).arg(tools::root().join("examples/browser")).arg(server.connection_string());
    program::run("browser.mjs", &mut script);
}

fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("`chromium` is missing: run `cargo xtask test`, which installs it"))
}
