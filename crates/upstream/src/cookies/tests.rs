use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_000;

fn conn(slot: u32) -> ConnId {
    ConnId { nonce: [1; 11], shard: 0, slot, node: 1 }
}

fn store(jars: &Jars, uri: &str, lines: &[&str]) {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(SET_COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    jars.store(conn(0), &uri.parse().unwrap(), &headers, NOW);
}

/// The header of a request with the time that has passed since [`store`].
fn header_after(jars: &Jars, uri: &str, seconds: u64) -> Option<String> {
    let value = jars.header(conn(0), &uri.parse().unwrap(), NOW + seconds)?;
    Some(value.to_str().unwrap().to_owned())
}

fn header(jars: &Jars, uri: &str) -> Option<String> {
    header_after(jars, uri, 0)
}

/// What comes back to `sent` of one cookie that was set by `set`.
fn round_trip(set: &str, line: &str, sent: &str) -> Option<String> {
    let jars = Jars::default();
    store(&jars, set, &[line]);
    header(&jars, sent)
}

#[test]
fn a_cookie_comes_back_to_its_connection_alone() {
    let jars = Jars::default();
    store(&jars, "http://app.example/api/connect", &["ARRAffinity=x; Path=/; HttpOnly; Domain=app.example"]);
    assert_eq!(header(&jars, "http://app.example/api/connected").as_deref(), Some("ARRAffinity=x"));
    let uri = Uri::from_static("http://app.example/api/connected");
    assert_eq!(jars.header(conn(1), &uri, NOW), None);
    jars.forget(conn(0));
    assert_eq!(header(&jars, "http://app.example/api/connected"), None);
}

#[test]
fn domains() {
    let app = "http://App.example/";
    for (set, line, sent, expected) in [
        (app, "a=b", "http://app.EXAMPLE/", true),
        (app, "a=b", "http://app.example:8080/", true),
        (app, "a=b", "http://x.app.example/", false),
        (app, "a=b", "http://example/", false),
        (app, "a=b; Domain=app.example", "http://x.app.example/", true),
        (app, "a=b; Domain=.APP.example", "http://app.example/", true),
        (app, "a=b; Domain=app.example", "http://xapp.example/", false),
        ("http://x.app.example/", "a=b; Domain=app.example", "http://app.example/", true),
        // Neither somebody else's domain, nor one below, nor one that holds everybody.
        (app, "a=b; Domain=other.example", app, false),
        (app, "a=b; Domain=x.app.example", app, false),
        (app, "a=b; Domain=example", app, false),
        (app, "a=b; Domain=p.example", app, false),
        ("http://localhost:1/", "a=b; Domain=localhost", "http://localhost:2/", true),
        ("http://localhost/", "a=b; Domain=localhost", "http://x.localhost/", false),
        ("http://10.0.0.1/", "a=b", "http://10.0.0.1/", true),
        ("http://10.0.0.1/", "a=b; Domain=0.0.1", "http://10.0.0.1/", false),
        ("http://[::1]/", "a=b; Domain=[::1]", "http://[::1]:80/", true),
    ] {
        assert_eq!(round_trip(set, line, sent).is_some(), expected, "{set} {line} {sent}");
    }
}

#[test]
fn paths() {
    for (set, line, sent, expected) in [
        ("http://h", "a=b", "http://h/x", true),
        ("http://h/x", "a=b", "http://h/y/z", true),
        ("http://h/api/x", "a=b", "http://h/api/y?z=/", true),
        ("http://h/api/x", "a=b", "http://h/api", true),
        ("http://h/api/x", "a=b", "http://h/apix", false),
        ("http://h/api/x", "a=b", "http://h/", false),
        ("http://h/api/x", "a=b; Path=other", "http://h/api/", true),
        ("http://h/api/x", "a=b; Path=/", "http://h/y", true),
        ("http://h/api/x", "a=b; Path=/y/", "http://h/y/z", true),
        ("http://h/api/x", "a=b; Path=/y/", "http://h/y", false),
        ("http://h/api/x", "a=b; Path=/y", "http://h/Y", false),
    ] {
        assert_eq!(round_trip(set, line, sent).is_some(), expected, "{set} {line} {sent}");
    }
}

#[test]
fn secure_cookies_need_https() {
    for (line, sent, expected) in
        [("a=b; Secure", "http://h/", false), ("a=b; Secure", "https://h/", true), ("a=b", "http://h/", true)]
    {
        assert_eq!(round_trip("https://h/", line, sent).is_some(), expected, "{line} {sent}");
    }
}

#[test]
fn lifetimes() {
    let jars = Jars::default();
    let past = "Thu, 01 Jan 1970 00:00:01 GMT";
    store(&jars, "http://h/", &["stays=1", "short=2; Max-Age=10", &format!("past=3; Expires={past}")]);
    assert_eq!(header_after(&jars, "http://h/", 9).as_deref(), Some("stays=1; short=2"));
    assert_eq!(header_after(&jars, "http://h/", 10).as_deref(), Some("stays=1"));
    // An expired cookie takes one of the same name, domain and path away, and no other.
    store(&jars, "http://h/", &[&format!("short=; Expires={past}"), "stays=; Max-Age=0; Path=/x"]);
    assert_eq!(header(&jars, "http://h/").as_deref(), Some("stays=1"));
    store(&jars, "http://h/", &["stays=; Max-Age=-1"]);
    assert_eq!(header(&jars, "http://h/"), None);
    assert_eq!(format!("{jars:?}"), "Jars(0)");
}

#[test]
fn a_new_value_replaces_the_old_one_at_its_place() {
    let jars = Jars::default();
    store(&jars, "http://h/", &["a=1", "b=2", "a=3"]);
    assert_eq!(header(&jars, "http://h/").as_deref(), Some("a=3; b=2"));
}

#[test]
fn longer_paths_come_first() {
    let jars = Jars::default();
    store(&jars, "http://h/", &["a=1; Path=/", "a=2; Path=/x", "b=3; Path=/"]);
    assert_eq!(header(&jars, "http://h/x").as_deref(), Some("a=2; a=1; b=3"));
}

#[test]
fn what_is_no_cookie_makes_no_jar() {
    let jars = Jars::default();
    store(&jars, "http://h/", &["a", "=b", "a=ü", "a=b; Domain=other.example"]);
    store(&jars, "/path", &["a=b"]);
    store(&jars, "http://h/", &[]);
    assert_eq!(format!("{jars:?}"), "Jars(0)");
}

#[test]
fn limits() {
    let jars = Jars::default();
    let value = "v".repeat(COOKIE_BYTES_MAX - 1);
    store(&jars, "http://h/", &[&format!("a={value}"), &format!("b={value}v")]);
    assert_eq!(header(&jars, "http://h/"), Some(format!("a={value}")));
    // The oldest go when there are too many, or when they are too long together.
    let lines: Vec<String> = (0..COOKIES_MAX).map(|number| format!("c{number}=")).collect();
    store(&jars, "http://h/", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let sent = header(&jars, "http://h/").unwrap();
    assert_eq!((sent.split("; ").count(), sent.split("; ").next()), (COOKIES_MAX, Some("c0=")));
    let jars = Jars::default();
    let lines: Vec<String> = (0..5).map(|number| format!("{number}={value}")).collect();
    store(&jars, "http://h/", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let sent = header(&jars, "http://h/").unwrap();
    assert_eq!(sent.split("; ").map(|cookie| &cookie[..1]).collect::<String>(), "234");
    // A path that is too long for the jar must not empty it.
    store(&jars, "http://h/", &[&format!("a=b; Path=/{}", "p".repeat(JAR_BYTES_MAX))]);
    assert_eq!(header(&jars, "http://h/"), Some(sent));
}

#[test]
fn cookies_are_not_shown() {
    let jars = Jars::default();
    store(&jars, "http://h/", &["a=secret"]);
    let header = jars.header(conn(0), &Uri::from_static("http://h/"), NOW).unwrap();
    assert_eq!((format!("{jars:?}"), format!("{header:?}")), ("Jars(1)".to_owned(), "Sensitive".to_owned()));
}

proptest! {
    #[test]
    fn nothing_is_kept_beyond_the_limits(lines in prop::collection::vec("[a-c]=[a-z;=/ ]{0,20}(; (Path|Domain|Max-Age|Expires|Secure)=[/.a-z0-9]{0,8}){0,3}", 0..80)) {
        let jars = Jars::default();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        store(&jars, "https://a.b/c/d", &lines);
        if let Some(sent) = header(&jars, "https://a.b/c/d") {
            prop_assert!(sent.split("; ").count() <= COOKIES_MAX && sent.len() <= JAR_BYTES_MAX);
        }
    }
}
