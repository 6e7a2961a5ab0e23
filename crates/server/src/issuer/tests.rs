//! Signatures of another implementation. `testdata` has public keys as Node.js exports them, and one token of each
//! algorithm that OpenSSL signed; the private keys are gone.

use std::collections::BTreeMap;

use hublet_wire::jwt::{self, parse_key_set};

use super::*;
use crate::config::{Config, Settings};

const JWKS: &str = include_str!("testdata/jwks.json");
const TOKENS: &str = include_str!("testdata/tokens.json");
/// Within the lifetime of the tokens.
const NOW_S: i64 = 1_800_000_000;

fn tokens() -> BTreeMap<String, String> {
    serde_json::from_str(TOKENS).unwrap()
}

fn key_set() -> KeySet {
    KeySet::new(parse_key_set(JWKS.as_bytes()).unwrap())
}

/// The one issuer of the tokens, with further lines of configuration, its keys fetched.
fn issuers(more: &str) -> Arc<Issuers> {
    let text = format!("[[auth.issuers]]\nissuer = \"https://issuer.example.com\"\n{more}");
    let config = Config::new(&Settings::from_toml(&text).unwrap()).unwrap();
    let issuers = Issuers::new(&config.auth.issuers).unwrap();
    issuers.0[0].replace_keys(key_set());
    issuers
}

async fn authenticate(issuers: &Issuers, token: &str, now_s: i64) -> Result<Option<Access>, Denied> {
    let token = jwt::parse(token).unwrap();
    issuers.authenticate(&token, Algorithm::named(&token.header.alg).unwrap(), now_s).await
}

#[test]
fn signatures_of_three_algorithms() {
    let keys = key_set();
    assert!(keys.len() == 3 && keys.has("ec") && !keys.has("Ec"));
    let all = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];
    for (name, text) in tokens() {
        let token = jwt::parse(&text).unwrap();
        let kid = token.header.kid.as_deref().unwrap();
        let verify = |kid: &str, algorithm, input: &str, signature: &[u8]| {
            keys.verify(kid, algorithm, input, signature)
        };
        let right = Algorithm::named(&name).unwrap();
        let (input, signature) = (token.signing_input, token.signature.as_slice());
        assert_eq!(verify(kid, right, input, signature), Ok(()), "{name}");
        for other in all.into_iter().filter(|other| *other != right) {
            assert!(verify(kid, other, input, signature).is_err(), "{name} as {other:?}");
        }
        assert_eq!(verify(kid, right, &input[1..], signature), Err(Denied::IssuerSignature), "{name}");
        assert_eq!(verify(kid, right, input, &signature[1..]), Err(Denied::IssuerSignature), "{name}");
        assert_eq!(verify(kid, right, input, &[]), Err(Denied::IssuerSignature), "{name}");
        assert_eq!(verify(kid, right, input, &[0; 64]), Err(Denied::IssuerSignature), "{name}");
        assert_eq!(verify(kid, right, input, &[0; 256]), Err(Denied::IssuerSignature), "{name}");
        assert!(verify("other", right, input, signature).is_err(), "{name}");
        assert_eq!(verify("none", right, input, signature), Err(Denied::Key), "{name}");
    }
}

#[tokio::test]
async fn what_roles_allow() {
    let token = &tokens()["RS256"];
    for (more, expected) in [
        ("", Some(Access::All)),
        ("owner_roles = [\"x\"]\n", None),
        ("owner_roles = [\"x\"]\nreader_roles = [\"y\", \"Web PubSub Service Owner\"]\n", Some(Access::Read)),
        ("roles_claim = \"groups\"\n", None),
        ("roles_claim = \"kid\"\n", None),
    ] {
        assert_eq!(authenticate(&issuers(more), token, NOW_S).await, Ok(expected), "{more}");
    }
    // Who has no role may not even do what needs the least.
    assert!(None < Some(Access::Read) && Some(Access::Read) < Some(Access::All));
}

#[tokio::test]
async fn claims_are_checked() {
    let token = &tokens()["ES256"];
    for (more, now_s, expected) in [
        (
            "audiences = [\"api://other\", \"https://webpubsub.azure.com/.default\"]\n",
            NOW_S,
            Ok(Some(Access::All)),
        ),
        ("audiences = [\"api://other\"]\n", NOW_S, Err(Denied::IssuerAudience)),
        ("", 4_102_444_800 + 299, Ok(Some(Access::All))),
        ("", 4_102_444_800 + 300, Err(Denied::Token(jwt::TokenError::Expired))),
        ("", 1_700_000_000 - 300, Ok(Some(Access::All))),
        ("", 1_700_000_000 - 301, Err(Denied::Token(jwt::TokenError::NotYetValid))),
    ] {
        assert_eq!(authenticate(&issuers(more), token, now_s).await, expected, "{more} {now_s}");
    }
    let text = "[[auth.issuers]]\nissuer = \"https://issuer.example.com/\"\n";
    let config = Config::new(&Settings::from_toml(text).unwrap()).unwrap();
    let other = Issuers::new(&config.auth.issuers).unwrap();
    assert_eq!(authenticate(&other, token, NOW_S).await, Err(Denied::Issuer), "iss is compared exactly");
}

#[tokio::test]
async fn keys_that_are_not_there_are_waited_for_once() {
    let issuers = issuers("");
    let issuer = &issuers.0[0];
    *issuer.keys.write().unwrap() = None;
    let token = &tokens()["RS256"];
    let start = Instant::now();
    assert_eq!(authenticate(&issuers, token, NOW_S).await, Err(Denied::KeysMissing));
    assert!(start.elapsed() >= WAIT);
    issuer.demand.wanted().await;

    // The attempt ends while a request waits for it.
    let fetch = async {
        issuer.demand.begin();
        // The request was polled first.
        tokio::task::yield_now().await;
        issuer.replace_keys(key_set());
        issuer.demand.end();
    };
    let (answer, ()) = tokio::join!(authenticate(&issuers, token, NOW_S), fetch);
    assert_eq!(answer, Ok(Some(Access::All)));

    // The next unknown key comes too soon after it.
    issuer.replace_keys(KeySet::new(Vec::new()));
    let start = Instant::now();
    assert_eq!(authenticate(&issuers, token, NOW_S).await, Err(Denied::Key));
    assert!(start.elapsed() < WAIT);
}
