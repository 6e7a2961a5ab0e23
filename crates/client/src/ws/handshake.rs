//! The opening handshake of a client (RFC 6455 §4.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hublet_wire::ws::handshake::accept_key;
use hyper::StatusCode;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::address::Address;
use crate::error::Error;

/// Longest head of an answer. One official SDK has the same limit (client-protocols.md §1.12).
const HEAD_BYTES_MAX: usize = 8 << 10;
/// How much of the text of a refusal is kept.
const BODY_BYTES_MAX: usize = 1 << 10;

/// What the handshake leaves behind.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) subprotocol: Option<String>,
    /// Frames that came right behind the answer.
    pub(super) leftover: Vec<u8>,
}

pub(super) async fn perform<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    address: &Address,
    subprotocol: Option<&str>,
) -> Result<Opened, Error> {
    let key = key()?;
    let expected = accept_key(&key).ok_or(Error::Handshake("no key could be made"))?;
    stream.write_all(request(address, &key, subprotocol).as_bytes()).await?;
    stream.flush().await?;

    let mut received = Vec::with_capacity(512);
    let head_len = loop {
        if let Some(end) = head_end(&received) {
            break end;
        }
        if received.len() >= HEAD_BYTES_MAX {
            return Err(Error::Handshake("its head is longer than 8 KiB"));
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Err(Error::Ended);
        }
    };
    let leftover = received.split_off(head_len);
    let head = Head::parse(&received)?;
    if head.status != StatusCode::SWITCHING_PROTOCOLS {
        let body = body(stream, &head, leftover).await;
        return Err(Error::Refused { status: head.status, body });
    }
    let subprotocol = head.check(&expected, subprotocol)?;
    Ok(Opened { subprotocol, leftover })
}

fn key() -> Result<String, Error> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Error::Handshake("no key could be made"))?;
    Ok(STANDARD.encode(nonce))
}

fn request(address: &Address, key: &str, subprotocol: Option<&str>) -> String {
    let Address { target, authority, .. } = address;
    let protocol = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).unwrap_or_default();
    format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{protocol}\r\n"
    )
}

/// Where the body begins.
fn head_end(received: &[u8]) -> Option<usize> {
    received.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The head of an answer.
struct Head<'a> {
    status: StatusCode,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Head<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| Error::Handshake("it is not HTTP"))?;
        let mut lines = text.trim_end().split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1.1 "))
            .and_then(|line| line.split(' ').next())
            .and_then(|code| code.parse().ok())
            .ok_or(Error::Handshake("it is not HTTP/1.1"))?;
        let headers = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name, value.trim())))
            .collect::<Option<_>>()
            .ok_or(Error::Handshake("a header has no colon"))?;
        Ok(Self { status, headers })
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    fn has_word(&self, name: &str, word: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(word))
    }

    /// Checks an answer with status 101 and returns the chosen subprotocol.
    fn check(&self, accept: &str, asked: Option<&str>) -> Result<Option<String>, Error> {
        if !self.has_word("upgrade", "websocket") {
            return Err(Error::Handshake("it does not upgrade to websocket"));
        }
        if !self.has_word("connection", "upgrade") {
            return Err(Error::Handshake("it has no Connection: Upgrade"));
        }
        if self.values("sec-websocket-accept").ne([accept]) {
            return Err(Error::Handshake("Sec-WebSocket-Accept does not fit the key"));
        }
        if self.values("sec-websocket-extensions").any(|value| !value.is_empty()) {
            return Err(Error::Handshake("it has an extension that was not asked for"));
        }
        let mut chosen = self.values("sec-websocket-protocol");
        match (chosen.next(), chosen.next()) {
            (None, _) => Ok(None),
            (Some(name), None) if asked == Some(name) => Ok(Some(name.to_owned())),
            _ => Err(Error::Handshake("it has a subprotocol that was not asked for")),
        }
    }
}

