//! The JSON protocol of SignalR, as far as a server needs it that sends to clients and is called by them (tunnel.md §8.2):
//! records that end with the byte 0x1E, a handshake first, then messages.

use serde::Deserialize;
use serde_json::Value;

/// The end of a record.
pub const RECORD_END: char = '\u{1e}';
/// Records in one message of a client; each costs work.
const RECORDS_MAX: usize = 32;

/// The bytes are no records of the protocol. The text is for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A record without its end, or too many of them.
    #[error("A message has 1 to 32 records, and each ends with the byte 0x1E.")]
    Records,
    /// The first record is no handshake.
    #[error("The first record is {{\"protocol\":\"json\",\"version\":1}}.")]
    Handshake,
    /// The client wants another protocol.
    #[error("The requested protocol is not available: only json of version 1 is.")]
    Protocol,
    /// A record that is no message.
    #[error("A record is a JSON object with a number as its type.")]
    Message,
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage {
    /// A call of a method.
    Invocation {
        /// The answer is wanted under this id.
        id: Option<String>,
        /// The name of the method; clients write it in any case.
        target: String,
        /// What it is given.
        arguments: Vec<Value>,
    },
    /// The client lives.
    Ping,
    /// The client goes.
    Close,
    /// Something that needs no answer.
    Other,
}

#[derive(Deserialize)]
struct Handshake {
    protocol: String,
    version: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    r#type: u64,
    #[serde(default)]
    invocation_id: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    arguments: Option<Vec<Value>>,
}

/// The records of a message.
///
/// # Errors
/// The last one has no end, or there are too many.
pub fn records(text: &str) -> Result<Vec<&str>, Invalid> {
    let text = text.strip_suffix(RECORD_END).ok_or(Invalid::Records)?;
    let records: Vec<&str> = text.split(RECORD_END).take(RECORDS_MAX + 1).collect();
    if records.len() > RECORDS_MAX { Err(Invalid::Records) } else { Ok(records) }
}

/// Reads the first record of a connection.
///
/// # Errors
/// It is no handshake, or one for another protocol.
pub fn read_handshake(record: &str) -> Result<(), Invalid> {
    let handshake: Handshake = serde_json::from_str(record).map_err(|_| Invalid::Handshake)?;
    if handshake.protocol == "json" && handshake.version == 1 { Ok(()) } else { Err(Invalid::Protocol) }
}

/// Reads a later record.
///
/// # Errors
/// It is no message.
pub fn read_message(record: &str) -> Result<ClientMessage, Invalid> {
    let message: Message = serde_json::from_str(record).map_err(|_| Invalid::Message)?;
    Ok(match message.r#type {
        // The second one wants a stream, which no method here has: it is answered like a call.
        1 | 4 => ClientMessage::Invocation {
            id: message.invocation_id,
            target: message.target.ok_or(Invalid::Message)?,
            arguments: message.arguments.unwrap_or_default(),
        },
        6 => ClientMessage::Ping,
        7 => ClientMessage::Close,
        _ => ClientMessage::Other,
    })
}

/// The answer to a handshake.
pub fn handshake_answer(error: Option<Invalid>) -> String {
    match error {
        None => "{}\u{1e}".to_owned(),
        Some(error) => format!("{{\"error\":{}}}\u{1e}", Value::from(error.to_string())),
    }
}

/// The service lives.
pub fn ping() -> &'static str {
    "{\"type\":6}\u{1e}"
}

/// The service goes, for a reason or by itself. A client that may come back does so.
pub fn close(error: Option<&str>, may_come_back: bool) -> String {
    let error = error.map(|error| format!(",\"error\":{}", Value::from(error))).unwrap_or_default();
    format!("{{\"type\":7{error},\"allowReconnect\":{may_come_back}}}\u{1e}")
}

/// The call of a method of the client, with one argument that is JSON already. Appended to `into`, since a message may have
/// several records.
pub fn invocation(into: &mut String, target: &str, argument: &str) {
    into.push_str("{\"type\":1,\"target\":\"");
    into.push_str(target);
    into.push_str("\",\"arguments\":[");
    into.push_str(argument);
    into.push_str("]}\u{1e}");
}

