//! Attempts, times, limits, and handlers that are not well.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;
use hublet_hub::{EventKind, Verdict};

use super::rig::{
    HUB, ask, conn, connect, courier, development, event, handled, handler, quick, rules, user,
};
use super::stub::{Act, Stub, answer, ok, soon};
use crate::courier::Courier;
use crate::doctor::HandlerStatus;
use crate::environment::Environment;
use crate::node::Upstream;
use crate::pace::Pace;

#[test]
fn work_may_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let courier = courier(development(), Vec::new());
    is_send(&courier.connect(connect(1)));
    is_send(&std::sync::Arc::clone(courier.upstream()).run());
    is_send(&courier.upstream().test(HUB, ""));
    is_send(&courier.upstream().replay(HUB, ""));
}

#[tokio::test]
async fn requests_have_what_handlers_need() {
    let stub = Stub::start(|_, _| ok()).await;
    let courier = courier(development(), vec![handler(&stub.url("/api/{hub}/{event}?code=s"))]);
    courier.connect(connect(1)).await.unwrap();
    assert_eq!(soon(ask(&courier, user(1, 2, "hi"))).await, Ok(handled()));
    let seen = stub.seen();
    assert_eq!(seen[0].target, format!("/api/{HUB}/connect?code=s"));
    assert_eq!(seen[1].target, format!("/api/{HUB}/message?code=s"));
    assert!(seen.iter().all(|seen| seen.method == "POST" && seen.connection == 0), "one connection is kept");
    assert_eq!(seen[1].body, b"hi");
    assert_eq!(seen[1].header("content-length"), Some("2"));
    assert_eq!(seen[1].header("ce-id"), Some("2"));
    assert_eq!(seen[1].header("host"), Some(stub.address.to_string().as_str()));
    let names = seen[1].names();
    for absent in ["accept-encoding", "transfer-encoding", "authorization", "cookie"] {
        assert!(!names.contains(&absent), "{absent}");
    }
}

#[tokio::test]
async fn attempts_are_the_same_but_for_their_time() {
    let script = |_: &_, index| match index {
        0 => answer("503 Service Unavailable", "", "a"),
        1 => vec![Act::Close],
        2 => answer("408 Request Timeout", "", ""),
        _ => ok(),
    };
    let stub = Stub::start(script).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    soon(courier.connect(connect(1))).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen.len(), 4);
    for other in &seen[1..] {
        assert_eq!(other.body, seen[0].body);
        for name in ["ce-id", "ce-time", "x-ms-client-request-id", "ce-signature"] {
            assert!(other.header(name).is_some() && other.header(name) == seen[0].header(name), "{name}");
        }
    }
}

#[tokio::test]
async fn four_attempts_and_no_more() {
    let stub = Stub::start(|_, _| answer("500 Internal Server Error", "", "")).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    assert_eq!(soon(courier.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(stub.seen().len(), 4);
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    soon(courier.idle()).await;
    assert_eq!(stub.seen().len(), 8, "notifications are tried as often");
}

#[tokio::test]
async fn what_is_final_is_not_tried_again() {
    for (status, expected) in [
        ("400 Bad Request", 400),
        ("401 Unauthorized", 401),
        ("403 Forbidden", 403),
        ("429 Too Many Requests", 429),
        ("302 Found", 500),
    ] {
        let stub = Stub::start(move |_, _| answer(status, "Location: http://169.254.169.254/\r\n", "")).await;
        let courier = courier(development(), vec![handler(&stub.url("/"))]);
        let refused = soon(courier.connect(connect(1))).await.unwrap_err();
        assert_eq!((refused.as_u16(), stub.seen().len()), (expected, 1), "{status}");
        assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(Verdict::Failed), "{status}");
    }
}

#[tokio::test]
async fn the_time_of_a_handler_ends_everything() {
    let slow = |body: &'static str| {
        move |_: &_, _| vec![Act::Send(format!("HTTP/1.1 200 OK\r\n{body}").into_bytes()), Act::Hang]
    };
    for stub in [
        Stub::start(|_, _| vec![Act::Hang]).await,
        Stub::start(slow("X-Half")).await,
        Stub::start(slow("Content-Length: 5\r\n\r\nab")).await,
    ] {
        let mut handler = handler(&stub.url("/"));
        handler.timeout = Duration::from_millis(200);
        let courier = courier(development(), vec![handler]);
        assert_eq!(soon(courier.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR));
        soon(stub.wait_for_gone(1)).await;
        assert_eq!(stub.seen().len(), 1, "time-outs are not tried again");
    }
}

