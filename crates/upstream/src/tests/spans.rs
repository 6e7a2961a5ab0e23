//! Calls as parts of distributed traces.

use std::sync::{Arc, Mutex};

use hublet_wire::trace_context::TraceContext;

use super::rig::{connect, courier, development, handler, user};
use super::stub::{Stub, answer, ok, soon};
use crate::courier::Courier;
use crate::observer::{CallSpan, Notice};

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

fn context(span: u64, state: &str) -> TraceContext {
    TraceContext { trace: TRACE, span, sampled: true, state: state.to_owned() }
}

/// What was told of calls: the span, and the statuses of the attempts.
type Told = Arc<Mutex<Vec<(CallSpan, Vec<Option<u16>>)>>>;

/// Gives spans 1, 2, 3, …
fn watch(courier: &Courier) -> Told {
    let (told, count) = (Told::default(), Mutex::new(0));
    let own = Arc::clone(&told);
    courier.upstream().use_spans(Box::new(move |parent| {
        let mut count = count.lock().unwrap();
        *count += 1;
        let state = parent.map(|parent| parent.state.as_str()).unwrap_or_default();
        CallSpan { context: context(*count, state), parent: parent.map(|parent| parent.span) }
    }));
    courier.upstream().use_observer(Box::new(move |notice| {
        let Notice::Called(call) = notice else { return };
        let statuses = call.each_attempt().map(|attempt| attempt.status).collect();
        own.lock().unwrap().push((call.span().expect("a span").clone(), statuses));
    }));
    told
}

#[tokio::test]
async fn handlers_are_told_the_span_of_their_call() {
    let stub = Stub::start(|_, index| match index {
        0 => answer("503 Service Unavailable", "", ""),
        _ => ok(),
    })
    .await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    let told = watch(&courier);
    let parent = context(0xabc, "x=1");
    soon(courier.connect_within(connect(1), Some(parent))).await.unwrap();
    soon(super::rig::ask(&courier, user(1, 2, "hi"))).await.unwrap();
    let seen = stub.seen();
    let headers: Vec<_> =
        seen.iter().map(|seen| (seen.header("traceparent").unwrap(), seen.header("tracestate"))).collect();
    let first = context(1, "").to_string();
    let second = context(2, "").to_string();
    // A second attempt is a copy of the first.
    let expected = [(first.as_str(), Some("x=1")), (&first, Some("x=1")), (&second, None)];
    assert_eq!(headers, expected);
    let told = told.lock().unwrap();
    let spans = [
        CallSpan { context: context(1, "x=1"), parent: Some(0xabc) },
        CallSpan { context: context(2, ""), parent: None },
    ];
    assert_eq!(told[0], (spans[0].clone(), vec![Some(503), Some(204)]));
    assert_eq!(told[1], (spans[1].clone(), vec![Some(204)]));
}

#[tokio::test]
async fn without_anybody_who_traces_there_is_no_header() {
    let stub = Stub::start(|_, _| ok()).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    soon(courier.connect_within(connect(1), Some(context(1, "x=1")))).await.unwrap();
    let seen = stub.seen();
    assert!(!seen[0].names().iter().any(|name| name.starts_with("trace")), "{:?}", seen[0].names());
}
