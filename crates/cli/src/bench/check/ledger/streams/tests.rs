use hublet_client::pubsub::Data;

use super::*;

/// A publisher that is a member without echo, and a reliable member of group 0; the stream `s` of the publisher.
fn ledger() -> (Ledger, usize) {
    let mut ledger = Ledger::new(2);
    for client in 0..2 {
        ledger.add_client(true);
        ledger.joining(client, 0);
        ledger.joined(client, 0);
    }
    let opening = ledger.stream_opening(0, 0, true);
    let stream = ledger.stream_opened(opening, "s");
    (ledger, stream)
}

fn receive(ledger: &mut Ledger, client: usize, group: usize, part: PartRead<'_>) {
    let (group_name, data) = (format!("check-{group}"), Data::from("hello"));
    let arrival =
        Arrival { group: Some(group), group_name: Some(&group_name), sequence_id: None, data: &data };
    ledger.received_part(client, &arrival, part);
}

fn part(ledger: &mut Ledger, number: u64) {
    let content = Some((0, number));
    receive(ledger, 1, 0, PartRead { id: "s", number, content, end: None });
}

fn end(ledger: &mut Ledger, number: u64, error: Option<&str>) {
    receive(ledger, 1, 0, PartRead { id: "s", number, content: None, end: Some(error) });
}

fn send(ledger: &mut Ledger, stream: usize, count: u64) {
    for _ in 0..count {
        ledger.sending_part(stream);
    }
}

fn what(part: u64) -> What {
    What::Part { stream: 0, part }
}

#[test]
fn a_stream_from_its_start_to_its_end() {
    for (ending, error) in [(Ending::Finished, None), (Ending::Failed, Some("UserError"))] {
        let (mut ledger, stream) = ledger();
        send(&mut ledger, stream, 3);
        (1..=3).for_each(|number| part(&mut ledger, number));
        ledger.ending_stream(stream, ending);
        assert!(!ledger.is_quiet());
        ledger.stream_done(stream);
        // All that is missing is its end.
        assert_eq!(ledger.violations(), [Violation::Lost { client: 1, what: what(4) }]);
        end(&mut ledger, 4, error);
        assert_eq!((ledger.violations(), ledger.is_quiet()), (Vec::new(), true));
        let counts = ledger.totals();
        assert_eq!((counts.streams, counts.parts, counts.parts_received), (1, 3, 4));
    }
}

#[test]
fn a_part_that_is_lost_is_missed_as_soon_as_a_later_one_has_come() {
    let (mut ledger, stream) = ledger();
    send(&mut ledger, stream, 4);
    assert_eq!(ledger.violations(), [], "nobody knows whether they are published");
    part(&mut ledger, 1);
    part(&mut ledger, 3);
    assert_eq!(ledger.violations(), [Violation::Lost { client: 1, what: what(2) }]);
    // Or when the service has taken all.
    ledger.ending_stream(stream, Ending::Finished);
    ledger.stream_done(stream);
    assert_eq!(
        ledger.violations(),
        [2, 4, 5].map(|number| Violation::Lost { client: 1, what: what(number) })
    );
}

#[test]
fn parts_that_come_twice_or_out_of_order() {
    let (mut ledger, stream) = ledger();
    send(&mut ledger, stream, 3);
    for number in [1, 3, 2, 3] {
        part(&mut ledger, number);
    }
    assert_eq!(
        ledger.violations(),
        [
            Violation::Disordered { client: 1, what: what(2), after: what(3) },
            Violation::Twice { client: 1, what: what(3) }
        ]
    );
}

#[test]
fn nothing_follows_an_end_and_no_end_follows_it() {
    let (mut ledger, stream) = ledger();
    send(&mut ledger, stream, 1);
    ledger.ending_stream(stream, Ending::Finished);
    ledger.stream_done(stream);
    end(&mut ledger, 2, None);
    part(&mut ledger, 1);
    end(&mut ledger, 2, None);
    assert_eq!(
        ledger.violations(),
        [
            Violation::Disordered { client: 1, what: what(1), after: what(2) },
            Violation::Twice { client: 1, what: what(2) }
        ]
    );
}

