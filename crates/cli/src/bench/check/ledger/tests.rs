use super::*;

/// A sender, and a reliable member of group 0.
fn ledger() -> Ledger {
    let mut ledger = Ledger::new(2);
    ledger.add_client(true);
    ledger.add_client(true);
    ledger.joining(1, 0);
    ledger.joined(1, 0);
    ledger
}

fn send(ledger: &mut Ledger) -> usize {
    let message = ledger.sending(0, 0);
    ledger.sent(message);
    message
}

#[test]
fn what_is_right() {
    let mut ledger = ledger();
    for _ in 0..3 {
        let message = send(&mut ledger);
        ledger.received(1, Some(0), Some(message));
    }
    // What was sent while the member left may come or not, but not later.
    let late = ledger.sending(0, 0);
    ledger.leaving(1, 0);
    ledger.sent(late);
    ledger.left(1, 0);
    assert_eq!(ledger.violations(), []);
    ledger.received(1, Some(0), Some(late));
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
    ledger.received(1, Some(0), Some(second));
    ledger.received(1, Some(0), Some(first));
    assert_eq!(
        ledger.violations(),
        [Violation::Disordered { client: 1, what: What::Message(first), after: What::Message(second) }]
    );
    ledger.received(1, Some(0), Some(first));
    ledger.received(1, Some(1), Some(first));
    ledger.received(1, Some(0), Some(99));
    ledger.leaving(1, 0);
    ledger.left(1, 0);
    let after = send(&mut ledger);
    ledger.received(1, Some(0), Some(after));
    assert_eq!(
        ledger.violations()[..4],
        [
            Violation::Twice { client: 1, what: What::Message(first) },
            Violation::Unknown { client: 1 },
            Violation::Unknown { client: 1 },
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
    ledger.connection_lost(plain);
    let message = send(&mut ledger);
    assert_eq!(ledger.missing(), [Violation::Lost { client: 1, what: What::Message(message) }]);
    ledger.connection_lost(1);
    assert_eq!(ledger.violations(), [Violation::ConnectionLost { client: 1 }]);
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
