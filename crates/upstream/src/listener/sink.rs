//! What takes events to a target, by kind.

use rustls::ClientConfig;

use super::TokenSource;
#[cfg(feature = "amqp")]
use super::amqp::AmqpSink;
use super::file::FileSink;
use super::nats::NatsSink;
use super::outlet::Outlet;
use super::worker::{Batch, Failure};
use crate::rules::ListenerEndpoint;

/// What connections to targets need.
#[derive(Clone)]
pub(super) struct Means {
    /// For connections with TLS; without protocols above it.
    pub(super) tls: ClientConfig,
    #[cfg_attr(not(feature = "amqp"), expect(dead_code, reason = "only Event Hubs takes bearer tokens"))]
    pub(super) tokens: Option<TokenSource>,
}

/// A connection to a target, made when there is something for it.
pub(super) enum Sink {
    #[cfg(feature = "amqp")]
    Amqp(Box<AmqpSink>),
    Nats(Box<NatsSink>),
    File(FileSink),
}

impl Sink {
    /// # Errors
    /// Why there can be none.
    pub(super) fn new(outlet: &Outlet, means: &Means) -> Result<Self, &'static str> {
        match &outlet.endpoint {
            #[cfg(feature = "amqp")]
            ListenerEndpoint::EventHub { namespace, event_hub, connection_string } => {
                let connection_string = connection_string.as_deref();
                Ok(Self::Amqp(Box::new(AmqpSink::new(namespace, event_hub, connection_string, means)?)))
            }
            #[cfg(not(feature = "amqp"))]
            ListenerEndpoint::EventHub { .. } => {
                Err("this hublet was built without AMQP; build it with the feature `amqp`")
            }
            ListenerEndpoint::Nats { url, subject } => {
                Ok(Self::Nats(Box::new(NatsSink::new(url, subject, &outlet.name, &means.tls)?)))
            }
            ListenerEndpoint::File { path } => Ok(Self::File(FileSink::new(path))),
        }
    }

    /// Delivers the events of a batch, and takes those out of it that the target has or never will.
    ///
    /// # Errors
    /// What is left is to be tried again.
    pub(super) async fn deliver(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "amqp")]
            Self::Amqp(sink) => sink.deliver(batch).await,
            Self::Nats(sink) => sink.deliver(batch).await,
            Self::File(sink) => sink.deliver(batch).await,
        }
    }

    /// Ends the connection in order.
    pub(super) async fn close(self) {
        match self {
            #[cfg(feature = "amqp")]
            Self::Amqp(sink) => sink.close().await,
            Self::Nats(sink) => sink.close().await,
            Self::File(_) => {}
        }
    }
}
