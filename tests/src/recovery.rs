//! Raw clients of the reliable subprotocols, and how they come back.

use crate::protobuf::find_text;
use crate::raw::{Message, RawClient};
use crate::{JSON_RELIABLE, Server, http};

/// What a client must remember to come back to its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The address of the hub without a query.
    pub hub_url: String,
    /// The subprotocol.
    pub subprotocol: &'static str,
    /// The connection.
    pub id: String,
    /// Its reconnection token.
    pub token: String,
}

/// Connects a reliable JSON client to the hub `chat`.
pub fn open(server: &Server, user: &str, roles: &[&str], groups: &[&str]) -> (RawClient, Session) {
    open_at(&server.client_url("chat", Some(user), roles, groups), JSON_RELIABLE)
}

/// Connects a reliable client to a client access URL.
///
/// # Panics
/// When it is not connected.
pub fn open_at(url: &str, subprotocol: Option<&'static str>) -> (RawClient, Session) {
    let mut client = RawClient::connect(url, subprotocol);
    let (id, token) = connected(&mut client);
    let hub_url = url.split('?').next().unwrap_or_default().to_owned();
    let subprotocol = subprotocol.expect("a reliable subprotocol");
    (client, Session { hub_url, subprotocol, id, token })
}

impl Session {
    /// Where the client comes back to.
    pub fn url(&self) -> String {
        format!(
            "{}?awps_connection_id={}&awps_reconnection_token={}",
            self.hub_url,
            http::query(&self.id),
            http::query(&self.token)
        )
    }

    /// Connects on a new socket, which is the connection's if the service agrees.
    pub fn knock(&self) -> RawClient {
        RawClient::connect(&self.url(), Some(self.subprotocol))
    }

    /// Comes back. The client may have a new token afterwards.
    ///
    /// # Panics
    /// When the service does not let it, or it is another connection.
    pub fn recover(&mut self) -> RawClient {
        let mut client = self.knock();
        let (id, token) = connected(&mut client);
        assert_eq!(id, self.id);
        self.token = token;
        client
    }

    /// Expects that there is nothing to come back to (client-protocols.md §5.4).
    pub fn expect_lost(&self) {
        self.knock().expect_close(1008, "The connection could not be recovered.");
    }
}

/// Reads `connected`: the id and the reconnection token.
fn connected(client: &mut RawClient) -> (String, String) {
    match client.next() {
        Message::Text(text) => {
            let message: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(message["event"], "connected", "{text}");
            let member = |name: &str| message[name].as_str().map(str::to_owned);
            (member("connectionId").expect("an id"), member("reconnectionToken").expect("a token"))
        }
        Message::Binary(bytes) => {
            let member = |number| find_text(&bytes, &[3, 1, number]);
            (member(1).expect("an id"), member(3).expect("a token"))
        }
        other => panic!("expected that it is connected, got {other:?}"),
    }
}
