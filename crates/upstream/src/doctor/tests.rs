use bytes::Bytes;
use hublet_hub::EventKind;
use hublet_wire::client::Payload;
use serde_json::json;

use super::*;
use crate::courier::Courier;
use crate::environment::Environment;
use crate::pattern::EventPattern;
use crate::rules::{Handler, HandlerTarget};
use crate::tests::rig::{HOST, HUB, ask, connect, courier, development, event, handler, rules, strict, user};
use crate::tests::stub::{Act, Seen, Stub, answer, ok, soon};

async fn report(environment: Environment, handler: Handler) -> HandlerReport {
    let courier = courier(environment, vec![handler]);
    soon(courier.upstream().test(HUB, HOST)).await.remove(0)
}

/// What the test says about a server that answers like this.
async fn diagnosis(validation: Vec<Act>, event: Vec<Act>) -> (Vec<bool>, String) {
    let script = move |seen: &Seen, _| match seen.method.as_str() {
        "POST" => event.clone(),
        _ => validation.clone(),
    };
    let stub = Stub::start(script).await;
    let report = report(strict(), handler(&stub.url("/{event}?code=secret"))).await;
    assert_eq!(report.url_template, stub.url("/{event}"), "no query");
    assert_eq!(report.ok, report.steps.iter().all(|step| step.ok));
    assert!(!report.sentence.contains("secret"));
    (report.steps.iter().map(|step| step.ok).collect(), report.sentence)
}

fn allowed() -> Vec<Act> {
    answer("200 OK", "WebHook-Allowed-Origin: *\r\n", "")
}

#[tokio::test]
async fn a_sentence_for_everything_that_goes_wrong() {
    let refused = |origin: &str| answer("200 OK", &format!("WebHook-Allowed-Origin: {origin}\r\n"), "");
    let status = |status: &str| answer(status, "", "");
    let typed = |headers: &str, body: &str| answer("200 OK", headers, body);
    let long_state = format!("ce-connectionState: {}\r\n", "x".repeat(20_000));
    for (validation, event, steps, part) in [
        (allowed(), ok(), &[true, true][..], "handled a sample"),
        (refused("other.example"), ok(), &[false], "allows other.example, but events come from wps.example"),
        (status("200 OK"), ok(), &[false], "has no `WebHook-Allowed-Origin`"),
        (status("401 Unauthorized"), ok(), &[false], "without authentication"),
        (status("404 Not Found"), ok(), &[false], "neither OPTIONS nor GET"),
        (status("405 Method Not Allowed"), ok(), &[false], "does not take OPTIONS (405)"),
        (status("302 Found"), ok(), &[false], "a redirect (302 Found), which is not followed"),
        (status("502 Bad Gateway"), ok(), &[false], "answers 502 Bad Gateway. Look at the handler's log"),
        (vec![Act::Hang], ok(), &[false], "no complete answer in time"),
        (vec![Act::Close], ok(), &[false], "closed the connection"),
        (vec![Act::Send(b"SSH-2.0-x\r\n".to_vec())], ok(), &[false], "speaks no HTTP"),
        (allowed(), status("401 Unauthorized"), &[true, false], "Check the handler's access key"),
        (allowed(), status("403 Forbidden"), &[true, false], "wps.example is what it sees"),
        (allowed(), status("404 Not Found"), &[true, false], "nothing at this path (404)"),
        (allowed(), status("405 Method Not Allowed"), &[true, false], "does not take POST at this path"),
        (allowed(), status("500 Internal Server Error"), &[true, false], "answers 500"),
        (allowed(), typed("Content-Type: application/json\r\n", "{"), &[true, false], "not one JSON value"),
        (
            allowed(),
            typed("Content-Type: text/html\r\n", "x"),
            &[true, false],
            "of the content type \"text/html\"",
        ),
        (allowed(), typed(&long_state, ""), &[true, false], "20000 bytes of connection state"),
        (allowed(), typed("ce-connectionState: \u{fc}\r\n", ""), &[true, false], "not ASCII"),
    ] {
        let (found, sentence) = diagnosis(validation, event).await;
        assert_eq!(found, steps, "{sentence}");
        assert!(sentence.contains(part), "{sentence}");
    }
}

