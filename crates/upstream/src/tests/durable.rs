//! Durable handlers get their notifications by way of the outbox.

use std::sync::Arc;

use hublet_hub::EventKind;
use hublet_store::Store;

use super::rig::{ask, courier, development, disconnected, event, handled, handler, user};
use super::stub::{Act, Seen, Stub, answer, ok, soon};
use crate::courier::Courier;
use crate::outbox::Outbox;

struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hublet-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn durable(stub: &Stub, folder: &Folder) -> Courier {
    let mut handler = handler(&stub.url("/"));
    handler.durable = true;
    let courier = courier(development(), vec![handler]);
    courier.upstream().use_outbox(Outbox::open(&Store::at(&folder.0)).unwrap());
    tokio::spawn(Arc::clone(courier.upstream()).run());
    courier
}

fn ids(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.header("ce-id").unwrap()).collect()
}

#[tokio::test]
async fn notifications_keep_their_order_and_the_end_comes_last() {
    let slow = |seen: &Seen, _| match seen.header("ce-eventname") {
        Some("message") => [vec![Act::Wait], ok()].concat(),
        _ => ok(),
    };
    let stub = Stub::start(slow).await;
    let folder = Folder::new("durable-order");
    let courier = durable(&stub, &folder);
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    soon(stub.wait_for(1)).await;
    let answer = ask(&courier, user(1, 2, "x"));
    soon(stub.wait_for(2)).await;
    courier.dispatch(disconnected(1, 3), None);
    courier.upstream().outbox().unwrap().flushed().await;
    assert_eq!(ids(&stub.seen()), ["1", "2"], "the user event is under way");
    stub.release();
    assert_eq!(soon(answer).await, Ok(handled()));
    assert_eq!(ids(&soon(stub.wait_for(3)).await), ["1", "2", "3"]);
    soon(courier.upstream().outbox().unwrap().delivered()).await;
}

#[tokio::test]
async fn an_event_is_delivered_again_under_the_same_id_but_not_after_a_final_answer() {
    let script = |seen: &Seen, index| match seen.header("ce-eventname") {
        Some("connected") if index < 4 => answer("503 Service Unavailable", "", ""),
        Some("disconnected") => answer("400 Bad Request", "", ""),
        _ => ok(),
    };
    let stub = Stub::start(script).await;
    let folder = Folder::new("durable-again");
    let courier = durable(&stub, &folder);
    courier.dispatch(event(1, 1, EventKind::Connected), None);
    courier.dispatch(disconnected(1, 2), None);
    soon(courier.idle()).await;
    soon(courier.upstream().outbox().unwrap().delivered()).await;
    let seen = stub.seen();
    assert_eq!(ids(&seen), ["1", "1", "1", "1", "1", "2"]);
    for name in ["x-ms-client-request-id", "ce-time"] {
        assert!(seen[..5].iter().all(|other| other.header(name) == seen[0].header(name)), "{name}");
    }
}
