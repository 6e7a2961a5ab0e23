use std::time::Duration;

use bytes::Bytes;
use hublet_wire::client::{Metadata, Payload};

use super::*;
use crate::pattern::EventPattern;
use crate::presence::Presence;
use crate::rules::{HandlerAuth, HandlerTarget, Listener, ListenerEndpoint, SystemEvents};
use crate::settings::{GroupPresenceSettings, HubSettings};

const NO_EVENTS: SystemEvents = SystemEvents { connect: false, connected: false, disconnected: false };
const ALL_EVENTS: SystemEvents = SystemEvents { connect: true, connected: true, disconnected: true };

fn pattern(text: Option<&str>) -> EventPattern {
    EventPattern::parse(text).unwrap()
}

fn handler(user_events: Option<&str>, system_events: SystemEvents, presence: Presence) -> Arc<Handler> {
    Arc::new(Handler {
        target: HandlerTarget::Echo,
        user_events: pattern(user_events),
        system_events,
        presence,
        auth: HandlerAuth::None,
        durable: false,
        timeout: Duration::from_secs(100),
        max_concurrency: 1,
    })
}

/// A handler of user events alone.
fn of_users(user_events: Option<&str>) -> Arc<Handler> {
    handler(user_events, NO_EVENTS, Presence::default())
}

/// A handler of system events alone.
fn of_system(system_events: SystemEvents) -> Arc<Handler> {
    handler(None, system_events, Presence::default())
}

fn presence(event_names: &[&str], filters: &[&str]) -> Presence {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let settings = GroupPresenceSettings { event_names: texts(event_names), group_filters: texts(filters) };
    Presence::compile(&settings).unwrap()
}

fn listener(user_events: Option<&str>, system_events: SystemEvents, file: &str) -> Arc<Listener> {
    let endpoint = ListenerEndpoint::File { path: file.into() };
    Arc::new(Listener { system_events, user_events: pattern(user_events), endpoint })
}

fn rules(handlers: Vec<Arc<Handler>>, listeners: Vec<Arc<Listener>>) -> HubRules {
    HubRules {
        settings: HubSettings::default(),
        anonymous: false,
        keep_alive_interval_s: None,
        handlers,
        listeners,
    }
}

fn user(name: &str) -> EventKind {
    EventKind::User {
        name: name.into(),
        payload: Payload::Text(Bytes::new()),
        metadata: Metadata::new(),
        invoked: false,
    }
}

fn connect() -> EventKind {
    EventKind::Connect(Bytes::new())
}

fn disconnected() -> EventKind {
    EventKind::Disconnected { reason: "".into() }
}

/// Which of the handlers gets the event.
fn place(rules: &HubRules, kind: &EventKind) -> Option<usize> {
    let chosen = rules.handler_for(kind)?;
    rules.handlers.iter().position(|handler| Arc::ptr_eq(handler, chosen))
}

/// The listeners that want an event.
fn listeners_for<'a>(rules: &'a HubRules, kind: &'a EventKind) -> impl Iterator<Item = &'a Arc<Listener>> {
    rules.listeners.iter().filter(move |listener| listener.wants(kind))
}

#[test]
fn user_events_follow_the_pattern() {
    for (user_events, event, expected) in [
        (Some("*"), "foo", true),
        (Some("a,b"), "a", true),
        (Some("a,b"), "b", true),
        (Some("a,b"), "c", false),
        (Some(" a , B "), "A", true),
        (Some(" a , B "), "b", true),
        (None, "foo", false),
        (Some(""), "foo", false),
    ] {
        let rules = rules(vec![of_users(user_events)], Vec::new());
        assert_eq!(rules.handler_for(&user(event)).is_some(), expected, "{user_events:?} and {event}");
    }
}

#[test]
fn the_first_handler_that_matches_gets_the_event_alone() {
    let rules = rules(vec![of_users(Some("b")), of_users(Some("a")), of_users(Some("*"))], Vec::new());
    for (event, expected) in [("a", 1), ("b", 0), ("c", 2)] {
        assert_eq!(place(&rules, &user(event)), Some(expected), "{event}");
    }
}

