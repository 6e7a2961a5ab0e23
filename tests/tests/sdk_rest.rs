//! Every method of the official SDKs for app servers, unchanged, against the service.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::process::Command;

use hublet_tests::raw::RawClient;
use hublet_tests::{JSON, Server, new_folder, program, tools};

fn methods(server: &Server, name: &str, mut script: Command) {
    program::run(name, script.args(["methods", server.connection_string()]));
}

/// Under TLS, with the local authority trusted as its documentation says.
fn secure_methods(name: &str, mut script: Command) {
    let server = Server::start_with(&["--tls", "--tls-listen", "127.0.0.1:0"]);
    let service = server.facts("connection string").find(|text| text.contains("https://"));
    script.args(["methods", service.expect("a TLS endpoint")]).arg(server.ca_file());
    program::run(name, script.env("NODE_EXTRA_CA_CERTS", server.ca_file()));
}

/// Behind a proxy that passes requests on as they are: what the SDK signs names the public endpoint.
fn behind_a_proxy(name: &str, mut script: Command) {
    let public = "http://hublet.example.com";
    let arguments = ["--listen", "127.0.0.1:0", "--public-endpoint", public];
    let server = Server::start_in(new_folder(), &arguments, &[]);
    let _members: Vec<RawClient> = (0..5)
        .map(|_| {
            let access = server.client_url("chat", None, &[], &["room"]);
            let (_, path) = access.split_once("/client/").expect("a client's URL");
            RawClient::connect(&format!("ws://{}/client/{path}", server.authority()), JSON)
        })
        .collect();
    assert!(server.connection_string().contains(public));
    let proxy = format!("http://{}", server.authority());
    program::run(name, script.args(["proxy", server.connection_string(), &proxy]));
}

fn throttled(name: &str, mut script: Command) {
    let server = Server::start_with(&["--rest-requests-per-second", "2"]);
    program::run(name, script.args(["throttled", server.connection_string()]));
}

#[test]
fn each_method_of_the_javascript_sdk() {
    methods(&Server::start(), "rest.mjs", tools::node("tests/sdk/rest.mjs"));
}

#[test]
fn each_method_of_the_javascript_sdk_under_tls() {
    secure_methods("rest.mjs", tools::node("tests/sdk/rest.mjs"));
}

#[test]
fn the_javascript_sdk_behind_a_proxy() {
    behind_a_proxy("rest.mjs", tools::node("tests/sdk/rest.mjs"));
}

#[test]
fn the_javascript_sdk_waits_and_tries_again() {
    throttled("rest.mjs", tools::node("tests/sdk/rest.mjs"));
}

/// The Python script with the blocking or the asynchronous SDK.
fn python(kind: &str) -> Command {
    let mut script = tools::python("tests/sdk/rest.py");
    script.arg(kind);
    script
}

#[test]
fn each_method_of_the_python_sdk() {
    methods(&Server::start(), "rest.py sync", python("sync"));
}

#[test]
fn each_method_of_the_asynchronous_python_sdk() {
    methods(&Server::start(), "rest.py aio", python("aio"));
}

#[test]
fn each_method_of_the_python_sdk_under_tls() {
    secure_methods("rest.py sync", python("sync"));
}

#[test]
fn each_method_of_the_asynchronous_python_sdk_under_tls() {
    secure_methods("rest.py aio", python("aio"));
}

#[test]
fn the_python_sdk_behind_a_proxy() {
    behind_a_proxy("rest.py sync", python("sync"));
    behind_a_proxy("rest.py aio", python("aio"));
}

#[test]
fn the_python_sdk_waits_and_tries_again() {
    throttled("rest.py sync", python("sync"));
    throttled("rest.py aio", python("aio"));
}

/// The Java program with the blocking or the asynchronous client.
fn java(kind: &str) -> Command {
    let mut program = tools::java_sdk("tests/sdk/Rest.java");
    program.arg(kind);
    program
}

#[test]
fn each_method_of_the_java_sdk() {
    methods(&Server::start(), "Rest.java sync", java("sync"));
}

#[test]
fn each_method_of_the_asynchronous_java_sdk() {
    methods(&Server::start(), "Rest.java async", java("async"));
}

#[test]
fn the_java_sdk_behind_a_proxy() {
    behind_a_proxy("Rest.java", java("sync"));
}
