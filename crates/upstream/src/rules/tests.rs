use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::environment::{Environment, Identity};
use crate::networks::Networks;

fn development() -> Environment {
    Environment { development: true, ..Environment::default() }
}

fn compile_in(environment: &Environment, json: &str) -> Result<HubRules, SettingsError> {
    HubRules::compile("chat", &HubSettings::from_json(json.as_bytes()).expect("settings"), environment)
}

fn compile(json: &str) -> HubRules {
    let identity = Some(Identity::TokenFile("token".into()));
    compile_in(&Environment { identity, ..development() }, json).expect("good settings")
}

fn error_in(environment: &Environment, json: &str) -> String {
    compile_in(environment, json).expect_err("it is wrong").to_string()
}

fn handler(members: &str) -> Handler {
    let json = format!(r#"{{"eventHandlers": [{{"urlTemplate": "http://h/", {members}}}]}}"#);
    Arc::into_inner(compile(&json).handlers.remove(0)).expect("one reference")
}

#[test]
fn nothing_is_the_default() {
    let rules = compile("{}");
    assert!(!rules.anonymous && rules.handlers.is_empty() && rules.listeners.is_empty());
    assert_eq!(rules.keep_alive_interval_s, None);
    let rules = compile(r#"{"anonymousConnectPolicy": "Allow", "webSocketKeepAliveIntervalInSeconds": 120}"#);
    assert!(rules.anonymous);
    assert_eq!(rules.keep_alive_interval_s, Some(120));
}

#[test]
fn a_handler_is_completed() {
    let plain = handler(r#""systemEvents": []"#);
    assert!(matches!(&plain.target, HandlerTarget::Http(url) if url.as_str() == "http://h/"));
    assert_eq!((plain.timeout, plain.max_concurrency, plain.durable), (Duration::from_secs(100), 256, false));
    assert_eq!((plain.user_events, plain.system_events), (EventPattern::None, SystemEvents::default()));
    assert!(plain.presence.is_none() && matches!(plain.auth, HandlerAuth::None));

    let full = handler(
        r#""userEventPattern": "a, B", "systemEvents": ["CONNECT", " Disconnected"], "durable": true,
           "timeoutInSeconds": 600, "maxConcurrency": 1, "auth": {"type": "None", "managedIdentity": {"resource": ""}},
           "groupPresenceEvents": {"eventNames": ["left"], "groupFilters": ["chat*"]}"#,
    );
    assert!(full.user_events.matches("b") && !full.user_events.matches("connect"));
    assert_eq!(full.system_events, SystemEvents { connect: true, connected: false, disconnected: true });
    assert!(full.presence.matches_left("chat1") && !full.presence.matches_left("x"));
    assert_eq!((full.timeout, full.max_concurrency, full.durable), (Duration::from_secs(600), 1, true));
    assert!(matches!(full.auth, HandlerAuth::None));
}

#[test]
fn targets() {
    let target = |url: &str| {
        let json = format!(r#"{{"eventHandlers": [{{"urlTemplate": "{url}"}}]}}"#);
        format!("{:?}", compile(&json).handlers[0].target)
    };
    assert_eq!(target("builtin:echo"), "Echo");
    assert_eq!(target(" Builtin:ECHO "), "Echo");
    assert_eq!(
        target("https://app.example/{hub}/{event}?code=secret"),
        r#"Http(UrlTemplate("https://app.example/{hub}/{event}"))"#
    );
}

#[test]
fn authentication() {
    let HandlerAuth::Header(name, value) =
        handler(r#""auth": {"type": "header", "header": {"name": "X-Api-Key", "value": " s 1 "}}"#).auth
    else {
        panic!("a fixed header")
    };
    assert_eq!((name.as_str(), value.to_str().unwrap(), value.is_sensitive()), ("x-api-key", "s 1", true));
    let fixed =
        handler(r#""auth": {"type": "Header", "header": {"name": "Authorization", "value": "Basic s"}}"#);
    assert!(!format!("{fixed:?}").contains("Basic"));
    let bearer =
        handler(r#""auth": {"type": "ManagedIdentity", "managedIdentity": {"resource": "api://a"}}"#);
    assert!(matches!(bearer.auth, HandlerAuth::Bearer { resource } if resource == "api://a"));
}

#[test]
fn listeners() {
    let listener = |endpoint: &str| {
        let filter =
            r#"{"type": "EventName", "systemEvents": ["connect", "Connected"], "userEventPattern": "*"}"#;
        let json = format!(r#"{{"eventListeners": [{{"filter": {filter}, "endpoint": {endpoint}}}]}}"#);
        let rules = compile(&json);
        let listener = &rules.listeners[0];
        let expected = SystemEvents { connect: false, connected: true, disconnected: false };
        assert_eq!((listener.system_events, &listener.user_events), (expected, &EventPattern::All));
        assert!(!format!("{rules:?}").contains("secret"), "{rules:?}");
        listener.endpoint.clone()
    };
    assert_eq!(
        listener(
            r#"{"type": "EventHub", "fullyQualifiedNamespace": "ns.servicebus.windows.net", "eventHubName": "eh1"}"#
        ),
        ListenerEndpoint::EventHub {
            namespace: "ns.servicebus.windows.net".into(),
            event_hub: "eh1".into(),
            connection_string: None
        }
    );
    let text = "Endpoint=sb://localhost:5672/;SharedAccessKeyName=n;SharedAccessKey=secret==;UseDevelopmentEmulator=true";
    for (members, more) in [
        (r#", "eventHubName": "EH1""#, ""),
        ("", ";EntityPath=EH1"),
        (r#", "eventHubName": "EH1""#, ";EntityPath=eh1"),
    ] {
        let connection_string = format!("{text}{more}");
        assert_eq!(
            listener(&format!(
                r#"{{"type": "EventHub", "connectionString": "{connection_string}"{members}}}"#
            )),
            ListenerEndpoint::EventHub {
                namespace: "localhost:5672".into(),
                event_hub: "EH1".into(),
                connection_string: Some(connection_string)
            }
        );
    }
    let url = "nats://u:secret@127.0.0.1:4222";
    assert_eq!(
        listener(&format!(r#"{{"type": "nats", "url": "{url}"}}"#)),
        ListenerEndpoint::Nats { url: url.into(), subject: "hublet.{hub}.{event}".into() }
    );
    assert_eq!(
        listener(r#"{"type": "Nats", "url": "tls://nats.example.com", "subject": "a.{event}.b-{hub}"}"#),
        ListenerEndpoint::Nats { url: "tls://nats.example.com".into(), subject: "a.{event}.b-{hub}".into() }
    );
    assert_eq!(
        listener(r#"{"type": "File", "path": "events.jsonl"}"#),
        ListenerEndpoint::File { path: PathBuf::from("events.jsonl") }
    );
}

#[test]
fn mistakes_of_handlers_name_the_property() {
    for (members, start, part) in [
        (r#""urlTemplate": "" "#, "urlTemplate`", "It is missing"),
        (r#""urlTemplate": "builtin:ecko""#, "urlTemplate`", "Did you mean \"builtin:echo\"?"),
        (r#""urlTemplate": "http://{hub}.example/""#, "urlTemplate`", "stands in the host"),
        (r#""urlTemplate": "tunnel:///x""#, "urlTemplate`", "Tunnels are not offered yet"),
        (r#""userEventPattern": "room.*""#, "userEventPattern`", "no wildcards within a name"),
        (r#""systemEvents": ["connect", "conected"]"#, "systemEvents[1]`", "Did you mean \"connected\"?"),
        (r#""systemEvents": ["message"]"#, "systemEvents[0]`", "There are connect, connected, disconnected."),
        (
            r#""groupPresenceEvents": {"eventNames": ["join"]}"#,
            "groupPresenceEvents.eventNames[0]`",
            "Did you mean",
        ),
        (
            r#""groupPresenceEvents": {"groupFilters": ["\\"]}"#,
            "groupPresenceEvents.groupFilters[0]`",
            "no pattern",
        ),
        (r#""timeoutInSeconds": 0"#, "timeoutInSeconds`", "between 1 and 600"),
        (r#""timeoutInSeconds": 601"#, "timeoutInSeconds`", "between 1 and 600"),
        (r#""maxConcurrency": 0"#, "maxConcurrency`", "between 1 and 10000"),
        (r#""auth": {"type": "Manageddentity"}"#, "auth.type`", "Did you mean \"ManagedIdentity\"?"),
        (r#""auth": {"managedIdentity": {}}"#, "auth.type`", "It is missing"),
        (r#""auth": {"type": "ManagedIdentity"}"#, "auth.managedIdentity.resource`", "such as api://my-app"),
        (
            r#""auth": {"type": "ManagedIdentity", "managedIdentity": {"resource": " "}}"#,
            "auth.managedIdentity.resource`",
            "It is missing",
        ),
        (
            r#""auth": {"type": "ManagedIdentity", "managedIdentity": {"resource": "r"}}"#,
            "auth.type`",
            "Add [identity]",
        ),
        (r#""auth": {"type": "Header"}"#, "auth.header`", "It is missing"),
        (
            r#""auth": {"type": "Header", "header": {"name": "a b", "value": "v"}}"#,
            "auth.header.name`",
            "not the name of a header",
        ),
        (
            r#""auth": {"type": "Header", "header": {"name": "X", "value": "se\ncret"}}"#,
            "auth.header.value`",
            "in ASCII",
        ),
        (
            r#""auth": {"type": "Header", "header": {"name": "X", "value": " "}}"#,
            "auth.header.value`",
            "It is empty",
        ),
    ] {
        let url = if members.contains("urlTemplate") { "" } else { r#""urlTemplate": "http://h/", "# };
        let json = format!(r#"{{"eventHandlers": [{{"urlTemplate": "http://h/"}}, {{{url}{members}}}]}}"#);
        let error = error_in(&development(), &json);
        assert!(
            error.starts_with(&format!("`eventHandlers[1].{start}: ")) && error.contains(part),
            "{members}: {error}"
        );
        assert!(!error.contains("cret"), "{error}");
    }
}

#[test]
fn headers_of_the_protocol_are_refused() {
    let with = |name: &str| {
        format!(
            r#"{{"eventHandlers": [{{"urlTemplate": "http://h/", "auth": {{"type": "Header", "header": {{"name": "{name}", "value": "v"}}}}}}]}}"#
        )
    };
    for name in [
        "CE-userId",
        "ce-signature",
        "WebHook-Request-Origin",
        "Host",
        "Content-Type",
        "cookie",
        "mqtt-x",
        "Transfer-Encoding",
        "x-ms-client-request-id",
    ] {
        let error = error_in(&development(), &with(name));
        assert!(
            error.starts_with("`eventHandlers[0].auth.header.name`: ") && error.contains(name),
            "{error}"
        );
    }
    for name in ["Authorization", "X-Functions-Key", "cex", "Te-Key", "hostname"] {
        assert!(compile_in(&development(), &with(name)).is_ok(), "{name}");
    }
}

#[test]
fn mistakes_of_listeners_name_the_property() {
    for (filter, endpoint, start, part) in [
        (r#""type": "EventNam""#, "", "filter.type`", "Did you mean \"EventName\"?"),
        (r#""systemEvents": ["x"]"#, "", "filter.systemEvents[0]`", "no system event"),
        (r#""userEventPattern": "a*""#, "", "filter.userEventPattern`", "no wildcards"),
        ("", "", "endpoint.type`", "It is missing"),
        ("", r#""type": "EventHubs""#, "endpoint.type`", "Did you mean \"EventHub\"?"),
        ("", r#""type": "EventHub""#, "endpoint.fullyQualifiedNamespace`", "It is missing"),
        (
            "",
            r#""type": "EventHub", "fullyQualifiedNamespace": "n""#,
            "endpoint.eventHubName`",
            "It is missing",
        ),
        (
            "",
            r#""type": "EventHub", "fullyQualifiedNamespace": "n", "eventHubName": "e""#,
            "endpoint.type`",
            "Add [identity]",
        ),
        (
            "",
            r#""type": "EventHub", "fullyQualifiedNamespace": "sb://n", "eventHubName": "e""#,
            "endpoint.fullyQualifiedNamespace`",
            "not a host name",
        ),
        (
            "",
            r#""type": "EventHub", "fullyQualifiedNamespace": "n", "eventHubName": "-e""#,
            "endpoint.eventHubName`",
            "not the name of an event hub",
        ),
        (
            "",
            r#""type": "EventHub", "connectionString": "secret""#,
            "endpoint.connectionString`",
            "no Endpoint=sb://",
        ),
        (
            "",
            r#""type": "EventHub", "connectionString": "Endpoint=sb://n/;x=secret""#,
            "endpoint.connectionString`",
            "no SharedAccessKeyName",
        ),
        (
            "",
            r#""type": "EventHub", "connectionString": "Endpoint=sb://n/;SharedAccessKeyName=k;SharedAccessKey=secret""#,
            "endpoint.eventHubName`",
            "It is missing",
        ),
        (
            "",
            r#""type": "EventHub", "eventHubName": "a", "connectionString": "Endpoint=sb://n/;SharedAccessKeyName=k;SharedAccessKey=secret;EntityPath=b""#,
            "endpoint.eventHubName`",
            "is for \"b\"",
        ),
        ("", r#""type": "Nats""#, "endpoint.url`", "It is missing"),
        (
            "",
            r#""type": "Nats", "url": "http://u:secret@h""#,
            "endpoint.url`",
            "not the URL of a NATS server",
        ),
        ("", r#""type": "Nats", "url": "nats://h", "subject": "a..b""#, "endpoint.subject`", "no subject"),
        ("", r#""type": "Nats", "url": "nats://h", "subject": "a.>""#, "endpoint.subject`", "no subject"),
        (
            "",
            r#""type": "Nats", "url": "nats://h", "subject": "a.{user}""#,
            "endpoint.subject`",
            "no subject",
        ),
        ("", r#""type": "File", "path": """#, "endpoint.path`", "It is missing"),
    ] {
        let json =
            format!(r#"{{"eventListeners": [{{"filter": {{{filter}}}, "endpoint": {{{endpoint}}}}}]}}"#);
        let error = error_in(&development(), &json);
        assert!(
            error.starts_with(&format!("`eventListeners[0].{start}: ")) && error.contains(part),
            "{endpoint}: {error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn limits() {
    let many = |count: usize, property: &str, item: &str| {
        format!(r#"{{"{property}": [{}]}}"#, vec![item; count].join(","))
    };
    let handler = r#"{"urlTemplate": "builtin:echo"}"#;
    assert_eq!(compile(&many(32, "eventHandlers", handler)).handlers.len(), 32);
    assert!(
        error_in(&development(), &many(33, "eventHandlers", handler))
            .starts_with("`eventHandlers`: There are 33")
    );
    let listener = r#"{"endpoint": {"type": "File", "path": "f"}}"#;
    assert_eq!(compile(&many(10, "eventListeners", listener)).listeners.len(), 10);
    assert!(
        error_in(&development(), &many(11, "eventListeners", listener))
            .starts_with("`eventListeners`: There are 11")
    );
    for seconds in [0, 121] {
        let error =
            error_in(&development(), &format!(r#"{{"webSocketKeepAliveIntervalInSeconds": {seconds}}}"#));
        assert!(
            error.contains("`webSocketKeepAliveIntervalInSeconds`: ") && error.contains("between 1 and 120"),
            "{error}"
        );
    }
    let error = HubRules::compile("1x", &HubSettings::default(), &development()).expect_err("no name");
    assert!(error.property().is_empty() && error.to_string().contains("\"1x\" is not a hub name"), "{error}");
}

#[test]
fn hosts_that_could_not_be_reached_are_refused_at_once() {
    let json = |url: &str| format!(r#"{{"eventHandlers": [{{"urlTemplate": "{url}"}}]}}"#);
    for url in [
        "http://127.0.0.1:3000/",
        "http://localhost/",
        "http://LocalHost:1/",
        "http://a.localhost/",
        "http://[::1]/",
    ] {
        assert!(compile_in(&development(), &json(url)).is_ok(), "{url}");
        let error = error_in(&Environment::default(), &json(url));
        assert!(
            error.contains("on loopback") && error.contains("`allowed_networks` under [upstream]."),
            "{url}: {error}"
        );
    }
    for url in ["http://169.254.169.254/", "http://10.1.2.3/", "http://[::ffff:10.1.2.3]/"] {
        assert!(
            error_in(&development(), &json(url)).starts_with("`eventHandlers[0].urlTemplate`: The address"),
            "{url}"
        );
        let allowed_networks = Networks::parse(&["private".to_owned(), "link-local".to_owned()]).unwrap();
        let environment = Environment { allowed_networks, ..Environment::default() };
        assert!(compile_in(&environment, &json(url)).is_ok(), "{url}");
    }
    // Who that is turns out when it is looked up.
    assert!(compile_in(&Environment::default(), &json("http://intranet/")).is_ok());
}
