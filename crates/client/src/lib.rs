//! A small asynchronous Web PubSub client: what the command line, the benchmarks and the tests talk with.
//!
//! * [`ConnectionString`] knows the address and the key of a service, and makes client access URLs and REST tokens.
//! * [`ws::Connection`] is a WebSocket, plain or under TLS.
//! * [`pubsub::Client`] speaks `json.webpubsub.azure.v1` over it.
//! * [`rest::Client`] publishes and manages connections over one kept-alive HTTP connection.
//!
//! ```no_run
//! use hublet_client::pubsub::{Client, Data, Message};
//! use hublet_client::{ClientAccess, ConnectionString, ConnectOptions};
//!
//! # async fn example() -> Result<(), hublet_client::Error> {
//! let service = ConnectionString::development();
//! let roles = ["webpubsub.joinLeaveGroup".to_owned(), "webpubsub.sendToGroup".to_owned()];
//! let access = ClientAccess { user: Some("me"), roles: &roles, ..ClientAccess::new("chat") };
//! let mut client = Client::connect(&service.client_access(&access)?.url(), &ConnectOptions::default()).await?;
//! client.join("room").await?;
//! client.send_to_group("room", Data::Text("hello".to_owned())).await?;
//! while let Some(message) = client.next().await? {
//!     if let Message::Group { group, data, .. } = message {
//!         println!("{group}: {data:?}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod address;
mod connection_string;
mod error;
pub mod pubsub;
pub mod rest;
mod stream;
mod token;
pub mod ws;

/// The WebSocket codec, for programs that drive sockets themselves.
pub use hublet_wire::ws as codec;

pub use connection_string::{ConnectionString, InvalidConnectionString};
pub use error::Error;
pub use stream::{Stream, Tls};
pub use token::{ClientAccess, ClientAccessUrl, check_hub, send_to_group_url};
pub use ws::ConnectOptions;
