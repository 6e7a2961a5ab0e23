//! The keys of an issuer and what they have signed.

use hublet_wire::jwt::{Algorithm, Jwk, KeyMaterial};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use crate::denied::Denied;

/// First byte of a point of which both coordinates follow (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The keys that an issuer published at one time.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Jwk>);

impl KeySet {
    pub(super) fn new(keys: Vec<Jwk>) -> Self {
        Self(keys)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid == kid)
    }

    /// Whether the key of this name made the signature.
    ///
    /// # Errors
    /// [`Denied::Key`]: none of this name is for the algorithm. [`Denied::IssuerSignature`]: it did not.
    pub(super) fn verify(
        &self,
        kid: &str,
        algorithm: Algorithm,
        signing_input: &str,
        signature: &[u8],
    ) -> Result<(), Denied> {
        // More than one in a set may have the same name (RFC 7517 §4.5).
        let mut keys = self.0.iter().filter(|key| key.kid == kid && key.is_for(algorithm)).peekable();
        keys.peek().ok_or(Denied::Key)?;
        if keys.any(|key| is_signature(key, algorithm, signing_input.as_bytes(), signature)) {
            Ok(())
        } else {
            Err(Denied::IssuerSignature)
        }
    }
}

/// The algorithm fits the key, see [`Jwk::is_for`]; a pair that does not verifies nothing.
fn is_signature(key: &Jwk, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
    match (&key.material, algorithm) {
        (KeyMaterial::Rsa { n, e }, Algorithm::Rs256 | Algorithm::Ps256) => {
            let parameters: &RsaParameters = match algorithm {
                Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                _ => &RSA_PKCS1_2048_8192_SHA256,
            };
            RsaPublicKeyComponents { n, e }.verify(parameters, input, signature).is_ok()
        }
        (KeyMaterial::P256 { x, y }, Algorithm::Es256) => {
            let point = [&[UNCOMPRESSED], x.as_slice(), y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input, signature).is_ok()
        }
        _ => false,
    }
}
