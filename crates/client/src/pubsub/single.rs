//! A client on one socket: no recovery, no reconnection.

use std::collections::VecDeque;

use super::{Data, Frame, Message, Metadata, Protocol, Request, SUBPROTOCOL, SendOptions};
use crate::error::Error;
use crate::ws::{ConnectOptions, Connection, Event};

/// What it speaks.
const PROTOCOL: Protocol = Protocol::Json;

/// A client of `json.webpubsub.azure.v1` on one socket, for tools and tests.
///
/// [`Client::join`] and the other requests wait for the answer of the service. What else comes in the meantime is
/// kept for [`Client::next`].
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    connection_id: String,
    user_id: Option<String>,
    last_ack_id: u64,
    kept: VecDeque<Message>,
}

impl Client {
    /// Connects to a client access URL and waits for the `connected` message. The subprotocol in the options is
    /// replaced by [`SUBPROTOCOL`].
    ///
    /// # Errors
    /// Those of [`Connection::connect`]; or the service does not speak the subprotocol.
    pub async fn connect(url: &str, options: &ConnectOptions) -> Result<Self, Error> {
        let options = ConnectOptions { subprotocol: Some(SUBPROTOCOL.to_owned()), ..options.clone() };
        let connection = Connection::connect(url, &options).await?;
        if connection.subprotocol().is_none() {
            return Err(Error::Handshake("it does not choose json.webpubsub.azure.v1"));
        }
        let mut client = Self {
            connection,
            connection_id: String::new(),
            user_id: None,
            last_ack_id: 0,
            kept: VecDeque::new(),
        };
        match tokio::time::timeout(options.timeout, client.receive()).await {
            Err(_) => Err(Error::Timeout("The service".to_owned())),
            Ok(Ok(Message::Connected { connection_id, user_id, .. })) => {
                client.connection_id = connection_id;
                client.user_id = user_id;
                Ok(client)
            }
            Ok(Ok(_)) => Err(Error::Message("the first one is not `connected`")),
            Ok(Err(error)) => Err(error),
        }
    }

    /// The id that the service gave to this connection.
    pub fn connection_id(&self) -> &str {
        &self.connection_id
    }

    /// The user id in the token.
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// Joins a group.
    ///
    /// # Errors
    /// The service refuses it ([`Error::Ack`]), or the connection broke.
    pub async fn join(&mut self, group: &str) -> Result<(), Error> {
        self.request(&Request::JoinGroup { group }).await
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub async fn leave(&mut self, group: &str) -> Result<(), Error> {
        self.request(&Request::LeaveGroup { group }).await
    }

    /// Publishes to a group. If this client is a member, it gets the message too.
    ///
    /// # Errors
    /// As [`Client::join`].
    pub async fn send_to_group(&mut self, group: &str, data: Data) -> Result<(), Error> {
        let options = SendOptions::default();
        self.request(&Request::SendToGroup { group, data: &data, options: &options }).await
    }

    /// Sends an event to the app server.
    ///
    /// # Errors
    /// As [`Client::join`]; nobody handles the event.
    pub async fn event(&mut self, name: &str, data: Data) -> Result<(), Error> {
        let metadata = Metadata::new();
        self.request(&Request::Event { event: name, data: &data, metadata: &metadata }).await
    }

    /// Asks whether the service is there, and waits for its answer.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn ping(&mut self) -> Result<(), Error> {
        self.send(&Request::Ping, None).await?;
        loop {
            match self.receive().await? {
                Message::Pong => return Ok(()),
                other => self.kept.push_back(other),
            }
        }
    }

    /// Sends a request without waiting. With an ack id the service answers with [`Message::Ack`].
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, request: &Request<'_>, ack_id: Option<u64>) -> Result<(), Error> {
        match PROTOCOL.encode(request, ack_id) {
            Frame::Text(text) => self.connection.send_text(&text).await,
            Frame::Binary(bytes) => self.connection.send_binary(&bytes).await,
        }
    }

    /// An ack id that was not used yet.
    pub fn next_ack_id(&mut self) -> u64 {
        self.last_ack_id += 1;
        self.last_ack_id
    }

    /// The next message; `None` after [`Client::close`].
    ///
    /// # Errors
    /// The service closed the connection ([`Error::Closed`]), or it broke.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        if let Some(message) = self.kept.pop_front() {
            return Ok(Some(message));
        }
        self.receive().await.map(Some)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The connection broke before the service agreed.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.connection.close(1000, "").await
    }

    /// The connection underneath.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    async fn request(&mut self, request: &Request<'_>) -> Result<(), Error> {
        let id = self.next_ack_id();
        self.send(request, Some(id)).await?;
        loop {
            match self.receive().await? {
                Message::Ack { ack_id, outcome } if ack_id == id => return Ok(outcome?),
                other => self.kept.push_back(other),
            }
        }
    }

    async fn receive(&mut self) -> Result<Message, Error> {
        loop {
            match self.connection.next().await? {
                Some(Event::Close { code, reason }) => return Err(Error::Closed { code, reason }),
                None => return Err(Error::Ended),
                Some(event) => {
                    // Pongs of the WebSocket and messages of other kinds answer nothing that was asked.
                    if let Some(message) = PROTOCOL.decode(&event)? {
                        return Ok(message);
                    }
                }
            }
        }
    }
}
