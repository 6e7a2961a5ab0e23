//! A web server that does what a test tells it, good or bad.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, from 0 on.
    pub(crate) connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

/// What the server does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Says nothing more until the peer is gone.
    Hang,
    /// Closes without an answer.
    Close,
    /// Sends these bytes again and again.
    Endless(Vec<u8>),
    /// Waits until the stub is told to go on.
    Wait,
}

/// An answer with a body and more headers, each with its line end.
pub(crate) fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<Act> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    vec![Act::Send([head.into_bytes(), body.to_vec()].concat())]
}

/// A plain success.
pub(crate) fn ok() -> Vec<Act> {
    answer("204 No Content", "", "")
}

/// See the module.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    seen: Mutex<Vec<Seen>>,
    /// Of the requests that were seen, and those whose peer went away while they hung.
    counts: watch::Sender<(usize, usize)>,
    /// How many waits may go on.
    released: watch::Sender<usize>,
}

impl Stub {
    /// Starts a server. `script` says what to do about a request, which is the n-th, from 0 on.
    pub(crate) async fn start(script: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            seen: Mutex::default(),
            counts: watch::Sender::new((0, 0)),
            released: watch::Sender::new(0),
        });
        let script = Arc::new(script);
        tokio::spawn({
            let state = Arc::clone(&state);
            async move {
                for connection in 0.. {
                    let (socket, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(socket, connection, Arc::clone(&state), Arc::clone(&script)));
                }
            }
        });
        Self { address, state }
    }

    /// A template that leads here.
    pub(crate) fn url(&self, rest: &str) -> String {
        format!("http://{}{rest}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// The requests once there are so many.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Seen> {
        self.state.counts.subscribe().wait_for(|(seen, _)| *seen >= count).await.unwrap();
        self.seen()
    }

    /// Waits until so many peers went away from a request that hung.
    pub(crate) async fn wait_for_gone(&self, count: usize) {
        self.state.counts.subscribe().wait_for(|(_, gone)| *gone >= count).await.unwrap();
    }

    /// Lets one more [`Act::Wait`] go on.
    pub(crate) fn release(&self) {
        self.state.released.send_modify(|released| *released += 1);
    }
}

async fn serve(
    mut socket: TcpStream,
    connection: usize,
    state: Arc<State>,
    script: Arc<impl Fn(&Seen, usize) -> Vec<Act>>,
) {
    let mut buffer = Vec::new();
    loop {
        let Some(seen) = request(&mut socket, &mut buffer, connection).await else { return };
        let index = {
            let mut all = state.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        let mut released = state.released.subscribe();
        state.counts.send_modify(|(seen, _)| *seen += 1);
        for act in script(&seen, index) {
            match act {
                // The peer may have enough.
                Act::Send(bytes) => {
                    if socket.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Act::Hang => {
                    let mut byte = [0];
                    while socket.read(&mut byte).await.is_ok_and(|count| count > 0) {}
                    state.counts.send_modify(|(_, gone)| *gone += 1);
                    return;
                }
                Act::Close => return,
                Act::Endless(bytes) => while socket.write_all(&bytes).await.is_ok() {},
                Act::Wait => {
                    released.changed().await.unwrap();
                }
            }
        }
    }
}

async fn request(socket: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Seen> {
    let head_bytes = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    // Header values may be more than ASCII; one char for each byte.
    let head: String = buffer[..head_bytes].iter().map(|byte| char::from(*byte)).collect();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < head_bytes + length {
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[head_bytes..head_bytes + length].to_vec();
    buffer.drain(..head_bytes + length);
    Some(Seen { method, target, headers, body, connection })
}

/// Fails instead of waiting for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it takes too long")
}
