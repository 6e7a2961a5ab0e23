//! Connection ids: the id *is* the address of the connection, so no directory of connections exists.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Characters of the text form before the node suffix: 16 bytes in base64url.
const BODY_CHARS: usize = 22;

/// Address and secret of one connection.
///
/// The text form is 22 base64url characters and the node in hexadecimal (client-protocols.md §1.11). Slot and shard
/// are masked with the nonce so that users do not come to depend on them; the nonce makes an id unguessable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId {
    /// Random part, unique per connection even when a slot is used again.
    pub nonce: [u8; 11],
    /// Shard of the node.
    pub shard: u8,
    /// Slot in the shard.
    pub slot: u32,
    /// Node of the cluster.
    pub node: u16,
}

/// The text is not a connection id that this service could have issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a connection id of this service")]
pub struct InvalidConnId;

impl ConnId {
    /// The random part of a new id. Its text does not begin with `-`, which command lines take for an option.
    pub fn nonce(mut random: [u8; 11]) -> [u8; 11] {
        // The first six bits are the first character, and 62 is `-`.
        if random[0] >> 2 == 62 {
            random[0] &= 0x7f;
        }
        random
    }

    fn mask(nonce: &[u8; 11]) -> [u8; 5] {
        // FNV-1a: the mask hides structure from the eye, it is not a secret.
        let hash = nonce
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
        let [a, b, c, d, e, ..] = (hash ^ (hash >> 29)).to_le_bytes();
        [a, b, c, d, e]
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut raw = [0_u8; 16];
        raw[..11].copy_from_slice(&self.nonce);
        raw[11..15].copy_from_slice(&self.slot.to_le_bytes());
        raw[15] = self.shard;
        for (byte, mask) in raw[11..].iter_mut().zip(Self::mask(&self.nonce)) {
            *byte ^= mask;
        }
        let mut text = [0_u8; BODY_CHARS];
        // The output length is fixed by the input length, so encoding cannot fail.
        let written = URL_SAFE_NO_PAD.encode_slice(raw, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text[..written]).map_err(|_| fmt::Error)?)?;
        write!(f, "{:02x}", self.node)
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ConnId {
    type Err = InvalidConnId;

    fn from_str(text: &str) -> Result<Self, InvalidConnId> {
        let (body, node) = text.split_at_checked(BODY_CHARS).ok_or(InvalidConnId)?;
        let mut raw = [0_u8; 16];
        let decoded = URL_SAFE_NO_PAD.decode_slice(body, &mut raw).map_err(|_| InvalidConnId)?;
        if decoded != raw.len() || node.len() > 4 {
            return Err(InvalidConnId);
        }
        let mut nonce = [0_u8; 11];
        nonce.copy_from_slice(&raw[..11]);
        for (byte, mask) in raw[11..].iter_mut().zip(Self::mask(&nonce)) {
            *byte ^= mask;
        }
        let slot = u32::from_le_bytes([raw[11], raw[12], raw[13], raw[14]]);
        let id = Self {
            nonce,
            shard: raw[15],
            slot,
            node: u16::from_str_radix(node, 16).map_err(|_| InvalidConnId)?,
        };
        // Refuse other spellings (upper case, leading zeros) so that an id has exactly one text form.
        if id.to_string() == text { Ok(id) } else { Err(InvalidConnId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_new_id_begins_with_a_hyphen() {
        for first in 0..=u8::MAX {
            let mut random = [7; 11];
            random[0] = first;
            let id = ConnId { nonce: ConnId::nonce(random), shard: 0, slot: 0, node: 1 };
            assert!(!id.to_string().starts_with('-'), "{id}");
        }
    }

    proptest! {
        #[test]
        fn text_form_round_trips(nonce: [u8; 11], shard: u8, slot: u32, node: u16) {
            let id = ConnId { nonce, shard, slot, node };
            let text = id.to_string();
            prop_assert!(text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            prop_assert_eq!(text.parse::<ConnId>(), Ok(id));
        }

        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<ConnId>();
        }
    }
}
