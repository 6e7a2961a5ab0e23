use std::borrow::Cow;

use http::Request;
use hublet_wire::client::protobuf::{Value as Field, fields};

use super::span::{Attribute, Kind, SpanEvent};
use super::*;
use crate::config::{Config, Settings};

const TRACEPARENT_SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(super) fn span() -> Span {
    Span {
        context: TraceContext { trace: 1, span: 2, sampled: true, state: String::new() },
        parent: None,
        name: "n".to_owned(),
        kind: Kind::Client,
        start_ns: 1,
        end_ns: 2,
        attributes: Vec::new(),
        events: Vec::new(),
        error: None,
    }
}

fn spans(text: &str) -> Spans {
    let config = Config::new(&Settings::from_toml(text).unwrap()).unwrap();
    Spans::new(config.otlp.as_ref().unwrap())
}

fn request(traceparent: &str) -> Parts {
    let uri = "http://h/api/hubs/chat/users/ann/:send?filter=secret";
    Request::post(uri).header("traceparent", traceparent).body(()).unwrap().into_parts().0
}

/// A span of a request with this answer.
fn finished(spans: &Spans, traceparent: &str, status: StatusCode) -> Option<Span> {
    let hub = Arc::from("chat");
    let begun = spans.begin(&request(traceparent), Some(&hub), "api/hubs/{hub}/users/{userId}/:send")?;
    spans.finish(begun, status);
    spans.queue.take().0.pop()
}

fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find_map(|(known, value)| (*known == name).then_some(value))
}

#[test]
fn requests_are_spans() {
    let spans = spans("[otlp]\n");
    let good = finished(&spans, TRACEPARENT_SAMPLED, StatusCode::ACCEPTED).unwrap();
    assert_eq!(good.context.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(good.parent, Some(0xb7ad_6b71_6920_3331));
    assert_eq!(good.name, "POST /api/hubs/{hub}/users/{userId}/:send");
    assert_eq!((good.kind, &good.error), (Kind::Server, &None));
    assert!(good.start_ns > 0 && good.end_ns >= good.start_ns);
    let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
    for (name, value) in [
        ("http.request.method", text("POST")),
        ("http.route", text("/api/hubs/{hub}/users/{userId}/:send")),
        ("url.path", text("/api/hubs/chat/users/ann/:send")),
        ("hublet.hub", text("chat")),
        ("http.response.status_code", Value::Number(202)),
    ] {
        assert_eq!(attribute(&good, name), Some(&value), "{name}");
    }
    assert!(!format!("{good:?}").contains("secret"), "{good:?}");
    let bad = finished(&spans, "", StatusCode::SERVICE_UNAVAILABLE).unwrap();
    assert_eq!((bad.parent, bad.error.as_deref()), (None, Some("")));
    assert_eq!(attribute(&bad, "error.type"), Some(&text("503")));
    assert_eq!(finished(&spans, "", StatusCode::NOT_FOUND).unwrap().error, None);
}

#[test]
fn a_parent_that_is_not_recorded_makes_no_span() {
    let all = spans("[otlp]\n");
    let unsampled = TRACEPARENT_SAMPLED.replace("-01", "-00");
    assert_eq!(finished(&all, &unsampled, StatusCode::OK), None);
    let none = spans("[otlp]\nsample_ratio = 0\n");
    assert_eq!(finished(&none, "", StatusCode::OK), None);
    assert!(finished(&none, TRACEPARENT_SAMPLED, StatusCode::OK).is_some(), "its caller wants it");
}

#[test]
fn refusals_do_not_push_out_everything_else() {
    let spans = spans("[otlp]\n");
    let count = |status| (0..1_000).filter(|_| finished(&spans, "", status).is_some()).count();
    // The limit is one of a second, and a slow machine takes more than one.
    assert!(count(StatusCode::UNAUTHORIZED) < 1_000);
    assert_eq!(count(StatusCode::OK), 1_000);
}

/// The values of a field.
fn values(message: &[u8], number: u32) -> Vec<Field<'_>> {
    let read = fields(message).map(|field| field.expect("a field"));
    read.filter(|(known, _)| *known == number).map(|(_, value)| value).collect()
}

