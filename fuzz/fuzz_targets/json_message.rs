//! The decoder of the JSON subprotocol, and its encoder with what was decoded.
#![no_main]

#[path = "checks/json_message.rs"]
mod checks;
#[path = "checks/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
