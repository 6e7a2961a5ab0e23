//! The WebSocket frame decoder, in both roles and in any pieces.
#![no_main]

#[path = "checks/frame_decoder.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
