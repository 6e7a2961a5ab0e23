//! The byte formats hublet speaks: names, WebSocket frames, client subprotocols, token claims, filters and trace contexts.
//!
//! Everything here is a pure function or a small decoder over bytes that the caller lends.
//! There is no I/O, no clock and no hub state in this crate; `cargo xtask tidy` checks it.

pub mod client;
pub mod cloudevents;
pub mod id;
pub mod jwt;
pub mod name;
pub mod odata;
pub mod percent;
pub mod reconnection;
pub mod signalr;
pub mod trace_context;
pub mod ws;

mod members;
