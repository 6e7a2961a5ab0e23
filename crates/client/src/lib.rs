//! An asynchronous client of Web PubSub services, hublet and others, for all their subprotocols.
//!
//! * [`WebPubSubClient`] is a client as the official SDKs have it: it recovers, reconnects, joins its groups again,
//!   acknowledges and repeats by itself.
//! * [`ConnectionString`] knows the address and the key of a service, and makes client access URLs and REST tokens.
//! * [`rest::Client`] publishes and manages connections over one kept-alive HTTP connection.
//! * [`pubsub`] has the subprotocols without I/O; [`ws::Connection`] is a WebSocket, plain or under TLS.
//!
//! # A client
//!
//! ```no_run
//! use hublet_client::{ClientAccess, ConnectionString, Event, WebPubSubClient};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), hublet_client::Error> {
//! // Usually an app server hands out the client access URL; with the key of the service it can be made here.
//! let service = ConnectionString::development();
//! let roles = ["webpubsub.joinLeaveGroup".to_owned(), "webpubsub.sendToGroup".to_owned()];
//! let access = ClientAccess { user: Some("me"), roles: &roles, ..ClientAccess::new("chat") };
//! let url = service.client_access(&access)?.url();
//!
//! let (client, mut events) = WebPubSubClient::builder(url).connect().await?;
//! client.join_group("room").await?;
//! client.send_to_group("room", "hello").await?;
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::GroupMessage(message) => println!("{}: {:?}", message.group, message.data),
//!         Event::Disconnected { .. } => println!("away"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Subprotocols
//!
//! [`Protocol::JsonReliable`](pubsub::Protocol::JsonReliable) is the default. With it and with
//! [`ProtobufReliable`](pubsub::Protocol::ProtobufReliable) a connection survives its socket: after a broken network the
//! client recovers it, and gets what it missed, in order, nothing twice. What it sent and was not answered it sends
//! again, and the service carries out nothing twice. With the other two a broken socket is the end of the connection:
//! the client makes a new one and joins its groups again, and what was published in between is lost.
//!
//! A *simple* client, without a subprotocol, is a [`ws::Connection`]: each message is an event, or with
//! [`send_to_group_url`] a message to a group.
//!
//! # Invocations and streams
//!
//! ```no_run
//! use hublet_client::{StreamOptions, WebPubSubClient};
//!
//! # async fn example(client: WebPubSubClient) -> Result<(), hublet_client::Error> {
//! // Ask the app server, and wait for its answer.
//! let answer = client.invoke_event("add", hublet_client::pubsub::Data::json("[1, 2]").ok()).await?;
//! println!("{answer:?}");
//!
//! // Publish a stream: receivers see its parts in order, and its end.
//! let mut stream = client.open_group_stream("room", StreamOptions::default()).await?;
//! for word in ["it", "comes", "in", "parts"] {
//!     stream.write(word).await?;
//! }
//! stream.finish().await?;
//!
//! // Receive streams.
//! let mut streams = client.group_streams("room").await?;
//! while let Some(mut stream) = streams.next().await {
//!     tokio::spawn(async move {
//!         while let Some(part) = stream.next().await {
//!             println!("{} {part:?}", stream.id());
//!         }
//!     });
//! }
//! # Ok(())
//! # }
//! ```

//! # Group state
//!
//! A preview feature: each client may keep a small map of strings in a group, and others see it change.
//!
//! ```no_run
//! use hublet_client::pubsub::{GroupState, GroupStateView};
//! use hublet_client::{Event, Events, WebPubSubClient};
//!
//! # async fn example(client: WebPubSubClient, mut events: Events) -> Result<(), hublet_client::Error> {
//! client.set_group_state("room", GroupState::from([("typing".to_owned(), "yes".to_owned())])).await?;
//! client.subscribe_group_state("room").await?;
//! let mut states = GroupStateView::default();
//! while let Some(event) = events.next().await {
//!     if let Event::GroupState(message) = event {
//!         states.apply(&message);
//!         println!("{} clients have a state in {}", states.iter().count(), message.group);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod client;
mod connection_string;
mod error;
pub mod pubsub;
pub mod rest;
mod session;
mod stream;
mod token;
pub mod ws;

/// The WebSocket codec, for programs that drive sockets themselves.
pub use hublet_wire::ws as codec;

pub use client::{
    Builder, CloseReason, Credential, Event, Events, GroupStream, GroupStreamWriter, GroupStreams,
    StreamOptions, WebPubSubClient,
};
pub use connection_string::{ConnectionString, InvalidConnectionString};
pub use error::Error;
pub use stream::{Stream, Tls};
pub use token::{ClientAccess, ClientAccessUrl, check_hub, send_to_group_url};
pub use ws::ConnectOptions;
