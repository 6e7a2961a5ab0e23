//! The public keys of an issuer: a JSON Web Key Set (RFC 7517, RFC 7518 §6).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Keys of a set that are looked at; the large issuers publish fewer than ten.
pub const KEYS_MAX: usize = 128;
/// Longest name of a key in bytes.
const KID_BYTES_MAX: usize = 512;
/// Length of an RSA modulus in bytes: 2048 to 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Longest RSA exponent in bytes; all that are in use have three.
const EXPONENT_BYTES_MAX: usize = 4;
/// Length of a coordinate of P-256 in bytes.
const COORDINATE_BYTES: usize = 32;

/// A signature algorithm of tokens with a public key (RFC 7518 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// The algorithm of a token's header. `None` for every other one, with `none` and those of shared keys among them.
    pub fn named(alg: &str) -> Option<Self> {
        match alg {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A key that verifies signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    /// Its name, never empty.
    pub kid: String,
    /// The one algorithm it is for, if the issuer says so.
    pub alg: Option<Algorithm>,
    /// The key.
    pub material: KeyMaterial,
}

/// The numbers of a key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// An RSA key of 2048 to 8192 bits; no leading zeros.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Exponent.
        e: Vec<u8>,
    },
    /// A point on P-256, each coordinate 32 bytes long. That it lies on the curve is for the verification to check.
    P256 {
        /// First coordinate.
        x: Vec<u8>,
        /// Second coordinate.
        y: Vec<u8>,
    },
}

impl Jwk {
    /// Whether a token of this algorithm can have been signed with this key: the key decides, not the token.
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = match self.material {
            KeyMaterial::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            KeyMaterial::P256 { .. } => algorithm == Algorithm::Es256,
        };
        fits && self.alg.is_none_or(|only| only == algorithm)
    }
}

/// Why a key set cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with an array `keys`.
    #[error("it is not a JSON object with an array `keys`")]
    Json,
    /// More keys than [`KEYS_MAX`].
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    /// Not one key that tokens could be verified with.
    #[error("it has no RSA key from 2048 bits and no P-256 key with a `kid` that is for signatures")]
    NoKey,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// A key as it is written. `use` and `alg` are read too, since a key may be published for something else.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a key set. Keys of other kinds, for other uses, without a name or with impossible numbers are left out, as
/// RFC 7517 §5 asks for.
///
/// # Errors
/// It is no key set, has too many keys, or none that is left.
pub fn parse_key_set(json: &[u8]) -> Result<Vec<Jwk>, KeySetError> {
    let document: Document<'_> = serde_json::from_slice(json).map_err(|_| KeySetError::Json)?;
    if document.keys.len() > KEYS_MAX {
        return Err(KeySetError::TooMany);
    }
    let keys: Vec<Jwk> = document.keys.into_iter().filter_map(|key| read(key.get())).collect();
    if keys.is_empty() { Err(KeySetError::NoKey) } else { Ok(keys) }
}

fn read(json: &str) -> Option<Jwk> {
    let key: Written = serde_json::from_str(json).ok()?;
    if key.r#use.is_some_and(|r#use| r#use != "sig") {
        return None;
    }
    let kid = key.kid.filter(|kid| !kid.is_empty() && kid.len() <= KID_BYTES_MAX)?;
    let alg = match key.alg {
        None => None,
        Some(alg) => Some(Algorithm::named(&alg)?),
    };
    let material = match key.kty.as_str() {
        "RSA" => {
            let (n, e) = (number(key.n)?, number(key.e)?);
            let is_good = MODULUS_BYTES.contains(&n.len()) && (1..=EXPONENT_BYTES_MAX).contains(&e.len());
            is_good.then_some(KeyMaterial::Rsa { n, e })?
        }
        "EC" if key.crv.as_deref() == Some("P-256") => {
            let (x, y) = (bytes(key.x)?, bytes(key.y)?);
            let is_good = x.len() == COORDINATE_BYTES && y.len() == COORDINATE_BYTES;
            is_good.then_some(KeyMaterial::P256 { x, y })?
        }
        _ => return None,
    };
    let key = Jwk { kid, alg, material };
    // `alg` may contradict the kind of key.
    let all = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];
    all.into_iter().any(|algorithm| key.is_for(algorithm)).then_some(key)
}

