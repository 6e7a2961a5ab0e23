//! The receiving end of streams.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::pubsub::{Data, StreamError};

/// Streams that may wait to be taken.
const STREAMS_MAX: usize = 64;
/// Parts of one stream that may wait.
const PARTS_MAX: usize = 256;
/// How long a stream may be silent, as in the official SDKs (client-protocols.md §6.2.5).
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// The streams that others publish to a group, made by
/// [`WebPubSubClient::group_streams`](crate::WebPubSubClient::group_streams).
///
/// Streams and their parts wait in bounded queues; when one is full, the client reads its socket no further, as with
/// [`Events`](crate::Events). Take the parts of each stream in a task of its own, or drop the streams that are of no
/// interest.
#[derive(Debug)]
pub struct GroupStreams(mpsc::Receiver<GroupStream>);

impl GroupStreams {
    pub(super) fn channel() -> (mpsc::Sender<GroupStream>, Self) {
        let (streams, receiver) = mpsc::channel(STREAMS_MAX);
        (streams, Self(receiver))
    }

    /// The next stream that begins; `None` after the client has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<GroupStream> {
        self.0.recv().await
    }
}

/// A part, or the end.
pub(super) type Part = Result<Data, StreamError>;

/// One stream.
#[derive(Debug)]
pub struct GroupStream {
    id: String,
    from_user_id: Option<String>,
    first_sequence_id: u64,
    parts: mpsc::Receiver<Part>,
}

impl GroupStream {
    pub(super) fn channel(
        id: String,
        from_user_id: Option<String>,
        first_sequence_id: u64,
    ) -> (mpsc::Sender<Part>, Self) {
        let (sender, parts) = mpsc::channel(PARTS_MAX);
        (sender, Self { id, from_user_id, first_sequence_id, parts })
    }

    /// The publisher's name for the stream.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The user that publishes it; `None` for an anonymous client, and with the protobuf subprotocols.
    pub fn from_user_id(&self) -> Option<&str> {
        self.from_user_id.as_deref()
    }

    /// Whether it is seen from its first part on. Whoever joins a group late begins in the middle.
    pub fn is_complete(&self) -> bool {
        self.first_sequence_id == 1
    }

    /// The next part; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// The stream ended before its publisher was done; it was silent for five minutes (`IdleTimeout`); or this client
    /// lost its connection for good (`Disconnected`).
    pub async fn next(&mut self) -> Option<Result<Data, StreamError>> {
        match timeout(SILENCE_MAX, self.parts.recv()).await {
            Ok(part) => part,
            Err(_) => Some(Err(StreamError {
                name: "IdleTimeout".to_owned(),
                message: Some("No part of the stream has come for five minutes.".to_owned()),
                user_error_code: None,
            })),
        }
    }
}