fn only(message: &[u8], number: u32) -> &[u8] {
    let values = values(message, number);
    assert_eq!(values.len(), 1, "field {number} of {message:?}");
    values[0].bytes().expect("bytes")
}

/// The field numbers are those of opentelemetry/proto/trace/v1/trace.proto.
#[test]
fn the_schema_of_otlp() {
    let first = Span {
        context: TraceContext { trace: 0x0102, span: 0x0304, sampled: true, state: "x=1".to_owned() },
        parent: Some(0x0506),
        attributes: vec![("key", Value::Text("value".into())), ("number", Value::Number(300))],
        events: vec![SpanEvent { time_ns: 9, name: "attempt", attributes: vec![("n", Value::Number(1))] }],
        error: Some("why".to_owned()),
        ..span()
    };
    let resource: [Attribute; 1] = [("service.name", Value::Text("hublet".into()))];
    let request = encode::request(&resource, &[first, span()]);
    let resource_spans = only(&request, 1);
    let service = only(only(resource_spans, 1), 1);
    assert_eq!((only(service, 1), only(only(service, 2), 1)), (&b"service.name"[..], &b"hublet"[..]));
    let scope_spans = only(resource_spans, 2);
    assert_eq!(only(only(scope_spans, 1), 1), b"hublet");
    let spans = values(scope_spans, 2);
    assert_eq!(spans.len(), 2);
    let span = spans[0].bytes().unwrap();
    assert_eq!(only(span, 1), [&[0; 14][..], &[1, 2]].concat());
    assert_eq!(only(span, 2), [0, 0, 0, 0, 0, 0, 3, 4]);
    assert_eq!((only(span, 3), only(span, 4)), (&b"x=1"[..], &[0, 0, 0, 0, 0, 0, 5, 6][..]));
    assert_eq!((only(span, 5), values(span, 6)), (&b"n"[..], vec![Field::Number(3)]));
    // Both times are numbers of eight bytes, the lowest first.
    assert_eq!((values(span, 7), values(span, 8)), (vec![Field::Fixed], vec![Field::Fixed]));
    let times = [0x39, 1, 0, 0, 0, 0, 0, 0, 0, 0x41, 2, 0, 0, 0, 0, 0, 0, 0];
    assert!(span.windows(times.len()).any(|window| window == times), "{span:?}");
    let attributes = values(span, 9);
    assert_eq!(only(only(attributes[0].bytes().unwrap(), 2), 1), b"value");
    assert_eq!(values(only(attributes[1].bytes().unwrap(), 2), 3), [Field::Number(300)]);
    let event = only(span, 11);
    assert_eq!((values(event, 1), only(event, 2)), (vec![Field::Fixed], &b"attempt"[..]));
    assert_eq!(only(only(event, 3), 1), b"n");
    let status = only(span, 15);
    assert_eq!((only(status, 2), values(status, 3)), (&b"why"[..], vec![Field::Number(2)]));
    let plain = spans[1].bytes().unwrap();
    assert!([3, 4, 9, 11, 15].iter().all(|number| values(plain, *number).is_empty()), "{plain:?}");
}

#[test]
fn rejected_spans_are_read() {
    assert_eq!(encode::rejected(&[]), 0);
    assert_eq!(encode::rejected(&[0x0a, 5, 0x08, 3, 0x12, 1, b'x']), 3);
    for nonsense in [&[0x0a, 0xff][..], b"{}", &[0x08, 1], &[0x0a, 2, 0x12, 0]] {
        assert_eq!(encode::rejected(nonsense), 0, "{nonsense:?}");
    }
}