#[tokio::test]
async fn time_that_ends_between_attempts_tells_of_the_last_one() {
    let pace = || Pace { retry_delays: [Duration::from_secs(3_600); 3], ..quick() };
    for (acts, status, failure, part) in [
        (answer("502 Bad Gateway", "", ""), Some(502), StatusCode::BAD_GATEWAY, "502 Bad Gateway"),
        (vec![Act::Close], None, StatusCode::INTERNAL_SERVER_ERROR, "closed the connection"),
    ] {
        let stub = Stub::start(move |_, _| acts.clone()).await;
        let mut handler = handler(&stub.url("/"));
        handler.timeout = Duration::from_millis(500);
        let upstream = Upstream::with_pace(development(), pace()).unwrap();
        upstream.set_rules(HashMap::from([(HUB.to_owned(), rules(vec![handler]))]));
        let courier = Courier::new(upstream);
        assert_eq!(soon(courier.connect(connect(1))).await, Err(failure));
        let exchange = courier.upstream().exchanges(HUB, "").remove(0);
        assert_eq!((exchange.status, exchange.attempts.len(), exchange.ok), (status, 1, false));
        assert!(exchange.sentence.contains(part), "{}", exchange.sentence);
    }
}

#[tokio::test]
async fn a_caller_that_leaves_takes_its_request_along() {
    let stub = Stub::start(|_, _| vec![Act::Hang]).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    let asking = tokio::spawn({
        let courier = courier.clone();
        async move { courier.connect(connect(1)).await }
    });
    soon(stub.wait_for(1)).await;
    asking.abort();
    soon(stub.wait_for_gone(1)).await;

    let answer = ask(&courier, user(1, 2, "x"));
    soon(stub.wait_for(2)).await;
    courier.cancel(conn(1));
    soon(stub.wait_for_gone(2)).await;
    assert!(soon(answer).await.is_err(), "nobody is told");
    soon(courier.idle()).await;
}

#[tokio::test]
async fn answers_that_are_too_much() {
    const MAX: usize = 16 << 20;
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let sized = move |length: usize| {
        vec![Act::Send(head(&format!("Content-Length: {length}\r\n\r\n"))), Act::Send(vec![b' '; length])]
    };
    let closed =
        move |length: usize| vec![Act::Send(head("\r\n")), Act::Send(vec![b' '; length]), Act::Close];
    let headers = |count: usize, bytes: usize| {
        let line = format!("X-Line: {}\r\n", "x".repeat(bytes));
        vec![Act::Send(head(&format!("Content-Length: 0\r\n{}\r\n", line.repeat(count))))]
    };
    let reply = |acts: Vec<Act>| async move {
        let stub = Stub::start(move |_, _| acts.clone()).await;
        let courier = courier(development(), vec![handler(&stub.url("/"))]);
        soon(ask(&courier, user(1, 2, "x"))).await.unwrap()
    };
    for good in [sized(MAX), closed(MAX)] {
        let Verdict::Handled { reply: Some((payload, _)), .. } = reply(good).await else {
            panic!("16 MiB are fine")
        };
        assert_eq!(payload.bytes().len(), MAX);
    }
    for bad in [
        sized(MAX + 1),
        closed(MAX + 1),
        vec![Act::Send(head("Content-Length: 99999999999\r\n\r\n")), Act::Hang],
        vec![Act::Send(head("\r\n")), Act::Endless(vec![b' '; 1 << 16])],
        vec![
            Act::Send(head("Transfer-Encoding: chunked\r\n\r\n")),
            Act::Endless([b"10000\r\n", &[b' '; 1 << 16][..], b"\r\n"].concat()),
        ],
        vec![Act::Send(head("")), Act::Endless(b"X-Line: x\r\n".to_vec())],
        headers(300, 1),
        headers(70, 1000),
    ] {
        assert_eq!(reply(bad).await, Verdict::Failed);
    }
    assert_eq!(reply(headers(200, 100)).await, handled());
}

