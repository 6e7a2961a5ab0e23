//! Which events wait for which (event-handlers.md §7.1).

use hublet_hub::EventKind;

use super::rig::{ask, courier, development, disconnected, event, handled, handler, user};
use super::stub::{Act, Seen, Stub, ok, soon};

fn names(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.header("ce-id").unwrap()).collect()
}

#[tokio::test]
async fn a_slow_notification_does_not_delay_a_user_event() {
    let slow = |seen: &Seen, _| match seen.header("ce-eventname") {
        Some("connected") => [vec![Act::Wait], ok()].concat(),
        _ => ok(),
    };
    let stub = Stub::start(slow).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    soon(stub.wait_for(1)).await;
    assert_eq!(soon(ask(&courier, user(1, 2, "x"))).await, Ok(handled()));
    courier.dispatch(disconnected(1, 3), None);
    assert_eq!(soon(ask(&courier, user(2, 9, "another client"))).await, Ok(handled()));
    assert_eq!(names(&stub.seen()), ["1", "2", "9"], "disconnected comes last");
    stub.release();
    assert_eq!(names(&soon(stub.wait_for(4)).await), ["1", "2", "9", "3"]);
    soon(courier.idle()).await;
}

#[tokio::test]
async fn user_events_of_one_client_come_one_after_another() {
    let stub = Stub::start(|_, _| [vec![Act::Wait], ok()].concat()).await;
    let courier = courier(development(), vec![handler(&stub.url("/"))]);
    let answers: Vec<_> = (2..6).map(|id| ask(&courier, user(1, id, "x"))).collect();
    courier.dispatch(disconnected(1, 6), None);
    let other = ask(&courier, user(2, 9, "x"));
    for count in 2..=6 {
        let seen = soon(stub.wait_for(count)).await;
        assert_eq!(seen.len(), count, "the next one waits for the answer");
        stub.release();
    }
    for answer in answers.into_iter().chain([other]) {
        assert_eq!(soon(answer).await, Ok(handled()));
    }
    stub.release();
    soon(courier.idle()).await;
    let of_first: Vec<_> = stub.seen().into_iter().filter(|seen| seen.header("ce-id") != Some("9")).collect();
    assert_eq!(names(&of_first), ["2", "3", "4", "5", "6"]);
}
