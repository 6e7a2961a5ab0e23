//! A broadcast server on tokio-tungstenite as one would sensibly write it, to compare hublet with: a task and a queue
//! per connection, small buffers, and one flush for all messages that wait.
//! A text message goes to every other client; a binary one is read and dropped, so that clients can send without load.
//!
//!     hublet-bench-peer-tungstenite PORT

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// The defaults are 128 KiB each, and the read buffer is zeroed for each read.
const BUFFER_BYTES: usize = 4 << 10;
/// Messages that one flush sends at most.
const BATCH: usize = 64;
/// Messages that may wait for one client; a slower client is dropped.
const QUEUE: usize = 1_024;

type Clients = Rc<RefCell<HashMap<u64, mpsc::Sender<Utf8Bytes>>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).unwrap_or_else(|| "8091".to_owned()).parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(port))
}

async fn serve(port: u16) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on ws://127.0.0.1:{port}/");
    let clients = Clients::default();
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        let clients = Rc::clone(&clients);
        tokio::task::spawn_local(async move {
            if let Err(error) = client(id, stream, &clients).await {
                eprintln!("client {id}: {error}");
            }
            clients.borrow_mut().remove(&id);
        });
    }
    Ok(())
}

async fn client(id: u64, stream: TcpStream, clients: &Clients) -> Result<(), Box<dyn Error>> {
    stream.set_nodelay(true)?;
    let config =
        WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    let (sender, mut queue) = mpsc::channel(QUEUE);
    clients.borrow_mut().insert(id, sender);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            received = socket.next() => match received {
                Some(Ok(Message::Text(text))) => broadcast(id, &text, clients),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => return Ok(()),
            },
            count = queue.recv_many(&mut batch, BATCH) => {
                if count == 0 {
                    return Err("too slow".into());
                }
                for text in batch.drain(..) {
                    socket.feed(Message::Text(text)).await?;
                }
                socket.flush().await?;
            }
        }
    }
}

fn broadcast(from: u64, text: &Utf8Bytes, clients: &Clients) {
    clients
        .borrow_mut()
        .retain(|id, client| *id == from || client.try_send(text.clone()).is_ok());
}
