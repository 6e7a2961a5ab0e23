//! Simple clients, which speak no subprotocol: what they ask for in the handshake and what they receive.

use bytes::Bytes;

use super::Payload;
use crate::ws::{self, Opcode};
use crate::{name, percent};

/// The payload alone as complete frames: text and JSON as text, bytes and `Any` as binary
/// (client-protocols.md §2.4).
pub fn message_frame(payload: &Payload) -> Bytes {
    let opcode = match payload {
        Payload::Text(_) | Payload::Json(_) => Opcode::Text,
        Payload::Binary(_) | Payload::Protobuf(_) => Opcode::Binary,
    };
    ws::encode_message(opcode, payload.bytes())
}

/// What the frames of a simple client do (client-protocols.md §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimpleMode {
    /// Each frame is an event named `message`.
    SendEvent,
    /// Each frame is published to a group.
    SendToGroup {
        /// The group, already validated.
        group: String,
        /// Leave the sender's own connection out.
        no_echo: bool,
    },
}

/// The query of the handshake does not name a valid mode. The text says what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSimpleMode {
    /// Neither of the two modes.
    #[error("The query parameter webpubsub_mode must be sendEvent or sendToGroup.")]
    Mode,
    /// No valid group in the group mode.
    #[error(
        "With webpubsub_mode=sendToGroup the query parameter group must name a group of 1 to 1024 characters."
    )]
    Group,
    /// Not a boolean.
    #[error("The query parameter noEcho must be true or false.")]
    NoEcho,
}

/// Reads the mode from the query of the handshake, without the `?`. Names are compared without regard to case, the
/// last of repeated parameters counts, and everything but the mode is ignored in event mode.
pub fn simple_mode(query: Option<&str>) -> Result<SimpleMode, InvalidSimpleMode> {
    let (mut mode, mut group, mut no_echo) = (None, None, None);
    for (name, value) in percent::query_pairs(query.unwrap_or_default()) {
        if name.eq_ignore_ascii_case("webpubsub_mode") {
            mode = Some(value);
        } else if name.eq_ignore_ascii_case("group") {
            group = Some(value);
        } else if name.eq_ignore_ascii_case("noEcho") {
            no_echo = Some(value);
        }
    }
    let mode = mode.unwrap_or_default();
    if mode.is_empty() || mode.eq_ignore_ascii_case("sendEvent") {
        return Ok(SimpleMode::SendEvent);
    }
    if !mode.eq_ignore_ascii_case("sendToGroup") {
        return Err(InvalidSimpleMode::Mode);
    }
    let group = group.filter(|group| name::is_valid_group(group)).ok_or(InvalidSimpleMode::Group)?;
    let no_echo = match no_echo.as_deref() {
        None => false,
        Some(value) if value.eq_ignore_ascii_case("true") => true,
        Some(value) if value.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(InvalidSimpleMode::NoEcho),
    };
    Ok(SimpleMode::SendToGroup { group: group.into_owned(), no_echo })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(group: &str, no_echo: bool) -> Result<SimpleMode, InvalidSimpleMode> {
        Ok(SimpleMode::SendToGroup { group: group.to_owned(), no_echo })
    }

    #[test]
    fn modes() {
        let event = Ok(SimpleMode::SendEvent);
        for (query, expected) in [
            ("", event.clone()),
            ("access_token=a.b.c", event.clone()),
            ("webpubsub_mode=", event.clone()),
            ("webpubsub_mode", event.clone()),
            ("webpubsub_mode=sendEvent", event.clone()),
            ("webpubsub_mode=SENDEVENT&group=&noEcho=x", event.clone()),
            ("group=g&noEcho=true", event.clone()),
            ("webpubsub_mode=sendToGroup&group=g", group("g", false)),
            ("webpubsub_mode=SENDTOGROUP&group=g", group("g", false)),
            ("WebPubSub_Mode=sendToGroup&GROUP=g&NOECHO=True", group("g", true)),
            ("webpubsub_mode=sendToGroup&group=a%2Fb+%C3%BC&noEcho=FALSE", group("a/b ü", false)),
            ("webpubsub_mode=foo&webpubsub_mode=sendToGroup&group=&group=g", group("g", false)),
            ("webpubsub_mode=foo", Err(InvalidSimpleMode::Mode)),
            ("webpubsub_mode=sendEvent&webpubsub_mode=foo", Err(InvalidSimpleMode::Mode)),
            ("webpubsub_mode=sendToGroup", Err(InvalidSimpleMode::Group)),
            ("webpubsub_mode=sendToGroup&group=", Err(InvalidSimpleMode::Group)),
            ("webpubsub_mode=sendToGroup&group=+%20", Err(InvalidSimpleMode::Group)),
            ("webpubsub_mode=sendToGroup&group=g&group=", Err(InvalidSimpleMode::Group)),
            ("webpubsub_mode=sendToGroup&group=g&noEcho=x", Err(InvalidSimpleMode::NoEcho)),
            ("webpubsub_mode=sendToGroup&group=g&noEcho=", Err(InvalidSimpleMode::NoEcho)),
            ("webpubsub_mode=sendToGroup&group=g&noEcho=1", Err(InvalidSimpleMode::NoEcho)),
        ] {
            assert_eq!(simple_mode(Some(query)), expected, "{query}");
        }
        assert_eq!(simple_mode(None), event);
        let long = format!("webpubsub_mode=sendToGroup&group={}", "g".repeat(1_025));
        assert_eq!(simple_mode(Some(&long)), Err(InvalidSimpleMode::Group));
    }

    #[test]
    fn frames_carry_the_exact_bytes() {
        for (payload, frame) in [
            (Payload::Text("hi".into()), &b"\x81\x02hi"[..]),
            (Payload::Text("".into()), b"\x81\x00"),
            (Payload::Json("\"hi\"".into()), b"\x81\x04\"hi\""),
            (Payload::Binary(vec![5, 1, 1].into()), b"\x82\x03\x05\x01\x01"),
            (Payload::Protobuf(vec![0x12, 0].into()), b"\x82\x02\x12\x00"),
        ] {
            assert_eq!(message_frame(&payload), frame, "{payload:?}");
        }
    }
}
