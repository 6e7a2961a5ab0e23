//! The way of an event over real sockets, with handlers that behave and handlers that do not.

mod answers;
mod delivery;
mod durable;
mod order;
mod proofs;
pub(crate) mod rig;
mod spans;
pub(crate) mod stub;
mod tls;
mod validation;
