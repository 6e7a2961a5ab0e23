//! The publishing end of a stream.

use std::time::Duration;

use super::handle::WebPubSubClient;
use crate::error::Error;
use crate::pubsub::{Data, StreamFailure};
use crate::session::{Cancel, Command, StreamKey};

/// How a stream is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamOptions {
    /// Leave this client out, even if it is a member of the group.
    pub no_echo: bool,
    /// How long nothing may be sent until the service ends the stream; `None`: as the service says, which is five
    /// minutes.
    pub idle_timeout: Option<Duration>,
}

/// A stream to a group, made by [`WebPubSubClient::open_group_stream`].
///
/// A reliable client sends what the service has not confirmed again after a recovery, so receivers see every part once.
/// If the writer is dropped before [`finish`](Self::finish), receivers are told that the stream is not complete.
#[derive(Debug)]
pub struct GroupStreamWriter {
    client: WebPubSubClient,
    key: StreamKey,
    id: String,
}

impl GroupStreamWriter {
    pub(super) fn new(client: WebPubSubClient, key: StreamKey, id: String) -> Self {
        Self { client, key, id }
    }

    /// The id of the stream, which receivers see.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends the next part. Waits while 256 parts are not confirmed. If the future is dropped, the part may be sent or
    /// not.
    ///
    /// # Errors
    /// The service has closed the stream ([`Error::Stream`]), or the connection has ended ([`Error::Disconnected`]). Data that
    /// no service takes is an [`Error::Request`], after which the stream goes on.
    pub async fn write(&mut self, data: impl Into<Data>) -> Result<(), Error> {
        self.client.done(Command::StreamData { stream: self.key, data: data.into() }).await
    }

    /// Keeps the stream open without a part.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn keep_alive(&mut self) -> Result<(), Error> {
        self.client.done(Command::StreamKeepalive { stream: self.key }).await
    }

    /// Ends the stream, and waits until the service has taken all of it.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn finish(self) -> Result<(), Error> {
        self.client.done(Command::StreamEnd { stream: self.key, error: None }).await
    }

    /// Ends the stream with an error, which receivers see.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn fail(self, failure: StreamFailure) -> Result<(), Error> {
        self.client.done(Command::StreamEnd { stream: self.key, error: Some(failure) }).await
    }
}

impl Drop for GroupStreamWriter {
    fn drop(&mut self) {
        // After the end this changes nothing.
        self.client.cancel(Cancel::Stream(self.key));
    }
}
