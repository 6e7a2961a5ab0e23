use super::rig::{Rig, options};
use crate::pubsub::{Data, Frame, Metadata, Protocol, SendOptions};
use crate::session::{Cancel, Command};

fn send(text: &str) -> Command {
    Command::SendToGroup {
        group: "g".to_owned(),
        data: Data::Text(text.to_owned()),
        options: SendOptions::default(),
    }
}

fn sent(text: &str, id: u64) -> String {
    format!(r#"{{"type":"sendToGroup","group":"g","ackId":{id},"dataType":"text","data":"{text}"}}"#)
}

fn invoke(event: &str) -> Command {
    Command::Invoke { event: event.to_owned(), data: None, metadata: Metadata::new() }
}

#[test]
fn an_ack_answers_its_call() {
    let mut rig = Rig::connected(Protocol::Json);
    rig.call(send("a"));
    rig.call(send("b"));
    assert_eq!(rig.done(), [sent("a", 1), sent("b", 2)]);
    rig.ack(2);
    rig.json(r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Forbidden","message":"m"}}"#);
    rig.ack(9);
    assert_eq!(rig.done(), ["answer 2 done", "answer 1 Forbidden: m"]);
}

#[test]
fn after_a_recovery_everything_without_an_answer_is_sent_again_under_its_id() {
    let mut rig = Rig::connected(Protocol::JsonReliable);
    for text in ["a", "b", "c"] {
        rig.call(send(text));
    }
    rig.ack(2);
    rig.done();
    rig.lost();
    rig.call(send("d"));
    rig.socket_opened();
    rig.welcome("c1", "t1");
    assert_eq!(rig.done()[2..], ["event recovered".to_owned(), sent("a", 1), sent("c", 3), sent("d", 4)]);
    rig.json(r#"{"type":"ack","ackId":1,"success":false,"error":{"name":"Duplicate","message":"m"}}"#);
    rig.ack(3);
    assert_eq!(rig.done(), ["answer 1 done", "answer 3 done"]);
}

#[test]
fn after_the_end_of_a_connection_no_message_is_sent_again() {
    let mut rig = Rig::connected(Protocol::Json);
    rig.call(send("a"));
    rig.done();
    rig.lost();
    rig.call(send("b"));
    assert_eq!(rig.done(), ["answer 1 disconnected", "event disconnected c1", "connect"]);
    rig.socket_opened();
    rig.welcome("c2", "");
    assert_eq!(rig.done(), ["event connected c2".to_owned(), sent("b", 2)]);
}

#[test]
fn a_request_without_an_answer_is_repeated_and_given_up() {
    let mut rig = Rig::connected(Protocol::Json);
    rig.call(send("a"));
    for _ in 0..10 {
        rig.pass(10);
        rig.receive(crate::pubsub::Message::Pong);
    }
    let done = rig.done();
    assert_eq!(done.iter().filter(|done| **done == sent("a", 1)).count(), 3, "{done:?}");
    assert!(done.contains(&"answer 1 The service did not answer in time.".to_owned()), "{done:?}");
}

#[test]
fn only_so_many_calls_are_taken() {
    let mut rig = Rig::connected(Protocol::Json);
    for _ in 0..8 {
        assert!(rig.session.takes_calls());
        rig.call(send("a"));
    }
    assert!(!rig.session.takes_calls());
    rig.ack(1);
    assert!(rig.session.takes_calls());
}

#[test]
fn invocations_are_answered_cancelled_and_not_repeated() {
    let mut rig = Rig::connected(Protocol::JsonReliable);
    for event in ["a", "b", "c"] {
        rig.call(invoke(event));
    }
    rig.done();
    rig.json(r#"{"type":"invokeResponse","invocationId":"2","success":true,"dataType":"text","data":"x"}"#);
    rig.session.cancel(Cancel::Invocation(crate::session::CallId(1)));
    assert_eq!(
        rig.done(),
        [r#"answer 2 Some(Text("x"))"#, r#"{"type":"cancelInvocation","invocationId":"1"}"#]
    );
    rig.lost();
    rig.call(invoke("d"));
    assert_eq!(rig.done(), ["answer 3 disconnected", "event recovering", "recover c1 t1"]);
    rig.socket_opened();
    rig.welcome("c1", "t1");
    assert_eq!(
        rig.done(),
        ["event recovered", r#"{"type":"invoke","invocationId":"4","target":"event","event":"d"}"#]
    );
    rig.json(
        r#"{"type":"invokeResponse","invocationId":"4","success":false,"error":{"name":"N","message":"m"}}"#,
    );
    assert_eq!(rig.done(), ["answer 4 The invocation failed: N: m"]);
}

#[test]
fn a_hundred_invocations_are_under_way_and_others_wait_for_their_turn() {
    let mut rig = Rig::new(crate::session::Options { requests_max: 512, ..options(Protocol::JsonReliable) });
    rig.socket_opened();
    for _ in 0..250 {
        rig.call(invoke("e"));
    }
    rig.done();
    let request =
        |id: u64| format!(r#"{{"type":"invoke","invocationId":"{id}","target":"event","event":"e"}}"#);
    let requests = |ids: std::ops::RangeInclusive<u64>| ids.map(request).collect::<Vec<_>>();
    rig.welcome("c1", "t1");
    assert_eq!(rig.done()[2..], requests(1..=100));
    rig.call(send("others do not wait"));
    assert_eq!(rig.done(), [sent("others do not wait", 1)]);
    rig.json(r#"{"type":"invokeResponse","invocationId":"7","success":true}"#);
    assert_eq!(rig.done(), ["answer 7 None".to_owned(), request(101)]);
    rig.session.cancel(Cancel::Invocation(crate::session::CallId(150)));
    assert_eq!(rig.done(), [""; 0], "the service does not know it");
    rig.session.cancel(Cancel::Invocation(crate::session::CallId(50)));
    assert_eq!(rig.done(), [r#"{"type":"cancelInvocation","invocationId":"50"}"#.to_owned(), request(102)]);
    // What was under way is lost with the socket, and the others take its place.
    rig.lost();
    assert_eq!(rig.done().iter().filter(|done| done.ends_with(" disconnected")).count(), 100);
    rig.socket_opened();
    rig.welcome("c1", "t1");
    let next = [vec![sent("others do not wait", 1)], requests(103..=149), requests(151..=203)].concat();
    assert_eq!(rig.done()[1..], next);
    rig.session.stop();
    assert_eq!(rig.done().iter().filter(|done| done.ends_with(" stopped")).count(), 48);
}

#[test]
fn pongs_answer_pings_in_their_order() {
    let mut rig = Rig::connected(Protocol::Json);
    rig.call(Command::Ping);
    rig.call(Command::Ping);
    rig.receive(crate::pubsub::Message::Pong);
    assert_eq!(rig.done()[2..], ["answer 1 done"]);
    rig.lost();
    assert_eq!(rig.done()[0], "answer 2 disconnected");
    rig.call(Command::Ping);
    assert_eq!(rig.done().last().unwrap(), "answer 3 disconnected");
}

#[test]
fn ids_of_messages_that_the_program_wrote_are_left_out() {
    let mut rig = Rig::connected(Protocol::Json);
    rig.call(Command::Raw(Frame::Text(r#"{"type":"joinGroup","group":"g","ackId":7}"#.into())));
    rig.call(send("a"));
    assert_eq!(rig.done()[2], sent("a", 8));
}
