//! The official SDKs, unchanged, against the service. Each script in tests/sdk is one conversation.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

use std::process::Command;

use hublet_tests::{Server, program, tools};

fn converse(name: &str, mut script: Command) {
    let server = Server::start();
    program::run(name, script.arg(server.connection_string()));
}

#[test]
fn javascript_sdks_hold_a_conversation() {
    converse("conversation.mjs", tools::node("tests/sdk/conversation.mjs"));
}

#[test]
fn python_sdks_hold_a_conversation() {
    converse("conversation.py", tools::python("tests/sdk/conversation.py"));
}

#[test]
fn asynchronous_python_sdks_hold_a_conversation() {
    converse("conversation_aio.py", tools::python("tests/sdk/conversation_aio.py"));
}
