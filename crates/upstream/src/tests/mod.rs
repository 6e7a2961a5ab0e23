//! The way of an event over real sockets, with handlers that behave and handlers that do not.

mod answers;
mod delivery;
mod order;
mod rig;
mod stub;
mod validation;