#[tokio::test]
async fn a_sentence_for_everything_that_is_not_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    for (url, part) in [
        (format!("http://{free}/"), "Nobody listens at 127.0.0.1:"),
        ("http://no-such-host.invalid/".to_owned(), "The name of no-such-host.invalid has no address"),
        ("http://169.254.169.254/latest".to_owned(), "where event handlers may not be"),
        ("http://10.1.2.3/".to_owned(), "\"private\" to `allowed_networks`"),
    ] {
        let report = report(strict(), handler(&url)).await;
        assert!(!report.ok && report.sentence.contains(part), "{}", report.sentence);
    }
}

#[tokio::test]
async fn the_sample_is_marked_and_fits_the_handler() {
    let stub = Stub::start(|seen, _| if seen.method == "POST" { ok() } else { allowed() }).await;
    let url = stub.url("/");
    let with = |change: fn(&mut Handler)| {
        let mut handler = handler(&url);
        change(&mut handler);
        handler
    };
    let handlers = vec![
        with(|_| {}),
        with(|handler| handler.user_events = EventPattern::parse(Some("Order, other")).unwrap()),
        with(|handler| handler.user_events = EventPattern::None),
        with(|handler| {
            handler.user_events = EventPattern::None;
            handler.system_events.disconnected = false;
        }),
        with(|handler| handler.target = HandlerTarget::Echo),
    ];
    let courier = courier(strict(), handlers);
    let reports = soon(courier.upstream().test(HUB, HOST)).await;
    assert!(reports.iter().all(|report| report.ok), "{reports:?}");
    assert_eq!(reports.iter().map(|report| report.steps.len()).collect::<Vec<_>>(), [2, 2, 2, 1, 0]);
    let samples: Vec<Seen> = stub.seen().into_iter().filter(|seen| seen.method == "POST").collect();
    let names: Vec<_> = samples.iter().map(|seen| seen.header("ce-eventname").unwrap()).collect();
    assert_eq!(names, ["message", "order", "disconnected"]);
    assert_eq!(samples[0].body, b"hublet test");
    assert!(samples.iter().all(|seen| seen.header("ce-userid") == Some("hublet-doctor")));
    // A good validation counts for clients too.
    let options = || stub.seen().iter().filter(|seen| seen.method == "OPTIONS").count();
    let before = options();
    soon(courier.connect(connect(1))).await.unwrap();
    assert_eq!(options(), before);
    let shown = serde_json::to_value(&reports[3]).unwrap();
    assert_eq!(
        shown,
        json!({
            "urlTemplate": url, "ok": true,
            "steps": [{ "name": "validation", "ok": true, "sentence": "The handler allows events from wps.example." }],
            "sentence": "The handler wants events. It gets none that could be tried without a client.",
        })
    );
}

#[tokio::test]
async fn a_trusted_handler_hears_what_would_be_wrong_elsewhere() {
    let stub =
        Stub::start(|seen, _| if seen.method == "POST" { ok() } else { answer("404 Not Found", "", "") })
            .await;
    let report = report(development(), handler(&stub.url("/"))).await;
    assert!(report.ok && report.steps[0].sentence.contains("Elsewhere it would get nothing"), "{report:?}");
}

async fn exchange(courier: &Courier) -> Exchange {
    courier.upstream().exchanges(HUB, HOST).pop().unwrap()
}

