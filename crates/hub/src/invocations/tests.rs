use hublet_wire::id::ConnId;

use super::*;
use crate::testing::Bench;

const ANSWER: &[&str] = &["/invocationId", "/success", "/dataType", "/data", "/error/name"];

fn invoke(bench: &mut Bench, id: ConnId, invocation: &str, event: &str) {
    bench.text(
        id,
        &format!(r#"{{"type":"invoke","invocationId":"{invocation}","target":"event","event":"{event}","dataType":"text","data":"x"}}"#),
    );
}

fn handled(reply: Option<Payload>) -> Verdict {
    Verdict::Handled { reply: reply.map(|payload| (payload, Metadata::new())), state: None }
}

#[test]
fn verdicts() {
    let mut bench = Bench::new();
    let id = bench.connect(false);
    for (verdict, expected) in [
        (handled(Some(Payload::Text("ü".into()))), "i true text ü"),
        (handled(Some(Payload::Json("{\"a\":1}".into()))), "i true json {\"a\":1}"),
        (handled(Some(Payload::Json(" null".into()))), "i true"),
        (handled(None), "i true"),
        (Verdict::Heard, "i false NotFound"),
        (Verdict::Failed, "i false InternalServerError"),
    ] {
        invoke(&mut bench, id, "i", "e");
        let told = bench.told();
        let event: u64 = told[0].split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(told, [format!("invoked {event} e x")]);
        bench.answer(id, event, verdict);
        assert_eq!(bench.read_members(id, ANSWER), [expected]);
    }
}

#[test]
fn other_requests_do_not_wait_for_the_answer() {
    let mut bench = Bench::new();
    let id = bench.connect(false);
    invoke(&mut bench, id, "1", "slow");
    invoke(&mut bench, id, "2", "quick");
    bench.text(id, r#"{"type":"ping"}"#);
    assert_eq!(bench.read(id), [r#"{"type":"pong"}"#]);
    assert_eq!(bench.told(), ["invoked 2 slow x", "invoked 3 quick x"]);
    bench.answer(id, 3, handled(None));
    bench.answer(id, 2, handled(None));
    assert_eq!(bench.read_members(id, ANSWER), ["2 true", "1 true"]);
    // Nor do invocations wait for the answer to an event.
    bench.text(id, r#"{"type":"event","event":"e","dataType":"text","data":"","ackId":1}"#);
    assert_eq!(bench.told(), ["event 4 e "]);
}

#[test]
fn ids_are_used_once_at_a_time() {
    let mut bench = Bench::new();
    let id = bench.connect(false);
    invoke(&mut bench, id, "1", "e");
    invoke(&mut bench, id, "1", "e");
    assert_eq!(bench.read_members(id, ANSWER), ["1 false BadRequest"]);
    for number in 2..=INVOCATIONS_MAX {
        invoke(&mut bench, id, &number.to_string(), "e");
    }
    assert!(bench.read(id).is_empty());
    invoke(&mut bench, id, "more", "e");
    assert_eq!(bench.read_members(id, ANSWER), ["more false BadRequest"]);
    bench.answer(id, 2, handled(None));
    bench.read(id);
    invoke(&mut bench, id, "more", "e");
    assert!(bench.read(id).is_empty());
}

#[test]
fn what_nobody_waits_for_is_cancelled() {
    let mut bench = Bench::new();
    let id = bench.connect(true);
    invoke(&mut bench, id, "1", "e");
    bench.told();
    bench.text(id, r#"{"type":"cancelInvocation","invocationId":"unknown"}"#);
    assert!(bench.told().is_empty());
    bench.text(id, r#"{"type":"cancelInvocation","invocationId":"1"}"#);
    assert_eq!(bench.told(), ["cancel 2 true"]);
    bench.answer(id, 2, handled(None));
    assert!(bench.read(id).is_empty(), "the late answer goes nowhere");
    invoke(&mut bench, id, "1", "e");
    bench.told();
    bench.cut(id);
    assert_eq!(bench.told(), ["cancel 3 true", "drop socket"]);
    assert!(bench.come_back(id));
    bench.answer(id, 3, handled(None));
    assert_eq!(bench.read_members(id, &["/event"]), ["connected"], "nothing is answered after a recovery");
    invoke(&mut bench, id, "1", "e");
    bench.told();
    bench.text(id, "{");
    assert!(bench.told().contains(&"cancel 4 true".to_owned()), "it ends with the connection");
}

#[test]
fn malformed_ones_are_refused_and_nobody_is_asked() {
    let mut bench = Bench::new();
    let id = bench.connect(false);
    bench.text(id, r#"{"type":"invoke","invocationId":"1","target":"other","event":"e"}"#);
    bench.text(id, r#"{"type":"invoke","invocationId":"2","target":"event","event":"e e"}"#);
    assert_eq!(bench.read_members(id, ANSWER), ["1 false BadRequest", "2 false BadRequest"]);
    assert!(bench.told().is_empty());
}
