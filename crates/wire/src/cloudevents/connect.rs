//! The body of `connect` (event-handlers.md §5.1). What it is made of came in one request, whose head is limited; the
//! body is a small multiple of that.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::jwt;

/// Captures of the original have these names of claims beside the short ones.
const ALIASES: [(&str, &str); 2] = [
    ("sub", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"),
    ("role", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"),
];

/// Headers that stay here: they are meant for this service alone.
const INTERNAL_PREFIX: &str = "x-asrs-internal-";

/// Base64 characters in a line of PEM (RFC 7468 §2).
const PEM_LINE_CHARS: usize = 64;

/// What the application gets to know about a client that asks to connect. All parts may stay empty.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectBody<'a> {
    claims: Groups<'a>,
    query: Groups<'a>,
    headers: Groups<'a>,
    subprotocols: Vec<&'a str>,
    client_certificates: Vec<ClientCertificate>,
}

impl<'a> ConnectBody<'a> {
    /// The claims of the token, see [`claims_of_token`].
    #[must_use]
    pub fn claims(mut self, claims: Vec<(String, Vec<String>)>) -> Self {
        for (name, values) in claims {
            self.claims.values(name.into()).extend(values.into_iter().map(Cow::Owned));
        }
        self
    }

    /// The parameters of the client's URL, decoded. The token is left out.
    #[must_use]
    pub fn query(mut self, parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        for (name, value) in parameters {
            if !name.eq_ignore_ascii_case("access_token") {
                self.query.values(name).push(value);
            }
        }
        self
    }

    /// The headers of the handshake. The token and what is internal are left out; bytes that are not UTF-8 become
    /// replacement characters.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        for (name, value) in headers {
            if !is_withheld(name) {
                self.headers.values(name.into()).push(String::from_utf8_lossy(value));
            }
        }
        self
    }

    /// The subprotocols that the client offers, in its order.
    #[must_use]
    pub fn subprotocols(mut self, offered: impl IntoIterator<Item = &'a str>) -> Self {
        self.subprotocols.extend(offered);
        self
    }

    /// The certificates of the client's TLS connection in DER.
    #[must_use]
    pub fn certificates<'c>(mut self, certificates: impl IntoIterator<Item = &'c [u8]>) -> Self {
        self.client_certificates.extend(certificates.into_iter().map(ClientCertificate::new));
        self
    }

    /// The body as JSON: all five keys, also the empty ones.
    pub fn to_json(&self) -> Bytes {
        super::json(self)
    }
}

fn is_withheld(header: &str) -> bool {
    let is_internal = |start: &str| start.eq_ignore_ascii_case(INTERNAL_PREFIX);
    header.eq_ignore_ascii_case("authorization")
        || header.get(..INTERNAL_PREFIX.len()).is_some_and(is_internal)
}

/// Lists by name, in the order in which the names came first. Names that differ in case are different names.
#[derive(Debug, Default)]
struct Groups<'a> {
    lists: Vec<(Cow<'a, str>, Vec<Cow<'a, str>>)>,
    /// Where a name is in `lists`: a client may send thousands of names.
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Groups<'a> {
    /// The list of a name, empty when it is new.
    fn values(&mut self, name: Cow<'a, str>) -> &mut Vec<Cow<'a, str>> {
        let place = *self.places.entry(name).or_insert_with_key(|name| {
            self.lists.push((name.clone(), Vec::new()));
            self.lists.len() - 1
        });
        &mut self.lists[place].1
    }
}

impl Serialize for Groups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.lists.iter().map(|(name, values)| (name, values)))
    }
}

#[derive(Debug, Serialize)]
struct ClientCertificate {
    /// SHA-1 in hexadecimal.
    thumbprint: String,
    /// PEM with the line ends of the original.
    content: String,
}