#[tokio::test]
async fn exchanges_show_everything_but_secrets() {
    let script = |_: &Seen, index| match index {
        0 => answer("503 Service Unavailable", "", ""),
        1 => vec![Act::Close],
        _ => answer(
            "200 OK",
            "Content-Type: text/plain\r\nSet-Cookie: s=cookie-secret\r\nX-Two: 1\r\nX-Two: 2\r\n",
            "see ?access_token=token-secret&x",
        ),
    };
    let stub = Stub::start(script).await;
    let mut fixed = handler(&stub.url("/{event}?code=query-secret"));
    fixed.auth = crate::rules::HandlerAuth::Header(http::HeaderName::from_static("x-key"), {
        let mut value = http::HeaderValue::from_static("key-secret");
        value.set_sensitive(true);
        value
    });
    let courier = courier(development(), vec![fixed]);
    soon(ask(&courier, user(1, 2, "hello"))).await.unwrap();
    let connect = event(
        2,
        0,
        EventKind::Connect(Bytes::from_static(
            br#"{"claims":{},"query":{"access_token":["token-secret"]},"headers":{"Cookie":["cookie-secret"],"Host":["h"]}}"#,
        )),
    );
    // What it answers is no JSON, so the client is refused.
    assert!(soon(courier.connect(connect)).await.is_err());

    let exchanges = courier.upstream().exchanges(HUB, HOST);
    let shown = serde_json::to_string(&exchanges).unwrap();
    for secret in ["query-secret", "cookie-secret", "token-secret", "key-secret", "sha256="] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    let first = serde_json::to_value(&exchanges[0]).unwrap();
    assert_eq!(first["event"], "message");
    assert_eq!(first["type"], "azure.webpubsub.user.message");
    assert_eq!((&first["status"], &first["ok"]), (&json!(200), &json!(true)));
    assert_eq!(first["attempts"].as_array().unwrap().len(), 3);
    assert_eq!(first["attempts"][0]["status"], 503);
    assert!(first["attempts"][1]["error"].as_str().unwrap().contains("closed the connection"));
    assert_eq!(first["request"]["url"], stub.url("/message"));
    assert_eq!(first["request"]["body"], "hello");
    assert_eq!(first["request"]["headers"]["ce-signature"], json!(["***"]));
    assert_eq!(first["request"]["headers"]["ce-id"], json!(["2"]));
    assert_eq!(first["response"]["headers"]["x-two"], json!(["1", "2"]));
    assert_eq!(first["response"]["body"], "see ?access_token=***&x");
    let time = first["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
    assert!(
        !exchanges[1].ok && exchanges[1].sentence.contains("not a JSON object"),
        "{}",
        exchanges[1].sentence
    );
    assert!(exchanges[1].request.as_ref().unwrap().body.as_ref().unwrap().contains(r#""Host":["h"]"#));
}

#[tokio::test]
async fn exchanges_are_few_and_short() {
    let stub = Stub::start(|_, _| answer("400 Bad Request", "", "y".repeat(10_000))).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    let long = EventKind::User {
        name: "message".into(),
        payload: Payload::Text(Bytes::from(vec![b'x'; 5_000])),
        metadata: Vec::new(),
        invoked: false,
    };
    soon(ask(&courier, event(1, 2, long))).await.unwrap();
    let shown = exchange(&courier).await;
    let (request, response) = (shown.request.unwrap(), shown.response.unwrap());
    assert_eq!(
        (request.body.unwrap().len(), request.body_bytes, request.is_body_whole),
        (4096, 5_000, false)
    );
    assert_eq!(response.body.unwrap().len(), 4096);
    assert!(!shown.can_be_replayed);
    assert_eq!(soon(courier.upstream().replay(HUB, &shown.id)).await, Err(ReplayError::Cut));

    for _ in 0..110 {
        soon(ask(&courier, user(1, 2, "x"))).await.unwrap();
    }
    let all = courier.upstream().exchanges(HUB, HOST);
    assert_eq!((all.len(), all[0].id.as_str(), all[99].id.as_str()), (100, "12", "111"));
    assert_eq!(courier.upstream().exchanges("other", HOST), []);
    assert_eq!(soon(courier.upstream().replay(HUB, "1")).await, Err(ReplayError::Unknown));
    assert_eq!(soon(courier.upstream().replay(HUB, "x")).await, Err(ReplayError::Unknown));
    let status = &courier.upstream().handler_status(HUB)[0];
    assert_eq!((status.handled, status.failed, status.dropped, status.is_gone), (0, 111, 0, false));
}

#[tokio::test]
async fn an_event_is_sent_again() {
    let stub =
        Stub::start(|_, index| if index == 0 { answer("400 Bad Request", "", "why") } else { ok() }).await;
    let url = stub.url("/?code=x");
    let courier = courier(development(), vec![handler(&url)]);
    soon(ask(&courier, user(1, 7, "hello"))).await.unwrap();
    let failed = exchange(&courier).await;
    assert_eq!((failed.ok, failed.status, failed.event_id), (false, Some(400), 7));
    // New rules with the same URL keep what is known.
    courier.upstream().set_rules([(HUB.to_owned(), rules(vec![handler(&url)]))].into());
    let again = soon(courier.upstream().replay(HUB, &failed.id)).await.unwrap();
    assert_eq!((again.ok, again.status, again.event_id), (true, Some(204), 7));
    assert_ne!(again.id, failed.id);
    let seen = stub.seen();
    assert_eq!(seen[1].body, b"hello");
    for name in ["ce-id", "ce-connectionid", "ce-type", "ce-signature", "ce-userid"] {
        assert_eq!(seen[1].header(name), seen[0].header(name), "{name}");
    }
}
