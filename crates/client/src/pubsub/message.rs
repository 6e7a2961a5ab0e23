//! Messages that a PubSub client gets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// What the service sent (client-protocols.md §3.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The first message of a connection.
    Connected {
        /// The id of the connection.
        connection_id: String,
        /// The user id in the token.
        user_id: Option<String>,
    },
    /// The service is about to close the connection.
    Disconnected {
        /// Why.
        message: String,
    },
    /// The answer to a request with an ack id.
    Ack {
        /// The id of the request.
        ack_id: u64,
        /// Whether it succeeded.
        outcome: Result<(), AckError>,
    },
    /// Somebody published to a group.
    Group {
        /// The group.
        group: String,
        /// The user that did; `None` for anonymous clients and app servers.
        from_user_id: Option<String>,
        /// The message.
        data: Data,
    },
    /// A message of the app server.
    Server {
        /// The message.
        data: Data,
    },
    /// The answer to a ping.
    Pong,
    /// A kind of message that is newer than this crate.
    Unknown(String),
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {message}")]
pub struct AckError {
    /// The kind, for example `Forbidden`.
    pub name: String,
    /// In words.
    pub message: String,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Text.
    Text(String),
    /// A JSON value as text, spelled as the sender did. Make it with [`Data::json`], which checks it.
    Json(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// A serialised `google.protobuf.Any`.
    Protobuf(Vec<u8>),
}

impl Data {
    /// A JSON value.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn json(text: &str) -> Result<Self, serde_json::Error> {
        let value: &RawValue = serde_json::from_str(text)?;
        Ok(Self::Json(value.get().to_owned()))
    }

    /// The `dataType` on the wire.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Json(_) => "json",
            Self::Binary(_) => "binary",
            Self::Protobuf(_) => "protobuf",
        }
    }

    /// The value of `data` on the wire; `None` if it was not made with [`Data::json`] and is not JSON.
    pub(super) fn to_raw(&self) -> Option<Box<RawValue>> {
        match self {
            Self::Text(text) => serde_json::value::to_raw_value(text),
            Self::Json(text) => RawValue::from_string(text.clone()),
            Self::Binary(bytes) | Self::Protobuf(bytes) => {
                serde_json::value::to_raw_value(&STANDARD.encode(bytes))
            }
        }
        .ok()
    }

    fn parse(data_type: &str, data: &RawValue) -> Result<Self, Error> {
        let text =
            || serde_json::from_str::<String>(data.get()).map_err(|_| Error::Message("data is not a string"));
        let bytes = || STANDARD.decode(text()?).map_err(|_| Error::Message("data is not base64"));
        match data_type {
            "text" => text().map(Self::Text),
            "json" => Ok(Self::Json(data.get().to_owned())),
            "binary" => bytes().map(Self::Binary),
            "protobuf" => bytes().map(Self::Protobuf),
            _ => Err(Error::Message("its dataType is unknown")),
        }
    }
}

/// A message on the wire: every member of every kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    r#type: String,
    event: Option<String>,
    message: Option<String>,
    connection_id: Option<String>,
    user_id: Option<String>,
    ack_id: Option<u64>,
    #[serde(default)]
    success: bool,
    error: Option<WireError>,
    from: Option<String>,
    group: Option<String>,
    from_user_id: Option<String>,
    data_type: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireError {
    name: String,
    #[serde(default)]
    message: String,
}

