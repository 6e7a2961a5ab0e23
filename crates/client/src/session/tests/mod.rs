//! The session against a service that is played by hand, at times that are made up.

mod checks;
mod life;
mod requests;
mod rig;
mod states;
mod streams;
