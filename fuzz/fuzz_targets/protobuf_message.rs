//! The decoder of the protobuf subprotocol, and its encoder with what was decoded.
#![no_main]

#[path = "checks/protobuf_message.rs"]
mod checks;
#[path = "checks/request.rs"]
mod request;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
