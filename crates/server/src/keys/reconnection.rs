//! The key behind an access key that signs reconnection tokens (client-protocols.md §5.5).

use hublet_wire::id::ConnId;
use hublet_wire::reconnection;
use ring::hmac;

/// What the key is made with. It has a space, so it is never what an access key signs in a token.
const LABEL: &[u8] = b"hublet reconnection tokens, key 1";
/// How long a token is good, in seconds. It is not used up, and each `connected` brings a new one.
const LIFETIME_S: u64 = 7 * 24 * 3_600;

/// Signs the tokens with which clients come back to their reliable connections. As the service's own key it follows from an
/// access key, so that tokens outlive a restart.
#[derive(Clone)]
pub(super) struct ReconnectionKey(hmac::Key);

impl ReconnectionKey {
    pub(super) fn derive(access_key: &hmac::Key) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(access_key, LABEL).as_ref()))
    }

    /// A token for one connection: when it ends, and the proof.
    pub(super) fn sign(&self, conn: &ConnId, now_s: u64) -> String {
        let ends_s = now_s + LIFETIME_S;
        let proof = hmac::sign(&self.0, &reconnection::proven(conn, ends_s));
        reconnection::encode(ends_s, proof.as_ref())
    }

    /// Whether the token is for this connection and still good.
    pub(super) fn verify(&self, token: &str, conn: &ConnId, now_s: u64) -> bool {
        let Some(token) = reconnection::decode(token) else { return false };
        let proven = reconnection::proven(conn, token.ends_s);
        hmac::verify(&self.0, &proven, &token.proof).is_ok() && now_s < token.ends_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONN: ConnId = ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 1 };

    #[test]
    fn tokens_are_for_one_connection_and_a_week() {
        let access_key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let key = ReconnectionKey::derive(&access_key);
        let token = key.sign(&CONN, 1_000);
        assert!(key.verify(&token, &CONN, 1_000) && key.verify(&token, &CONN, 999 + LIFETIME_S));
        assert!(!key.verify(&token, &CONN, 1_000 + LIFETIME_S));
        assert!(!key.verify(&token, &ConnId { slot: 3, ..CONN }, 1_000));
        let other = ReconnectionKey::derive(&hmac::Key::new(hmac::HMAC_SHA256, b"other"));
        assert!(!other.verify(&token, &CONN, 1_000));
        for wrong in ["", "a", "AAAAAAAAAAA", &token[1..], &format!("{token}A")] {
            assert!(!key.verify(wrong, &CONN, 1_000), "{wrong}");
        }
    }
}