impl Message {
    /// Reads a text message of the service.
    ///
    /// # Errors
    /// It is not JSON, or a member that its kind needs is missing.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wire: Wire<'_> = serde_json::from_str(text)
            .map_err(|_| Error::Message("it is not a JSON object of the subprotocol"))?;
        let missing = Error::Message;
        match (wire.r#type.as_str(), wire.event.as_deref(), wire.from.as_deref()) {
            ("system", Some("connected"), _) => Ok(Self::Connected {
                connection_id: wire.connection_id.ok_or(missing("connectionId is missing"))?,
                user_id: wire.user_id,
            }),
            ("system", Some("disconnected"), _) => {
                Ok(Self::Disconnected { message: wire.message.unwrap_or_default() })
            }
            ("ack", ..) => {
                let ack_id = wire.ack_id.ok_or(missing("ackId is missing"))?;
                let outcome = match (wire.success, wire.error) {
                    (true, _) => Ok(()),
                    (false, Some(WireError { name, message })) => Err(AckError { name, message }),
                    (false, None) => return Err(missing("error is missing")),
                };
                Ok(Self::Ack { ack_id, outcome })
            }
            ("message", _, Some("group")) => Ok(Self::Group {
                data: data(&wire)?,
                group: wire.group.ok_or(missing("group is missing"))?,
                from_user_id: wire.from_user_id,
            }),
            ("message", _, Some("server")) => Ok(Self::Server { data: data(&wire)? }),
            ("pong", ..) => Ok(Self::Pong),
            _ => Ok(Self::Unknown(text.to_owned())),
        }
    }
}

fn data(wire: &Wire<'_>) -> Result<Data, Error> {
    match (&wire.data_type, wire.data) {
        (Some(data_type), Some(data)) => Data::parse(data_type, data),
        // `Option` takes the value `null` for an absent one.
        (Some(data_type), None) if data_type == "json" => Ok(Data::Json("null".to_owned())),
        _ => Err(Error::Message("dataType or data is missing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_reference() {
        let group = |data| Message::Group { group: "g".to_owned(), from_user_id: Some("u".to_owned()), data };
        for (text, expected) in [
            (
                r#"{"type":"system","event":"connected","userId":null,"connectionId":"c"}"#,
                Message::Connected { connection_id: "c".to_owned(), user_id: None },
            ),
            (
                r#"{"type":"system","event":"disconnected","message":"m"}"#,
                Message::Disconnected { message: "m".to_owned() },
            ),
            (r#"{"type":"ack","ackId":1,"success":true}"#, Message::Ack { ack_id: 1, outcome: Ok(()) }),
            (
                r#"{"type":"ack","ackId":2,"success":false,"error":{"name":"Forbidden","message":"no"}}"#,
                Message::Ack {
                    ack_id: 2,
                    outcome: Err(AckError { name: "Forbidden".to_owned(), message: "no".to_owned() }),
                },
            ),
            (
                r#"{"type":"message","from":"server","dataType":"binary","data":"BQEB"}"#,
                Message::Server { data: Data::Binary(vec![5, 1, 1]) },
            ),
            (
                r#"{"type":"message","from":"server","dataType":"json","data":null}"#,
                Message::Server { data: Data::Json("null".to_owned()) },
            ),
            (
                r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"json","data":{"a": 1e400}}"#,
                group(Data::Json(r#"{"a": 1e400}"#.to_owned())),
            ),
            (
                r#"{"sequenceId":1,"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"text","data":"ü"}"#,
                group(Data::Text("ü".to_owned())),
            ),
            (
                r#"{"type":"message","from":"group","group":"g","fromUserId":null,"dataType":"protobuf","data":"AQ=="}"#,
                Message::Group { group: "g".to_owned(), from_user_id: None, data: Data::Protobuf(vec![1]) },
            ),
            (r#"{"type":"pong"}"#, Message::Pong),
            (r#"{"type":"later"}"#, Message::Unknown(r#"{"type":"later"}"#.to_owned())),
        ] {
            assert_eq!(Message::parse(text).unwrap(), expected);
        }
    }

    #[test]
    fn messages_that_cannot_be_read() {
        for text in [
            "",
            "[]",
            r#"{"type":1}"#,
            r#"{"type":"ack","success":true}"#,
            r#"{"type":"ack","ackId":1,"success":false}"#,
            r#"{"type":"message","from":"server","dataType":"text"}"#,
            r#"{"type":"message","from":"server","dataType":"text","data":1}"#,
            r#"{"type":"message","from":"server","dataType":"binary","data":"?"}"#,
            r#"{"type":"message","from":"server","dataType":"new","data":1}"#,
            r#"{"type":"message","from":"group","dataType":"text","data":"x"}"#,
        ] {
            assert!(matches!(Message::parse(text), Err(Error::Message(_))), "{text}");
        }
    }
}
