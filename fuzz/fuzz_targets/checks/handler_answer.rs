//! What must hold for every answer: no panic, what was read keeps the rules and reads the same again, and errors that
//! stay short.

use std::collections::HashSet;

use hublet_wire::client::{Metadata, Payload, any, json};
use hublet_wire::cloudevents::answer::{ConnectAnswer, InvalidAnswer, connect_answer, reply};
use hublet_wire::cloudevents::{content_type, disconnected_body, header::METADATA_PREFIX};
use hublet_wire::name;

/// The content type, headers with a colon in each, an empty line, and the body.
pub(crate) fn check(data: &[u8]) {
    let mut rest = data;
    let content_type = line(&mut rest);
    let mut headers = Vec::new();
    loop {
        let header = line(&mut rest);
        if header.is_empty() {
            break;
        }
        let colon = header.iter().position(|byte| *byte == b':').unwrap_or(header.len());
        let (name, value) = header.split_at(colon);
        headers.push((String::from_utf8_lossy(name), value.get(1..).unwrap_or_default()));
    }
    let headers = headers.iter().map(|(name, value)| (&**name, *value));
    check_connect(rest);
    check_reply(content_type, headers, rest);
}

/// Takes a line off, without its end.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    line
}

fn check_connect(body: &[u8]) {
    match connect_answer(body) {
        Ok(answer) => {
            let groups = answer.groups.as_deref();
            assert!(groups.is_none_or(|groups| !groups.is_empty()));
            assert!(groups.unwrap_or_default().iter().all(|group| name::is_valid_group(group)));
            assert_eq!(connect_answer(written(&answer).as_bytes()), Ok(answer));
        }
        Err(error) => check_short(&error),
    }
}

/// The answer as JSON, spelled as no handler would.
fn written(answer: &ConnectAnswer) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or("null".to_owned(), literal);
    let texts = |texts: &Option<Vec<String>>| match texts {
        Some(texts) => format!("[{}]", texts.iter().map(|text| literal(text)).collect::<Vec<_>>().join(" ,")),
        None => "null".to_owned(),
    };
    format!(
        r#"{{"groups":["x"],"GROUPS":{},"rol\u0065s":{},"x":[{{}}],"userid":{}, "SubProtocol":{}}}"#,
        texts(&answer.groups),
        texts(&answer.roles),
        text(&answer.user_id),
        text(&answer.subprotocol),
    )
}

/// A JSON string, taken out of a body that has one.
fn literal(text: &str) -> String {
    let body = disconnected_body(text);
    let literal = body.strip_prefix(br#"{"reason":"#).and_then(|body| body.strip_suffix(b"}"));
    String::from_utf8_lossy(literal.expect("the documented body")).into_owned()
}

fn check_reply<'a>(content_type: &[u8], headers: impl Iterator<Item = (&'a str, &'a [u8])>, body: &[u8]) {
    let body = body.to_vec().into();
    match reply(Some(content_type), headers, body) {
        Ok(Some((payload, metadata))) => {
            check_payload(&payload, &metadata);
            check_metadata(&metadata);
            check_again(payload, metadata);
        }
        Ok(None) => {}
        Err(error) => check_short(&error),
    }
}

fn check_payload(payload: &Payload, metadata: &Metadata) {
    let bytes = payload.bytes();
    match payload {
        Payload::Text(text) if text.is_empty() => assert!(!metadata.is_empty()),
        Payload::Text(text) => assert!(std::str::from_utf8(text).is_ok()),
        Payload::Json(json) => assert!(std::str::from_utf8(json).is_ok_and(json::is_valid)),
        Payload::Binary(_) => assert!(!bytes.is_empty()),
        Payload::Protobuf(any) => assert!(!any.is_empty() && any::is_any(any)),
    }
}

fn check_metadata(metadata: &Metadata) {
    let bytes: usize = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(bytes <= 8 << 10);
    let mut keys = HashSet::new();
    for (key, value) in metadata {
        assert!(!key.is_empty() && *key == key.to_ascii_lowercase() && keys.insert(key));
        assert!(value.is_ascii() && !value.contains(',') && value.trim() == value);
    }
}

/// A message sent the other way, as an event is, is the same message.
fn check_again(payload: Payload, metadata: Metadata) {
    let sent: Vec<(String, &str)> = metadata
        .iter()
        .map(|(key, value)| (format!("{}{key}", METADATA_PREFIX.to_ascii_uppercase()), value.as_str()))
        .collect();
    let headers = sent.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let again = reply(Some(content_type(&payload).as_bytes()), headers, payload.bytes().clone());
    assert_eq!(again, Ok(Some((payload, metadata))));
}

/// Whoever answers must not fill the log.
fn check_short(error: &InvalidAnswer) {
    assert!(error.to_string().len() <= 600, "{error}");
}
