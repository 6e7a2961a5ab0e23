//! The way of an event over real sockets, with handlers that behave and handlers that do not.

mod answers;
mod delivery;
mod order;
pub(crate) mod rig;
pub(crate) mod stub;
mod validation;
