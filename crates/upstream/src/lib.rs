//! Client events on their way to the application: event handlers (CloudEvents webhooks) and event listeners.
//!
//! Nothing here sees a client's socket. Events come as [`hublet_hub::ClientEvent`]; answers go back as
//! [`hublet_hub::Verdict`].

pub mod attributes;
mod connector;
pub mod cookies;
pub mod courier;
pub mod environment;
mod fault;
mod guard;
pub mod nearest;
pub mod networks;
pub mod node;
pub mod pattern;
pub mod presence;
pub mod request;
mod route;
pub mod rules;
pub mod settings;
pub mod signature;
pub mod template;
mod transport;

pub use courier::{Admission, Courier};
pub use environment::{Environment, Identity, Secrets, SigningKeys};
pub use networks::Networks;
pub use node::Upstream;
