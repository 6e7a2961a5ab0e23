//! See Cargo.toml.

pub mod tls;
