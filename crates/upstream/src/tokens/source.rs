//! Where tokens come from.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::timeout;

use super::{EARLY, TOKEN_BYTES_MAX, Token, TokenError};
use crate::connector::Connector;
use crate::environment::Identity;
use crate::fault::Fault;
use crate::transport::{Transport, read};

/// Longest answer of a token endpoint.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Life of a token that does not say its own.
const LIFE_DEFAULT_S: u64 = 300;
/// Longest life that is believed.
const LIFE_MAX_S: u64 = 24 * 60 * 60;
/// How long the text of a token file is used before it is read again.
const FILE_LIFE: Duration = Duration::from_secs(10);
/// How much of an error code is shown.
const CODE_CHARS_MAX: usize = 64;

pub(super) struct Source {
    identity: Identity,
    connector: Connector,
    timeout: Duration,
}

/// RFC 6749 §5.1.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Source {
    pub(super) fn new(identity: Identity, connector: Connector, timeout: Duration) -> Self {
        Self { identity, connector, timeout }
    }

    pub(super) async fn fetch(&self, resource: &str) -> Result<Token, TokenError> {
        let fetch = async {
            match &self.identity {
                Identity::ClientCredentials { token_endpoint, client_id, client_secret } => {
                    self.ask(token_endpoint, &form(client_id, client_secret, resource)).await
                }
                Identity::TokenFile(path) => file(path.clone()).await,
            }
        };
        timeout(self.timeout, fetch).await.unwrap_or(Err(TokenError::Fault(Fault::TimedOut)))
    }

    async fn ask(&self, endpoint: &str, form: &str) -> Result<Token, TokenError> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(form.as_bytes())));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint.parse::<Uri>().map_err(|_| TokenError::Fault(Fault::Url))?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // One request in a long time: its connection is not kept.
        let transport = Transport::new(self.connector.clone());
        let answer = transport.send(request).await.map_err(TokenError::Fault)?;
        let status = answer.status();
        let body = read(answer.into_body(), ANSWER_BYTES_MAX).await.map_err(TokenError::Fault)?;
        if !status.is_success() {
            let code = serde_json::from_slice(&body).map(|Refusal { error }| shown(&error));
            return Err(TokenError::Status(status, code.unwrap_or_default()));
        }
        let Answer { access_token, expires_in } =
            serde_json::from_slice(&body).map_err(|_| TokenError::Answer)?;
        let life = Duration::from_secs(expires_in.unwrap_or(LIFE_DEFAULT_S).min(LIFE_MAX_S));
        Token::new(&access_token, life, EARLY).ok_or(TokenError::Answer)
    }
}

fn shown(code: &str) -> String {
    let code: String = code.escape_debug().take(CODE_CHARS_MAX).collect();
    format!(" with {code}")
}

/// The body of RFC 6749 §4.4.2. The scope is the resource with `/.default`, as the cloud's token service wants it.
fn form(client_id: &str, client_secret: &str, resource: &str) -> String {
    let scope = format!("{}/.default", resource.trim_end_matches('/'));
    let mut form = "grant_type=client_credentials".to_owned();
    for (name, value) in [("client_id", client_id), ("client_secret", client_secret), ("scope", &scope)] {
        // Writing to a string cannot fail.
        let _ = write!(form, "&{name}=");
        for byte in value.bytes() {
            let _ = match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                    write!(form, "{}", char::from(byte))
                }
                _ => write!(form, "%{byte:02X}"),
            };
        }
    }
    form
}

async fn file(path: PathBuf) -> Result<Token, TokenError> {
    // A file may be on a slow disk.
    let text = tokio::task::spawn_blocking(move || read_file(&path)).await;
    let text =
        text.map_err(|_| TokenError::Lost)?.map_err(|error| TokenError::File(error.to_string().into()))?;
    // It is read again when its life is over, so nothing needs to be early.
    Token::new(text.trim(), FILE_LIFE, Duration::ZERO)
        .ok_or_else(|| TokenError::File("it holds no token".into()))
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TOKEN_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}
