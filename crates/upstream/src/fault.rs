//! What can go wrong with a request to an event handler.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use crate::networks::Refused;
use crate::transport::{ANSWER_BYTES_MAX, HEAD_BYTES_MAX};

/// Why a request got no answer. Cheap to copy, since many may wait for the same one.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Fault {
    /// The URL has no host, or no scheme of the web.
    #[error("the URL of the handler is not one of a web server")]
    Url,
    /// The host name has no address.
    #[error("the host name has no address: {0}")]
    Name(Arc<io::Error>),
    /// No address of the host is one that handlers may have.
    #[error("{0}")]
    Refused(Refused),
    /// Nobody accepts connections there.
    #[error("cannot connect: {0}")]
    Connect(Arc<io::Error>),
    /// No connection in time.
    #[error("no connection in time")]
    ConnectTimeout,
    /// No trust, or no TLS at all.
    #[error("no TLS: {0}")]
    Tls(Arc<io::Error>),
    /// The connection broke before the answer was complete, or what came was no HTTP.
    #[error("the connection broke or what came is no HTTP: {0}")]
    Broken(Arc<str>),
    /// The answer's head has too many bytes or headers.
    #[error(
        "the answer's head is longer than {HEAD_BYTES_MAX} bytes or has too many headers or interim answers"
    )]
    HeadTooLarge,
    /// The answer's body has too many bytes.
    #[error("the answer's body is longer than {ANSWER_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// There was no complete answer when the time was over.
    #[error("no complete answer in time")]
    TimedOut,
}

impl Fault {
    /// Whether another attempt follows (event-handlers.md §7.2): the network failed, not the answer.
    pub(crate) fn is_retried(&self) -> bool {
        match self {
            Self::Name(_) | Self::Connect(_) | Self::ConnectTimeout | Self::Tls(_) | Self::Broken(_) => true,
            Self::Url | Self::Refused(_) | Self::HeadTooLarge | Self::BodyTooLarge | Self::TimedOut => false,
        }
    }

    /// What an error of hyper's, or one that it wraps, means.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(error);
        let mut last = error;
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return fault.clone();
            }
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
                return Self::HeadTooLarge;
            }
            last = error;
            next = error.source();
        }
        Self::Broken(last.to_string().into())
    }
}
