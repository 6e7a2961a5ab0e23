//! Abuse protection over real sockets (event-handlers.md §3).

use http::StatusCode;

use super::rig::{HOST, ask, connect, courier, handled, handler, strict, user};
use super::stub::{Act, Seen, Stub, answer, ok, soon};

/// A server that answers validations like this, and events well.
async fn validated_by(acts: impl Fn(&Seen, usize) -> Vec<Act> + Send + Sync + 'static) -> Stub {
    Stub::start(move |seen, index| if seen.method == "POST" { ok() } else { acts(seen, index) }).await
}

fn methods(stub: &Stub) -> Vec<String> {
    stub.seen().into_iter().map(|seen| seen.method).collect()
}

#[tokio::test]
async fn origins() {
    let line = |value: &str| format!("WebHook-Allowed-Origin: {value}\r\n");
    for (status, headers, is_good) in [
        ("200 OK", line("*"), true),
        ("204 No Content", line("*"), true),
        ("200 OK", line("WPS.example"), true),
        ("200 OK", line("wps.example:8080"), true),
        ("200 OK", line("other") + &line(HOST), true),
        ("200 OK", line("wps.example:x"), false),
        ("200 OK", line("other, wps.example"), false),
        ("200 OK", line("other"), false),
        ("200 OK", String::new(), false),
        ("400 Bad Request", line("*"), false),
        ("302 Found", line("*") + "Location: /\r\n", false),
    ] {
        let shown = headers.clone();
        let stub = validated_by(move |_, _| answer(status, &headers, "")).await;
        let courier = courier(strict(), vec![handler(&stub.url("/{event}?code=s"))]);
        let outcome = soon(courier.connect(connect(1))).await;
        let expected: &[&str] = if is_good { &["OPTIONS", "POST"] } else { &["OPTIONS"] };
        assert_eq!(methods(&stub), expected, "{status} {shown}");
        assert_eq!(outcome.err(), (!is_good).then_some(StatusCode::INTERNAL_SERVER_ERROR));
        let seen = &stub.seen()[0];
        assert_eq!(seen.target, "/validate?code=s");
        assert_eq!(seen.header("webhook-request-origin"), Some(HOST));
        assert_eq!(seen.header("ce-awpsversion"), Some("1.0"));
        let mut names = seen.names();
        names.sort_unstable();
        assert!(
            names
                .iter()
                .all(|name| ["ce-awpsversion", "content-length", "host", "webhook-request-origin"]
                    .contains(name)),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn get_follows_404_only() {
    let allowed = "WebHook-Allowed-Origin: *\r\n";
    let stub = validated_by(move |seen, _| match seen.method.as_str() {
        "OPTIONS" => answer("404 Not Found", allowed, ""),
        _ => answer("200 OK", allowed, ""),
    })
    .await;
    let first = courier(strict(), vec![handler(&stub.url("/"))]);
    soon(first.connect(connect(1))).await.unwrap();
    assert_eq!(methods(&stub), ["OPTIONS", "GET", "POST"]);

    let stub = validated_by(move |_, _| answer("405 Method Not Allowed", allowed, "")).await;
    let second = courier(strict(), vec![handler(&stub.url("/"))]);
    assert!(soon(second.connect(connect(1))).await.is_err());
    assert_eq!(methods(&stub), ["OPTIONS"]);
}

#[tokio::test]
async fn validations_are_tried_again_like_events() {
    let stub = validated_by(|_, index| match index {
        0 => answer("503 Service Unavailable", "", ""),
        _ => answer("200 OK", "WebHook-Allowed-Origin: *\r\n", ""),
    })
    .await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    soon(courier.connect(connect(1))).await.unwrap();
    assert_eq!(methods(&stub), ["OPTIONS", "OPTIONS", "POST"]);
}

#[tokio::test]
async fn first_events_share_one_validation() {
    let stub = validated_by(|_, _| {
        [vec![Act::Wait], answer("200 OK", "WebHook-Allowed-Origin: *\r\nSet-Cookie: a=b\r\n", "")].concat()
    })
    .await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    let answers: Vec<_> = (0..8).map(|slot| ask(&courier, user(slot, 2, "x"))).collect();
    soon(stub.wait_for(1)).await;
    stub.release();
    for answer in answers {
        assert_eq!(soon(answer).await, Ok(handled()));
    }
    let methods = methods(&stub);
    assert_eq!(methods.iter().filter(|method| *method == "OPTIONS").count(), 1);
    assert_eq!(methods.len(), 9);
    assert!(stub.seen().iter().all(|seen| seen.header("cookie").is_none()));
}

#[tokio::test]
async fn a_first_event_that_leaves_does_not_stop_the_validation() {
    let stub = validated_by(|_, _| {
        [vec![Act::Wait], answer("200 OK", "WebHook-Allowed-Origin: *\r\n", "")].concat()
    })
    .await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    let first = ask(&courier, user(1, 2, "x"));
    soon(stub.wait_for(1)).await;
    courier.cancel(super::rig::conn(1));
    assert!(soon(first).await.is_err());
    let second = ask(&courier, user(2, 2, "x"));
    stub.release();
    assert_eq!(soon(second).await, Ok(handled()));
    assert_eq!(methods(&stub), ["OPTIONS", "POST"]);
}

#[tokio::test]
async fn a_validation_that_hangs_is_given_up() {
    let stub = validated_by(|_, _| vec![Act::Hang]).await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    assert_eq!(soon(courier.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(methods(&stub), ["OPTIONS"]);
}

#[tokio::test]
async fn a_handler_that_changes_its_mind_is_asked_again() {
    let stub = validated_by(|_, index| match index {
        0 => answer("401 Unauthorized", "", ""),
        _ => answer("200 OK", "WebHook-Allowed-Origin: *\r\n", ""),
    })
    .await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    assert!(soon(courier.connect(connect(1))).await.is_err());
    while soon(courier.connect(connect(1))).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(methods(&stub), ["OPTIONS", "OPTIONS", "POST"], "not more often than its back-off allows");
}

#[tokio::test]
async fn hosts_are_judged_apart() {
    let stub =
        validated_by(|_, _| answer("200 OK", &format!("WebHook-Allowed-Origin: {HOST}\r\n"), "")).await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    let mut stranger = connect(1);
    stranger.client.host = "evil.example".into();
    assert!(soon(courier.connect(stranger)).await.is_err());
    soon(courier.connect(connect(2))).await.unwrap();
    assert_eq!(methods(&stub), ["OPTIONS", "OPTIONS", "POST"]);
}
