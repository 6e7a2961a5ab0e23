//! What answers mean (event-handlers.md §6).

use bytes::Bytes;
use http::StatusCode;
use hublet_hub::{EventKind, Verdict};
use hublet_wire::client::Payload;
use hublet_wire::cloudevents::answer::ConnectAnswer;

use super::rig::{ask, connect, courier, development, event, handled, handler, rules, user};
use super::stub::{Act, Stub, answer, ok, soon};
use crate::courier::Admission;
use crate::rules::HandlerTarget;

#[tokio::test]
async fn clients_that_are_let_in() {
    let changed = Admission {
        answer: ConnectAnswer { user_id: Some("bob".to_owned()), ..ConnectAnswer::default() },
        state: Some(Bytes::from_static(b"eyJhIjoxfQ==")),
    };
    let state = "ce-connectionState: first\r\nCE-ConnectionState: eyJhIjoxfQ==\r\n";
    for (status, headers, body, expected) in [
        ("204 No Content", "", "", Admission::default()),
        ("200 OK", "", "", Admission::default()),
        ("200 OK", "", "null", Admission::default()),
        ("202 Accepted", "", "{}", Admission::default()),
        ("200 OK", state, r#"{"userId":"bob"}"#, changed),
        (
            "200 OK",
            "Content-Type: text/plain\r\nce-connectionState: \r\n",
            "",
            Admission { state: Some(Bytes::new()), ..Admission::default() },
        ),
    ] {
        // 204 has no body, and its length is not to be sent.
        let stub = Stub::start(move |_, _| answer(status, headers, body)).await;
        let courier = courier(development(), vec![handler(&stub.url("/"))]);
        assert_eq!(soon(courier.connect(connect(1))).await, Ok(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn answers_to_connect_that_cannot_be_meant() {
    let long = format!("ce-connectionState: {}\r\n", "x".repeat((16 << 10) + 1));
    for (headers, body) in [
        ("", "{"),
        ("", r#"{"groups":[null]}"#),
        ("", r#"{"roles":[null]}"#),
        (long.leak(), ""),
        ("ce-connectionState: \u{fc}\r\n", ""),
    ] {
        let stub = Stub::start(move |_, _| answer("200 OK", headers, body)).await;
        let courier = courier(development(), vec![handler(&stub.url("/"))]);
        assert_eq!(soon(courier.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR), "{body}");
        assert_eq!(stub.seen().len(), 1);
    }
}

#[tokio::test]
async fn replies() {
    let state = Some(Bytes::from_static(b"s"));
    let reply = |payload: fn(Bytes) -> Payload, state: &Option<Bytes>| Verdict::Handled {
        reply: Some((payload(Bytes::from_static(b"1")), Vec::new())),
        state: state.clone(),
    };
    for (status, headers, body, expected) in [
        (
            "200 OK",
            "Content-Type: text/plain; charset=utf-8\r\nce-connectionState: s\r\n",
            "1",
            reply(Payload::Text, &state),
        ),
        ("200 OK", "Content-Type: application/json\r\n", "1", reply(Payload::Json, &None)),
        ("200 OK", "", "1", reply(Payload::Binary, &None)),
        ("200 OK", "Content-Type: application/xml\r\n", "", handled()),
        ("200 OK", "Content-Type: application/xml\r\nce-connectionState: s\r\n", "1", Verdict::Failed),
        ("400 Bad Request", "ce-connectionState: s\r\n", "1", Verdict::Failed),
    ] {
        let stub = Stub::start(move |_, _| answer(status, headers, body)).await;
        let courier = courier(development(), vec![handler(&stub.url("/"))]);
        assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(expected), "{headers}");
    }
}

#[tokio::test]
async fn interim_answers_come_to_an_end() {
    const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let few = vec![Act::Send(INTERIM.repeat(3).into_bytes()), ok().remove(0)];
    let endless = vec![Act::Endless(INTERIM.as_bytes().to_vec())];
    for (acts, expected) in [(few, handled()), (endless, Verdict::Failed)] {
        let stub = Stub::start(move |_, _| acts.clone()).await;
        let courier = courier(development(), vec![handler(&stub.url("/"))]);
        assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(expected));
        assert_eq!(stub.seen().len(), 1);
    }
}

#[tokio::test]
async fn what_a_notification_is_answered_does_not_matter() {
    let stub =
        Stub::start(|_, _| answer("200 OK", "Content-Type: application/xml\r\n", "x".repeat(100_000))).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    soon(courier.idle()).await;
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn events_that_nobody_wants() {
    let stub = Stub::start(|_, _| ok()).await;
    let mut connect_only = handler(&stub.url("/"));
    connect_only.user_events = Default::default();
    let courier = courier(development(), vec![connect_only]);
    assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(Verdict::Unwanted));
    let mut heard = user(1, 2, "x");
    let EventKind::User { name, .. } = &mut heard.kind else { unreachable!() };
    *name = "heard".into();
    assert_eq!(soon(ask(&courier, heard)).await, Ok(Verdict::Heard), "a listener is enough");
    let mut other_hub = user(1, 2, "x");
    other_hub.client.hub = "other".into();
    assert_eq!(soon(ask(&courier, other_hub)).await, Ok(Verdict::Unwanted));
    let mut other_hub = connect(1);
    other_hub.client.hub = "other".into();
    assert_eq!(soon(courier.connect(other_hub)).await, Ok(Admission::default()));
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn the_first_handler_that_wants_an_event_gets_it() {
    let (first, second) = (Stub::start(|_, _| ok()).await, Stub::start(|_, _| ok()).await);
    let mut connect_only = handler(&first.url("/"));
    connect_only.user_events = Default::default();
    let all = || handler(&second.url("/"));
    let courier = courier(development(), vec![connect_only, all(), handler(&first.url("/"))]);
    soon(courier.connect(connect(1))).await.unwrap();
    assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(handled()));
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));

    courier.upstream().set_rules([(super::rig::HUB.to_owned(), rules(vec![all()]))].into());
    soon(courier.connect(connect(2))).await.unwrap();
    assert_eq!((first.seen().len(), second.seen().len()), (1, 2), "new rules count from the next event on");
}

#[tokio::test]
async fn an_echo_comes_back() {
    let mut echo = handler("http://unused.example/");
    echo.target = HandlerTarget::Echo;
    let courier = courier(Environment::default(), vec![echo]);
    assert_eq!(courier.connect(connect(1)).await, Ok(Admission::default()));
    let metadata = vec![("k".to_owned(), "v".to_owned())];
    let payload = Payload::Json(Bytes::from_static(b"{}"));
    let kind = EventKind::User {
        name: "n".into(),
        payload: payload.clone(),
        metadata: metadata.clone(),
        invoked: false,
    };
    let expected = Verdict::Handled { reply: Some((payload, metadata)), state: None };
    assert_eq!(soon(ask(&courier, event(1, 2, kind))).await, Ok(expected));
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    soon(courier.idle()).await;
}

use crate::environment::Environment;
