//! Tokens: taking them apart, their claims, lifetime and audience.
#![no_main]

#[path = "checks/token.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