#[test]
fn each_handler_gets_its_own_system_events() {
    let handlers = vec![
        of_system(SystemEvents { connect: true, ..NO_EVENTS }),
        of_system(SystemEvents { connected: true, ..NO_EVENTS }),
    ];
    let rules = rules(handlers, Vec::new());
    assert_eq!(place(&rules, &connect()), Some(0));
    assert_eq!(place(&rules, &EventKind::Connected), Some(1));
    assert_eq!(place(&rules, &disconnected()), None);
}

#[test]
fn a_user_event_called_connected_is_no_system_event() {
    let rules = rules(vec![of_system(ALL_EVENTS), of_users(Some("connected"))], Vec::new());
    assert_eq!(place(&rules, &user("connected")), Some(1));
    assert_eq!(place(&rules, &user("disconnected")), None);
    assert_eq!(place(&rules, &EventKind::Connected), Some(0));
}

#[test]
fn nothing_matches_without_handlers_and_listeners() {
    let rules = rules(Vec::new(), Vec::new());
    for kind in
        [connect(), EventKind::Connected, disconnected(), user("a"), EventKind::GroupJoined("g".into())]
    {
        assert_eq!((place(&rules, &kind), listeners_for(&rules, &kind).count()), (None, 0), "{kind:?}");
    }
}

#[test]
fn a_listener_never_gets_connect_and_group_events() {
    let rules = rules(Vec::new(), vec![listener(Some("*"), ALL_EVENTS, "a")]);
    for (kind, expected) in [
        (connect(), 0),
        (EventKind::Connected, 1),
        (disconnected(), 1),
        (user("a"), 1),
        (EventKind::GroupJoined("g".into()), 0),
        (EventKind::GroupLeft("g".into()), 0),
    ] {
        assert_eq!(listeners_for(&rules, &kind).count(), expected, "{kind:?}");
    }
}

#[test]
fn every_listener_that_matches_gets_the_event() {
    let connected = SystemEvents { connected: true, ..NO_EVENTS };
    let listeners = vec![
        listener(Some("a"), NO_EVENTS, "0"),
        listener(Some("*"), connected, "1"),
        listener(Some("A,b"), connected, "2"),
    ];
    let rules = rules(vec![of_users(Some("*"))], listeners);
    let files = |kind: &EventKind| -> Vec<String> {
        let file = |listener: &Arc<Listener>| match &listener.endpoint {
            ListenerEndpoint::File { path } => path.display().to_string(),
            other => panic!("{other:?}"),
        };
        listeners_for(&rules, kind).map(file).collect()
    };
    assert_eq!(files(&user("a")), ["0", "1", "2"]);
    assert_eq!(files(&user("b")), ["1", "2"]);
    assert_eq!(files(&user("c")), ["1"]);
    assert_eq!(files(&EventKind::Connected), ["1", "2"]);
    assert_eq!(files(&disconnected()), Vec::<String>::new());
}

#[test]
fn group_events_go_to_handlers_that_asked_and_to_groups_that_match() {
    let joined = |group: &str| EventKind::GroupJoined(group.into());
    let left = |group: &str| EventKind::GroupLeft(group.into());
    let handlers = vec![
        handler(Some("*"), ALL_EVENTS, Presence::default()),
        handler(None, NO_EVENTS, presence(&["joined"], &["chat*"])),
        handler(None, NO_EVENTS, presence(&["joined", "left"], &["room"])),
        handler(None, NO_EVENTS, presence(&["left"], &[])),
    ];
    let rules = rules(handlers, Vec::new());
    for (kind, expected) in [
        (joined("chat1"), Some(1)),
        (left("chat1"), Some(3)),
        (joined("room"), Some(2)),
        (left("room"), Some(2)),
        (joined("other"), None),
        // Only user events are matched by the pattern.
        (user("joined"), Some(0)),
    ] {
        assert_eq!(place(&rules, &kind), expected, "{kind:?}");
    }
}
