use super::rig::Rig;
use crate::pubsub::{Data, Metadata, Protocol, SendOptions};
use crate::session::{Command, StreamKey};

fn send(data: Data) -> Command {
    Command::SendToGroup { group: "g".to_owned(), data, options: SendOptions::default() }
}

fn json(text: &str) -> Data {
    Data::Json(text.to_owned())
}

fn event(name: &str, metadata: &[(&str, &str)]) -> Command {
    let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Command::SendEvent { event: name.to_owned(), data: Data::from("x"), metadata: metadata.collect() }
}

fn nested(levels: usize) -> Data {
    Data::Json(format!("{}{}", "[".repeat(levels), "]".repeat(levels)))
}

/// Whether the session sends the request; if not, it has answered it.
fn is_sent(protocol: Protocol, command: Command) -> bool {
    let mut rig = Rig::connected(protocol);
    rig.call(command);
    let done = rig.done();
    assert_eq!(done.len(), 1, "{done:?}");
    !done[0].starts_with("answer 1 ")
}

#[test]
fn what_would_end_the_connection_is_not_sent_and_the_text_says_why() {
    let mut rig = Rig::connected(Protocol::JsonReliable);
    for (command, expected) in [
        (Command::Join { group: " \t".to_owned() }, "The name of a group has 1 to 1024 characters"),
        (event("1a", &[]), "\"1a\" is not the name of an event: a letter, then"),
        (event("a", &[("n", "ü")]), "Invalid metadata: "),
        (send(json(" null ")), "JSON null is no data: send another value"),
        (send(json("{")), "The data is not JSON."),
        (send(nested(64)), "A message has 64 levels of arrays and objects at most: send fewer"),
        (send(Data::Protobuf(vec![0xff])), "The bytes are no google.protobuf.Any: send them as binary"),
    ] {
        let id = rig.call(command).0;
        let done = rig.done();
        assert!(done.len() == 1 && done[0].starts_with(&format!("answer {id} {expected}")), "{done:?}");
    }
    // Nothing of it is left behind: the next request has the first number.
    rig.call(send(Data::from("x")));
    assert!(rig.done()[0].contains(r#""ackId":1,"#));
}

#[test]
fn every_request_with_a_name_is_checked() {
    let group = String::new;
    let options = SendOptions { ttl_seconds: Some(301), ..SendOptions::default() };
    for command in [
        Command::Join { group: "g".repeat(1_025) },
        Command::Leave { group: group() },
        Command::SetState { group: group(), state: None },
        Command::Subscribe { group: group() },
        Command::Unsubscribe { group: group() },
        Command::OpenStream { group: group(), no_echo: false, idle_timeout_ms: None },
        Command::SendToGroup { group: group(), data: Data::from("x"), options: SendOptions::default() },
        Command::SendToGroup { group: "g".to_owned(), data: Data::from("x"), options },
        Command::Invoke { event: "a b".to_owned(), data: None, metadata: Metadata::new() },
        Command::Invoke { event: "a".to_owned(), data: Some(nested(64)), metadata: Metadata::new() },
        Command::StreamData { stream: StreamKey(1), data: json("null") },
    ] {
        let words = format!("{command:?}");
        assert!(!is_sent(Protocol::Json, command), "{words}");
    }
}

#[test]
fn what_a_service_takes_is_sent() {
    for protocol in Protocol::ALL {
        for data in
            [json("[null]"), json(" 1 "), nested(63), Data::Protobuf(vec![]), Data::Text(String::new())]
        {
            assert!(is_sent(protocol, send(data.clone())), "{data:?}");
        }
        assert_eq!(is_sent(protocol, send(nested(64))), !protocol.is_json());
        let name = "a".to_owned();
        assert!(is_sent(
            protocol,
            Command::Invoke { event: name, data: Some(json("null")), metadata: Metadata::new() }
        ));
        assert!(!is_sent(protocol, send(nested(65))));
        assert!(is_sent(protocol, event("a.B_1-c", &[("n", "v")])));
    }
}
