//! Reading single JSON values that were only delimited before, and the limit on nesting.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::client::op::Optional;

/// Deepest nesting of arrays and objects in a message, the message itself included (client-protocols.md §8).
pub const LEVELS_MAX: usize = 64;

/// Whether `text` is one JSON value that nests no deeper than 64 levels, as every receiver can take it.
pub fn is_valid(text: &str) -> bool {
    is_shallow(text) && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// Whether `text` nests no deeper than 64 levels. Only meaningful for text that is valid JSON; never recurses.
pub(super) fn is_shallow(text: &str) -> bool {
    nests_within(text, LEVELS_MAX)
}

/// Whether `text` nests no deeper than so many levels. Only meaningful for text that is valid JSON; never recurses.
pub fn nests_within(text: &str, levels: usize) -> bool {
    // Without more openers than levels, in strings or not, nothing can be too deep. This pass is vectorised.
    let openers = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    openers <= levels || deepest_level(text) <= levels
}

fn deepest_level(text: &str) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// Takes the rest of a string and its closing quote.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

/// The text of a JSON string, borrowed when nothing in it is escaped. `None` for other values and lone surrogates.
pub(super) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(value.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// A JSON integer from 0 to 2^64 - 1; `1.0` and `1e3` are not integers here (client-protocols.md §3.1).
pub(super) fn integer(value: &RawValue) -> Option<u64> {
    value.get().parse().ok()
}

/// `true` or `false`.
pub(super) fn boolean(value: &RawValue) -> Option<bool> {
    match value.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A key that is absent or `null`, for the keys where both mean the same.
pub(super) fn present(value: Option<&RawValue>) -> Option<&RawValue> {
    value.filter(|value| value.get() != "null")
}

/// What `read` makes of a key; `Some(None)` when the key is absent or `null`.
pub(super) fn optional<'a, T>(
    value: Option<&'a RawValue>,
    read: impl FnOnce(&'a RawValue) -> Option<T>,
) -> Optional<T> {
    match present(value) {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

/// The id of an invocation or a stream: a string that is not empty.
pub(super) fn id(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    string(value?).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_shallow(&nested(64)) && !is_shallow(&nested(65)));
        assert!(nests_within(&nested(63), 63) && !nests_within(&nested(64), 63));
        // Wide is not deep, and brackets in strings do not count.
        assert!(is_shallow(&format!("[{}]", "{},".repeat(1_000))));
        assert!(is_shallow(&format!(r#"{{"a":"{}\"{}\\"}}"#, "[".repeat(100), "{".repeat(100))));
        assert!(!is_shallow(&format!(r#"{{"a":"\\","b":{}}}"#, nested(64))));
        // Not valid JSON, but no reason to panic.
        for text in ["]]]]", "\"", "\"\\", &"[".repeat(100_000), &format!("{}\"\\", "[\"".repeat(70))] {
            is_shallow(text);
        }
    }

    #[test]
    fn values() {
        let raw = |text: &'static str| serde_json::from_str::<&RawValue>(text).unwrap();
        assert_eq!(string(raw(r#""a\u0062\ud834\udd1e""#)).as_deref(), Some("ab𝄞"));
        assert!(matches!(string(raw(r#""ab""#)), Some(Cow::Borrowed("ab"))));
        assert_eq!(string(raw(r#""\ud834""#)), None);
        assert_eq!(string(raw("1")), None);
        assert_eq!(integer(raw("18446744073709551615")), Some(u64::MAX));
        for text in ["18446744073709551616", "-1", "-0", "1.0", "1e3", r#""1""#, "null", "[1]"] {
            assert_eq!(integer(raw(text)), None, "{text}");
        }
        assert_eq!((boolean(raw("true")), boolean(raw("0"))), (Some(true), None));
    }
}