/// The text of a refusal, as far as it comes.
async fn body<S: AsyncRead + Unpin>(stream: &mut S, head: &Head<'_>, mut received: Vec<u8>) -> String {
    let length = head.values("content-length").next().and_then(|length| length.parse().ok()).unwrap_or(0);
    let wanted = BODY_BYTES_MAX.min(length);
    while received.len() < wanted && stream.read_buf(&mut received).await.is_ok_and(|read| read > 0) {}
    received.truncate(wanted);
    String::from_utf8_lossy(&received).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of a server that speaks `answer`, in which `ACCEPT` stands for the right key.
    async fn answer(answer: &str, asked: Option<&str>) -> Result<Opened, Error> {
        let (mut client, mut server) = tokio::io::duplex(64);
        let address = Address::parse("ws://h:1/client/hubs/chat?access_token=t").unwrap();
        let serve = async {
            let mut request = Vec::new();
            while head_end(&request).is_none() {
                server.read_buf(&mut request).await.unwrap();
            }
            let request = String::from_utf8(request).unwrap();
            assert!(
                request.starts_with("GET /client/hubs/chat?access_token=t HTTP/1.1\r\nHost: h:1\r\n"),
                "{request}"
            );
            let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
            let accept = accept_key(key.lines().next().unwrap()).unwrap();
            let offered =
                asked.is_none_or(|name| request.contains(&format!("Sec-WebSocket-Protocol: {name}\r\n")));
            assert!(offered, "{request}");
            // The client may have seen enough before everything is written.
            let _ = server.write_all(answer.replace("ACCEPT", &accept).as_bytes()).await;
            drop(server);
        };
        // The client's end goes with the answer, so that the server is never stuck with more than it takes.
        let ask = async move { perform(&mut client, &address, asked).await };
        tokio::join!(ask, serve).0
    }

    const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n\
                        Sec-WebSocket-Accept: ACCEPT\r\n";

    #[tokio::test]
    async fn a_good_answer() {
        let opened = answer(&format!("{GOOD}\r\n\x01\x02"), None).await.unwrap();
        assert_eq!((opened.subprotocol, opened.leftover.as_slice()), (None, &[1, 2][..]));
        let opened = answer(&format!("{GOOD}Sec-WebSocket-Protocol: a\r\n\r\n"), Some("a")).await.unwrap();
        assert_eq!(opened.subprotocol.as_deref(), Some("a"));
        assert_eq!(answer(&format!("{GOOD}\r\n"), Some("a")).await.unwrap().subprotocol, None);
    }

    #[tokio::test]
    async fn a_refusal_shows_what_the_service_says() {
        let text = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\ntoo latenot this";
        match answer(text, None).await {
            Err(Error::Refused { status, body }) => {
                assert_eq!((status.as_u16(), body.as_str()), (401, "too laten"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn wrong_answers() {
        for (text, what) in [
            ("HTTP/1.0 101 x\r\n\r\n".to_owned(), "it is not HTTP/1.1"),
            ("SSH-2.0-x\r\n\r\n".to_owned(), "it is not HTTP/1.1"),
            (GOOD.replace("upgrade: WebSocket", "upgrade: h2c") + "\r\n", "it does not upgrade to websocket"),
            (GOOD.replace(", upgrade", "") + "\r\n", "it has no Connection: Upgrade"),
            (GOOD.replace("ACCEPT", "x") + "\r\n", "Sec-WebSocket-Accept does not fit the key"),
            (
                format!("{GOOD}Sec-WebSocket-Protocol: b\r\n\r\n"),
                "it has a subprotocol that was not asked for",
            ),
            (
                format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
                "it has an extension that was not asked for",
            ),
            (format!("{GOOD}oops\r\n\r\n"), "a header has no colon"),
            (format!("{GOOD}X: {}\r\n\r\n", "x".repeat(9_000)), "its head is longer than 8 KiB"),
        ] {
            match answer(&text, Some("a")).await {
                Err(Error::Handshake(said)) => assert_eq!(said, what),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(matches!(answer("HTTP/1.1 101 x\r\n", None).await, Err(Error::Ended)));
    }
}
