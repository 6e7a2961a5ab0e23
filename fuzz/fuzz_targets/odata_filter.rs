//! Filters: parsing, printing, and evaluation for a few connections.
#![no_main]

#[path = "checks/odata_filter.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
