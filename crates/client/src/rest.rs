//! The REST API as an app server uses it, over one kept-alive HTTP connection.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::time::timeout;

use crate::address::{Address, escape};
use crate::connection_string::ConnectionString;
use crate::error::Error;
use crate::pubsub::Data;
use crate::stream::{Stream, Tls};

/// The version of the API that is asked for.
const API_VERSION: &str = "2024-12-01";
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Whom a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// All connections of the hub.
    All,
    /// The members of a group.
    Group(&'a str),
    /// The connections of a user.
    User(&'a str),
    /// One connection.
    Connection(&'a str),
}

impl Target<'_> {
    /// The path behind the hub, without a slash at the end.
    fn path(self) -> String {
        match self {
            Self::All => String::new(),
            Self::Group(name) => format!("/groups/{}", escape(name)),
            Self::User(id) => format!("/users/{}", escape(id)),
            Self::Connection(id) => format!("/connections/{}", escape(id)),
        }
    }
}

/// Whether a connection or all connections of a user is meant, where a group is the other part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<'a> {
    /// One connection.
    Connection(&'a str),
    /// All connections of a user.
    User(&'a str),
}

impl Member<'_> {
    fn path(self, group: &str) -> String {
        match self {
            Self::Connection(id) => format!("/groups/{}/connections/{}", escape(group), escape(id)),
            Self::User(id) => format!("/users/{}/groups/{}", escape(id), escape(group)),
        }
    }
}

/// Calls the REST API of one hub, one request after the other.
#[derive(Debug)]
pub struct Client {
    service: ConnectionString,
    hub: String,
    tls: Tls,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client for a hub. It connects with the first call.
    pub fn new(service: ConnectionString, hub: &str, tls: Tls) -> Self {
        Self { service, hub: hub.to_owned(), tls, sender: None }
    }

    /// Whether the service is healthy. It needs no hub.
    ///
    /// # Errors
    /// The service is not there or says that it is not healthy.
    pub async fn health(&mut self) -> Result<(), Error> {
        let url = format!("{}/api/health", self.service.endpoint());
        let answer = self.call(Method::HEAD, &url, None).await?;
        succeeded(answer).await.map(drop)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The service refuses it, or is not there. That nobody is there to get the message is no error.
    pub async fn send(&mut self, target: Target<'_>, data: Data) -> Result<(), Error> {
        self.send_except(target, data, &[]).await
    }

    /// Sends a message to all but some connections. The service excludes only from [`Target::All`] and
    /// [`Target::Group`].
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_except(
        &mut self,
        target: Target<'_>,
        data: Data,
        excluded: &[String],
    ) -> Result<(), Error> {
        let (content_type, body) = match data {
            Data::Text(text) => ("text/plain; charset=utf-8", text.into_bytes()),
            Data::Json(text) => ("application/json", text.into_bytes()),
            // The REST API knows no protobuf; the bytes are what simple clients would get.
            Data::Binary(bytes) | Data::Protobuf(bytes) => ("application/octet-stream", bytes),
        };
        let query: String = excluded.iter().map(|id| format!("&excluded={}", escape(id))).collect();
        let url = self.url(&format!("{}/:send", target.path()), &query);
        let answer = self.call(Method::POST, &url, Some((content_type, body.into()))).await?;
        succeeded(answer).await.map(drop)
    }

    /// Whether a connection, or any connection of a user or in a group, exists. A hub always does.
    ///
    /// # Errors
    /// The service refuses it, or is not there.
    pub async fn exists(&mut self, target: Target<'_>) -> Result<bool, Error> {
        if target == Target::All {
            return Ok(true);
        }
        let url = self.url(&target.path(), "");
        let answer = self.call(Method::HEAD, &url, None).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            _ => succeeded(answer).await.map(|_| true),
        }
    }

    /// Closes connections. PubSub clients are told the reason.
    ///
    /// # Errors
    /// The service refuses it, or is not there.
    pub async fn close(&mut self, target: Target<'_>, reason: Option<&str>) -> Result<(), Error> {
        let query = reason.map(|reason| format!("&reason={}", escape(reason))).unwrap_or_default();
        let (method, path) = match target {
            Target::Connection(_) => (Method::DELETE, target.path()),
            _ => (Method::POST, format!("{}/:closeConnections", target.path())),
        };
        let url = self.url(&path, &query);
        let answer = self.call(method, &url, None).await?;
        succeeded(answer).await.map(drop)
    }

    /// Puts a connection, or all connections of a user, into a group.
    ///
    /// # Errors
    /// The service refuses it (404: there is no such connection), or is not there.
    pub async fn add_to_group(&mut self, group: &str, member: Member<'_>) -> Result<(), Error> {
        let url = self.url(&member.path(group), "");
        let answer = self.call(Method::PUT, &url, None).await?;
        succeeded(answer).await.map(drop)
    }

    /// Takes a connection, or all connections of a user, out of a group.
    ///
    /// # Errors
    /// The service refuses it, or is not there.
    pub async fn remove_from_group(&mut self, group: &str, member: Member<'_>) -> Result<(), Error> {
        let url = self.url(&member.path(group), "");
        let answer = self.call(Method::DELETE, &url, None).await?;
        succeeded(answer).await.map(drop)
    }

    /// Lets the service make a client token.
    ///
    /// # Errors
    /// The service refuses it, or is not there.
    pub async fn generate_token(
        &mut self,
        user: Option<&str>,
        roles: &[String],
        groups: &[String],
        minutes_to_expire: u32,
    ) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: String,
        }
        let mut query = format!("&minutesToExpire={minutes_to_expire}");
        let user = user.map(|user| ("userId", user));
        let roles = roles.iter().map(|role| ("role", role.as_str()));
        let groups = groups.iter().map(|group| ("group", group.as_str()));
        for (name, value) in user.into_iter().chain(roles).chain(groups) {
            query.push_str(&format!("&{name}={}", escape(value)));
        }
        let url = self.url("/:generateToken", &query);
        let answer = self.call(Method::POST, &url, None).await?;
        let body = succeeded(answer).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| Error::Message("the answer to :generateToken has no token"))?;
        Ok(answer.token)
    }

    fn url(&self, path: &str, more_query: &str) -> String {
        let (endpoint, hub) = (self.service.endpoint(), escape(&self.hub));
        format!("{endpoint}/api/hubs/{hub}{path}?api-version={API_VERSION}{more_query}")
    }

    async fn call(
        &mut self,
        method: Method,
        url: &str,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Response<hyper::body::Incoming>, Error> {
        let address = Address::parse(url)?;
        let exchange = async {
            // A kept connection that the service closed in the meantime fails before the request is written, and the
            // request comes back. So it is safe to repeat it, whatever it does.
            let mut request = request(&method, &address, &self.service.rest_token(url), body)?;
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
        match timeout(TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Timeout(address.authority)),
        }
    }
}