#[test]
fn an_end_that_the_publisher_did_not_ask_for() {
    for (error, is_broken, is_right) in [
        (Some("Cancelled"), true, true),
        (Some("Cancelled"), false, false),
        (Some("IdleTimeout"), true, false),
        (Some("UserError"), false, false),
        (None, true, false),
    ] {
        let (mut ledger, stream) = ledger();
        send(&mut ledger, stream, 3);
        part(&mut ledger, 1);
        // The service had not taken the other two.
        end(&mut ledger, 2, error);
        if is_broken {
            ledger.stream_broken(stream);
        }
        let way = error.unwrap_or("no error").to_owned();
        let wrong = Violation::WrongEnd { client: 1, stream, way };
        let expected = if is_right { Vec::new() } else { vec![wrong] };
        assert_eq!(ledger.violations(), expected, "{error:?} {is_broken}");
    }
}

#[test]
fn only_members_get_parts_and_only_those_that_were_sent() {
    let (mut ledger, stream) = ledger();
    send(&mut ledger, stream, 1);
    ledger.leaving(1, 0);
    ledger.left(1, 0);
    // Sent before the leave: it may come or not.
    part(&mut ledger, 1);
    ledger.sending_part(stream);
    assert_eq!(ledger.violations(), []);
    part(&mut ledger, 2);
    assert_eq!(ledger.violations(), [Violation::NotAMember { client: 1, what: what(2) }]);

    let (mut ledger, stream) = self::ledger();
    send(&mut ledger, stream, 2);
    let right = PartRead { id: "s", number: 1, content: Some((0, 1)), end: None };
    // Without echo, of another group, with the content of another part, never sent, of a stream of nobody.
    receive(&mut ledger, 0, 0, right);
    receive(&mut ledger, 1, 1, right);
    receive(&mut ledger, 1, 0, PartRead { content: Some((0, 2)), ..right });
    receive(&mut ledger, 1, 0, PartRead { number: 3, content: Some((0, 3)), ..right });
    receive(&mut ledger, 1, 0, PartRead { id: "t", ..right });
    let unknown = [
        (0, "part 1 of stream 0 (s), which it publishes itself and does not want:"),
        (
            1,
            "part 1 of stream 0 (s): client 0 has sent 2 parts of it to group 0; it came to the group check-1",
        ),
        (
            1,
            "part 1 of stream 0 (s): client 0 has sent 2 parts of it to group 0; it came to the group check-0",
        ),
        (1, "part 3 of stream 0 (s): client 0 has sent 2 parts of it to group 0"),
        (1, "part 1 of the stream t, which nobody has; it came to the group check-0"),
    ];
    let violations = ledger.violations();
    assert_eq!(violations.len(), unknown.len());
    for (violation, (client, beginning)) in violations.into_iter().zip(unknown) {
        let Violation::Unknown { client: seen, what } = violation else { panic!("{violation:?}") };
        assert_eq!(seen, client);
        assert!(what.starts_with(beginning), "{what}");
    }
    // The end of a stream whose start was not confirmed.
    let end = PartRead { id: "t", number: 1, content: None, end: Some(Some("Cancelled")) };
    receive(&mut ledger, 1, 0, end);
    assert_eq!(ledger.violations().len(), unknown.len());
}

#[test]
fn a_stream_without_echo_may_come_to_a_later_connection_of_its_publisher() {
    let (mut ledger, stream) = ledger();
    send(&mut ledger, stream, 1);
    let plain = ledger.add_client(false);
    ledger.joining(plain, 0);
    ledger.joined(plain, 0);
    let opening = ledger.stream_opening(plain, 0, true);
    let own = ledger.stream_opened(opening, "own");
    ledger.sending_part(own);
    ledger.connection_lost(plain, "");
    ledger.stream_broken(own);
    // The new connection is in the group before the service has seen the end of the old one.
    for client in [0, 1, plain] {
        let first = PartRead { id: "own", number: 1, content: Some((own, 1)), end: None };
        receive(&mut ledger, client, 0, first);
        let end = PartRead { number: 2, content: None, end: Some(Some("Cancelled")), ..first };
        receive(&mut ledger, client, 0, end);
    }
    assert_eq!(ledger.violations(), []);
    // What the new connection publishes must not.
    let opening = ledger.stream_opening(plain, 0, true);
    let own = ledger.stream_opened(opening, "new");
    ledger.sending_part(own);
    receive(&mut ledger, plain, 0, PartRead { id: "new", number: 1, content: Some((own, 1)), end: None });
    assert!(
        matches!(&ledger.violations()[..], [Violation::Unknown { client, .. }] if *client == plain),
        "{:?}",
        ledger.violations()
    );
}
