//! What can go wrong, in words for people.

use std::io;

use hublet_wire::ws::ProtocolError;

use crate::connection_string::InvalidConnectionString;
use crate::pubsub::AckError;

/// Why an operation of this crate failed. The texts never contain a token or a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection string cannot be used.
    #[error(transparent)]
    ConnectionString(#[from] InvalidConnectionString),
    /// An address cannot be used.
    #[error("The URL cannot be used: {0}.")]
    Url(&'static str),
    /// The hub name is not allowed (client-protocols.md §1.6).
    #[error(
        "{0:?} is not a hub name: a letter, then letters, digits or one of _`,.[] are allowed, 128 characters at most."
    )]
    Hub(String),
    /// A request that a service would not take, and end the connection for; the text says what to change. It was not
    /// sent.
    #[error("{0}")]
    Request(String),
    /// Metadata that the service would not take, or would change; the text says why.
    #[error("{0}")]
    Metadata(String),
    /// No TCP connection.
    #[error("Cannot connect to {authority}: {source}.")]
    Connect {
        /// Host and port.
        authority: String,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate is not trusted, or the peer does not speak TLS.
    #[error("No TLS connection to {authority}: {source}.")]
    Tls {
        /// Host and port.
        authority: String,
        /// What the TLS library says.
        source: io::Error,
    },
    /// The file with certificate authorities cannot be used.
    #[error("The certificates in {file} cannot be used: {what}.")]
    CaFile {
        /// The path.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// Nothing came in time.
    #[error("{0} did not answer in time.")]
    Timeout(String),
    /// The service answered the WebSocket handshake with an HTTP status.
    #[error("The service refused the connection: {status}{}", sentence(.body))]
    Refused {
        /// The status.
        status: hyper::StatusCode,
        /// The text of the answer, shortened.
        body: String,
    },
    /// The answer to the handshake breaks a rule of RFC 6455.
    #[error("The answer to the WebSocket handshake is wrong: {0}.")]
    Handshake(&'static str),
    /// The peer broke the WebSocket protocol.
    #[error("The service broke the WebSocket protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The connection broke.
    #[error("The connection broke: {0}.")]
    Io(#[from] io::Error),
    /// The connection ended without a close frame.
    #[error("The connection ended without a close frame.")]
    Ended,
    /// The connection is closed.
    #[error("The service closed the connection with code {}{}.", code_text(.code), reason_text(.reason))]
    Closed {
        /// The close code, if there was one.
        code: Option<u16>,
        /// The reason, possibly empty.
        reason: String,
    },
    /// A message is not one of the subprotocol.
    #[error("The service sent a message that cannot be read: {0}.")]
    Message(&'static str),
    /// The service refused a request of a PubSub client.
    #[error(transparent)]
    Ack(#[from] AckError),
    /// The app server, or the service for it, answered an invocation with an error.
    #[error("The invocation failed: {0}")]
    Invocation(AckError),
    /// The service closed a stream before its publisher did.
    #[error("The service closed the stream: {0}")]
    Stream(AckError),
    /// The connection was lost, and with it the answer: the request may or may not have been carried out.
    #[error(
        "The connection was lost before the service answered, so the request may have been carried out or not."
    )]
    Disconnected,
    /// The client was stopped, or gave up.
    #[error("The client has stopped.")]
    Stopped,
    /// The program's own source of client access URLs failed.
    #[error("There is no client access URL: {0}.")]
    Credential(Box<dyn std::error::Error + Send + Sync>),
    /// The service refused a REST request.
    #[error("The service refused the request: {status}{}", sentence(.message))]
    Rest {
        /// The status.
        status: hyper::StatusCode,
        /// The error code of the service, if there is one (rest-api.md §6.2).
        code: Option<String>,
        /// The text of the answer, shortened.
        message: String,
    },
    /// The HTTP connection broke or the answer is not HTTP.
    #[error("The HTTP request failed: {0}.")]
    Http(#[from] hyper::Error),
}

fn sentence(text: &str) -> String {
    match text.trim() {
        "" => ".".to_owned(),
        text => format!(". It says: {text}"),
    }
}

fn code_text(code: &Option<u16>) -> String {
    code.map_or_else(|| "none".to_owned(), |code| code.to_string())
}

fn reason_text(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}