fn request(
    method: &Method,
    address: &Address,
    token: &str,
    body: Option<(&'static str, Bytes)>,
) -> Result<Request<Full<Bytes>>, Error> {
    let mut request = Request::builder()
        .method(method)
        .uri(&address.target)
        .header(HOST, &address.authority)
        .header(AUTHORIZATION, format!("Bearer {token}"));
    if let Some((content_type, _)) = &body {
        request = request.header(CONTENT_TYPE, *content_type);
    }
    let body = body.map(|(_, body)| body).unwrap_or_default();
    request.body(Full::new(body)).map_err(|_| Error::Url("it does not fit into an HTTP request"))
}

async fn connect(address: &Address, tls: &Tls) -> Result<SendRequest<Full<Bytes>>, Error> {
    let stream = Stream::connect(address, tls).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends when the sender is dropped or the service closes; an error also reaches the request it concerns.
    tokio::spawn(connection);
    Ok(sender)
}

/// The body of a good answer, or the error that the service describes.
async fn succeeded(answer: Response<hyper::body::Incoming>) -> Result<Bytes, Error> {
    /// The standard body of an error, or the one of the routing layer around it (rest-api.md §6.1, §1.5).
    #[derive(Deserialize)]
    struct Problem {
        code: Option<String>,
        message: Option<String>,
        title: Option<String>,
        error: Option<Box<Problem>>,
    }
    let status = answer.status();
    let code = answer.headers().get("x-ms-error-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
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

#[cfg(test)]
mod tests;
