//! What requests carry to prove where they come from, and cookies (event-handlers.md §1.4, §4.5).

use http::{HeaderName, HeaderValue};
use hublet_hub::{EventKind, Verdict};

use super::rig::{
    ask, conn, connect, courier, development, disconnected, event, handled, handler, strict, user,
};
use super::stub::{Seen, Stub, answer, ok, soon};
use crate::environment::{Environment, Identity, SigningKeys};
use crate::rules::HandlerAuth;

#[tokio::test]
async fn a_bearer_token_or_a_fixed_header() {
    let identity =
        Stub::start(|_, _| answer("200 OK", "", r#"{"access_token":"abc","expires_in":3600}"#)).await;
    let stub = Stub::start(|_, _| ok()).await;
    let mut bearer = handler(&stub.url("/"));
    bearer.auth = HandlerAuth::Bearer { resource: "api://app".to_owned() };
    let with_identity = |stub: &Stub| Environment {
        identity: Some(Identity::ClientCredentials {
            token_endpoint: stub.url("/token"),
            client_id: "c".to_owned(),
            client_secret: "s".to_owned(),
        }),
        // The token endpoint may be anywhere.
        allowed_networks: Default::default(),
        ..development()
    };
    let with_bearer = courier(with_identity(&identity), vec![bearer]);
    assert_eq!(soon(ask(&with_bearer, user(1, 2, "x"))).await, Ok(handled()));
    assert_eq!(soon(ask(&with_bearer, user(1, 3, "x"))).await, Ok(handled()));
    assert!(stub.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer abc")));
    assert_eq!(identity.seen().len(), 1);

    let mut fixed = handler(&stub.url("/"));
    fixed.auth =
        HandlerAuth::Header(HeaderName::from_static("x-functions-key"), HeaderValue::from_static("k"));
    let with_fixed = courier(development(), vec![fixed]);
    soon(with_fixed.connect(connect(1))).await.unwrap();
    assert_eq!(stub.seen()[2].header("x-functions-key"), Some("k"));

    let refusing = Stub::start(|_, _| answer("401 Unauthorized", "", "")).await;
    let mut bearer = handler(&stub.url("/"));
    bearer.auth = HandlerAuth::Bearer { resource: "api://app".to_owned() };
    let without_token = courier(with_identity(&refusing), vec![bearer]);
    assert_eq!(soon(ask(&without_token, user(1, 2, "x"))).await, Ok(Verdict::Failed));
    assert_eq!(stub.seen().len(), 3, "nothing is sent without the token");
}

#[tokio::test]
async fn cookies_belong_to_one_connection() {
    let script = |seen: &Seen, _| match (seen.method.as_str(), seen.header("ce-eventname")) {
        ("OPTIONS", _) => answer("200 OK", "WebHook-Allowed-Origin: *\r\nSet-Cookie: v=0\r\n", ""),
        (_, Some("connect")) => answer("200 OK", "Set-Cookie: ARRAffinity=abc; Path=/; HttpOnly\r\n", ""),
        (_, Some("message")) => answer("400 Bad Request", "Set-Cookie: bad=1\r\n", ""),
        _ => ok(),
    };
    let stub = Stub::start(script).await;
    let courier = courier(strict(), vec![handler(&stub.url("/"))]);
    soon(courier.connect(connect(1))).await.unwrap();
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    soon(courier.idle()).await;
    soon(ask(&courier, user(1, 2, "x"))).await.unwrap();
    soon(ask(&courier, user(2, 2, "x"))).await.unwrap();
    courier.dispatch(disconnected(1, 3), None);
    soon(courier.idle()).await;
    let cookies: Vec<_> = stub.seen().iter().map(|seen| seen.header("cookie").map(str::to_owned)).collect();
    let mine = || Some("ARRAffinity=abc".to_owned());
    assert_eq!(cookies, [None, None, mine(), mine(), None, mine()]);
    assert_eq!(format!("{:?}", courier.upstream().jars()), "Jars(0)", "they go with the connection");

    soon(courier.connect(connect(3))).await.unwrap();
    assert_eq!(format!("{:?}", courier.upstream().jars()), "Jars(1)");
    courier.forget(conn(3));
    assert_eq!(format!("{:?}", courier.upstream().jars()), "Jars(0)");
}

#[tokio::test]
async fn an_end_that_no_handler_wants_takes_the_cookies_along() {
    let stub = Stub::start(|_, _| answer("200 OK", "Set-Cookie: a=b\r\n", "")).await;
    let mut handler = handler(&stub.url("/"));
    handler.system_events.disconnected = false;
    let courier = courier(development(), vec![handler]);
    soon(courier.connect(connect(1))).await.unwrap();
    let answer = ask(&courier, user(1, 2, "x"));
    courier.dispatch(disconnected(1, 3), None);
    assert_eq!(soon(answer).await, Ok(Verdict::Handled { reply: None, state: None }));
    soon(courier.idle()).await;
    assert_eq!(format!("{:?}", courier.upstream().jars()), "Jars(0)");
}

#[tokio::test]
async fn each_key_signs() {
    let stub = Stub::start(|_, _| ok()).await;
    for keys in [vec!["a"], vec!["a", "b"], vec![]] {
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let environment = Environment { signing_keys: SigningKeys(keys), ..development() };
        let courier = courier(environment, vec![handler(&stub.url("/"))]);
        assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(handled()));
    }
    let signatures: Vec<_> =
        stub.seen().iter().map(|seen| seen.header("ce-signature").map(str::to_owned)).collect();
    let one = signatures[0].clone().unwrap();
    assert!(one.starts_with("sha256=") && !one.contains(','));
    assert!(signatures[1].clone().unwrap().starts_with(&format!("{one},sha256=")));
    assert_eq!(signatures[2], None);
}
