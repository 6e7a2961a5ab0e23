use std::sync::Arc;

use hublet_wire::client::{Metadata, Payload};
use hublet_wire::id::ConnId;
use proptest::prelude::*;

use super::*;
use crate::environment::SigningKeys;

const TIME_S: u64 = 1_788_249_600;
const CONN: ConnId = ConnId { nonce: [7; 11], shard: 0, slot: 3, node: 1 };

fn client() -> ClientInfo {
    ClientInfo {
        conn: CONN,
        hub: "chat".into(),
        user: Some("alice".into()),
        subprotocol: Some("json.webpubsub.azure.v1".into()),
        host: "used.example".into(),
        state: None,
    }
}

fn user_event(payload: Payload, metadata: &[(&str, &str)]) -> EventKind {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    EventKind::User {
        name: "Order.v1".into(),
        payload,
        metadata: metadata.iter().map(owned).collect(),
        invoked: false,
    }
}

fn maker(origins: &[&str], keys: &[&str]) -> RequestMaker {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let signing_keys = SigningKeys(texts(keys));
    RequestMaker::new(&Environment { origins: texts(origins), signing_keys, ..Environment::default() })
}

fn make_with(client: ClientInfo, kind: EventKind) -> Result<Request<Bytes>, Unsendable> {
    let uri = Uri::from_static("http://app.example/api/chat/x?code=s");
    maker(&["wps.example"], &["primary"]).make(&ClientEvent { client, id: 5, kind }, uri, TIME_S)
}

fn make(kind: EventKind) -> Request<Bytes> {
    make_with(client(), kind).unwrap()
}

fn value<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a [u8]> {
    request.headers().get(name).map(HeaderValue::as_bytes)
}

#[test]
fn all_headers_of_a_user_event_in_order() {
    let state = Some(Bytes::from_static(b"eyJrZXkiOiJhIn0="));
    let client = ClientInfo { state, ..client() };
    let request = make_with(client, user_event(Payload::Text("hi".into()), &[("Trace", "7")])).unwrap();
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "http://app.example/api/chat/x?code=s");
    assert_eq!(request.body(), "hi");

    let source = format!("/hubs/chat/client/{CONN}");
    let conn = CONN.to_string();
    let signature = Signer::new(&SigningKeys(vec!["primary".to_owned()])).sign(&conn).unwrap();
    let request_id = value(&request, "x-ms-client-request-id").unwrap();
    let expected: [(&str, &[u8]); 17] = [
        ("ce-specversion", b"1.0"),
        ("ce-awpsversion", b"1.0"),
        ("ce-type", b"azure.webpubsub.user.Order.v1"),
        ("ce-source", source.as_bytes()),
        ("ce-time", b"2026-09-01T08:00:00Z"),
        ("ce-connectionid", conn.as_bytes()),
        ("ce-hub", b"chat"),
        ("ce-eventname", b"Order.v1"),
        ("ce-userid", b"alice"),
        ("ce-subprotocol", b"json.webpubsub.azure.v1"),
        ("ce-connectionstate", b"eyJrZXkiOiJhIn0="),
        ("webhook-request-origin", b"wps.example"),
        ("ce-signature", signature.as_bytes()),
        ("ce-id", b"5"),
        ("content-type", b"text/plain; charset=utf-8"),
        ("x-ms-client-request-id", request_id),
        ("x-webpubsub-metadata-trace", b"7"),
    ];
    let sent: Vec<(&str, &[u8])> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(sent, expected);
}

#[test]
fn type_name_content_type_and_body_of_each_event() {
    let group: Arc<str> = "room1".into();
    let json = "application/json";
    for (kind, event_type, name, content_type, body) in [
        (EventKind::Connect("{\"claims\":{}}".into()), "sys.connect", "connect", json, "{\"claims\":{}}"),
        (EventKind::Connected, "sys.connected", "connected", json, "{}"),
        (
            EventKind::Disconnected { reason: "bye".into() },
            "sys.disconnected",
            "disconnected",
            json,
            r#"{"reason":"bye"}"#,
        ),
        (
            EventKind::GroupJoined(group.clone()),
            "gp.joined",
            "joined",
            "application/json; charset=utf-8",
            r#"{"group":"room1"}"#,
        ),
        (
            EventKind::GroupLeft(group),
            "gp.left",
            "left",
            "application/json; charset=utf-8",
            r#"{"group":"room1"}"#,
        ),
        (user_event(Payload::Json("[1]".into()), &[]), "user.Order.v1", "Order.v1", json, "[1]"),
        (
            user_event(Payload::Protobuf("\u{1}".into()), &[]),
            "user.Order.v1",
            "Order.v1",
            "application/x-protobuf",
            "\u{1}",
        ),
    ] {
        let request = make(kind);
        let event_type = format!("azure.webpubsub.{event_type}");
        assert_eq!(value(&request, "ce-type"), Some(event_type.as_bytes()));
        assert_eq!(value(&request, "ce-eventname"), Some(name.as_bytes()));
        assert_eq!(value(&request, "content-type"), Some(content_type.as_bytes()));
        assert_eq!(request.body(), body);
    }
}

#[test]
fn bytes_of_a_binary_event_are_exact() {
    let request = make(user_event(Payload::Binary(Bytes::from_static(&[0x00, 0xff])), &[]));
    assert_eq!(value(&request, "content-type"), Some(&b"application/octet-stream"[..]));
    assert_eq!(request.body().as_ref(), [0x00, 0xff]);
}

