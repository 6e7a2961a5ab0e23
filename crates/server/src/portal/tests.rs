//! The cookie, and what else a request shows of where it comes from.

use http::Request;

use super::*;

fn request(cookies: &[&str]) -> Parts {
    let builder = cookies.iter().fold(Request::builder(), |builder, value| builder.header(COOKIE, *value));
    builder.body(()).unwrap().into_parts().0
}

#[test]
fn cookies_of_our_name() {
    let ids = |values: &[&str]| cookies(&request(values)).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(ids(&["hublet_session=a"]), ["a"]);
    assert_eq!(ids(&["x=1; hublet_session=a=; y", "hublet_session=b"]), ["a=", "b"]);
    let many: String = (0..9).map(|n| format!("hublet_session={n};")).collect();
    assert_eq!(ids(&[&many]), ["0", "1", "2", "3"]);
    for none in [
        &[][..],
        &[""],
        &["hublet_session="],
        &["Hublet_Session=a"],
        &["xhublet_session=a"],
        &["hublet_session"],
    ] {
        assert_eq!(ids(none), [] as [&str; 0], "{none:?}");
    }
}

#[test]
fn nobody_else_sees_the_cookie() {
    let rest = |value: &str| without_session(value.as_bytes()).map(|rest| String::from_utf8(rest).unwrap());
    for (value, expected) in [
        ("a=1; b=2", Some("a=1; b=2")),
        ("hublet_session=s", None),
        ("hublet_session=s; a=1", Some("a=1")),
        ("a=1; hublet_session=s;b=2", Some("a=1;b=2")),
        ("a=1;hublet_session", Some("a=1")),
        ("hublet_session =s; hublet_session=t", None),
        ("hublet_session_other=1", Some("hublet_session_other=1")),
    ] {
        assert_eq!(rest(value).as_deref(), expected, "{value}");
    }
}
