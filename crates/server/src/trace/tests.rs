use std::sync::Arc;

use hublet_hub::{Fact, Trace, TraceLevel};
use hublet_wire::client::Payload;

use super::*;
use crate::config::Settings;

fn tracer(text: &str) -> Arc<Tracer> {
    let config = Config::new(&Settings::from_toml(text).unwrap()).unwrap();
    Arc::new(Tracer::new(&config).unwrap())
}

fn fact(fact: Fact) -> (Trace, Option<IpAddr>) {
    (Trace { hub: "chat".into(), conn: None, user: None, fact }, None)
}

fn names(tracer: &Tracer) -> Vec<&'static str> {
    let kept = tracer.recent().after(0, 1_000);
    kept.items.iter().map(|(_, event)| event.kind.entry().name).collect()
}

fn message() -> (Trace, Option<IpAddr>) {
    fact(Fact::Delivered { group: None, payload: Payload::Text("hello".into()) })
}

#[test]
fn messages_are_kept_while_somebody_looks() {
    let tracer = tracer("");
    assert_eq!(tracer.level(), TraceLevel::Lifecycle);
    tracer.take(vec![fact(Fact::Started), message()]);
    assert_eq!(names(&tracer), ["ConnectionStarted"]);
    tracer.look();
    assert_eq!(tracer.level(), TraceLevel::Messages);
    tracer.take(vec![message()]);
    assert_eq!(names(&tracer), ["ConnectionStarted", "SentMessageToClient"]);
    let kept = tracer.recent().after(1, 1);
    assert_eq!(kept.items[0].1.payload.as_ref().unwrap().text.as_deref(), Some("hello"));
    tracer.watched_until_ms.store(1, Ordering::Relaxed);
    let viewer = tracer.view().unwrap();
    assert_eq!(tracer.level(), TraceLevel::Messages);
    drop(viewer);
    std::thread::sleep(Duration::from_millis(2));
    assert_eq!(tracer.level(), TraceLevel::Lifecycle);
}

#[test]
fn there_are_only_so_many_viewers() {
    let tracer = tracer("");
    let viewers: Vec<Viewer> = (0..VIEWERS_MAX).map(|_| tracer.view().unwrap()).collect();
    assert!(tracer.view().is_none());
    drop(viewers);
    assert!(tracer.view().is_some());
}

#[test]
fn settings_say_what_is_kept() {
    let off = tracer("[live_trace]\nenabled = false\n");
    off.look();
    assert_eq!(off.level(), TraceLevel::Nothing);
    off.take(vec![fact(Fact::Started)]);
    assert!(names(&off).is_empty());

    let some = tracer("[live_trace]\ncategories = [\"MessagingLogs\"]\npayloads = false\n");
    assert_eq!(some.level(), TraceLevel::Nothing);
    some.look();
    assert!(!some.wants(Category::HttpRequestLogs));
    some.take(vec![fact(Fact::Started), message()]);
    assert_eq!(names(&some), ["SentMessageToClient"]);
    let kept = some.recent().after(0, 1);
    assert_eq!(kept.items[0].1.payload.as_ref().unwrap().text, None);
}

#[test]
fn resource_logs_need_nobody_who_looks() {
    let folder = std::env::temp_dir().join(format!("hublet-resource-log-{}", std::process::id()));
    let text = format!(
        "[live_trace]\nenabled = false\n[resource_logs]\nfile = {:?}\ncategories = [\"MessagingLogs\"]\n",
        folder.display().to_string()
    );
    let _ = std::fs::remove_file(&folder);
    let tracer = tracer(&text);
    assert_eq!(tracer.level(), TraceLevel::Messages);
    tracer.take(vec![fact(Fact::Started), message()]);
    assert!(names(&tracer).is_empty());
    tracer.end().unwrap().join().unwrap();
    let written = std::fs::read_to_string(&folder).unwrap();
    assert_eq!(written.lines().count(), 1, "{written}");
    assert!(written.contains("\"operationName\":\"SentMessageToClient\""), "{written}");
    std::fs::remove_file(&folder).unwrap();
}

#[test]
fn refusals_push_nothing_else_out() {
    let tracer = tracer("");
    tracer.take(vec![fact(Fact::Started)]);
    for _ in 0..10_000 {
        tracer.record_refusal(Event::new(Kind::ConnectionRefused, 0));
    }
    let kept = names(&tracer);
    assert!(kept.len() < 1_000 && kept[0] == "ConnectionStarted", "{}", kept.len());
}