#[test]
fn a_user_id_is_sent_as_utf_8_and_only_if_there_is_one() {
    for (user, expected) in [
        (None, None),
        (Some(""), None),
        (Some("a b"), Some("a b")),
        (Some("用户"), Some("用户")),
        (Some("\t"), Some("\t")),
    ] {
        let client = ClientInfo { user: user.map(Into::into), ..client() };
        let request = make_with(client, EventKind::Connected).unwrap();
        assert_eq!(value(&request, "ce-userid"), expected.map(str::as_bytes), "{user:?}");
    }
}

#[test]
fn the_subprotocol_is_absent_if_there_is_none() {
    let request = make_with(ClientInfo { subprotocol: None, ..client() }, EventKind::Connected).unwrap();
    assert_eq!(value(&request, "ce-subprotocol"), None);
}

#[test]
fn an_empty_state_is_sent_and_no_state_is_not() {
    for state in [None, Some(""), Some("opaque, = text")] {
        let client = ClientInfo { state: state.map(Bytes::from), ..client() };
        let request = make_with(client, EventKind::Connected).unwrap();
        assert_eq!(value(&request, "ce-connectionstate"), state.map(str::as_bytes), "{state:?}");
    }
}

#[test]
fn values_that_no_header_can_carry() {
    let user = |user: &str| ClientInfo { user: Some(user.into()), ..client() };
    let state = |state: &'static [u8]| ClientInfo { state: Some(Bytes::from_static(state)), ..client() };
    let subprotocol = ClientInfo { subprotocol: Some("ü".into()), ..client() };
    for (client, expected) in [
        (user("a\nce-hub: other"), Unsendable::UserId),
        (user("a\0"), Unsendable::UserId),
        (user("\u{7f}"), Unsendable::UserId),
        (subprotocol, Unsendable::Header(header::SUBPROTOCOL)),
        (state("é".as_bytes()), Unsendable::Header(header::CONNECTION_STATE)),
        (state(b"\xff"), Unsendable::Header(header::CONNECTION_STATE)),
        (state(b"a\r\nb: c"), Unsendable::Header(header::CONNECTION_STATE)),
    ] {
        assert_eq!(make_with(client, EventKind::Connected).map(|_| ()), Err(expected));
    }
    for metadata in [("a b", "v"), ("", "v\n"), ("k", "é"), ("k", "a\nb")] {
        let kind = user_event(Payload::Text(Bytes::new()), &[metadata]);
        assert_eq!(make_with(client(), kind).map(|_| ()), Err(Unsendable::Metadata), "{metadata:?}");
    }
}

#[test]
fn the_last_of_metadata_that_differs_in_case_counts() {
    let metadata = [("Trace", "first"), ("other", "x"), ("tRACE", "last")];
    let request = make(user_event(Payload::Text("".into()), &metadata));
    let sent = request.headers().get_all("x-webpubsub-metadata-trace").iter();
    assert_eq!(sent.collect::<Vec<_>>(), ["last"]);
    assert_eq!(value(&request, "x-webpubsub-metadata-other"), Some(&b"x"[..]));
}

#[test]
fn the_origin_is_what_is_configured_or_the_host_of_the_client() {
    for (origins, expected) in [
        (&[][..], "used.example"),
        (&["a.example"], "a.example"),
        (&["a.example", "b.example"], "a.example, b.example"),
    ] {
        let event = ClientEvent { client: client(), id: 0, kind: EventKind::Connected };
        let maker = maker(origins, &[]);
        let request = maker.make(&event, Uri::from_static("http://h/"), TIME_S).unwrap();
        assert_eq!(value(&request, "webhook-request-origin"), Some(expected.as_bytes()));
        assert_eq!(maker.origin("used.example"), expected);
        // There is nothing to sign with.
        assert_eq!(value(&request, "ce-signature"), None);
    }
}

#[test]
fn each_request_has_its_own_guid() {
    let ids: Vec<String> = (0..2)
        .map(|_| {
            String::from_utf8(value(&make(EventKind::Connected), "x-ms-client-request-id").unwrap().to_vec())
                .unwrap()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(guid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    assert_eq!(guid([0; 16]), "00000000-0000-4000-8000-000000000000");
    assert_eq!(
        guid(std::array::from_fn(|at| u8::try_from(at).unwrap())),
        "00010203-0405-4607-8809-0a0b0c0d0e0f"
    );
}

#[test]
fn a_retry_is_the_same_request() {
    let request = make(EventKind::Connected);
    let retry = request.clone();
    assert_eq!(retry.headers(), request.headers());
    assert_eq!((retry.uri(), retry.body()), (request.uri(), request.body()));
}

proptest! {
    #[test]
    fn no_text_makes_a_panic_or_another_header(
        user in any::<String>(),
        state in any::<Vec<u8>>(),
        subprotocol in any::<String>(),
        metadata in prop::collection::vec(any::<(String, String)>(), 0..4),
    ) {
        let client = ClientInfo {
            user: Some(user.as_str().into()),
            state: Some(state.into()),
            subprotocol: Some(subprotocol.into()),
            ..client()
        };
        let metadata: Metadata = metadata;
        let kind = EventKind::User { name: "e".into(), payload: Payload::Text(Bytes::new()), metadata, invoked: false };
        if let Ok(request) = make_with(client, kind) {
            for value in request.headers().values() {
                prop_assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            }
        }
    }
}
