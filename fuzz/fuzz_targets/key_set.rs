//! Key sets of token issuers.
#![no_main]

#[path = "checks/key_set.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
