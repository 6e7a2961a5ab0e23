//! Event listeners (event-handlers.md §8) with a real NATS server, an AMQP peer of another make, and files.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a surprise is a failure, in its helpers too"
)]

#[cfg(feature = "amqp")]
mod amqp;
mod common;
mod file;
mod nats;
#[cfg_attr(not(feature = "amqp"), allow(dead_code, reason = "the AMQP peer is told what to do"))]
mod program;
mod targets;
