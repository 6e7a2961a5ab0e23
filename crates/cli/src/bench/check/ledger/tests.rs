use hublet_client::pubsub::Data;

use super::*;

/// A sender, and a reliable member of group 0.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(2);
    ledger.add_client(true);
    ledger.add_client(true);
    ledger.connected(1, "c1".to_owned());
    ledger.joining(1, 0);
    ledger.joined(1, 0);
    ledger
}

fn send(ledger: &mut Ledger) -> usize {
    let message = ledger.sending(0, 0);
    ledger.sent(message);
    message
}

fn receive(ledger: &mut Ledger, group: usize, message: usize) {
    let (group_name, data) = (format!("check-{group}"), Data::from("hello"));
    let arrival =
        Arrival { group: Some(group), group_name: Some(&group_name), sequence_id: Some(7), data: &data };
    ledger.received(1, &arrival, Some(message));
}

#[test]
fn what_is_right() {
    let mut ledger = ledger();
    for _ in 0..3 {
        let message = send(&mut ledger);
        receive(&mut ledger, 0, message);
    }
    // What was sent while the member left may come or not, but not later.
    let late = ledger.sending(0, 0);
    ledger.leaving(1, 0);
    ledger.sent(late);
    ledger.left(1, 0);
    assert_eq!(ledger.violations(), []);
    receive(&mut ledger, 0, late);
    assert_eq!(ledger.violations(), []);
    // What nobody confirmed may be missing.
    let unknown = ledger.sending(0, 0);
    ledger.unknown(unknown);
    assert!(ledger.is_quiet());
    assert_eq!((ledger.violations(), ledger.totals().unknown), (Vec::new(), 1));
}

#[test]
fn what_is_wrong() {
    let mut ledger = ledger();
    let first = send(&mut ledger);
    let second = send(&mut ledger);
    assert_eq!(
        ledger.missing(),
        [
            Violation::Lost { client: 1, what: What::Message(first) },
            Violation::Lost { client: 1, what: What::Message(second) }
        ]
    );
    receive(&mut ledger, 0, second);
    receive(&mut ledger, 0, first);
    assert_eq!(
        ledger.violations(),
        [Violation::Disordered { client: 1, what: What::Message(first), after: What::Message(second) }]
    );
    receive(&mut ledger, 0, first);
    receive(&mut ledger, 1, first);
    receive(&mut ledger, 0, 99);
    ledger.leaving(1, 0);
    ledger.left(1, 0);
    let after = send(&mut ledger);
    receive(&mut ledger, 0, after);
    assert_eq!(
        ledger.violations()[..4],
        [
            Violation::Twice { client: 1, what: What::Message(first) },
            Violation::Unknown {
                client: 1,
                what: format!(
                    "message {first}, which client 0 sent to group 0 (answered); it came to the group check-1 on connection c1 \
                     with sequence id 7: text, 5 bytes, \"hello\""
                )
            },
            Violation::Unknown {
                client: 1,
                what: "message 99, when 2 were sent; it came to the group check-0 on connection c1 with sequence id 7: text, 5 \
                       bytes, \"hello\""
                    .to_owned()
            },
            Violation::NotAMember { client: 1, what: What::Message(after) }
        ]
    );
}

#[test]
fn connections_that_end() {
    let mut ledger = ledger();
    let plain = ledger.add_client(false);
    ledger.joining(plain, 0);
    ledger.joined(plain, 0);
    ledger.connection_lost(plain, "");
    let message = send(&mut ledger);
    assert_eq!(ledger.missing(), [Violation::Lost { client: 1, what: What::Message(message) }]);
    ledger.connection_lost(1, "full");
    assert_eq!(ledger.violations(), [Violation::ConnectionLost { client: 1, why: "full".to_owned() }]);
}

#[test]
fn answers_of_invocations() {
    let mut ledger = ledger();
    for _ in 0..4 {
        ledger.invoking();
    }
    ledger.invoked(0, true);
    ledger.invoked(0, false);
    ledger.answer_lost(0);
    ledger.answer_lost(1);
    // It is gone with a socket.
    ledger.socket_lost(1);
    assert!(ledger.is_quiet());
    assert_eq!(
        ledger.violations(),
        [Violation::WrongAnswer { client: 0 }, Violation::AnswerLost { client: 0 }]
    );
    assert_eq!((ledger.totals().invocations, ledger.totals().answers_lost), (4, 2));
}
