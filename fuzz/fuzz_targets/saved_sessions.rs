//! The decoder of sessions that outlive the process, and a shard that takes up what was decoded.
#![no_main]

#[path = "checks/saved_sessions.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
