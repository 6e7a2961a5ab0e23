//! The key behind an access key that signs the tokens of `:generateToken` (rest-api.md §8.3).

use std::fmt::Write as _;

use hublet_wire::jwt::UnverifiedToken;
use ring::hmac;

use super::ALGORITHM;

/// What the key is made with. It has a space, so it is never what an access key signs in a token.
const LABEL: &[u8] = b"hublet client tokens, key 1";
/// What its name is made with.
const NAME_LABEL: &[u8] = b"hublet client tokens, name of key 1";
/// Bytes of the HMAC that become the name.
const NAME_BYTES: usize = 16;

/// Signs client tokens of the service's own. It follows from an access key, so that it is the same after a restart and
/// on every node with the same access keys, and goes when the access key goes.
#[derive(Clone)]
pub(super) struct ServiceKey {
    kid: Box<str>,
    hmac: hmac::Key,
}

impl ServiceKey {
    pub(super) fn derive(access_key: &hmac::Key) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(access_key, LABEL).as_ref());
        let name = hmac::sign(&hmac, NAME_LABEL);
        let kid = name.as_ref().iter().take(NAME_BYTES).fold("s-".to_owned(), |mut kid, byte| {
            // Writing to a string cannot fail.
            let _ = write!(kid, "{byte:02x}");
            kid
        });
        Self { kid: kid.into(), hmac }
    }

    /// Its name in the header `kid`.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn sign(&self, signing_input: &str) -> Vec<u8> {
        hmac::sign(&self.hmac, signing_input.as_bytes()).as_ref().to_vec()
    }

    /// Whether the token names this key and was signed with it.
    pub(super) fn verify(&self, token: &UnverifiedToken<'_>) -> bool {
        token.header.alg == ALGORITHM
            && token.header.kid.as_deref() == Some(&*self.kid)
            && hmac::verify(&self.hmac, token.signing_input.as_bytes(), &token.signature).is_ok()
    }
}
