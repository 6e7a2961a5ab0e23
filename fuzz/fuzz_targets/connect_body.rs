//! The body of `connect`, from the token, the query and the headers of a handshake.
#![no_main]

#[path = "checks/connect_body.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
