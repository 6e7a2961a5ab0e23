//! Close codes and the payload of close frames (RFC 6455 §5.5.1, §7.4).

use super::message::{Event, ProtocolError};

/// A WebSocket close code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// An end is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the framing rules.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// A kind of data that this end does not take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// Data that does not fit its type, for example text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A rule of the application was broken.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is too large.
    pub const TOO_LARGE: Self = Self(1009);
    /// The server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server restarts (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server is overloaded (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Whether the code may stand in a close frame.
    ///
    /// 1004 is reserved, 1005, 1006 and 1015 exist only inside an end (RFC 6455 §7.4.1); 1012 to 1014 are in the
    /// IANA registry; 3000 to 4999 belong to libraries and applications (§7.4.2).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// Reads the payload of a close frame: nothing, or a code and a UTF-8 reason.
pub(super) fn parse(payload: &[u8]) -> Result<Event<'_>, ProtocolError> {
    match payload {
        [] => Ok(Event::Close { code: None, reason: "" }),
        [high, low, reason @ ..] => {
            let code = CloseCode(u16::from_be_bytes([*high, *low]));
            if !code.may_be_sent() {
                return Err(ProtocolError::CloseCode);
            }
            let reason = simdutf8::basic::from_utf8(reason).map_err(|_| ProtocolError::Utf8)?;
            Ok(Event::Close { code: Some(code.0), reason })
        }
        [_] => Err(ProtocolError::ClosePayload),
    }
}
