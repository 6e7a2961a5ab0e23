//! A chat in one group: what is typed goes to everybody, what others say is shown.
//!
//! ```sh
//! cargo run --package hublet-client --example chat -- alice
//! ```
//!
//! It talks to the service of `HUBLET_CONNECTION_STRING`, or to one in development mode on this machine.

#![allow(clippy::print_stdout)]

use std::io::BufRead;

use hublet_client::pubsub::SendOptions;
use hublet_client::{ClientAccess, ConnectionString, Event, WebPubSubClient};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = match std::env::var("HUBLET_CONNECTION_STRING") {
        Ok(text) => text.parse()?,
        Err(_) => ConnectionString::development(),
    };
    let user = std::env::args().nth(1);
    let roles = ["webpubsub.joinLeaveGroup.room".to_owned(), "webpubsub.sendToGroup.room".to_owned()];
    let access = ClientAccess { user: user.as_deref(), roles: &roles, ..ClientAccess::new("chat") };
    let url = service.client_access(&access)?.url();

    let (client, mut events) = WebPubSubClient::builder(url).connect().await?;
    client.join_group("room").await?;

    // Lines are read by a thread: a terminal cannot be awaited everywhere.
    let (typed, mut lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if typed.blocking_send(line).is_err() {
                break;
            }
        }
    });
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::GroupMessage(message)) => {
                    let user = message.from_user_id.as_deref().unwrap_or("somebody");
                    println!("{user}: {}", message.data.as_str().unwrap_or("(not text)"));
                }
                Some(Event::Recovering { .. }) => println!("(away; what is said meanwhile comes later)"),
                Some(Event::Recovered) => println!("(back)"),
                Some(Event::Disconnected { .. }) => println!("(disconnected)"),
                Some(_) => {}
                None => break,
            },
            line = lines.recv() => match line {
                Some(line) => {
                    // In a task, so that messages are shown while this one is on its way.
                    let client = client.clone();
                    tokio::spawn(async move {
                        let options = SendOptions { no_echo: true, ..SendOptions::default() };
                        if let Err(error) = client.send_to_group_with("room", line, options).await {
                            println!("(not sent: {error})");
                        }
                    });
                }
                None => break,
            },
        }
    }
    client.stop().await;
    Ok(())
}