impl ClientCertificate {
    fn new(der: &[u8]) -> Self {
        let mut hash = sha1_smol::Sha1::new();
        hash.update(der);
        let base64 = STANDARD.encode(der);
        let mut content = "-----BEGIN CERTIFICATE-----\r\n".to_owned();
        for line in base64.as_bytes().chunks(PEM_LINE_CHARS) {
            content.push_str(&String::from_utf8_lossy(line));
            content.push_str("\r\n");
        }
        content.push_str("-----END CERTIFICATE-----");
        let mut thumbprint = String::new();
        for byte in hash.digest().bytes() {
            // Writing to a string cannot fail.
            let _ = write!(thumbprint, "{byte:02X}");
        }
        Self { thumbprint, content }
    }
}

/// All claims of a token that was verified before, as `connect` has them: names in the order of first appearance,
/// strings as they are, other values as their JSON text, and then the long names of the original. Nothing for a text
/// that is no token.
pub fn claims_of_token(token: &str) -> Vec<(String, Vec<String>)> {
    let mut groups = Groups::default();
    for (name, values) in jwt::claim_texts(token).unwrap_or_default() {
        groups.values(name.into()).extend(values.into_iter().map(Cow::Owned));
    }
    for (name, alias) in ALIASES {
        if let Some(place) = groups.places.get(name)
            && !groups.places.contains_key(alias)
        {
            let values = groups.lists[*place].1.clone();
            groups.values(alias.into()).extend(values);
        }
    }
    let owned = |(name, values): (Cow<'_, str>, Vec<Cow<'_, str>>)| {
        (name.into_owned(), values.into_iter().map(Cow::into_owned).collect())
    };
    groups.lists.into_iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percent;

    fn token(payload: &str) -> String {
        let payload = jwt::with_signature(String::new(), payload.as_bytes());
        jwt::with_signature(format!("e30{payload}"), b"signature")
    }

    /// Claims as `connect` shows them.
    fn claims(payload: &str) -> String {
        let body = ConnectBody::default().claims(claims_of_token(&token(payload))).to_json();
        let text = std::str::from_utf8(&body).unwrap();
        let (claims, rest) = text.strip_prefix(r#"{"claims":"#).unwrap().split_once(r#","query""#).unwrap();
        assert!(rest.starts_with(":{},"), "{text}");
        claims.to_owned()
    }

    #[test]
    fn the_body_of_the_reference() {
        let token = token(r#"{"sub":"alice","role":["webpubsub.sendToGroup"],"exp":1790000000}"#);
        let headers: [(&str, &[u8]); 2] =
            [("Host", b"wps.example"), ("Sec-WebSocket-Protocol", b"json.webpubsub.azure.v1")];
        let body = ConnectBody::default()
            .claims(claims_of_token(&token))
            .query(percent::query_pairs("id=1"))
            .headers(headers)
            .subprotocols(["json.webpubsub.azure.v1"])
            .to_json();
        assert_eq!(
            body,
            concat!(
                r#"{"claims":{"sub":["alice"],"role":["webpubsub.sendToGroup"],"exp":["1790000000"],"#,
                r#""http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier":["alice"],"#,
                r#""http://schemas.microsoft.com/ws/2008/06/identity/claims/role":["webpubsub.sendToGroup"]},"#,
                r#""query":{"id":["1"]},"#,
                r#""headers":{"Host":["wps.example"],"Sec-WebSocket-Protocol":["json.webpubsub.azure.v1"]},"#,
                r#""subprotocols":["json.webpubsub.azure.v1"],"clientCertificates":[]}"#
            )
        );
    }

    #[test]
    fn repeated_claims_and_lists_give_several_strings() {
        assert_eq!(
            claims(r#"{"a":"1","b":"x","a":["2","3"],"A":"4"}"#),
            r#"{"a":["1","2","3"],"b":["x"],"A":["4"]}"#
        );
        assert_eq!(claims(r#"{"a":[],"b":null,"b":""}"#), r#"{"a":[],"b":[""]}"#);
    }

    #[test]
    fn claims_that_are_no_strings_are_their_json_text() {
        for (value, expected) in [
            ("1629183374", r#"["1629183374"]"#),
            ("-1.50e+3", r#"["-1.50e+3"]"#),
            ("18446744073709551616", r#"["18446744073709551616"]"#),
            ("true", r#"["true"]"#),
            ("[false, 1.0, null]", r#"["false","1.0","null"]"#),
            (r#"{"b": ["c"]}"#, r#"["{\"b\": [\"c\"]}"]"#),
            (r#"[["b"]]"#, r#"["[\"b\"]"]"#),
            (r#""\u7528\u6237 \"""#, r#"["用户 \""]"#),
        ] {
            assert_eq!(claims(&format!(r#"{{"a":{value}}}"#)), format!(r#"{{"a":{expected}}}"#), "{value}");
        }
    }

    #[test]
    fn a_claim_with_a_long_name_is_not_overwritten() {
        let long = ALIASES[0].1;
        let payload = format!(r#"{{"{long}":"given","sub":"s"}}"#);
        assert_eq!(claims(&payload), format!(r#"{{"{long}":["given"],"sub":["s"]}}"#));
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for text in ["", "a", "a.b", "..", "e30.W10.", "e30.e30=.", &token("[]"), &token("{")] {
            assert_eq!(claims_of_token(text), [], "{text}");
        }
    }

    #[test]
    fn the_query_has_no_token() {
        let query = "id=1&access_token=s&Access_Token=s&ACCESS%5FTOKEN=s&id=2&ID=3&empty&a%20b=%C3%BC+%ff&access_tokens=x";
        let body = ConnectBody::default().query(percent::query_pairs(query)).to_json();
        assert_eq!(
            body,
            concat!(
                r#"{"claims":{},"query":{"id":["1","2"],"ID":["3"],"empty":[""],"a b":["ü "#,
                "\u{fffd}",
                r#""],"access_tokens":["x"]},"headers":{},"subprotocols":[],"clientCertificates":[]}"#
            )
        );
    }

    #[test]
    fn headers_that_stay_here_and_headers_that_go_on() {
        let headers: [(&str, &[u8]); 8] = [
            ("Cookie", b"a=1"),
            ("Authorization", b"Bearer s"),
            ("authorization", b"Bearer s"),
            ("X-ASRS-Internal-Id", b"s"),
            ("x-asrs-internal-", b"s"),
            ("X-ASRS", b"kept"),
            ("Cookie", b"b=\xff"),
            ("User-Agent", b"\xe7\x94\xa8"),
        ];
        let body = ConnectBody::default().headers(headers).to_json();
        assert_eq!(
            body,
            concat!(
                r#"{"claims":{},"query":{},"headers":{"Cookie":["a=1","b="#,
                "\u{fffd}",
                r#""],"X-ASRS":["kept"],"User-Agent":["用"]},"subprotocols":[],"clientCertificates":[]}"#
            )
        );
    }

    #[test]
    fn all_five_keys_are_there_even_if_empty() {
        assert_eq!(
            ConnectBody::default().to_json(),
            r#"{"claims":{},"query":{},"headers":{},"subprotocols":[],"clientCertificates":[]}"#
        );
    }

    #[test]
    fn certificates_have_a_thumbprint_and_pem() {
        let body = ConnectBody::default().certificates([&b"abc"[..], &[0; 49]]).to_json();
        assert_eq!(
            body,
            concat!(
                r#"{"claims":{},"query":{},"headers":{},"subprotocols":[],"clientCertificates":["#,
                r#"{"thumbprint":"A9993E364706816ABA3E25717850C26C9CD0D89D","#,
                r#""content":"-----BEGIN CERTIFICATE-----\r\nYWJj\r\n-----END CERTIFICATE-----"},"#,
                r#"{"thumbprint":"6B3D33E00F5B9DEAE2826F80644CB4F6E78B7401","#,
                r#""content":"-----BEGIN CERTIFICATE-----\r\n"#,
                r#"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"#,
                r#"AA==\r\n-----END CERTIFICATE-----"}]}"#
            )
        );
    }
}
