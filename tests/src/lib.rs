//! What the black-box tests share: the service as a process, clients that misbehave, programs of other languages.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

pub mod fault_proxy;
pub mod http;
pub mod issuer;
pub mod once;
pub mod outage;
pub mod program;
pub mod protobuf;
pub mod raw;
pub mod recovery;
mod server;
pub mod sessions;
pub mod token;
pub mod tools;
pub mod upstream;

pub use server::{Folder, Server, command, new_folder};

/// The subprotocol of JSON clients.
pub const JSON: Option<&str> = Some("json.webpubsub.azure.v1");

/// The subprotocol of JSON clients that survive their socket.
pub const JSON_RELIABLE: Option<&str> = Some("json.reliable.webpubsub.azure.v1");
/// The subprotocol of protobuf clients.
pub const PROTOBUF: Option<&str> = Some("protobuf.webpubsub.azure.v1");
/// The subprotocol of protobuf clients that survive their socket.
pub const PROTOBUF_RELIABLE: Option<&str> = Some("protobuf.reliable.webpubsub.azure.v1");

/// Lets this test process open as many sockets as the system allows.
pub fn raise_open_files_limit() {
    hublet_server::open_files::raise_limit();
}
