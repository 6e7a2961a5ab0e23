//! A message on its way to many receivers, and its encodings, each made at most once per node.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hublet_wire::client::{
    Format, Message, MessageFrom, Metadata, Payload, SharedMessage, StreamInfo, StreamOutcome, raw,
};
use hublet_wire::id::ConnId;
use hublet_wire::odata::Filter;
use smallvec::SmallVec;

use crate::Millis;
use crate::group_state::StateNews;
use crate::target::Target;

/// A message and everything its delivery depends on. Shared by all shards that have receivers.
#[derive(Debug)]
pub struct Publish {
    /// Lower-cased hub name.
    pub hub: Arc<str>,
    /// The receivers.
    pub target: Target,
    /// User of the publishing connection, for group messages of clients.
    pub from_user: Option<Arc<str>>,
    /// What was sent.
    pub payload: Payload,
    /// Application metadata; empty for none.
    pub metadata: Metadata,
    /// Connections that do not receive it: the sender for `noEcho`, `excluded` of REST.
    pub excluded: SmallVec<[ConnId; 1]>,
    /// Of the target, only the connections for which this is true receive it.
    pub filter: Option<Arc<Filter>>,
    /// The message is a part of a stream.
    pub(crate) stream: Option<Box<StreamPart>>,
    /// The message is no message of an application but group states; simple clients get none.
    pub(crate) state: Option<Box<StateNews>>,
    /// From then on it need not be sent to a client that was away (client-protocols.md §9.4).
    pub expires: Option<Millis>,
    encoded: Encoded,
}

/// The place of a message in a stream.
#[derive(Debug)]
pub(crate) struct StreamPart {
    pub(crate) stream_id: Arc<str>,
    pub(crate) sequence_id: u64,
    pub(crate) end: Option<StreamEnd>,
}

/// How a stream ended, see [`StreamOutcome`].
#[derive(Debug, Clone)]
pub(crate) enum StreamEnd {
    Complete,
    IdleTimeout,
    Forbidden,
    Cancelled,
    UserError { message: Option<Box<str>>, code: Option<Box<str>> },
}

impl StreamEnd {
    fn outcome(&self) -> StreamOutcome<'_> {
        match self {
            Self::Complete => StreamOutcome::Complete,
            Self::IdleTimeout => StreamOutcome::IdleTimeout,
            Self::Forbidden => StreamOutcome::Forbidden,
            Self::Cancelled => StreamOutcome::Cancelled,
            Self::UserError { message, code } => {
                StreamOutcome::UserError { message: message.as_deref(), user_error_code: code.as_deref() }
            }
        }
    }
}

/// Complete WebSocket frames, made when the first receiver of a kind turns up.
#[derive(Debug, Default)]
struct Encoded {
    simple: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    protobuf: OnceLock<Bytes>,
    json_reliable: OnceLock<SharedMessage>,
    protobuf_reliable: OnceLock<SharedMessage>,
}

/// How a receiver wants its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Payload only, for clients without a PubSub subprotocol.
    Simple,
    /// `json.webpubsub.azure.v1`.
    Json,
    /// `protobuf.webpubsub.azure.v1`.
    Protobuf,
}

impl Variant {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;
}

impl Publish {
    /// A message from an app server to `target`, without metadata.
    pub fn new(hub: Arc<str>, target: Target, payload: Payload) -> Self {
        Self {
            hub,
            target,
            from_user: None,
            payload,
            metadata: Metadata::new(),
            excluded: SmallVec::new(),
            filter: None,
            stream: None,
            state: None,
            expires: None,
            encoded: Encoded::default(),
        }
    }

    /// Gives it a time to live in seconds; 0 or none is for ever.
    pub fn expire_after(&mut self, seconds: Option<u16>, now: Millis) {
        self.expires = seconds.filter(|seconds| *seconds > 0).map(|seconds| now + 1_000 * u64::from(seconds));
    }

    /// Whether a client that was away is still to get it.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// The message as complete frames for one kind of receiver; encoded on the first call.
    pub(crate) fn frame(&self, variant: Variant) -> &Bytes {
        match variant {
            Variant::Simple => self.encoded.simple.get_or_init(|| raw::message_frame(&self.payload)),
            Variant::Json => self.encoded.json.get_or_init(|| self.message_frame(Format::Json)),
            Variant::Protobuf => self.encoded.protobuf.get_or_init(|| self.message_frame(Format::Protobuf)),
        }
    }

    /// The message without its sequence id, for reliable receivers; encoded on the first call.
    pub(crate) fn shared(&self, format: Format) -> &SharedMessage {
        let encoded = match format {
            Format::Json => &self.encoded.json_reliable,
            Format::Protobuf => &self.encoded.protobuf_reliable,
        };
        encoded.get_or_init(|| match &self.state {
            Some(news) => news.shared(format),
            None => format.shared_message(&self.message()),
        })
    }

    fn message_frame(&self, format: Format) -> Bytes {
        match &self.state {
            Some(news) => news.frame(format),
            None => format.message_frame(&self.message()),
        }
    }

    /// Whether both messages go to exactly the same connections.
    pub(crate) fn same_audience(&self, other: &Self) -> bool {
        let same_filter = match (&self.filter, &other.filter) {
            (None, None) => true,
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        same_filter && self.hub == other.hub && self.target == other.target && self.excluded == other.excluded
    }

    fn message(&self) -> Message<'_> {
        let from = match &self.target {
            Target::Group(group) => MessageFrom::Group { group, from_user: self.from_user.as_deref() },
            _ => MessageFrom::Server,
        };
        let stream = self.stream.as_ref().map(|part| StreamInfo {
            stream_id: &part.stream_id,
            sequence_id: part.sequence_id,
            end: part.end.as_ref().map(StreamEnd::outcome),
        });
        Message { from, payload: &self.payload, metadata: &self.metadata, stream }
    }
}
