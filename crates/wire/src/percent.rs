//! Percent-encoding in URL paths and query strings. When decoded, nothing is refused: a `%` that starts no escape stands for itself.

use std::borrow::Cow;
use std::fmt::Write;

/// Decodes one path segment to bytes; `+` is a plus (rest-api.md §1.2).
pub fn decode_segment(segment: &str) -> Cow<'_, [u8]> {
    decode(segment.as_bytes(), false)
}

/// As [`decode_segment`], but an escaped slash stays escaped, as the original's platform leaves it (rest-api.md §1.2).
pub fn decode_segment_but_slashes(segment: &str) -> Cow<'_, [u8]> {
    let mut decoded = Vec::new();
    let mut rest = segment;
    while let Some(at) = rest.as_bytes().windows(3).position(|three| three.eq_ignore_ascii_case(b"%2f")) {
        let (before, slash) = rest.split_at(at);
        let (slash, after) = slash.split_at(3);
        decoded.extend_from_slice(&decode_segment(before));
        decoded.extend_from_slice(slash.as_bytes());
        rest = after;
    }
    if decoded.is_empty() {
        return decode_segment(segment);
    }
    decoded.extend_from_slice(&decode_segment(rest));
    Cow::Owned(decoded)
}

/// A text as one segment of a path or as a value in a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Texts take whatever is written to them.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The parameters of a query string as form data, in order; `+` is a space (rest-api.md §1.2).
///
/// Bytes that are not UTF-8 become replacement characters.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_text(name), form_text(value))
    })
}

fn form_text(text: &str) -> Cow<'_, str> {
    match decode(text.as_bytes(), true) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(invalid) => String::from_utf8_lossy(invalid.as_bytes()).into_owned(),
        }),
    }
}

fn decode(text: &[u8], form: bool) -> Cow<'_, [u8]> {
    let is_special = |byte: &u8| *byte == b'%' || (form && *byte == b'+');
    let Some(start) = text.iter().position(is_special) else { return Cow::Borrowed(text) };
    let mut decoded = text[..start].to_vec();
    let mut rest = &text[start..];
    while let [byte, after @ ..] = rest {
        rest = after;
        decoded.push(match (byte, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (b'+', _) if form => b' ',
            _ => *byte,
        });
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_again() {
        assert_eq!(encode("aZ0-._~"), "aZ0-._~");
        assert_eq!(encode("a b&ü/+"), "a%20b%26%C3%BC%2F%2B");
        let query = format!("x={}", encode("a b&ü/+%"));
        assert_eq!(query_pairs(&query).next(), Some(("x".into(), "a b&ü/+%".into())));
    }

    #[test]
    fn segments() {
        for (segment, expected) in [
            ("", ""),
            ("room", "room"),
            ("a%2Fb", "a/b"),
            ("a%2fb", "a/b"),
            ("room%252Fpart", "room%2Fpart"),
            ("room+part", "room+part"),
            ("chat%5B1%5D", "chat[1]"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz%41", "%zzA"),
            ("%%41", "%A"),
            ("%+1", "%+1"),
            ("%C3%BC", "ü"),
        ] {
            assert_eq!(&*decode_segment(segment), expected.as_bytes(), "{segment}");
        }
        assert_eq!(&*decode_segment("%ff"), [0xff]);
    }

    #[test]
    fn segments_of_the_original_platform() {
        for (segment, expected) in [
            ("room", "room"),
            ("a%2Fb%20c%2f%41", "a%2Fb c%2fA"),
            ("%2F", "%2F"),
            ("%252F", "%2F"),
            ("%2", "%2"),
        ] {
            assert_eq!(&*decode_segment_but_slashes(segment), expected.as_bytes(), "{segment}");
        }
    }

    #[test]
    fn queries() {
        let pairs =
            |query| query_pairs(query).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert_eq!(pairs(""), Vec::<String>::new());
        assert_eq!(pairs("a=1&b=x%20y+z%2B&c&&=d&a=2=3"), ["a=1", "b=x y z+", "c=", "=d", "a=2=3"]);
        assert_eq!(pairs("a%3D=%26&b=%ff"), ["a==&", "b=\u{fffd}"]);
    }
}
