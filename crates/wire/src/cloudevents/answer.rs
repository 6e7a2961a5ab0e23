//! What event handlers answer.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::header::METADATA_PREFIX;
use crate::client::metadata::{InvalidMetadata, MetadataBuilder};
use crate::client::{Metadata, Payload, any, json};
use crate::{members, name};

/// How much of a content type that is not understood is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 64;

/// What the answer to `connect` changes about a client (event-handlers.md §6.1). `None` leaves what the token gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectAnswer {
    /// User id; the empty text takes it away.
    pub user_id: Option<String>,
    /// Roles instead of the token's; none at all takes them away.
    pub roles: Option<Vec<String>>,
    /// Groups instead of the token's, valid names; never an empty list.
    pub groups: Option<Vec<String>>,
    /// The subprotocol to choose.
    pub subprotocol: Option<String>,
}

/// An answer that cannot be meant. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// The answer to `connect` is not JSON, or something other than an object or `null`.
    #[error(
        "The answer to `connect` is not a JSON object. Answer with one, or with an empty body to let the client in as its \
         token says."
    )]
    ConnectObject,
    /// A member of the answer to `connect` has the wrong type.
    #[error("`{key}` in the answer to `connect` is not {expected}. Correct it, or leave it out.")]
    ConnectType {
        /// Name of the member.
        key: &'static str,
        /// What it has to be, with an article.
        expected: &'static str,
    },
    /// A group that no group can be called.
    #[error(
        "Entry {index} of `groups` in the answer to `connect` is no name of a group. Use 1 to 1024 characters that are not \
         all blank."
    )]
    ConnectGroup {
        /// Its place in the list, from 0 on.
        index: usize,
    },
    /// The body of the answer to a user event has another content type.
    #[error(
        "The answer has a body of the content type {0:?}. Use text/plain, application/json, application/octet-stream or \
         application/x-protobuf, or leave the body empty."
    )]
    ReplyType(String),
    /// Text that is none.
    #[error(
        "The answer has the content type text/plain, but its body is not UTF-8. Send UTF-8, or application/octet-stream."
    )]
    ReplyText,
    /// JSON that is none.
    #[error(
        "The answer has the content type application/json, but its body is not one JSON value of at most 64 levels. Send \
         JSON, or text/plain."
    )]
    ReplyJson,
    /// A protobuf message other than `Any`.
    #[error(
        "The answer has the content type application/x-protobuf, but its body is no google.protobuf.Any. Put the message \
         into one, or send application/octet-stream."
    )]
    ReplyProtobuf,
    /// Metadata that a client's message cannot have.
    #[error("The answer has `x-webpubsub-metadata-` headers that cannot be passed on. {0}")]
    ReplyMetadata(#[from] InvalidMetadata),
}

/// Reads the body of a successful answer to `connect`, whatever its content type (event-handlers.md §6.1). Nothing and
/// `null` change nothing. Names of members are compared without regard to case, and those that are not known are skipped.
///
/// # Errors
/// See [`InvalidAnswer`]; the client is not let in.
pub fn connect_answer(body: &[u8]) -> Result<ConnectAnswer, InvalidAnswer> {
    let mut answer = ConnectAnswer::default();
    if body.is_empty() || body.trim_ascii() == b"null" {
        return Ok(answer);
    }
    for (name, value) in members::members(body).ok_or(InvalidAnswer::ConnectObject)? {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        // A later one of the same name counts instead of an earlier one.
        if is("userId") {
            answer.user_id = text("userId", value)?;
        } else if is("roles") {
            answer.roles = texts("roles", value)?;
        } else if is("groups") {
            answer.groups = groups(value)?;
        } else if is("subprotocol") {
            // No subprotocol is called like that; it is how some languages write that there is none.
            answer.subprotocol = text("subprotocol", value)?.filter(|name| !name.is_empty());
        }
    }
    Ok(answer)
}

fn text(key: &'static str, value: &RawValue) -> Result<Option<String>, InvalidAnswer> {
    serde_json::from_str(value.get())
        .map_err(|_| InvalidAnswer::ConnectType { key, expected: "a string or null" })
}

fn texts(key: &'static str, value: &RawValue) -> Result<Option<Vec<String>>, InvalidAnswer> {
    serde_json::from_str(value.get())
        .map_err(|_| InvalidAnswer::ConnectType { key, expected: "a list of strings or null" })
}

fn groups(value: &RawValue) -> Result<Option<Vec<String>>, InvalidAnswer> {
    let groups = texts("groups", value)?.unwrap_or_default();
    if let Some(index) = groups.iter().position(|group| !name::is_valid_group(group)) {
        return Err(InvalidAnswer::ConnectGroup { index });
    }
    // The token's groups stay (event-handlers.md §6.1).
    Ok((!groups.is_empty()).then_some(groups))
}

