//! Writing single JSON values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// At least the bytes of `text` as a JSON string.
pub(super) fn string_bytes(text: &str) -> usize {
    escaped_bytes(text.as_bytes()) + 2
}

/// At least the bytes of `text` inside a JSON string. Each escape is counted as the longest one.
pub(super) fn escaped_bytes(text: &[u8]) -> usize {
    text.len() + 5 * text.iter().filter(|byte| is_escaped(**byte)).count()
}

pub(super) fn base64_bytes(len: usize) -> usize {
    len.div_ceil(3) * 4
}

pub(super) fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_optional_string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text.as_bytes()),
        None => put(out, "null"),
    }
}

/// Appends the name and the message of a refusal.
pub(super) fn put_error(out: &mut Vec<u8>, name: &str, message: &str) {
    put(out, r#","error":{"name":""#);
    put(out, name);
    put(out, r#"","message":"#);
    put_string(out, message.as_bytes());
    put(out, "}");
}

/// Appends UTF-8 as a JSON string. It is not checked again: whoever made the payload knew that it is text.
pub(super) fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| is_escaped(*byte)) {
        out.extend_from_slice(&rest[..at]);
        put_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends the bytes as a JSON string of standard base64, encoded where they stay.
pub(super) fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + base64_bytes(bytes.len()), 0);
    // The room is exactly what the encoding takes, so this cannot fail.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}
