//! The client for programs: handles, events, and the task between them and the socket.

mod builder;
mod credential;
mod driver;
mod event;
mod events;
mod group_streams;
mod handle;
mod inbound;
mod queue;
mod stream_writer;

pub use builder::Builder;
pub use credential::Credential;
pub use event::{CloseReason, Event};
pub use events::Events;
pub use group_streams::{GroupStream, GroupStreams};
pub use handle::WebPubSubClient;
pub use stream_writer::{GroupStreamWriter, StreamOptions};

#[cfg(test)]
mod tests;
