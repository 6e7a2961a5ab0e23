//! What the black-box tests share: the service as a process, clients that misbehave, programs of other languages.
#![allow(clippy::panic, reason = "a helper of tests fails like a test")]

pub mod http;
pub mod program;
pub mod raw;
mod server;
pub mod tools;

pub use server::{Server, command, new_folder};

/// Lets this test process open as many sockets as the system allows.
pub fn raise_open_files_limit() {
    hublet_server::open_files::raise_limit();
}
