//! Bodies of sends: from content type and bytes to a payload (rest-api.md §4).

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hublet_wire::client::{Payload, json};
use hyper::body::{Body, Incoming};

use super::error::RestError;

/// Longest body (rest-api.md §3.2).
const BODY_BYTES_MAX: usize = 1 << 20;
/// How much of a body that nobody wants is read.
const DISCARDED_BYTES_MAX: usize = 4 << 20;
/// And for how long.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(2);

/// What a body is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text(Charset),
    Json(Charset),
    Binary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    /// With a byte order mark, else little endian, as .NET reads it.
    Utf16,
    Utf16Be,
    Latin1,
}

/// Reads the message in a request.
///
/// # Errors
/// An unknown content type, more than 1 MiB, a body that breaks off, or text or JSON that is none.
pub(super) async fn read_message(headers: &HeaderMap, body: &mut Incoming) -> Result<Payload, RestError> {
    let kind = kind(headers)?;
    payload(kind, read_body(headers, body).await?)
}

/// Reads a JSON document as UTF-8; whoever parses it finds out whether it is one.
///
/// # Errors
/// Another content type, more than 1 MiB, a body that breaks off or is not text.
pub(super) async fn read_json(headers: &HeaderMap, body: &mut Incoming) -> Result<Bytes, RestError> {
    let Kind::Json(charset) = kind(headers)? else { return Err(RestError::ContentType) };
    charset.transcode(read_body(headers, body).await?).ok_or_else(not_json)
}

async fn read_body(headers: &HeaderMap, body: &mut Incoming) -> Result<Bytes, RestError> {
    let too_large =
        || RestError::bad_request("Invalid Content-Length header. The body may have 1048576 bytes at most.");
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(too_large());
    }
    // A body that does not come ends with its connection, see `http::serve_connection`.
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(RestError::bad_request("The request body broke off.")),
    }
}

/// Reads what is left of a body within bounds. With bytes unread the connection could only be reset, and a client that
/// is still writing would see the reset instead of the answer.
pub(super) async fn discard(headers: &HeaderMap, body: &mut Incoming) {
    // Whoever waits for a 100 has sent nothing, and would be asked to by reading.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    let reading = async {
        let mut left = DISCARDED_BYTES_MAX;
        while left > 0
            && let Some(Ok(frame)) = body.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        }
    };
    // Out of time is out of bounds, too.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
}

fn kind(headers: &HeaderMap) -> Result<Kind, RestError> {
    // A compressed body would reach the clients as it is, and they could not tell.
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(|coding| is_plain(coding.as_bytes())) {
        return Err(RestError::ContentType);
    }
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = match (values.next(), values.next()) {
        // A body without a type is bytes.
        (None, _) => return Ok(Kind::Binary),
        (Some(value), None) => value.to_str().map_err(|_| RestError::ContentType)?,
        (Some(_), Some(_)) => return Err(RestError::ContentType),
    };
    // The Java SDK's methods without a type send an empty one.
    if value.is_empty() {
        return Ok(Kind::Binary);
    }
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let mut charset = Charset::Utf8;
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').ok_or(RestError::ContentType)?;
        let value = unquoted(value.trim()).ok_or(RestError::ContentType)?;
        if name.trim().eq_ignore_ascii_case("charset") {
            charset = Charset::named(value).ok_or(RestError::ContentType)?;
        }
    }
    let kinds = [
        ("text/plain", Kind::Text(charset)),
        ("application/json", Kind::Json(charset)),
        ("application/octet-stream", Kind::Binary),
    ];
    let kind = kinds.into_iter().find(|(known, _)| media_type.eq_ignore_ascii_case(known));
    kind.map(|(_, kind)| kind).ok_or(RestError::ContentType)
}

/// A parameter's value without its quotes; `None` when a quote is missing.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => (!value.is_empty() && !value.contains('"')).then_some(value),
    }
}

impl Charset {
    fn named(name: &str) -> Option<Self> {
        let charsets: [(Self, &[&str]); 4] = [
            (Self::Utf8, &["utf-8", "utf8", "us-ascii", "ascii"]),
            (Self::Utf16, &["utf-16", "utf-16le"]),
            (Self::Utf16Be, &["utf-16be"]),
            (Self::Latin1, &["iso-8859-1", "latin1"]),
        ];
        let is_called = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        charsets.into_iter().find(|(_, names)| is_called(names)).map(|(charset, _)| charset)
    }

