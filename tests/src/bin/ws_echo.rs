//! An echo server on hublet's WebSocket codec, for the Autobahn cases (`tests/tests/autobahn.rs`).
//!
//! It prints its port and serves until it is killed. The HTTP part is only as good as the test client.

use std::io::Write;

use anyhow::{Context, Result, bail};
use hublet_wire::ws::{CloseCode, ProtocolError};
use hublet_wire::ws::{
    Decoder, Event, Opcode, Role, encode_close, encode_control, encode_message, handshake::accept_key,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Section 9 of the cases has messages of up to 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
const BUFFER_BYTES: usize = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?.port())?;
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(async move {
            // The test client judges what it got; a socket that it dropped is no news.
            let _ = serve(socket).await;
        });
    }
}

async fn serve(mut socket: TcpStream) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut filled = handshake(&mut socket, &mut buffer).await?;
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
    loop {
        let mut input = &mut buffer[..filled];
        loop {
            let (answer, is_last) = match decoder.next(&mut input) {
                Ok(Some(event)) => answer(event),
                Ok(None) => break,
                Err(error) => (Some(refusal(error)), true),
            };
            if let Some(answer) = answer {
                socket.write_all(&answer).await?;
            }
            if is_last {
                return finish(socket, buffer).await;
            }
        }
        filled = socket.read(&mut buffer).await?;
        if filled == 0 {
            return Ok(());
        }
    }
}

/// What to send back, and whether it is the last thing.
fn answer(event: Event<'_>) -> (Option<bytes::Bytes>, bool) {
    match event {
        Event::Text(text) => (Some(encode_message(Opcode::Text, text.as_bytes())), false),
        Event::Binary(bytes) => (Some(encode_message(Opcode::Binary, bytes)), false),
        Event::Ping(payload) => (Some(encode_control(Opcode::Pong, payload)), false),
        Event::Pong(_) => (None, false),
        Event::Close { code: Some(code), .. } => (Some(encode_close(CloseCode(code), "")), true),
        Event::Close { code: None, .. } => (Some(encode_control(Opcode::Close, &[])), true),
    }
}

fn refusal(error: ProtocolError) -> bytes::Bytes {
    encode_close(error.close_code(), &error.to_string())
}

/// Closes the writing side and reads on to the end, so that the client gets the close frame and not a reset.
async fn finish(mut socket: TcpStream, mut buffer: Vec<u8>) -> Result<()> {
    socket.shutdown().await?;
    while socket.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Answers the opening handshake; how many bytes at the front of `buffer` came after it.
async fn handshake(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    let end = loop {
        let read = socket.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("no request, or a very long one");
        }
        filled += read;
        if let Some(at) = buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let head = std::str::from_utf8(&buffer[..end])?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .and_then(|(_, key)| accept_key(key))
        .context("not a WebSocket handshake")?;
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nServer: hublet\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    socket.write_all(response.as_bytes()).await?;
    buffer.copy_within(end..filled, 0);
    Ok(filled - end)
}