/// The message for the client in a successful answer to a user event (event-handlers.md §6.4); `None`: there is none.
///
/// # Errors
/// See [`InvalidAnswer`]; the event has failed.
pub fn reply<'a>(
    content_type: Option<&[u8]>,
    headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    body: Bytes,
) -> Result<Option<(Payload, Metadata)>, InvalidAnswer> {
    let metadata = metadata(headers)?;
    // The content type of nothing says nothing.
    let payload = if body.is_empty() { None } else { payload(content_type.unwrap_or_default(), body)? };
    Ok(match payload {
        // Metadata needs a message to be on.
        None if !metadata.is_empty() => Some((Payload::Text(Bytes::new()), metadata)),
        payload => payload.map(|payload| (payload, metadata)),
    })
}

/// `None`: JSON `null`, which SDKs drop or break on (client-protocols.md §3.5), so that it is taken for an empty body.
fn payload(content_type: &[u8], body: Bytes) -> Result<Option<Payload>, InvalidAnswer> {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |known: &str| media_type.eq_ignore_ascii_case(known.as_bytes());
    if media_type.is_empty() || is("application/octet-stream") {
        Ok(Some(Payload::Binary(body)))
    } else if is("text/plain") {
        match simdutf8::basic::from_utf8(&body) {
            Ok(_) => Ok(Some(Payload::Text(body))),
            Err(_) => Err(InvalidAnswer::ReplyText),
        }
    } else if is("application/json") {
        match simdutf8::basic::from_utf8(&body) {
            Ok(text) if text.trim_ascii() == "null" => Ok(None),
            Ok(text) if json::is_valid(text) => Ok(Some(Payload::Json(body))),
            _ => Err(InvalidAnswer::ReplyJson),
        }
    } else if is("application/x-protobuf") {
        if any::is_any(&body) { Ok(Some(Payload::Protobuf(body))) } else { Err(InvalidAnswer::ReplyProtobuf) }
    } else {
        let shown = &content_type[..content_type.len().min(SHOWN_BYTES_MAX)];
        Err(InvalidAnswer::ReplyType(String::from_utf8_lossy(shown).into_owned()))
    }
}

