//! Requests of a PubSub client.

use serde::Serialize;
use serde_json::value::RawValue;

use super::message::Data;

/// What a client asks for (client-protocols.md §3.2).
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    /// Get what is published to a group from now on.
    JoinGroup {
        /// The group.
        group: &'a str,
    },
    /// Get it no more.
    LeaveGroup {
        /// The group.
        group: &'a str,
    },
    /// Publish to a group.
    SendToGroup {
        /// The group.
        group: &'a str,
        /// The message.
        data: &'a Data,
        /// Leave this client out, even if it is a member.
        no_echo: bool,
    },
    /// Send an event to the app server.
    Event {
        /// Its name.
        event: &'a str,
        /// Its data.
        data: &'a Data,
    },
    /// Ask whether the service is there.
    Ping,
}

/// A request on the wire; what is absent is left out.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_id: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_echo: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
}

impl Request<'_> {
    /// The message. A ping has no ack id: it has an answer of its own.
    pub fn to_json(&self, ack_id: Option<u64>) -> String {
        let wire = match *self {
            Self::JoinGroup { group } => {
                Wire { r#type: "joinGroup", group: Some(group), ack_id, ..Wire::default() }
            }
            Self::LeaveGroup { group } => {
                Wire { r#type: "leaveGroup", group: Some(group), ack_id, ..Wire::default() }
            }
            Self::SendToGroup { group, data, no_echo } => {
                let wire =
                    Wire { r#type: "sendToGroup", group: Some(group), ack_id, no_echo, ..Wire::default() };
                Wire { data_type: Some(data.type_name()), data: data.to_raw(), ..wire }
            }
            Self::Event { event, data } => {
                let wire = Wire { r#type: "event", event: Some(event), ack_id, ..Wire::default() };
                Wire { data_type: Some(data.type_name()), data: data.to_raw(), ..wire }
            }
            Self::Ping => Wire { r#type: "ping", ..Wire::default() },
        };
        // Strings, numbers and checked JSON always serialise.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_on_the_wire() {
        let text = Data::Text("a \"b\" ü".to_owned());
        let json = Data::json("[1.50, 1e400]").unwrap();
        let binary = Data::Binary(vec![1, 2, 3]);
        for (request, ack_id, expected) in [
            (Request::JoinGroup { group: "r" }, Some(1), r#"{"type":"joinGroup","group":"r","ackId":1}"#),
            (Request::LeaveGroup { group: "r" }, None, r#"{"type":"leaveGroup","group":"r"}"#),
            (
                Request::SendToGroup { group: "r", data: &text, no_echo: true },
                Some(u64::MAX),
                r#"{"type":"sendToGroup","group":"r","ackId":18446744073709551615,"noEcho":true,"dataType":"text","data":"a \"b\" ü"}"#,
            ),
            (
                Request::SendToGroup { group: "r", data: &binary, no_echo: false },
                None,
                r#"{"type":"sendToGroup","group":"r","dataType":"binary","data":"AQID"}"#,
            ),
            (
                Request::Event { event: "e", data: &json },
                Some(0),
                r#"{"type":"event","event":"e","ackId":0,"dataType":"json","data":[1.50, 1e400]}"#,
            ),
            (Request::Ping, Some(1), r#"{"type":"ping"}"#),
        ] {
            assert_eq!(request.to_json(ack_id), expected);
        }
    }
}
