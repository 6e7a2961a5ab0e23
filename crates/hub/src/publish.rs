//! A message on its way to many receivers, and its encodings, each made at most once per node.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hublet_wire::client::{Format, Message, MessageFrom, Metadata, Payload, raw};
use hublet_wire::id::ConnId;
use hublet_wire::odata::Filter;
use smallvec::SmallVec;

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
    encoded: Encoded,
}

/// Complete WebSocket frames, made when the first receiver of a kind turns up.
#[derive(Debug, Default)]
struct Encoded {
    simple: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
}

/// How a receiver wants its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Payload only, for clients without a PubSub subprotocol.
    Simple,
    /// `json.webpubsub.azure.v1`.
    Json,
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
            encoded: Encoded::default(),
        }
    }

    /// The message as complete frames for one kind of receiver; encoded on the first call.
    pub(crate) fn frame(&self, variant: Variant) -> &Bytes {
        match variant {
            Variant::Simple => self.encoded.simple.get_or_init(|| raw::message_frame(&self.payload)),
            Variant::Json => self.encoded.json.get_or_init(|| Format::Json.message_frame(&self.message())),
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
        Message { from, payload: &self.payload, metadata: &self.metadata, stream: None }
    }
}
