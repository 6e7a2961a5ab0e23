use super::rig::{Rig, options};
use crate::pubsub::{Message, Protocol};
use crate::session::{Command, Options};

const RELIABLE: Protocol = Protocol::JsonReliable;

#[test]
fn the_first_connection_is_tried_once() {
    let mut rig = Rig::new(options(RELIABLE));
    assert_eq!(rig.done(), ["connect"]);
    rig.refused();
    assert_eq!(rig.done(), ["answer 0 The connection ended without a close frame.", "event stopped"]);
    assert!(rig.session.is_stopped());

    let mut silent = Rig::new(options(RELIABLE));
    silent.socket_opened();
    silent.pass(10);
    assert_eq!(silent.done()[1..], ["drop", "answer 0 The service did not answer in time.", "event stopped"]);
}

#[test]
fn a_lost_socket_is_recovered_and_nothing_comes_twice() {
    let mut rig = Rig::connected(RELIABLE);
    rig.group(1);
    rig.group(2);
    rig.lost();
    assert_eq!(rig.done(), ["event m1", "event m2", "event recovering", "recover c1 t1"]);
    rig.socket_opened();
    rig.welcome("c1", "t2");
    assert_eq!(rig.done(), ["event recovered", r#"{"type":"sequenceAck","sequenceId":2}"#]);
    // What was not acknowledged comes again.
    rig.group(2);
    rig.group(3);
    assert_eq!(rig.done(), ["event m3"]);
    // The newest token is used.
    rig.closed(1012);
    assert_eq!(rig.done(), ["event recovering", "recover c1 t2"]);
}

#[test]
fn a_recovery_is_tried_each_second_for_half_a_minute() {
    let mut rig = Rig::connected(RELIABLE);
    rig.lost();
    assert_eq!(rig.done(), ["event recovering", "recover c1 t1"]);
    for _ in 1..30 {
        rig.refused();
        assert_eq!(rig.done(), [""; 0]);
        rig.pass(1);
        assert_eq!(rig.done(), ["recover c1 t1"]);
    }
    rig.refused();
    assert_eq!(rig.done(), ["event disconnected c1", "connect"]);
}

#[test]
fn after_a_refused_recovery_a_new_connection_is_made_at_once() {
    let mut rig = Rig::connected(RELIABLE);
    rig.lost();
    rig.socket_opened();
    rig.receive(Message::Disconnected { message: "no".to_owned() });
    rig.closed(1008);
    assert_eq!(
        rig.done(),
        ["event recovering", "recover c1 t1", "event disconnected c1 no (1008)", "connect"]
    );
    // New connections are tried for ever.
    for _ in 0..100 {
        rig.refused();
        assert_eq!(rig.done(), [""; 0]);
        rig.pass(1);
        assert_eq!(rig.done(), ["connect"]);
    }
    rig.socket_opened();
    rig.welcome("c2", "t");
    assert_eq!(rig.done(), ["event connected c2"]);
    // Its messages are numbered anew.
    rig.group(1);
    assert_eq!(rig.done(), ["event m1"]);
}

#[test]
fn a_service_need_not_say_connected_again() {
    let mut rig = Rig::connected(RELIABLE);
    rig.lost();
    rig.socket_opened();
    rig.group(1);
    assert_eq!(rig.done()[2..], ["event recovered", "event m1"]);
    rig.lost();
    rig.socket_opened();
    rig.pass(1);
    assert_eq!(
        rig.done(),
        ["event recovering", "recover c1 t1", "event recovered", r#"{"type":"sequenceAck","sequenceId":1}"#]
    );
}

#[test]
fn without_reliability_there_is_no_recovery() {
    let mut rig = Rig::connected(Protocol::Json);
    rig.lost();
    assert_eq!(rig.done(), ["event disconnected c1", "connect"]);
}

#[test]
fn codes_that_end_a_session_are_told_and_nothing_is_recovered() {
    for code in [1000, 1002, 1003, 1007, 1008, 1009] {
        let mut rig = Rig::connected(RELIABLE);
        rig.receive(Message::Disconnected { message: "why".to_owned() });
        rig.closed(code);
        assert_eq!(rig.done(), [&format!("event disconnected c1 why ({code})"), "connect"]);
        // Also when a socket for the recovery is open already.
        let mut rig = Rig::connected(RELIABLE);
        rig.lost();
        rig.socket_opened();
        rig.closed(code);
        assert_eq!(rig.done()[2..], [&format!("event disconnected c1 ({code})"), "connect"]);
    }
    for code in [1001, 1006, 1011, 1012, 1013, 4000] {
        let mut rig = Rig::connected(RELIABLE);
        rig.closed(code);
        assert_eq!(rig.done(), ["event recovering", "recover c1 t1"], "{code}");
    }
}

#[test]
fn without_reconnection_the_end_is_the_end() {
    let mut rig = Rig::new(Options { reconnects: false, ..options(Protocol::Json) });
    rig.socket_opened();
    rig.welcome("c1", "");
    rig.call(Command::Join { group: "g".to_owned() });
    rig.done();
    rig.lost();
    assert_eq!(rig.done(), ["event disconnected c1", "answer 1 stopped", "event stopped"]);
    rig.call(Command::Ping);
    assert_eq!(rig.done(), ["answer 2 stopped"]);
}

#[test]
fn groups_are_joined_again_before_anything_else() {
    let mut rig = Rig::connected(Protocol::Json);
    for group in ["a", "b", "left"] {
        rig.call(Command::Join { group: group.to_owned() });
    }
    rig.call(Command::Leave { group: "left".to_owned() });
    for id in 1..=4 {
        rig.ack(id);
    }
    rig.lost();
    rig.call(Command::Join { group: "c".to_owned() });
    rig.done();
    rig.socket_opened();
    rig.welcome("c2", "");
    assert_eq!(
        rig.done(),
        [
            "event connected c2",
            r#"{"type":"joinGroup","group":"a","ackId":6}"#,
            r#"{"type":"joinGroup","group":"b","ackId":7}"#,
            r#"{"type":"joinGroup","group":"c","ackId":5}"#
        ]
    );
    rig.json(r#"{"type":"ack","ackId":6,"success":false,"error":{"name":"Forbidden","message":"m"}}"#);
    assert_eq!(rig.done(), ["event rejoin of a failed: Forbidden"]);
    // Also after a connection that ended before it had answered.
    rig.lost();
    rig.done();
    rig.socket_opened();
    rig.welcome("c3", "");
    assert_eq!(
        rig.done(),
        [
            "event connected c3",
            r#"{"type":"joinGroup","group":"b","ackId":8}"#,
            r#"{"type":"joinGroup","group":"c","ackId":5}"#
        ]
    );
}

#[test]
fn messages_are_acknowledged_each_second_and_sooner_when_there_are_many() {
    let mut rig = Rig::connected(RELIABLE);
    rig.group(1);
    rig.group(2);
    rig.pass(1);
    assert_eq!(rig.done(), ["event m1", "event m2", r#"{"type":"sequenceAck","sequenceId":2}"#]);
    rig.pass(5);
    assert_eq!(rig.done(), [""; 0]);
    for id in 3..=302 {
        rig.group(id);
    }
    assert_eq!(rig.done().last().unwrap(), r#"{"type":"sequenceAck","sequenceId":302}"#);
}

#[test]
fn a_silent_service_is_asked_and_then_given_up() {
    let mut rig = Rig::connected(RELIABLE);
    rig.pass(20);
    assert_eq!(rig.done(), [r#"{"type":"ping"}"#]);
    rig.receive(Message::Pong);
    rig.pass(60);
    assert_eq!(
        rig.done(),
        [r#"{"type":"ping"}"#, r#"{"type":"ping"}"#, "drop", "event recovering", "recover c1 t1"]
    );
}

#[test]
fn a_stop_acknowledges_closes_and_tells_everybody() {
    let mut rig = Rig::connected(RELIABLE);
    rig.group(1);
    rig.call(Command::Join { group: "g".to_owned() });
    rig.done();
    rig.session.stop();
    assert_eq!(
        rig.done(),
        [
            r#"{"type":"sequenceAck","sequenceId":1}"#,
            "close",
            "event disconnected c1",
            "answer 1 stopped",
            "event stopped"
        ]
    );
}
