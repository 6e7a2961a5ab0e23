//! What must hold for the body of every `connect`: it is JSON with the five keys, the token is in none of them, and
//! nothing else is lost, grouped by name.

use std::borrow::Cow;

use hublet_wire::cloudevents::connect::{ConnectBody, claims_of_token};
use hublet_wire::{jwt, percent};

const KEYS: [&str; 5] = ["claims", "query", "headers", "subprotocols", "clientCertificates"];

type Lists = Vec<(String, Vec<String>)>;

/// The query, headers with a colon in each, an empty line, and the payload of a token.
pub(crate) fn check(data: &[u8]) {
    let mut rest = data;
    let query = String::from_utf8_lossy(line(&mut rest));
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
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (&**name, *value)).collect();
    let claims = claims_of_token(&token(rest));

    let body = ConnectBody::default()
        .claims(claims.clone())
        .query(percent::query_pairs(&query))
        .headers(headers.iter().copied())
        .to_json();
    let members = object(&body);
    assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), KEYS);
    let [shown_claims, shown_query, shown_headers] = [0, 1, 2].map(|at| object(members[at].1[0].as_bytes()));

    assert_eq!(shown_claims, claims);
    check_claims(&claims, rest);
    let sent = percent::query_pairs(&query).filter(|(name, _)| !name.eq_ignore_ascii_case("access_token"));
    assert_eq!(shown_query, grouped(sent));
    let sent = headers.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name != "authorization" && !name.starts_with("x-asrs-internal-")
    });
    let sent = sent.map(|(name, value)| (Cow::Borrowed(*name), String::from_utf8_lossy(value)));
    assert_eq!(shown_headers, grouped(sent));
}

/// Takes a line off, without its end.
fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    line
}

fn token(payload: &[u8]) -> String {
    jwt::with_signature(jwt::with_signature("e30".to_owned(), payload), b"signature")
}

/// The members of a JSON object: a payload of a token is one too.
fn object(json: &[u8]) -> Lists {
    jwt::claim_texts(&token(json)).expect("a JSON object")
}

fn grouped<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Lists {
    let mut lists: Lists = Vec::new();
    for (name, value) in pairs {
        let value = value.into_owned();
        match lists.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => lists.push((name.into_owned(), vec![value])),
        }
    }
    lists
}

/// The claims are those of the payload, and then at most the two long names.
fn check_claims(claims: &Lists, payload: &[u8]) {
    let token = token(payload);
    let listed = jwt::claim_texts(&token).unwrap_or_default();
    let values = |name: &str| -> Vec<String> {
        let same = listed.iter().filter(|(known, _)| known == name);
        same.flat_map(|(_, values)| values.clone()).collect()
    };
    let mut long = 0;
    for (at, (name, shown)) in claims.iter().enumerate() {
        assert!(claims[..at].iter().take(50).all(|(earlier, _)| earlier != name));
        if listed.iter().any(|(known, _)| known == name) {
            assert_eq!(*shown, values(name));
        } else {
            let short = if name.ends_with("/role") { "role" } else { "sub" };
            assert_eq!(*shown, values(short));
            long += 1;
        }
    }
    assert!(long <= 2);
    assert!(listed.iter().all(|(name, _)| claims.iter().any(|(known, _)| known == name)));
}