fn bytes(text: Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// A number without the leading zeros that some libraries write.
fn number(text: Option<String>) -> Option<Vec<u8>> {
    let mut bytes = bytes(text)?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn rsa(changes: Value) -> Value {
        let n = URL_SAFE_NO_PAD.encode([0xc1; 256]);
        changed(json!({"kty": "RSA", "kid": "k", "use": "sig", "n": n, "e": "AQAB"}), changes)
    }

    fn p256(changes: Value) -> Value {
        let [x, y] = [1u8, 2].map(|byte| URL_SAFE_NO_PAD.encode([byte; 32]));
        changed(json!({"kty": "EC", "crv": "P-256", "kid": "k", "x": x, "y": y}), changes)
    }

    fn changed(mut key: Value, changes: Value) -> Value {
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    }

    fn parse(keys: &[Value]) -> Result<Vec<Jwk>, KeySetError> {
        parse_key_set(json!({"keys": keys, "more": 1}).to_string().as_bytes())
    }

    #[test]
    fn keys_that_are_good() {
        let plain = parse(&[rsa(json!({}))]).unwrap();
        assert_eq!(plain[0].kid, "k");
        assert_eq!(plain[0].material, KeyMaterial::Rsa { n: vec![0xc1; 256], e: vec![1, 0, 1] });
        let mut padded = vec![0];
        padded.extend([0xc1; 256]);
        for changes in [
            json!({"use": null}),
            json!({"alg": null}),
            json!({"x5c": ["MII"], "x5t": "t", "issuer": "i"}),
            json!({"n": URL_SAFE_NO_PAD.encode(padded), "e": "AAEAAQ"}),
        ] {
            assert_eq!(parse(&[rsa(changes.clone())]), Ok(plain.clone()), "{changes}");
        }
        let all = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];
        for (key, expected) in [
            (rsa(json!({})), [true, true, false]),
            (rsa(json!({"alg": "RS256"})), [true, false, false]),
            (rsa(json!({"alg": "PS256"})), [false, true, false]),
            (p256(json!({})), [false, false, true]),
            (p256(json!({"alg": "ES256"})), [false, false, true]),
        ] {
            let parsed = parse(std::slice::from_ref(&key)).unwrap();
            assert_eq!(all.map(|algorithm| parsed[0].is_for(algorithm)), expected, "{key}");
        }
    }

    #[test]
    fn keys_that_are_left_out() {
        for key in [
            json!(1),
            json!({}),
            json!({"kty": "oct", "kid": "k", "k": "AAAA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "AAAA"}),
            rsa(json!({"use": "enc"})),
            rsa(json!({"kid": null})),
            rsa(json!({"kid": ""})),
            rsa(json!({"kid": "k".repeat(513)})),
            rsa(json!({"kid": 1})),
            rsa(json!({"alg": "HS256"})),
            rsa(json!({"alg": "RSA-OAEP"})),
            rsa(json!({"alg": "ES256"})),
            rsa(json!({"n": null})),
            rsa(json!({"n": "AQAB"})),
            rsa(json!({"n": URL_SAFE_NO_PAD.encode([1; 1025])})),
            rsa(json!({"n": "not base64url!"})),
            rsa(json!({"e": "AAAA"})),
            rsa(json!({"e": "AQABAAAA"})),
            p256(json!({"crv": "P-384"})),
            p256(json!({"crv": null})),
            p256(json!({"x": "AQAB"})),
            p256(json!({"y": null})),
            p256(json!({"alg": "RS256"})),
        ] {
            assert_eq!(parse(std::slice::from_ref(&key)), Err(KeySetError::NoKey), "{key}");
            assert_eq!(parse(&[key.clone(), rsa(json!({"kid": "good"}))]).unwrap().len(), 1, "{key}");
        }
    }

    #[test]
    fn documents_that_are_no_key_sets() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]"#, "null", "<html>"] {
            assert_eq!(parse_key_set(text.as_bytes()), Err(KeySetError::Json), "{text}");
        }
        assert_eq!(parse(&vec![rsa(json!({})); KEYS_MAX + 1]), Err(KeySetError::TooMany));
        assert_eq!(parse(&vec![rsa(json!({})); KEYS_MAX]).unwrap().len(), KEYS_MAX);
    }

    #[test]
    fn only_three_algorithms_have_a_name() {
        for alg in ["none", "HS256", "RS384", "rs256", "ES256K", "EdDSA", ""] {
            assert_eq!(Algorithm::named(alg), None, "{alg}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics(text in "\\PC{0,60}", n in "[A-Za-z0-9_=-]{0,20}") {
            let _ = parse_key_set(text.as_bytes());
            let _ = parse(&[rsa(json!({"n": n, "e": text}))]);
        }
    }
}
