//! The decoder of the JSON subprotocol, and its encoder with what was decoded.
#![no_main]

#[path = "checks/json_message.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
