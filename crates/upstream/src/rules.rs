//! The settings of a hub as they are meant: checked, complete and quick to match.

mod compile;
mod error;
mod listener;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::pattern::EventPattern;
use crate::presence::Presence;
use crate::settings::HubSettings;
use crate::template::UrlTemplate;

pub use error::SettingsError;
pub use listener::LISTENERS_MAX;

/// Checked settings of one hub.
#[derive(Debug)]
pub struct HubRules {
    /// As they were written, for showing.
    pub settings: HubSettings,
    /// Clients may connect without a token.
    pub anonymous: bool,
    /// Seconds between pings, 1 to 120; `None`: the service's own interval.
    pub keep_alive_interval_s: Option<u32>,
    /// In order of precedence.
    pub handlers: Vec<Arc<Handler>>,
    /// In no order.
    pub listeners: Vec<Arc<Listener>>,
}

/// An event handler.
#[derive(Debug)]
pub struct Handler {
    /// Where its requests go.
    pub target: HandlerTarget,
    /// The user events that it gets.
    pub user_events: EventPattern,
    /// The system events that it gets.
    pub system_events: SystemEvents,
    /// The group events that it gets.
    pub presence: Presence,
    /// What its requests carry.
    pub auth: HandlerAuth,
    /// Its notifications go through the outbox.
    pub durable: bool,
    /// How long an event may take, retries included.
    pub timeout: Duration,
    /// Requests at a time, on each shard.
    pub max_concurrency: usize,
}

/// Where a handler is.
#[derive(Debug)]
pub enum HandlerTarget {
    /// A web server.
    Http(UrlTemplate),
    /// In this process: what a client sends comes back to it.
    Echo,
}

/// The system events that a handler or listener gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemEvents {
    /// `connect`; never for a listener.
    pub connect: bool,
    /// `connected`.
    pub connected: bool,
    /// `disconnected`.
    pub disconnected: bool,
}

/// What a handler's requests carry to prove where they come from.
#[derive(Debug)]
pub enum HandlerAuth {
    /// Nothing but the signature.
    None,
    /// `Authorization: Bearer` with a token for this resource.
    Bearer {
        /// The audience of the token.
        resource: String,
    },
    /// A fixed header. The value is marked sensitive.
    Header(HeaderName, HeaderValue),
}

/// An event listener: it gets a copy of the events that match, and nobody waits for it.
#[derive(Debug)]
pub struct Listener {
    /// The system events that it gets; never `connect`.
    pub system_events: SystemEvents,
    /// The user events that it gets.
    pub user_events: EventPattern,
    /// Where they go.
    pub endpoint: ListenerEndpoint,
}

/// Where a listener is. Its `Debug` shows no secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum ListenerEndpoint {
    /// Azure Event Hubs, or something that speaks AMQP 1.0 like it.
    EventHub {
        /// Host name of the namespace; with a connection string that of its endpoint, with a port if it has one.
        namespace: String,
        /// Name of the event hub.
        event_hub: String,
        /// A connection string with a shared access key; `None`: the token endpoint is asked.
        connection_string: Option<String>,
    },
    /// A NATS server.
    Nats {
        /// URL of the server.
        url: String,
        /// Subject with `{hub}` and `{event}`.
        subject: String,
    },
    /// A file with one JSON object a line.
    File {
        /// Path of the file.
        path: std::path::PathBuf,
    },
}

impl fmt::Debug for ListenerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventHub { namespace, event_hub, .. } => f
                .debug_struct("EventHub")
                .field("namespace", namespace)
                .field("event_hub", event_hub)
                .finish_non_exhaustive(),
            Self::Nats { subject, .. } => {
                f.debug_struct("Nats").field("subject", subject).finish_non_exhaustive()
            }
            Self::File { path } => f.debug_struct("File").field("path", path).finish(),
        }
    }
}
