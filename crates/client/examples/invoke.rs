//! Asks the app server something, and prints its answer.
//!
//! ```sh
//! cargo run --package hublet-client --example invoke -- add '[1, 2]'
//! ```
//!
//! The hub `chat` needs an event handler that answers the event, see `docs/event-handlers.md`.

#![allow(clippy::print_stdout)]

use std::time::Duration;

use hublet_client::pubsub::Data;
use hublet_client::{ClientAccess, ConnectionString, Error, WebPubSubClient};
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = match std::env::var("HUBLET_CONNECTION_STRING") {
        Ok(text) => text.parse()?,
        Err(_) => ConnectionString::development(),
    };
    let mut arguments = std::env::args().skip(1);
    let event = arguments.next().unwrap_or_else(|| "add".to_owned());
    let data = arguments.next().map(|text| Data::json(&text)).transpose()?;

    let url = service.client_access(&ClientAccess::new("chat"))?.url();
    let (client, events) = WebPubSubClient::builder(url).connect().await?;
    drop(events);
    // After five seconds the service is told that the answer is no longer wanted.
    match timeout(Duration::from_secs(5), client.invoke_event(event, data)).await {
        Ok(Ok(Some(answer))) => println!("{}", answer.as_str().unwrap_or("(bytes)")),
        Ok(Ok(None)) => println!("(no content)"),
        Ok(Err(Error::Invocation(error))) => println!("the app server says no: {error}"),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => println!("no answer within five seconds"),
    }
    client.stop().await;
    Ok(())
}
