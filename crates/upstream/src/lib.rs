//! Client events on their way to the application: event handlers (CloudEvents webhooks) and event listeners.
//!
//! Nothing here sees a client's socket. Events come as [`hublet_hub::ClientEvent`]; answers go back as
//! [`hublet_hub::Verdict`].

pub mod attributes;
mod breaker;
pub mod client;
mod connector;
pub mod cookies;
mod counters;
pub mod courier;
mod delivery;
mod destinations;
pub mod doctor;
mod durable;
mod echo;
mod endpoint;
pub mod environment;
mod failure;
mod fault;
mod gate;
mod guard;
mod lanes;
pub mod listener;
mod meaning;
pub mod meters;
pub mod nearest;
pub mod networks;
pub mod node;
pub mod observer;
mod origin;
pub mod outbox;
mod pace;
pub mod pattern;
pub mod presence;
mod report;
pub mod request;
mod resolver;
mod retry;
pub mod route;
pub mod rules;
pub mod settings;
pub mod signature;
pub mod template;
#[cfg(test)]
mod tests;
mod throttle;
mod tokens;
mod transport;
mod validation;

pub use client::Client;
pub use courier::{Admission, Courier};
pub use doctor::{Exchange, HandlerReport, HandlerStatus, ReplayError};
pub use environment::{Environment, Identity, Secrets, SigningKeys};
pub use listener::Listeners;
pub use meters::CallReport;
pub use networks::Networks;
pub use node::Upstream;
pub use observer::{CallSpan, HandlerCall, Notice, Observer, SpanMaker};
pub use outbox::Outbox;
