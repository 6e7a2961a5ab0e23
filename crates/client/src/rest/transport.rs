//! Requests and answers: one kept-alive connection, and what the service says in an error.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::time::timeout;

use super::Client;
use crate::address::Address;
use crate::error::Error;
use crate::stream::{Stream, Tls};

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Sender = SendRequest<Full<Bytes>>;
pub(super) type Answer = Response<hyper::body::Incoming>;

/// A body and what goes with it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
    /// Further headers.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Content {
    pub(super) fn new(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        Self { content_type, bytes: bytes.into(), headers: Vec::new() }
    }
}

impl Client {
    /// A request whose answer matters only if it is an error.
    pub(super) async fn perform(
        &mut self,
        method: Method,
        url: &str,
        content: Option<Content>,
    ) -> Result<Bytes, Error> {
        let answer = self.call(method, url, content).await?;
        succeeded(answer).await
    }

    /// A request without a body, whose answer may take longer than others.
    pub(super) async fn perform_patiently(
        &mut self,
        method: Method,
        url: &str,
        patience: Duration,
    ) -> Result<Bytes, Error> {
        let answer = self.call_within(patience, method, url, None).await?;
        succeeded(answer).await
    }

    pub(super) async fn call(
        &mut self,
        method: Method,
        url: &str,
        content: Option<Content>,
    ) -> Result<Answer, Error> {
        self.call_within(TIMEOUT, method, url, content).await
    }

    async fn call_within(
        &mut self,
        patience: Duration,
        method: Method,
        url: &str,
        content: Option<Content>,
    ) -> Result<Answer, Error> {
        let address = Address::parse(url)?;
        let exchange = async {
            // A kept connection that the service closed in the meantime fails before the request is written, and the
            // request comes back. So it is safe to repeat it, whatever it does.
            let mut request = request(&method, &address, &self.service.rest_token(url), content)?;
            loop {
                let (mut sender, is_new) = match self.sender.take() {
                    Some(sender) => (sender, false),
                    None => (connect(&address, &self.tls).await?, true),
                };
                sender.ready().await.ok();
                match sender.try_send_request(request).await {
                    Ok(answer) => {
                        self.sender = Some(sender);
                        return Ok(answer);
                    }
                    Err(mut failure) => match failure.take_message() {
                        Some(unsent) if !is_new => request = unsent,
                        _ => return Err(failure.into_error().into()),
                    },
                }
            }
        };
        match timeout(patience, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Timeout(address.authority)),
        }
    }
}

fn request(
    method: &Method,
    address: &Address,
    token: &str,
    content: Option<Content>,
) -> Result<Request<Full<Bytes>>, Error> {
    let mut request = Request::builder()
        .method(method)
        .uri(&address.target)
        .header(HOST, &address.authority)
        .header(AUTHORIZATION, format!("Bearer {token}"));
    let mut body = Bytes::new();
    if let Some(content) = content {
        request = request.header(CONTENT_TYPE, content.content_type);
        for (name, value) in content.headers {
            request = request.header(name, value);
        }
        body = content.bytes;
    }
    request.body(Full::new(body)).map_err(|_| Error::Url("it does not fit into an HTTP request"))
}

async fn connect(address: &Address, tls: &Tls) -> Result<Sender, Error> {
    let stream = Stream::connect(address, tls).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped or the service closes; an error also reaches the request it concerns.
    tokio::spawn(connection);
    Ok(sender)
}

/// Whether a HEAD request found its target.
pub(super) async fn found(answer: Answer) -> Result<bool, Error> {
    // A 404 without the code comes from something else than a Web PubSub service (rest-api.md §5.4).
    let is_missing = error_code(&answer).is_some_and(|code| code.ends_with(".NotExisted"));
    match answer.status() {
        StatusCode::NOT_FOUND if is_missing => Ok(false),
        _ => succeeded(answer).await.map(|_| true),
    }
}

fn error_code(answer: &Answer) -> Option<&str> {
    answer.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok())
}

/// The body of a good answer, or the error that the service describes.
async fn succeeded(answer: Answer) -> Result<Bytes, Error> {
    /// The standard body of an error, or the one of the routing layer around it (rest-api.md §6.1, §1.5).
    #[derive(Deserialize)]
    struct Problem {
        code: Option<String>,
        message: Option<String>,
        title: Option<String>,
        error: Option<Box<Problem>>,
    }
    let status = answer.status();
    let code = error_code(&answer).map(str::to_owned);
    let challenge = answer.headers().get("www-authenticate").and_then(|text| text.to_str().ok());
    let challenge = challenge.and_then(|text| text.split_once("error_description=")).map(|(_, text)| text);
    let challenge = challenge.unwrap_or_default().trim_matches('"').to_owned();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body =
        body.map(http_body_util::Collected::to_bytes).map_err(|_| Error::Message("the answer broke off"))?;
    if status.is_success() {
        return Ok(body);
    }
    let problem = serde_json::from_slice::<Problem>(&body).ok().map(|problem| match problem.error {
        Some(inner) => *inner,
        None => problem,
    });
    let (code, message) = match problem {
        Some(problem) => (problem.code.or(code), problem.message.or(problem.title).unwrap_or_default()),
        None => (code, challenge),
    };
    Err(Error::Rest { status, code, message })
}
