//! All limits of the hub, each with its unit in its name.

/// Limits that a shard enforces. Sizes are per connection unless the name says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may wait for one connection, 64 bytes for each frame included; beyond it the
    /// connection is cut as a slow consumer.
    pub queue_bytes_max: usize,
    /// Bytes that may wait on the whole shard; beyond it a connection is allowed a sixteenth of its own limit.
    pub shard_queue_bytes_max: usize,
    /// Groups one connection may be in (client-protocols.md §9.4).
    pub groups_per_connection_max: usize,
    /// How long a reliable connection waits for a client that lost its socket, in milliseconds (client-protocols.md §5.6).
    pub retention_ms: u64,
    /// Seconds between WebSocket pings to a connection, 1 to 120 (client-protocols.md §9.1).
    pub keep_alive_interval_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_bytes_max: 4 << 20,
            shard_queue_bytes_max: 1 << 30,
            groups_per_connection_max: 1_000,
            retention_ms: 60_000,
            keep_alive_interval_s: 20,
        }
    }
}

/// What a queued frame costs beside its bytes; it bounds the number of queued empty frames too.
pub(crate) const FRAME_OVERHEAD_BYTES: usize = 64;
/// Slots of one shard that a saved session may have had; more connections than any machine has.
pub(crate) const SLOTS_MAX: u32 = 1 << 24;
/// Streams that one connection may publish at a time (client-protocols.md §9.4).
pub(crate) const STREAMS_MAX: usize = 100;
/// Invocations of one connection that may be under way (client-protocols.md §6.1).
pub(crate) const INVOCATIONS_MAX: usize = 100;
/// Messages that may wait for a reliable client's acknowledgement (client-protocols.md §5.3).
pub(crate) const UNACKED_MESSAGES_MAX: u64 = 1_000;
/// And bytes of their payloads.
pub(crate) const UNACKED_BYTES_MAX: usize = 16 << 20;
/// When messages of more than so many bytes, each counted with [`FRAME_OVERHEAD_BYTES`], wait for the answer of an event
/// handler, their client is read no further.
pub(crate) const HELD_BYTES_MAX: usize = 64 << 10;
/// How long a closing connection may take to answer the close frame, in milliseconds.
pub(crate) const CLOSE_TIMEOUT_MS: u64 = 3_000;
/// A connection is dead after two keep-alive intervals and this many seconds without a frame (client-protocols.md §9.1).
pub(crate) const KEEP_ALIVE_GRACE_S: u32 = 10;
/// Publishes to one audience are joined to one frame block of at most this many bytes.
pub(crate) const JOINED_BYTES_MAX: usize = 64 << 10;
/// Frames larger than this are never copied into a joined block.
pub(crate) const JOINED_FRAME_BYTES_MAX: usize = 4 << 10;
