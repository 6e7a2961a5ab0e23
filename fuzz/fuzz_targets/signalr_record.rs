//! What programs that read the live trace say.
#![no_main]

#[path = "checks/signalr_record.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
