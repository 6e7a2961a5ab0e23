//! Lines of standard input as one ordered stream to a group, and a receiver of such streams.
//!
//! ```sh
//! cargo run --package hublet-client --example log_stream -- receive
//! ping localhost | cargo run --package hublet-client --example log_stream -- send
//! ```
//!
//! Both sides are reliable: lines that are written while the network is broken arrive when it is back, each once and in
//! order. The service is that of `HUBLET_CONNECTION_STRING`, or one in development mode on this machine.

#![allow(clippy::print_stdout)]

use std::io::BufRead;

use hublet_client::{ClientAccess, ConnectionString, Credential, StreamOptions, WebPubSubClient};
use tokio::sync::mpsc;

type Error = Box<dyn std::error::Error + Send + Sync>;

const GROUP: &str = "logs";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let service = match std::env::var("HUBLET_CONNECTION_STRING") {
        Ok(text) => text.parse()?,
        Err(_) => ConnectionString::development(),
    };
    // A client that runs for days needs a fresh URL for each new connection. Here it is made from the key; elsewhere an
    // app server is asked for one.
    let credential = Credential::provider(move || {
        let roles = ["webpubsub.joinLeaveGroup".to_owned(), "webpubsub.sendToGroup".to_owned()];
        let access = ClientAccess { roles: &roles, ..ClientAccess::new("logs") };
        let url = service.client_access(&access).map(|access| access.url());
        async { url }
    });
    let (client, events) = WebPubSubClient::builder(credential).connect().await?;
    // Nobody looks at events here; a queue that nobody empties would hold the client up.
    drop(events);
    match std::env::args().nth(1).as_deref() {
        Some("send") => send(&client).await?,
        _ => receive(&client).await?,
    }
    client.stop().await;
    Ok(())
}

async fn send(client: &WebPubSubClient) -> Result<(), Error> {
    let (read, mut lines) = mpsc::channel(256);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if read.blocking_send(line).is_err() {
                break;
            }
        }
    });
    let mut stream = client.open_group_stream(GROUP, StreamOptions::default()).await?;
    while let Some(line) = lines.recv().await {
        stream.write(line).await?;
    }
    // Waits until the service has everything.
    stream.finish().await?;
    Ok(())
}

async fn receive(client: &WebPubSubClient) -> Result<(), Error> {
    let mut streams = client.group_streams(GROUP).await?;
    client.join_group(GROUP).await?;
    while let Some(mut stream) = streams.next().await {
        tokio::spawn(async move {
            while let Some(part) = stream.next().await {
                match part {
                    Ok(line) => println!("{}  {}", stream.id(), line.as_str().unwrap_or("(not text)")),
                    Err(error) => println!("{}  broke off: {error}", stream.id()),
                }
            }
        });
    }
    Ok(())
}
