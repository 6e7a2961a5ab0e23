//! `ce-signature`: the service proves to handlers that it has the access keys (event-handlers.md §4.3).

use std::fmt::{self, Write as _};

use http::HeaderValue;
use ring::hmac;

use crate::environment::SigningKeys;

/// Signs connection ids with each access key. A new one is made when keys change.
#[derive(Clone)]
pub struct Signer(Box<[hmac::Key]>);

impl Signer {
    /// One for these keys, in their order. The texts are used as they stand, not decoded.
    pub fn new(keys: &SigningKeys) -> Self {
        // Everybody could sign with an empty key.
        let keys = keys.0.iter().filter(|key| !key.is_empty());
        Self(keys.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())).collect())
    }

    /// `sha256=…` for each key, with commas between; `None` when there are no keys.
    pub fn sign(&self, connection_id: &str) -> Option<HeaderValue> {
        let mut value = String::new();
        for key in &self.0 {
            value.push_str(if value.is_empty() { "sha256=" } else { ",sha256=" });
            for byte in hmac::sign(key, connection_id.as_bytes()).as_ref() {
                // Writing to a string cannot fail.
                let _ = write!(value, "{byte:02x}");
            }
        }
        if value.is_empty() { None } else { HeaderValue::try_from(value).ok() }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    const SECONDARY: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH";
    const CONNECTION: &str = "0bd83792-2a0c-48d3-9fbd-df63aa2ed9db";

    fn sign(keys: &[&str], connection_id: &str) -> Option<String> {
        let keys = SigningKeys(keys.iter().map(|key| (*key).to_owned()).collect());
        Signer::new(&keys).sign(connection_id).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn the_worked_example_of_the_reference() {
        let expected = "sha256=c41b7fc2393f26ec5d5909cb570af61689395c9dc2472fdd58bf731769f40715,\
                        sha256=9ab305388f378de4511ceb19e567b3a22c59f50e0b7abe83ce1cbf5bf5251364";
        assert_eq!(sign(&[PRIMARY, SECONDARY], CONNECTION).as_deref(), Some(expected));
    }

    #[test]
    fn the_vector_of_the_dotnet_tests() {
        let value = sign(&["7aab239577fd4f24bc919802fb629f5f"], "0f9c97a2f0bf4706afe87a14e0797b11");
        let expected = "sha256=7767effcb3946f3e1de039df4b986ef02c110b1469d02c0a06f41b3b727ab561";
        assert_eq!(value.as_deref(), Some(expected));
    }

    #[test]
    fn other_keys_make_another_signature() {
        assert_ne!(sign(&[PRIMARY], CONNECTION), sign(&[SECONDARY], CONNECTION));
    }

    #[test]
    fn nothing_is_signed_without_keys() {
        assert_eq!(sign(&[], CONNECTION), None);
        assert_eq!(sign(&[""], CONNECTION), None);
    }

    #[test]
    fn keys_are_not_shown() {
        let signer = Signer::new(&SigningKeys(vec![PRIMARY.to_owned(), SECONDARY.to_owned()]));
        assert_eq!(format!("{signer:?}"), "Signer(2)");
    }
}
