//! The portal in headless Chromium with the real binary: the whole path (tests/sdk/portal_path.mjs), each page by its
//! effect (`portal_manage`, `portal_access`), names that lead astray (`portal_names`), a service that is away
//! (`portal_trouble`), how every page looks (`portal_pages`), and with very many connections (`portal_many`). Who gets in at all: `portal_access`.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::path::Path;
use std::process::Command;

use hublet_tests::http::call;
use hublet_tests::issuer::Issuer;
use hublet_tests::program::{self, Program};
use hublet_tests::{Server, command, new_folder, tools};
use serde_json::json;

/// Connections of the largest hub, where the system allows as many.
const MANY: u64 = 10_000;
/// What a process opens besides its connections.
const OTHER_FILES: u64 = 200;

/// A script of tests/sdk with the browser and the address of the service; its mode comes first, if it has one.
fn script(name: &str, mode: Option<&str>, server: &Server) -> Command {
    let mut script = tools::node(&format!("tests/sdk/{name}"));
    script.args(mode).arg(tools::chromium()).arg(format!("http://{}", server.authority()));
    script
}

fn link(to: impl AsRef<Path>, at: impl AsRef<Path>) {
    std::os::unix::fs::symlink(to, at).expect("a link in a new folder");
}

#[test]
fn from_the_front_door_to_programs_that_run() {
    let server = Server::start();
    let folder = new_folder();
    link(tools::root().join("examples/node/node_modules"), folder.join("node_modules"));
    link(command(&folder).get_program(), folder.join("hublet"));
    let mut script = script("portal_path.mjs", None, &server);
    script.arg(server.connection_string()).arg(&*folder).arg(tools::python("").get_program());
    program::run("portal_path.mjs", &mut script);
}

#[test]
fn what_the_pages_do_is_felt_elsewhere() {
    let server = Server::start();
    let mut script = script("portal_manage.mjs", None, &server);
    script.arg(server.connection_string()).arg(command(server.folder()).get_program());
    program::run("portal_manage.mjs", &mut script);
}

#[test]
fn names_of_clients_lead_nowhere_else() {
    let server = Server::start();
    program::run(
        "portal_names.mjs",
        script("portal_names.mjs", None, &server).arg(server.connection_string()),
    );
}

#[test]
fn a_service_that_does_not_answer_is_seen() {
    let server = Server::start();
    program::run(
        "portal_trouble.mjs",
        script("portal_trouble.mjs", None, &server).arg(server.pid().to_string()),
    );
}

#[test]
fn keys_are_shown_and_renewed() {
    let server = Server::start_with(&["--production"]);
    let mut script = script("portal_access.mjs", Some("keys"), &server);
    program::run("portal_access.mjs keys", script.arg(server.connection_string()));
}

#[test]
fn who_may_only_read_changes_nothing() {
    let mut issuer = Issuer::start();
    let server = Server::start_with_file(&issuer.configuration(), &["--production"]);
    let settings = r#"{"eventHandlers":[{"urlTemplate":"builtin:echo","userEventPattern":"*"}]}"#;
    let made = call(
        &server,
        "PUT",
        "/api/ext/hubs/mirror",
        &["Content-Type: application/json"],
        settings.as_bytes(),
    );
    assert_eq!(made.status, 201, "{made:?}");
    let token = issuer.token(&json!({"claims": {"roles": ["Web PubSub Service Reader"], "sub": "ann"}}));
    program::run("portal_access.mjs reader", script("portal_access.mjs", Some("reader"), &server).arg(token));
}

#[test]
fn every_page_is_accessible_and_fits() {
    let server = Server::start();
    let mut demo = tools::node("tests/sdk/portal_demo.mjs");
    let mut demo = Program::start("portal_demo.mjs", demo.arg(server.connection_string()));
    demo.expect("ready");
    program::run("portal_pages.mjs", script("portal_pages.mjs", None, &server).arg("-"));
}

#[test]
fn a_large_hub_comes_page_by_page() {
    let files = hublet_server::open_files::raise_limit().unwrap_or(u64::MAX);
    let count = MANY.min(files.saturating_sub(OTHER_FILES)).to_string();
    let server = Server::start();
    let mut bench = command(server.folder());
    bench.args(["bench", "idle", "--hub", "large", "--settle", "600", "--connections", &count]);
    bench.args(["--connection-string", server.connection_string()]);
    let _connected = Program::start("bench", &mut bench);
    let mut script = script("portal_many.mjs", None, &server);
    program::run("portal_many.mjs", script.args([server.connection_string(), "large", &count]));
}

#[test]
fn its_types_are_right() {
    let mut compiler = Command::new(tools::root().join("tests/sdk/node_modules/.bin/tsc"));
    program::run("tsc", compiler.arg("--project").arg(tools::root().join("portal")));
}
