//! As much HTTP as one kind of request needs.

use anyhow::{Context, Result, bail};

/// A POST of plain text. The URL is that of the service; `host` goes to the `Host` header.
pub(super) fn post_text(url: &str, host: &str, token: &str, body: &str) -> Result<Vec<u8>> {
    let (_, behind_scheme) = url.split_once("://").context("the endpoint is no URL")?;
    let path = behind_scheme.find('/').and_then(|at| behind_scheme.get(at..)).unwrap_or("/");
    Ok(format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

/// The request that an event handler gets for a simple client's text.
pub(super) fn event(url: &str, host: &str, hub: &str, body: &str) -> Result<Vec<u8>> {
    const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA00000000000001";
    const DIGEST: &str = "c41b7fc2393f26ec5d5909cb570af61689395c9dc2472fdd58bf731769f40715";
    let (_, behind_scheme) = url.split_once("://").context("the address of the event handler is no URL")?;
    let path = behind_scheme.find('/').and_then(|at| behind_scheme.get(at..)).unwrap_or("/");
    Ok(format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nce-specversion: 1.0\r\nce-awpsversion: 1.0\r\n\
         ce-type: azure.webpubsub.user.message\r\nce-source: /hubs/{hub}/client/{ID}\r\n\
         ce-time: 2026-01-01T00:00:00Z\r\nce-connectionId: {ID}\r\nce-hub: {hub}\r\nce-eventName: message\r\n\
         WebHook-Request-Origin: localhost\r\nce-signature: sha256={DIGEST}\r\nce-id: 2\r\n\
         x-ms-client-request-id: 6f1c0a52-7f39-4c7e-9f5e-2b8c2f4f0e11\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

/// The answers on one connection.
#[derive(Debug, Default)]
pub(super) struct Answers {
    received: Vec<u8>,
}

impl Answers {
    /// Adds what was read, and tells whether an answer is complete. One with another status is an error.
    pub(super) fn complete(&mut self, bytes: &[u8], status: u16) -> Result<bool> {
        self.received.extend_from_slice(bytes);
        let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(false);
        };
        let head = String::from_utf8_lossy(self.received.get(..end).unwrap_or_default());
        let total = end + 4 + body_bytes(&head)?;
        if self.received.len() < total {
            return Ok(false);
        }
        if !head.starts_with(&format!("HTTP/1.1 {status} ")) {
            bail!("the server refused a request: {}", String::from_utf8_lossy(&self.received));
        }
        self.received.drain(..total);
        Ok(true)
    }
}

fn body_bytes(head: &str) -> Result<usize> {
    let headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().context("the length of an answer is not a number");
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("an answer has no length: {head}");
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request() {
        let request = post_text("http://h:1/api/x?y", "h:1", "t", "body").unwrap();
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("POST /api/x?y HTTP/1.1\r\nHost: h:1\r\nAuthorization: Bearer t\r\n"));
        assert!(request.ends_with("Content-Length: 4\r\n\r\nbody"));
    }

    #[test]
    fn answers_in_pieces() {
        let mut answers = Answers::default();
        assert!(!answers.complete(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n", 202).unwrap());
        assert!(!answers.complete(b"\r\na", 202).unwrap());
        assert!(answers.complete(b"b", 202).unwrap());
        assert!(answers.complete(b"HTTP/1.1 202 Accepted\r\n\r\n", 202).unwrap());
        assert!(!answers.complete(b"", 202).unwrap());
    }

    #[test]
    fn a_refusal_is_shown() {
        let answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
        let error = Answers::default().complete(answer, 202).unwrap_err().to_string();
        assert!(error.contains("401 Unauthorized") && error.ends_with("no"), "{error}");
        assert!(
            Answers::default()
                .complete(b"HTTP/1.1 202 A\r\nTransfer-Encoding: chunked\r\n\r\n", 202)
                .is_err()
        );
    }
}
