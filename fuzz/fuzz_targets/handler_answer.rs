//! What event handlers answer to `connect` and to user events.
#![no_main]

#[path = "checks/handler_answer.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