/// The answer to a call: nothing, or what was wrong.
pub fn completion(into: &mut String, id: &str, error: Option<&str>) {
    let error = error.map(|error| format!(",\"error\":{}", Value::from(error))).unwrap_or_default();
    into.push_str(&format!("{{\"type\":3,\"invocationId\":{}{error}}}\u{1e}", Value::from(id)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_ends() {
        assert_eq!(records("{}\u{1e}"), Ok(vec!["{}"]));
        assert_eq!(records("a\u{1e}b\u{1e}"), Ok(vec!["a", "b"]));
        assert_eq!(records("\u{1e}"), Ok(vec![""]));
        for wrong in ["", "{}", "a\u{1e}b"] {
            assert_eq!(records(wrong), Err(Invalid::Records), "{wrong}");
        }
        assert_eq!(records(&"\u{1e}".repeat(RECORDS_MAX)).unwrap().len(), RECORDS_MAX);
        assert_eq!(records(&"\u{1e}".repeat(RECORDS_MAX + 1)), Err(Invalid::Records));
    }

    #[test]
    fn handshakes() {
        assert_eq!(read_handshake(r#"{"protocol":"json","version":1}"#), Ok(()));
        for (wrong, error) in [
            (r#"{"protocol":"messagepack","version":1}"#, Invalid::Protocol),
            (r#"{"protocol":"json","version":2}"#, Invalid::Protocol),
            (r#"{"protocol":"json"}"#, Invalid::Handshake),
            (r#"{"type":6}"#, Invalid::Handshake),
            ("", Invalid::Handshake),
            ("[]", Invalid::Handshake),
            ("{", Invalid::Handshake),
        ] {
            assert_eq!(read_handshake(wrong), Err(error), "{wrong}");
        }
        assert_eq!(handshake_answer(None), "{}\u{1e}");
        assert_eq!(
            handshake_answer(Some(Invalid::Handshake)),
            "{\"error\":\"The first record is {\\\"protocol\\\":\\\"json\\\",\\\"version\\\":1}.\"}\u{1e}"
        );
    }

    #[test]
    fn messages() {
        let invocation = |id: Option<&str>, target: &str, arguments: Vec<Value>| {
            let (id, target) = (id.map(str::to_owned), target.to_owned());
            Ok(ClientMessage::Invocation { id, target, arguments })
        };
        for (record, expected) in [
            (r#"{"type":6}"#, Ok(ClientMessage::Ping)),
            (r#"{"type":7,"error":"x"}"#, Ok(ClientMessage::Close)),
            (r#"{"type":3,"invocationId":"1"}"#, Ok(ClientMessage::Other)),
            (r#"{"type":99}"#, Ok(ClientMessage::Other)),
            (
                r#"{"type":1,"target":"LogProperty","arguments":[101]}"#,
                invocation(None, "LogProperty", vec![101.into()]),
            ),
            (r#"{"type":1,"invocationId":"7","target":"x"}"#, invocation(Some("7"), "x", vec![])),
            (r#"{"type":1,"arguments":[]}"#, Err(Invalid::Message)),
            (r#"{"type":1,"target":7}"#, Err(Invalid::Message)),
            (r#"{"type":1,"target":"x","arguments":{}}"#, Err(Invalid::Message)),
            (r#"{"type":-1}"#, Err(Invalid::Message)),
            (r#"{"target":"x"}"#, Err(Invalid::Message)),
            ("", Err(Invalid::Message)),
            ("6", Err(Invalid::Message)),
        ] {
            assert_eq!(read_message(record), expected, "{record}");
        }
        let deep = format!(
            "{{\"type\":1,\"target\":\"x\",\"arguments\":{}1{}}}",
            "[".repeat(9_999),
            "]".repeat(9_999)
        );
        assert_eq!(read_message(&deep), Err(Invalid::Message));
    }

    #[test]
    fn what_the_service_says_is_json() {
        let mut text = String::new();
        invocation(&mut text, "logEvent", r#"{"a":1}"#);
        completion(&mut text, "a\"b", Some("No such \"method\"."));
        completion(&mut text, "c", None);
        text.push_str(ping());
        text.push_str(&close(Some("\"bye\""), true));
        text.push_str(&close(None, false));
        let read: Vec<Value> =
            records(&text).unwrap().iter().map(|record| serde_json::from_str(record).unwrap()).collect();
        assert_eq!(
            Value::from(read),
            serde_json::json!([
                {"type": 1, "target": "logEvent", "arguments": [{"a": 1}]},
                {"type": 3, "invocationId": "a\"b", "error": "No such \"method\"."},
                {"type": 3, "invocationId": "c"},
                {"type": 6},
                {"type": 7, "error": "\"bye\"", "allowReconnect": true},
                {"type": 7, "allowReconnect": false},
            ])
        );
    }
}
