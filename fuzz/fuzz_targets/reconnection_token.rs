//! What a client shows to get back to its connection: the id and the reconnection token.
#![no_main]

#[path = "checks/reconnection_token.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
