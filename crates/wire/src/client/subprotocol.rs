//! The names of the four subprotocols and what their names imply (client-protocols.md §0.3, §8).

use super::Format;

/// Requests and messages are JSON text.
pub const JSON_SUBPROTOCOL: &str = "json.webpubsub.azure.v1";
/// As [`JSON_SUBPROTOCOL`], with connections that survive their socket.
pub const JSON_RELIABLE_SUBPROTOCOL: &str = "json.reliable.webpubsub.azure.v1";
/// Requests and messages are protobuf.
pub const PROTOBUF_SUBPROTOCOL: &str = "protobuf.webpubsub.azure.v1";
/// As [`PROTOBUF_SUBPROTOCOL`], with connections that survive their socket.
pub const PROTOBUF_RELIABLE_SUBPROTOCOL: &str = "protobuf.reliable.webpubsub.azure.v1";

/// One of the four subprotocols of PubSub clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subprotocol {
    /// How requests and messages are written.
    pub format: Format,
    /// Data messages carry sequence ids, and the connection survives its socket (client-protocols.md §5).
    pub reliable: bool,
}

impl Subprotocol {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self { format: Format::Json, reliable: false },
        Self { format: Format::Json, reliable: true },
        Self { format: Format::Protobuf, reliable: false },
        Self { format: Format::Protobuf, reliable: true },
    ];

    /// The subprotocol of this name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|subprotocol| subprotocol.name().eq_ignore_ascii_case(name))
    }

    /// The name as the service spells it. A handshake is answered with the client's own spelling (decision D20).
    pub const fn name(self) -> &'static str {
        match (self.format, self.reliable) {
            (Format::Json, false) => JSON_SUBPROTOCOL,
            (Format::Json, true) => JSON_RELIABLE_SUBPROTOCOL,
            (Format::Protobuf, false) => PROTOBUF_SUBPROTOCOL,
            (Format::Protobuf, true) => PROTOBUF_RELIABLE_SUBPROTOCOL,
        }
    }

    /// Reason of the close after a message that is no request, with code 1007.
    pub const fn invalid_message_reason(self) -> &'static str {
        match (self.format, self.reliable) {
            (Format::Json, _) => "The client message is not a valid JSON protocol message.",
            (Format::Protobuf, false) => {
                "The client message is not a valid protobuf.webpubsub.azure.v1 protocol message."
            }
            (Format::Protobuf, true) => {
                "The client message is not a valid protobuf.reliable.webpubsub.azure.v1 protocol message."
            }
        }
    }

    /// Reason of the close after a binary message in JSON or a text message in protobuf, with code 1003.
    pub const fn wrong_opcode_reason(self) -> &'static str {
        match (self.format, self.reliable) {
            (Format::Json, _) => "The JSON subprotocol requires text messages.",
            (Format::Protobuf, false) => {
                "The protobuf.webpubsub.azure.v1 subprotocol requires binary messages."
            }
            (Format::Protobuf, true) => {
                "The protobuf.reliable.webpubsub.azure.v1 subprotocol requires binary messages."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for subprotocol in Subprotocol::ALL {
            let name = subprotocol.name();
            assert_eq!(Subprotocol::named(name), Some(subprotocol));
            assert_eq!(Subprotocol::named(&name.to_ascii_uppercase()), Some(subprotocol));
            assert_eq!(name.contains(".reliable."), subprotocol.reliable);
            assert_eq!(name.starts_with("json."), subprotocol.format == Format::Json);
            if subprotocol.format == Format::Protobuf {
                assert!(subprotocol.invalid_message_reason().contains(name));
                assert!(subprotocol.wrong_opcode_reason().contains(name));
            }
            // Both are reasons of close frames, which have 123 bytes.
            assert!(subprotocol.invalid_message_reason().len() <= 123);
        }
        for name in ["", "json", "json.webpubsub.azure.v2", "mqtt", " json.webpubsub.azure.v1"] {
            assert_eq!(Subprotocol::named(name), None, "{name}");
        }
    }

    #[test]
    fn reasons_of_the_json_closes() {
        let [json, ..] = Subprotocol::ALL;
        assert_eq!(json.invalid_message_reason(), "The client message is not a valid JSON protocol message.");
        assert_eq!(json.wrong_opcode_reason(), "The JSON subprotocol requires text messages.");
    }
}
