//! What holds for all kinds of targets: sharing, limits, changes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use hublet_upstream::rules::ListenerEndpoint;

use crate::common::{Hub, new_folder, text};

fn file(path: &Path) -> ListenerEndpoint {
    ListenerEndpoint::File { path: path.to_owned() }
}

/// A server that takes connections and never says a word.
fn silent() -> (TcpListener, ListenerEndpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("nats://{}", listener.local_addr().unwrap());
    (listener, ListenerEndpoint::Nats { url, subject: "s".to_owned() })
}

fn count(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn all_listeners_get_a_copy_duplicates_included() {
    let folder = new_folder();
    let (a, b) = (folder.join("a"), folder.join("b"));
    let hub = Hub::new(&[file(&a), file(&b), file(&a)]);
    assert_eq!(hub.listeners.status().len(), 2);
    for id in 1..=10 {
        hub.offer(text(id, "x"));
    }
    hub.expect_drained();
    assert_eq!((count(&a), count(&b)), (20, 10));
}

#[test]
fn a_target_that_is_silent_delays_nobody_and_drops_are_counted() {
    let path = new_folder().join("events");
    let (_silent, nats) = silent();
    let hub = Hub::new(&[nats, file(&path)]);
    let (mut offered, limit) = (0, 12_000);
    while offered < limit {
        offered += 1;
        assert!(hub.offer(text(offered, "x")));
        // The file's own queue must not overflow.
        if offered % 1_000 == 0 {
            while hub.listeners.status()[1].waiting > 0 {
                std::thread::yield_now();
            }
        }
    }
    hub.drained(Duration::from_millis(1));
    assert_eq!(count(&path), 12_000);
    let status = &hub.listeners.status()[0];
    assert_eq!((status.waiting, status.delivered, status.dropped), (10_000, 0, 2_000));
}

#[test]
fn large_events_are_limited_by_their_bytes() {
    let (_silent, nats) = silent();
    let hub = Hub::new(&[nats]);
    let large = "x".repeat(1 << 20);
    for id in 0..40 {
        assert!(hub.offer(text(id, &large)));
    }
    let status = hub.status();
    assert_eq!((status.waiting, status.dropped), (31, 9));
}

#[test]
fn a_target_that_goes_gets_what_waits_for_it() {
    let folder = new_folder();
    let (a, b) = (folder.join("a"), folder.join("b"));
    let mut hub = Hub::new(&[file(&a)]);
    for id in 0..1_000 {
        hub.offer(text(id, "x"));
    }
    hub.set(&[file(&b)]);
    assert!(hub.offer(text(1_000, "x")));
    hub.expect_drained();
    assert_eq!((count(&a), count(&b)), (1_000, 1));
    assert_eq!(hub.status().target, b.display().to_string());
}

#[test]
fn a_target_that_goes_while_it_is_down_is_forgotten() {
    let mut hub = Hub::new(&[file(Path::new("/dev/full"))]);
    hub.offer(text(1, "x"));
    hub.set(&[]);
    // No pause of the retries is waited for.
    hub.expect_drained();
    assert!(hub.listeners.status().is_empty());
}