/// Keys in lower case, in the order in which they came first; the last value of each counts.
fn metadata<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Metadata, InvalidAnswer> {
    let mut last: Vec<(String, Cow<'a, str>)> = Vec::new();
    for (name, value) in headers {
        let Some((prefix, key)) = name.split_at_checked(METADATA_PREFIX.len()) else { continue };
        if key.is_empty() || !prefix.eq_ignore_ascii_case(METADATA_PREFIX) {
            continue;
        }
        let value = value.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        let (key, value) = (key.to_ascii_lowercase(), String::from_utf8_lossy(value));
        match last.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => last.push((key, value)),
        }
    }
    let mut metadata = MetadataBuilder::default();
    for (key, value) in last {
        metadata.push(key, value.into_owned())?;
    }
    Ok(metadata.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(body: &str) -> ConnectAnswer {
        connect_answer(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
    }

    fn list(entries: &[&str]) -> Option<Vec<String>> {
        Some(entries.iter().map(|entry| (*entry).to_owned()).collect())
    }

    #[test]
    fn answers_that_change_nothing() {
        for body in [
            "",
            "null",
            " null\r\n",
            "{}",
            r#"{"userId":null,"roles":null,"groups":null,"subprotocol":null}"#,
            r#"{"socketio":{"a":[[{}]]},"user":1,"":2}"#,
        ] {
            assert_eq!(accepted(body), ConnectAnswer::default(), "{body}");
        }
    }

    #[test]
    fn an_empty_user_id_is_not_the_same_as_none() {
        assert_eq!(accepted(r#"{"userId":""}"#).user_id.as_deref(), Some(""));
        assert_eq!(accepted(r#"{"userId":"\u7528户"}"#).user_id.as_deref(), Some("用户"));
    }

    #[test]
    fn an_empty_list_of_roles_is_not_the_same_as_none() {
        assert_eq!(accepted(r#"{"roles":[]}"#).roles, list(&[]));
        assert_eq!(accepted(r#"{"roles":["a",""]}"#).roles, list(&["a", ""]));
    }

    #[test]
    fn an_empty_list_of_groups_keeps_those_of_the_token() {
        assert_eq!(accepted(r#"{"groups":[]}"#).groups, None);
        assert_eq!(accepted(r#"{"groups":["g"," h "]}"#).groups, list(&["g", " h "]));
    }

    #[test]
    fn an_empty_subprotocol_is_none() {
        assert_eq!(accepted(r#"{"subprotocol":""}"#).subprotocol, None);
        assert_eq!(accepted(r#"{"subprotocol":"p"}"#).subprotocol.as_deref(), Some("p"));
    }

    #[test]
    fn names_in_any_case_and_the_last_of_duplicates() {
        let answer = accepted(
            r#" {"UserID":"a","ROLES":["r"],"Groups":["g"],"subProtocol":"p","userid":"b","groups":null} "#,
        );
        let expected = ConnectAnswer {
            user_id: Some("b".to_owned()),
            roles: list(&["r"]),
            groups: None,
            subprotocol: Some("p".to_owned()),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn answers_that_let_nobody_in() {
        let wrong = |key, expected| InvalidAnswer::ConnectType { key, expected };
        let (string, strings) = ("a string or null", "a list of strings or null");
        let long = format!(r#"{{"groups":["g","{}"]}}"#, "g".repeat(1025));
        for (body, expected) in [
            ("{", InvalidAnswer::ConnectObject),
            ("{} {}", InvalidAnswer::ConnectObject),
            (" ", InvalidAnswer::ConnectObject),
            ("[]", InvalidAnswer::ConnectObject),
            (r#""userId""#, InvalidAnswer::ConnectObject),
            ("nul", InvalidAnswer::ConnectObject),
            (r#"{"userId":1}"#, wrong("userId", string)),
            (r#"{"userId":["a"]}"#, wrong("userId", string)),
            (r#"{"userId":"\ud800"}"#, wrong("userId", string)),
            (r#"{"subprotocol":{}}"#, wrong("subprotocol", string)),
            (r#"{"roles":"a"}"#, wrong("roles", strings)),
            (r#"{"roles":[null]}"#, wrong("roles", strings)),
            (r#"{"roles":["a",1]}"#, wrong("roles", strings)),
            (r#"{"groups":[null]}"#, wrong("groups", strings)),
            (r#"{"groups":{"0":"a"}}"#, wrong("groups", strings)),
            (r#"{"groups":[""]}"#, InvalidAnswer::ConnectGroup { index: 0 }),
            (r#"{"groups":["a"," \t"]}"#, InvalidAnswer::ConnectGroup { index: 1 }),
            (&long, InvalidAnswer::ConnectGroup { index: 1 }),
        ] {
            assert_eq!(connect_answer(body.as_bytes()), Err(expected), "{body}");
        }
        assert_eq!(connect_answer(b"{\"userId\":\"\xff\"}"), Err(InvalidAnswer::ConnectObject));
        assert_eq!(connect_answer("[".repeat(100_000).as_bytes()), Err(InvalidAnswer::ConnectObject));
    }

    #[test]
    fn the_content_type_decides_the_kind() {
        for (content_type, expected) in [
            (None, Payload::Binary as fn(Bytes) -> Payload),
            (Some(""), Payload::Binary),
            (Some("application/octet-stream"), Payload::Binary),
            (Some("text/plain"), Payload::Text),
            (Some("text/plain; charset=utf-8"), Payload::Text),
            (Some(" Text/Plain ;charset=\"utf-16\";x"), Payload::Text),
            (Some("application/json"), Payload::Json),
            (Some("APPLICATION/JSON;charset=utf-8"), Payload::Json),
        ] {
            let body = Bytes::from_static(br#"{"a": 1}"#);
            let read = reply(content_type.map(str::as_bytes), [], body.clone());
            assert_eq!(read, Ok(Some((expected(body), Metadata::new()))), "{content_type:?}");
        }
    }

    #[test]
    fn protobuf_is_an_any() {
        let content_type = Some(&b"Application/X-Protobuf; x=y"[..]);
        let any = Bytes::from_static(b"\x0a\x03a/b\x12\x02\x08\x01");
        let read = reply(content_type, [], any.clone());
        assert_eq!(read, Ok(Some((Payload::Protobuf(any), Metadata::new()))));
        let other = reply(content_type, [], Bytes::from_static(b"\x0a\x03a"));
        assert_eq!(other, Err(InvalidAnswer::ReplyProtobuf));
    }

    #[test]
    fn an_empty_body_is_no_message_whatever_its_type() {
        for content_type in [None, Some("application/json"), Some("application/xml"), Some("\0")] {
            assert_eq!(
                reply(content_type.map(str::as_bytes), [], Bytes::new()),
                Ok(None),
                "{content_type:?}"
            );
        }
    }

    #[test]
    fn json_null_is_as_good_as_an_empty_body() {
        let json = Some(&b"application/json; charset=utf-8"[..]);
        for body in ["null", " null\r\n"] {
            assert_eq!(reply(json, [], Bytes::from_static(body.as_bytes())), Ok(None), "{body:?}");
        }
        let with_metadata = reply(json, [("x-webpubsub-metadata-a", &b"b"[..])], Bytes::from_static(b"null"));
        let metadata = vec![("a".to_owned(), "b".to_owned())];
        assert_eq!(with_metadata, Ok(Some((Payload::Text(Bytes::new()), metadata))));
        let text = Bytes::from_static(b"null");
        let read = reply(Some(b"text/plain"), [], text.clone());
        assert_eq!(read, Ok(Some((Payload::Text(text), Metadata::new()))), "a text like any other");
        for body in ["[null]", "\"null\""] {
            let body = Bytes::from_static(body.as_bytes());
            assert_eq!(reply(json, [], body.clone()), Ok(Some((Payload::Json(body), Metadata::new()))));
        }
    }

    #[test]
    fn replies_that_fail() {
        let deep = "[".repeat(65) + &"]".repeat(65);
        let type_error = |text: &str| InvalidAnswer::ReplyType(text.to_owned());
        for (content_type, body, expected) in [
            (&b"application/xml"[..], &b"<a/>"[..], type_error("application/xml")),
            (b"text/html; charset=utf-8", b"a", type_error("text/html; charset=utf-8")),
            (b"text/plain, text/plain", b"a", type_error("text/plain, text/plain")),
            (b"text", b"a", type_error("text")),
            (b"a\xff", b"a", type_error("a\u{fffd}")),
            (&[b'x'; 100], b"a", type_error(&"x".repeat(64))),
            (b"text/plain", b"a\xff", InvalidAnswer::ReplyText),
            (b"application/json", b"\"a\xff\"", InvalidAnswer::ReplyJson),
            (b"application/json", b"{", InvalidAnswer::ReplyJson),
            (b"application/json", b"1 2", InvalidAnswer::ReplyJson),
            (b"application/json", b" ", InvalidAnswer::ReplyJson),
            (b"application/json", deep.as_bytes(), InvalidAnswer::ReplyJson),
        ] {
            let body = Bytes::copy_from_slice(body);
            assert_eq!(reply(Some(content_type), [], body), Err(expected));
        }
    }

    fn reply_metadata(headers: &[(&str, &[u8])]) -> Result<Option<(Payload, Metadata)>, InvalidAnswer> {
        reply(None, headers.iter().copied(), Bytes::new())
    }

    #[test]
    fn the_last_value_of_metadata_counts() {
        let read = reply_metadata(&[
            ("X-WebPubSub-Metadata-Trace", b"first"),
            ("x-webpubsub-metadata-other", b" a, b ,\tc d "),
            ("x-webpubsub-metadata-", b"no key"),
            ("x-webpubsub-metadat", b"no metadata"),
            ("content-type", b"text/plain"),
            ("x-webpubsub-metadata-none", b"a, "),
            ("x-webpubsub-metadata-TRACE", b"middle, last"),
        ]);
        let expected = [("trace", "last"), ("other", "c d"), ("none", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read, Ok(Some((Payload::Text(Bytes::new()), expected.to_vec()))));
        let with_body = reply(None, [("x-webpubsub-metadata-a", &b"b"[..])], Bytes::from_static(b"x"));
        let metadata = vec![("a".to_owned(), "b".to_owned())];
        assert_eq!(with_body, Ok(Some((Payload::Binary(Bytes::from_static(b"x")), metadata))));
    }

    #[test]
    fn metadata_within_the_limits_of_messages() {
        let invalid = Err(InvalidAnswer::ReplyMetadata(InvalidMetadata));
        let key = |chars| format!("x-webpubsub-metadata-{}", "k".repeat(chars));
        assert_eq!(reply_metadata(&[(&key(257), b"v")]), invalid);
        assert_eq!(reply_metadata(&[(&key(1), &[b'v'; 1025])]), invalid);
        assert_eq!(reply_metadata(&[(&key(1), "é".as_bytes())]), invalid);
        assert_eq!(reply_metadata(&[("x-webpubsub-metadata-a b", b"v")]), invalid);
        let keys: Vec<String> = (1..10).map(key).collect();
        let many: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &[b'v'; 1000][..])).collect();
        assert_eq!(reply_metadata(&many), invalid);
        assert!(reply_metadata(&many[..8]).is_ok());
        // Only what counts is measured.
        assert!(reply_metadata(&[(&key(1), &[b'v'; 1025]), (&key(1), b"v")]).is_ok());
    }
}
