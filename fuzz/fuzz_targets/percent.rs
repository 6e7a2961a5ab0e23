//! Percent-decoding of paths and query strings, against a model.
#![no_main]

#[path = "checks/percent.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