    /// The same text in UTF-8; `None` when the bytes are not of this charset.
    fn transcode(self, bytes: Bytes) -> Option<Bytes> {
        let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
            (rest.is_empty()).then(|| String::from_utf16(&units).ok()).flatten().map(Bytes::from)
        };
        match self {
            Self::Utf8 => std::str::from_utf8(&bytes).is_ok().then_some(bytes),
            Self::Latin1 => Some(bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()),
            Self::Utf16Be => wide(&bytes, u16::from_be_bytes),
            Self::Utf16 => match &*bytes {
                [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
                [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
                all => wide(all, u16::from_le_bytes),
            },
        }
    }
}

fn payload(kind: Kind, bytes: Bytes) -> Result<Payload, RestError> {
    match kind {
        Kind::Binary => Ok(Payload::Binary(bytes)),
        Kind::Text(charset) => charset.transcode(bytes).map(Payload::Text).ok_or_else(|| {
            RestError::bad_request("The request body is not text in the charset of its Content-Type.")
        }),
        Kind::Json(charset) => charset
            .transcode(bytes)
            .filter(|bytes| std::str::from_utf8(bytes).is_ok_and(json::is_valid))
            // White space around the value would only be carried to every client.
            .map(|bytes| Payload::Json(bytes.slice_ref(bytes.trim_ascii())))
            .ok_or_else(not_json),
    }
}

pub(super) fn not_json() -> RestError {
    RestError::bad_request("The request body is not a valid JSON.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(value: &str) -> Option<Kind> {
        let headers = [(CONTENT_TYPE, value.parse().unwrap())].into_iter().collect();
        kind(&headers).ok()
    }

    #[test]
    fn content_types() {
        assert_eq!(kind(&HeaderMap::new()).ok(), Some(Kind::Binary));
        for (value, expected) in [
            ("text/plain", Some(Kind::Text(Charset::Utf8))),
            ("Text/Plain; charset=UTF-8", Some(Kind::Text(Charset::Utf8))),
            ("text/plain;charset=\"utf-16\"", Some(Kind::Text(Charset::Utf16))),
            ("application/json; odata=x; charset=utf-16be;", Some(Kind::Json(Charset::Utf16Be))),
            ("application/octet-stream", Some(Kind::Binary)),
            ("application/xml", None),
            ("text/html", None),
            ("", Some(Kind::Binary)),
            (";", None),
            ("text/plain; charset=\"", None),
            ("text/plain; charset=", None),
            ("text/plain; charset", None),
            ("text/plain; charset=klingon", None),
        ] {
            assert_eq!(kind_of(value), expected, "{value}");
        }
    }

    #[test]
    fn texts_become_utf_8() {
        let utf8 = |charset: Charset, bytes: &'static [u8]| charset.transcode(Bytes::from_static(bytes));
        assert_eq!(utf8(Charset::Utf8, "ü".as_bytes()).as_deref(), Some("ü".as_bytes()));
        assert_eq!(utf8(Charset::Utf8, b"\xff"), None);
        assert_eq!(utf8(Charset::Latin1, b"\xfc").as_deref(), Some("ü".as_bytes()));
        for bytes in [&b"\xfc\0"[..], b"\xff\xfe\xfc\0", b"\xfe\xff\0\xfc"] {
            assert_eq!(Charset::Utf16.transcode(bytes.into()).as_deref(), Some("ü".as_bytes()));
        }
        assert_eq!(utf8(Charset::Utf16Be, b"\0\xfc").as_deref(), Some("ü".as_bytes()));
        assert_eq!(utf8(Charset::Utf16, b"\0"), None, "half a unit");
        assert_eq!(utf8(Charset::Utf16, b"\0\xd8"), None, "half a pair");
    }

    #[test]
    fn json_is_checked_and_kept_as_it_is() {
        let parsed =
            |text: &str| payload(Kind::Json(Charset::Utf8), Bytes::copy_from_slice(text.as_bytes())).ok();
        assert_eq!(parsed(" {\"a\": 1.50}\n"), Some(Payload::Json("{\"a\": 1.50}".into())));
        for text in ["null", "\"plain\"", "1e400", "[]"] {
            assert!(parsed(text).is_some(), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            "{} {}",
            "'a'",
            "\u{feff}{}",
            &"[".repeat(10_000),
            &format!("{}{}", "[".repeat(200), "]".repeat(200)),
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
