//! Files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hublet_upstream::rules::ListenerEndpoint;
use hublet_wire::client::Payload;
use serde_json::Value;

use crate::common::{Hub, conn, full, new_folder, one_of_each, text};

fn endpoint(path: &Path) -> ListenerEndpoint {
    ListenerEndpoint::File { path: path.to_owned() }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.ends_with('\n'), "{text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(path: &Path) -> Vec<String> {
    lines(path).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_event_that_listeners_get_is_a_line() {
    let path = new_folder().join("events.jsonl");
    let hub = Hub::new(&[endpoint(&path)]);
    let wanted: Vec<bool> = one_of_each().into_iter().map(|event| hub.offer(event)).collect();
    assert_eq!(wanted, [false, true, true, false, false, true]);
    assert!(hub.offer(full(6, Payload::Json("{\"a\":\n1}".into()))));
    hub.expect_drained();
    assert_eq!(ids(&path), ["1", "2", "5", "6"]);
    let lines = lines(&path);
    assert_eq!(lines[1]["data"], "hi");
    assert_eq!(lines[2]["data"]["reason"], "bye");
    let last = &lines[3];
    assert_eq!(last["data"]["a"], 1);
    assert_eq!((&last["userid"], &last["connectionstate"]), (&"用户".into(), &"eyJrIjoxfQ==".into()));
    assert_eq!(last["source"], format!("/hubs/chat/client/{}", conn()));
    assert_eq!(last["metadata"], r#"{"trace-id":"a, b%"}"#);
}

#[test]
fn rotation_loses_nothing() {
    let folder = new_folder();
    let (path, old) = (folder.join("events.jsonl"), folder.join("events.jsonl.1"));
    let hub = Hub::new(&[endpoint(&path)]);
    hub.offer(text(1, "a"));
    hub.expect_drained();
    fs::rename(&path, &old).unwrap();
    hub.offer(text(2, "b"));
    hub.expect_drained();
    assert_eq!((ids(&old), ids(&path)), (vec!["1".to_owned()], vec!["2".to_owned()]));
}

#[test]
fn a_file_that_cannot_be_written_is_tried_again() {
    let folder = new_folder();
    let path = folder.join("later").join("events.jsonl");
    let hub = Hub::new(&[endpoint(&path)]);
    hub.offer(text(1, "a"));
    // It is hurried when it has failed, so that no pause of the retries has to pass.
    while hub.drained(Duration::from_millis(20)) > 0 {
        fs::create_dir_all(folder.join("later")).unwrap();
    }
    assert_eq!(ids(&path), ["1"]);
}

#[test]
fn a_full_disk_is_survived() {
    let path = Path::new("/dev/full");
    let hub = Hub::new(&[endpoint(path)]);
    for id in 0..3 {
        assert!(hub.offer(text(id, "a")));
    }
    assert_eq!(hub.drained(Duration::from_millis(50)), 3);
    let status = hub.status();
    assert_eq!((status.waiting, status.delivered, status.dropped), (3, 0, 0));
}
