use std::path::PathBuf;

use super::*;
use crate::connector;
use crate::tests::rig::quick;
use crate::tests::stub::{Act, Stub, answer, soon};

fn tokens(identity: &Identity) -> Arc<Tokens> {
    let connector = Connector::new(None, connector::tls(None).unwrap());
    Arc::new(Tokens::new(Some(identity), connector, &quick()))
}

fn credentials(stub: &Stub) -> Identity {
    Identity::ClientCredentials {
        token_endpoint: stub.url("/tenant/token"),
        client_id: "app id".to_owned(),
        client_secret: "s&=\u{e9}".to_owned(),
    }
}

#[tokio::test]
async fn one_fetch_for_all() {
    let stub = Stub::start(|_, _| {
        [
            vec![Act::Wait],
            answer("200 OK", "", r#"{"access_token":"abc","expires_in":3600,"token_type":"Bearer"}"#),
        ]
        .concat()
    })
    .await;
    let tokens = tokens(&credentials(&stub));
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let tokens = Arc::clone(&tokens);
            tokio::spawn(async move { tokens.authorization("api://app/").await })
        })
        .collect();
    soon(stub.wait_for(1)).await;
    stub.release();
    for token in asking {
        let header = soon(token).await.unwrap().unwrap();
        assert_eq!(header, "Bearer abc");
        assert!(header.is_sensitive());
    }
    assert_eq!(tokens.bare("api://app/").await.unwrap(), "abc");
    let seen = stub.seen();
    assert_eq!(seen.len(), 1, "it is kept");
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("POST", "/tenant/token"));
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        String::from_utf8_lossy(&seen[0].body),
        "grant_type=client_credentials&client_id=app%20id&client_secret=s%26%3D%C3%A9&scope=api%3A%2F%2Fapp%2F.default"
    );
}

#[tokio::test]
async fn an_old_token_is_used_until_there_is_a_new_one() {
    let stub = Stub::start(|_, index| {
        let token = answer("200 OK", "", format!(r#"{{"access_token":"t{index}","expires_in":1}}"#));
        if index == 0 { token } else { [vec![Act::Wait], token].concat() }
    })
    .await;
    let tokens = tokens(&credentials(&stub));
    assert_eq!(soon(tokens.bare("r")).await.unwrap(), "t0");
    let slot = tokens.slot("r");
    let old = |token: &mut Token| token.refresh_at = Instant::now();
    old(slot.lock().token.as_mut().unwrap());
    assert_eq!(soon(tokens.bare("r")).await.unwrap(), "t0");
    soon(stub.wait_for(2)).await;
    assert_eq!(soon(tokens.bare("r")).await.unwrap(), "t0");
    stub.release();
    while soon(tokens.bare("r")).await.unwrap() != "t1" {
        tokio::task::yield_now().await;
    }
    let dead = |token: &mut Token| token.expires_at = Instant::now();
    dead(slot.lock().token.as_mut().unwrap());
    old(slot.lock().token.as_mut().unwrap());
    let asking = tokio::spawn({
        let tokens = Arc::clone(&tokens);
        async move { tokens.bare("r").await }
    });
    soon(stub.wait_for(3)).await;
    stub.release();
    assert_eq!(soon(asking).await.unwrap().unwrap(), "t2", "a dead token is not used");
}

#[tokio::test]
async fn failures_say_why_and_count_for_a_moment() {
    for (acts, part) in [
        (
            answer("401 Unauthorized", "", r#"{"error":"invalid_client"}"#),
            "401 Unauthorized with invalid_client. Check",
        ),
        (answer("500 Internal Server Error", "", "x"), "500 Internal Server Error. Check"),
        (answer("200 OK", "", "{}"), "no usable `access_token`"),
        (answer("200 OK", "", r#"{"access_token":"a\nb"}"#), "no usable `access_token`"),
        (vec![Act::Close], "gave no answer"),
        (vec![Act::Hang], "no complete answer in time"),
    ] {
        let stub = Stub::start(move |_, _| acts.clone()).await;
        let tokens = tokens(&credentials(&stub));
        for _ in 0..3 {
            let error = soon(tokens.authorization("r")).await.unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("s&="), "{error}");
        }
        assert_eq!(stub.seen().len(), 1);
    }
    let none = Tokens::new(None, Connector::new(None, connector::tls(None).unwrap()), &quick());
    assert!(matches!(none.authorization("r").await, Err(TokenError::NoIdentity)));
}

#[tokio::test]
async fn a_file_is_read_again() {
    let path = std::env::temp_dir().join(format!("hublet-token-{}", std::process::id()));
    let tokens = tokens(&Identity::TokenFile(path.clone()));
    let read = || soon(tokens.bare("any"));
    let forget = || *tokens.slot("any").lock() = State::default();
    assert!(matches!(read().await, Err(TokenError::File(_))));
    std::fs::write(&path, "first\n").unwrap();
    forget();
    assert_eq!(read().await.unwrap(), "first");
    std::fs::write(&path, "second").unwrap();
    assert_eq!(read().await.unwrap(), "first", "not for each event");
    if let Some(token) = &mut tokens.slot("any").lock().token {
        token.expires_at = Instant::now();
        token.refresh_at = token.expires_at;
    }
    assert_eq!(read().await.unwrap(), "second");
    std::fs::write(&path, " \n").unwrap();
    forget();
    assert!(matches!(read().await, Err(TokenError::File(_))));
    std::fs::remove_file::<PathBuf>(path).unwrap();
}
