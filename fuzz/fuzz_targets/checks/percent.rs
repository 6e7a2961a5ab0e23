//! What must hold for every path segment and query string: they are decoded as a simple model does it.

use std::borrow::Cow;

use hublet_wire::percent::{decode_segment, query_pairs};

pub(crate) fn check(data: &[u8]) {
    check_every_byte(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    check_segment(text);
    check_query(text);
}

fn check_segment(text: &str) {
    let decoded = decode_segment(text);
    assert_eq!(*decoded, model(text, false));
    // What has no escape is not copied.
    assert_eq!(matches!(decoded, Cow::Borrowed(_)), !text.contains('%'));
}

fn check_query(text: &str) {
    let decoded: Vec<(String, String)> =
        query_pairs(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let mut expected = Vec::new();
    for pair in text.split('&') {
        if !pair.is_empty() {
            let equals = pair.find('=').unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            expected.push((form(&pair[..equals]), form(value)));
        }
    }
    assert_eq!(decoded, expected);
}

/// Bytes that were all escaped come back as they were, in a segment and in a query.
fn check_every_byte(data: &[u8]) {
    let escaped: String = data.iter().map(|byte| format!("%{byte:02x}")).collect();
    assert_eq!(*decode_segment(&escaped), *data);
    assert_eq!(*decode_segment(&escaped.to_uppercase()), *data);
    let query = format!("{escaped}={escaped}");
    let text = String::from_utf8_lossy(data);
    assert!(query_pairs(&query).eq([(text.clone(), text)]));
}

fn form(text: &str) -> String {
    String::from_utf8_lossy(&model(text, true)).into_owned()
}

fn model(text: &str, form: bool) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match (bytes[at], digits) {
            (b'%', Some(digits)) => {
                decoded.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                at += 2;
            }
            (b'+', _) if form => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    decoded
}
