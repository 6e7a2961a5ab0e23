//! The text form of reconnection tokens (client-protocols.md §5.5): when a token ends, and the proof that this service has
//! made it for one connection. Making and checking proofs takes cryptography, which is not here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::id::ConnId;

/// Longest token that is looked at, in bytes. Those of the service have 54.
const TOKEN_BYTES_MAX: usize = 128;
/// Bytes of the time in a token.
const TIME_BYTES: usize = 8;

/// A token, taken apart; nothing of it is proven yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconnectionToken {
    /// When it ends, in seconds since 1970.
    pub ends_s: u64,
    /// The proof of [`proven`].
    pub proof: Vec<u8>,
}

/// What the proof of a token is about.
pub fn proven(conn: &ConnId, ends_s: u64) -> Vec<u8> {
    [&ends_s.to_be_bytes()[..], conn.to_string().as_bytes()].concat()
}

/// The text of a token.
pub fn encode(ends_s: u64, proof: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&ends_s.to_be_bytes(), proof].concat())
}

/// Takes a token apart; `None` for what is none. Each token has one spelling.
pub fn decode(token: &str) -> Option<ReconnectionToken> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (ends, proof) = bytes.split_first_chunk::<TIME_BYTES>()?;
    Some(ReconnectionToken { ends_s: u64::from_be_bytes(*ends), proof: proof.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_there_and_back() {
        let token = encode(1_000, &[7; 32]);
        assert_eq!(token.len(), 54);
        assert_eq!(decode(&token), Some(ReconnectionToken { ends_s: 1_000, proof: vec![7; 32] }));
        assert_eq!(decode("AAAAAAAAAAE"), Some(ReconnectionToken { ends_s: 1, proof: Vec::new() }));
        let long = "A".repeat(TOKEN_BYTES_MAX + 4);
        // Cut, padded, in another spelling, of other characters, too long.
        for wrong in
            ["", "A", "AAAAAAAAAA", "AAAAAAAAAAE=", "AAAAAAAAAAF", "AAAAAAAAAA+", "AAAAAAAAAAü", &long]
        {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_proof_is_about_one_connection_and_time() {
        let conn = ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 1 };
        let one = proven(&conn, 1);
        assert!(one.ends_with(conn.to_string().as_bytes()));
        assert_ne!(one, proven(&conn, 2));
        assert_ne!(one, proven(&ConnId { slot: 3, ..conn }, 1));
    }
}
