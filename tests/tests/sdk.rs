//! The official SDKs, unchanged, against the service. Each script in tests/sdk is one conversation.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::process::Command;

use hublet_tests::{Server, program, tools};

fn converse(name: &str, mut script: Command) {
    let server = Server::start();
    program::run(name, script.arg(server.connection_string()));
}

/// With the protocol that the client uses unless it is told otherwise.
fn converse_reliably(name: &str, mut script: Command) {
    script.env("RELIABLE", "1");
    converse(name, script);
}

#[test]
fn javascript_sdks_hold_a_conversation() {
    converse("conversation.mjs", tools::node("tests/sdk/conversation.mjs"));
}

#[test]
fn reliable_javascript_sdks_hold_a_conversation() {
    converse_reliably("conversation.mjs", tools::node("tests/sdk/conversation.mjs"));
}

#[test]
fn python_sdks_hold_a_conversation() {
    converse("conversation.py", tools::python("tests/sdk/conversation.py"));
}

#[test]
fn reliable_python_sdks_hold_a_conversation() {
    converse_reliably("conversation.py", tools::python("tests/sdk/conversation.py"));
}

#[test]
fn asynchronous_python_sdks_hold_a_conversation() {
    converse("conversation_aio.py", tools::python("tests/sdk/conversation_aio.py"));
}

#[test]
fn reliable_asynchronous_python_sdks_hold_a_conversation() {
    converse_reliably("conversation_aio.py", tools::python("tests/sdk/conversation_aio.py"));
}

#[test]
fn the_blocking_python_client_sees_its_acks() {
    converse("fast_answers.py", tools::python("tests/sdk/fast_answers.py"));
}