#[tokio::test]
async fn addresses_that_are_not_allowed() {
    let stub = Stub::start(|_, _| ok()).await;
    let public_only = || Environment { allowed_networks: Default::default(), ..super::rig::strict() };
    for url in [stub.url("/"), format!("http://localhost:{}/", stub.address.port())] {
        let courier = courier(public_only(), vec![handler(&url)]);
        assert_eq!(soon(courier.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let courier = courier(development(), vec![handler("http://169.254.169.254/latest/meta-data")]);
    assert_eq!(soon(courier.connect(connect(1))).await, Err(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn a_stuck_handler_delays_nobody_else() {
    let stuck = Stub::start(|_, _| vec![Act::Hang]).await;
    let healthy = Stub::start(|_, _| ok()).await;
    let mut first = handler(&stuck.url("/"));
    first.system_events = Default::default();
    first.user_events = crate::pattern::EventPattern::parse(Some("stuck")).unwrap();
    first.max_concurrency = 8;
    let courier = courier(development(), vec![first, handler(&healthy.url("/"))]);
    let stuck_event = |slot| {
        let mut event = user(slot, 2, "x");
        let EventKind::User { name, .. } = &mut event.kind else { unreachable!() };
        *name = "stuck".into();
        event
    };
    let waiting: Vec<_> = (0..1_000).map(|slot| ask(&courier, stuck_event(slot))).collect();
    soon(stuck.wait_for(8)).await;
    for slot in 0..100 {
        assert_eq!(soon(ask(&courier, user(2_000 + slot, 2, "x"))).await, Ok(handled()));
    }
    assert_eq!(stuck.seen().len(), 8, "no more at a time than the handler takes");
    for slot in 0..1_000 {
        courier.cancel(conn(slot));
    }
    soon(courier.idle()).await;
    assert!(waiting.into_iter().all(|mut answer| answer.try_recv().is_err()));
}

/// What is known about the only handler.
fn status(courier: &Courier) -> HandlerStatus {
    courier.upstream().handler_status(HUB).remove(0)
}

#[tokio::test]
async fn a_handler_that_is_gone_fails_at_once_until_it_is_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let courier = courier(development(), vec![handler(&format!("http://{address}/"))]);
    while status(&courier).dropped == 0 {
        // One of them may be the probe.
        let (one, other) =
            soon(async { tokio::join!(courier.connect(connect(1)), courier.connect(connect(2))) }).await;
        assert!(one.is_err() && other.is_err());
    }
    assert!(status(&courier).is_gone && status(&courier).failed >= 2, "{:?}", status(&courier));
    let exchanges = courier.upstream().exchanges(HUB, "");
    let dropped = exchanges.iter().find(|exchange| exchange.attempts.is_empty()).unwrap();
    assert!(
        dropped.request.is_none() && dropped.sentence.contains("for a while"),
        "nothing was sent: {dropped:?}"
    );

    let stub = Stub::on(tokio::net::TcpListener::bind(address).await.unwrap(), |_, _| ok());
    while soon(ask(&courier, user(1, 2, "x"))).await != Ok(handled()) {
        tokio::task::yield_now().await;
    }
    assert!(!status(&courier).is_gone, "one answer is enough");
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn a_handler_that_never_answers_counts_as_gone() {
    let stub = Stub::start(|_, _| vec![Act::Hang]).await;
    let mut stuck = handler(&stub.url("/"));
    stuck.timeout = Duration::from_millis(100);
    let courier = courier(development(), vec![stuck]);
    for _ in 0..2 {
        let answers: Vec<_> = (0..8).map(|slot| ask(&courier, user(slot, 2, "x"))).collect();
        for answer in answers {
            assert_eq!(soon(answer).await, Ok(Verdict::Failed));
        }
    }
    assert!(status(&courier).is_gone);
}

#[tokio::test]
async fn events_that_wait_in_vain_say_nothing_about_their_handler() {
    let stub = Stub::start(|_, _| vec![Act::Hang]).await;
    let mut busy = handler(&stub.url("/"));
    busy.timeout = Duration::from_millis(100);
    busy.max_concurrency = 1;
    let courier = courier(development(), vec![busy]);
    let answers: Vec<_> = (0..40).map(|slot| ask(&courier, user(slot, 2, "x"))).collect();
    for answer in answers {
        assert_eq!(soon(answer).await, Ok(Verdict::Failed));
    }
    assert_eq!((status(&courier).failed, status(&courier).is_gone), (40, false));
}
