//! The parts of the opening handshake that are not HTTP (RFC 6455 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Appended to the key before hashing (RFC 6455 §1.3).
const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`; `None` unless the key is base64 of 16 bytes (§4.1).
pub fn accept_key(key: &str) -> Option<String> {
    let key = key.trim();
    // 24 characters decode to at most 18 bytes; longer keys are refused before they are decoded.
    let mut nonce = [0_u8; 18];
    if key.len() != 24 || STANDARD.decode_slice(key, &mut nonce) != Ok(16) {
        return None;
    }
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(ACCEPT_GUID.as_bytes());
    Some(STANDARD.encode(hash.digest().bytes()))
}

/// The subprotocols a client offers, in its order: comma lists and repeated headers count as one list (§4.1).
pub fn offered<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_key_of_the_rfc() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ==").as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn keys_that_are_not_16_bytes() {
        for key in
            ["", "AAAA", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZXh4", "????????????????????????"]
        {
            assert_eq!(accept_key(key), None, "{key}");
        }
        assert_eq!(accept_key(&"A".repeat(4096)), None);
    }

    #[test]
    fn offers_are_merged_in_order() {
        let values = ["a, b", "", " c ,,d"];
        assert_eq!(offered(values.into_iter()), ["a", "b", "c", "d"]);
    }
}
