use super::rig::Rig;
use crate::pubsub::{GroupState, Protocol};
use crate::session::Command;

fn set(group: &str, value: &str) -> Command {
    let state = GroupState::from([("k".to_owned(), value.to_owned())]);
    Command::SetState { group: group.to_owned(), state: Some(state) }
}

fn clear(group: &str) -> Command {
    Command::SetState { group: group.to_owned(), state: None }
}

fn subscribe(group: &str) -> Command {
    Command::Subscribe { group: group.to_owned() }
}

fn sent(group: &str, value: &str, id: u64) -> String {
    format!(r#"{{"type":"setGroupState","group":"{group}","ackId":{id},"state":{{"k":"{value}"}}}}"#)
}

fn subscribed(group: &str, id: u64) -> String {
    format!(r#"{{"type":"subscribeGroupState","group":"{group}","ackId":{id}}}"#)
}

/// A client with a state in `a`, and a subscription to `a` and `b`; requests go on at 4.
fn client(protocol: Protocol) -> Rig {
    let mut rig = Rig::connected(protocol);
    rig.call(set("a", "1"));
    rig.call(subscribe("a"));
    rig.call(subscribe("b"));
    for id in 1..=3 {
        rig.ack(id);
    }
    assert_eq!(
        rig.done(),
        [
            sent("a", "1", 1),
            subscribed("a", 2),
            subscribed("b", 3),
            "answer 1 done".to_owned(),
            "answer 2 done".to_owned(),
            "answer 3 done".to_owned()
        ]
    );
    rig
}

#[test]
fn states_are_told_and_acknowledged() {
    let mut rig = client(Protocol::JsonReliable);
    let snapshot = r#"{"sequenceId":1,"type":"groupStateSnapshot","group":"a","items":[]}"#;
    rig.json(snapshot);
    rig.pass(1);
    assert_eq!(rig.done(), ["event 0 states of a", r#"{"type":"sequenceAck","sequenceId":1}"#]);
    // It comes again after a recovery that the acknowledgement did not reach.
    rig.json(snapshot);
    assert_eq!(rig.done(), [""; 0]);
}

#[test]
fn a_recovered_connection_has_its_states() {
    let mut rig = client(Protocol::JsonReliable);
    // Only what was asked for without an answer is asked for again.
    rig.call(set("a", "2"));
    rig.done();
    for _ in 0..2 {
        rig.lost();
        rig.socket_opened();
        rig.welcome("c1", "t1");
    }
    assert_eq!(
        rig.done()[4..],
        [
            "event recovering".to_owned(),
            "recover c1 t1".to_owned(),
            "event recovered".to_owned(),
            sent("a", "2", 4)
        ]
    );
    rig.ack(4);
    rig.lost();
    rig.socket_opened();
    rig.welcome("c1", "t1");
    assert_eq!(rig.done()[3..], ["event recovered"], "the service has them all");
}

#[test]
fn a_new_connection_joins_first() {
    let mut rig = client(Protocol::Json);
    rig.call(Command::Join { group: "a".to_owned() });
    rig.ack(4);
    rig.lost();
    rig.done();
    rig.socket_opened();
    rig.welcome("c2", "");
    assert_eq!(
        rig.done(),
        [
            "event connected c2".to_owned(),
            r#"{"type":"joinGroup","group":"a","ackId":5}"#.to_owned(),
            sent("a", "1", 6),
            subscribed("a", 7),
            subscribed("b", 8)
        ]
    );
    let refusal = |id| {
        format!(
            r#"{{"type":"ack","ackId":{id},"success":false,"error":{{"name":"Forbidden","message":"m"}}}}"#
        )
    };
    rig.json(&refusal(6));
    rig.json(&refusal(8));
    assert_eq!(rig.done(), ["event state in a lost: Forbidden", "event subscription to b lost: Forbidden"]);
    // What is lost is not tried again, and what was not answered is asked for once.
    rig.lost();
    rig.done();
    rig.socket_opened();
    rig.welcome("c3", "");
    assert_eq!(rig.done()[2..], [subscribed("a", 10)]);
}

#[test]
fn what_was_cleared_left_or_unsubscribed_does_not_come_back() {
    for (command, answered) in [(clear("a"), true), (clear("a"), false)]
        .into_iter()
        .chain([true, false].map(|answered| (Command::Leave { group: "a".to_owned() }, answered)))
    {
        let mut rig = client(Protocol::Json);
        rig.call(command);
        rig.call(Command::Unsubscribe { group: "a".to_owned() });
        if answered {
            rig.ack(4);
            rig.ack(5);
        }
        rig.lost();
        rig.done();
        rig.socket_opened();
        rig.welcome("c2", "");
        let done = rig.done();
        assert_eq!(done[..2], ["event connected c2".to_owned(), subscribed("b", 6)]);
        assert!(done.iter().all(|done| !done.contains(r#""state""#)), "{done:?}");
        assert_eq!(done.len(), if answered { 2 } else { 4 }, "{done:?}");
    }
}

#[test]
fn a_state_that_was_set_before_a_leave_goes_with_it() {
    let mut rig = client(Protocol::Json);
    rig.call(set("a", "2"));
    rig.call(Command::Leave { group: "a".to_owned() });
    rig.ack(4);
    rig.ack(5);
    rig.lost();
    rig.done();
    rig.socket_opened();
    rig.welcome("c2", "");
    assert_eq!(rig.done(), ["event connected c2".to_owned(), subscribed("a", 6), subscribed("b", 7)]);
}
