//! UTF-8 validation of text that arrives in pieces, failing at the first byte that cannot be right.

use super::message::ProtocolError;

/// Validates `text[checked..]` and returns the new length of the valid prefix.
///
/// At most the last three bytes stay unchecked: the beginning of a character whose rest has not arrived. A beginning
/// that no continuation can repair is an error at once (Autobahn 6.4.*).
pub(super) fn advance(text: &[u8], checked: usize) -> Result<usize, ProtocolError> {
    let unchecked = text.get(checked..).unwrap_or_default();
    match simdutf8::compat::from_utf8(unchecked) {
        Ok(_) => Ok(text.len()),
        Err(error) if error.error_len().is_none() => Ok(checked + error.valid_up_to()),
        Err(_) => Err(ProtocolError::Utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the shortest prefix that is refused, feeding byte by byte; `None` if all is taken.
    fn refused_at(text: &[u8]) -> Option<usize> {
        let mut checked = 0;
        for end in 1..=text.len() {
            match advance(&text[..end], checked) {
                Ok(valid) => checked = valid,
                Err(_) => return Some(end),
            }
        }
        None
    }

    #[test]
    fn fails_at_the_first_impossible_byte() {
        assert_eq!(refused_at("κόσμε\u{10ffff}".as_bytes()), None);
        assert_eq!(refused_at(b"\xf4\x90"), Some(2), "above U+10FFFF");
        assert_eq!(refused_at(b"\xed\xa0"), Some(2), "surrogate");
        assert_eq!(refused_at(b"\xe0\x80"), Some(2), "overlong");
        assert_eq!(refused_at(b"\xc0"), Some(1), "overlong");
        assert_eq!(refused_at(b"ab\xff"), Some(3));
        assert_eq!(refused_at(b"a\x80"), Some(2), "continuation without a beginning");
        assert_eq!(refused_at(b"\xf0\x9f\x98a"), Some(4), "character cut short");
    }
}
