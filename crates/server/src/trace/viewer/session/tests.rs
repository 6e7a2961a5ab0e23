use std::sync::Arc;

use hublet_wire::ws::{Role, encode_masked};

use super::*;
use crate::config::{Config, Settings};

struct Reader {
    tracer: Arc<Tracer>,
    session: Session,
    decoder: Decoder,
    own: Decoder,
}

const HANDSHAKE: &str = "{\"protocol\":\"json\",\"version\":1}\u{1e}";

impl Reader {
    fn new(text: &str) -> Self {
        let config = Config::new(&Settings::from_toml(text).unwrap()).unwrap();
        let tracer = Arc::new(Tracer::new(&config).unwrap());
        let session = Session::new(&tracer);
        let decoder = Decoder::new(Role::Server, 4_096);
        Self { tracer, session, decoder, own: Decoder::new(Role::Client, 1 << 24) }
    }

    /// Sends a text and reads the answers; a close frame by its code.
    fn say(&mut self, text: &str) -> Vec<String> {
        let mut bytes = Vec::new();
        encode_masked(Opcode::Text, text.as_bytes(), [1, 2, 3, 4], &mut bytes);
        self.session.receive(&mut self.decoder, &mut bytes);
        self.read()
    }

    fn read(&mut self) -> Vec<String> {
        let mut bytes = self.session.take_output();
        let mut input = &mut bytes[..];
        let mut read = Vec::new();
        while let Some(event) = self.own.next(&mut input).unwrap() {
            match event {
                Frame::Text(text) => {
                    let text = text.strip_suffix(signalr::RECORD_END).unwrap();
                    read.extend(text.split(signalr::RECORD_END).map(str::to_owned));
                }
                Frame::Close { code, .. } => read.push(format!("close {}", code.unwrap_or_default())),
                other => read.push(format!("{other:?}")),
            }
        }
        read
    }

    fn told(&mut self) -> Vec<Value> {
        self.session.tell(&self.tracer);
        self.read().iter().map(|record| serde_json::from_str(record).unwrap()).collect()
    }

    fn happens(&self, count: usize) {
        let event = |number| {
            let event = Event::new(Kind::ConnectionEnded, 1_000).detail(&format!("Number {number}."));
            Event { hub: Some("chat".into()), ..event }
        };
        self.tracer.record((0..count).map(event));
    }
}

#[test]
fn texts_come_before_events() {
    let mut reader = Reader::new("");
    assert_eq!(reader.say(HANDSHAKE), ["{}"]);
    assert!(!reader.session.is_streaming(Instant::now()));
    let start = "{\"type\":1,\"target\":\"StartListeningToLogEvents\",\"arguments\":[]}\u{1e}";
    assert!(reader.say(start).is_empty(), "no answer is wanted");
    assert!(reader.session.is_streaming(Instant::now()));
    reader.happens(2);
    let told = reader.told();
    assert_eq!(told.len(), 3);
    assert_eq!(
        told[0],
        json!({"type": 1, "target": "LogProperty", "arguments": [
            {"eventId": 102, "eventName": "ConnectionEnded", "template": "Connection ended. {detail}", "logLevel": 2}
        ]})
    );
    assert_eq!(
        told[1],
        json!({"type": 1, "target": "logEvent", "arguments": [{
            "time": "1970-01-01T00:00:01.000Z", "eventId": 102, "logContext": {"Hub": "chat"}, "values": ["Number 0."]
        }]})
    );
    reader.happens(1);
    assert_eq!(reader.told().len(), 1, "the text is known");
}

#[test]
fn events_begin_by_themselves() {
    let mut reader = Reader::new("");
    reader.say(HANDSHAKE);
    let begin = Instant::now() + START_BY_ITSELF;
    assert!(!reader.session.is_streaming(begin - Duration::from_secs(1)));
    assert!(reader.session.is_streaming(begin));
    assert_eq!(reader.session.begins(), None);
}

#[test]
fn one_who_is_too_slow_is_told_what_was_missed() {
    let mut reader = Reader::new("[live_trace]\nbuffer_bytes = 65536\n");
    reader.say(HANDSHAKE);
    reader.happens(1_000);
    let told = reader.told();
    assert_eq!(told[0]["arguments"][0]["eventName"], "TraceEventsDropped");
    let dropped: u64 = told[1]["arguments"][0]["values"][0].as_str().unwrap().parse().unwrap();
    let kept = reader.tracer.recent().after(0, 10_000).items.len() as u64;
    assert_eq!(dropped + kept, 1_000);
    assert!(
        reader.say("{\"type\":1,\"target\":\"logproperty\",\"arguments\":[901]}\u{1e}")[0]
            .contains("dropped")
    );
}

#[test]
fn much_is_told_in_several_messages() {
    let mut reader = Reader::new("");
    reader.say(HANDSHAKE);
    reader.session.is_streaming(Instant::now() + START_BY_ITSELF);
    reader.happens(EVENTS_MAX + 1);
    assert_eq!(reader.told().len(), EVENTS_MAX + 1, "and one text");
    assert_eq!(reader.told().len(), 1);
    assert!(!reader.session.tell(&reader.tracer));
}

#[test]
fn calls_are_answered_when_that_is_asked_for() {
    let mut reader = Reader::new("");
    reader.say(HANDSHAKE);
    let call = |target: &str, arguments: &str| {
        format!(
            "{{\"type\":1,\"invocationId\":\"7\",\"target\":\"{target}\",\"arguments\":{arguments}}}\u{1e}"
        )
    };
    for (target, arguments, part) in [
        ("nothing", "[]", "There is no such method."),
        ("LogProperty", "[]", "takes the id"),
        ("LogProperty", "[\"x\"]", "takes the id"),
        ("LogProperty", "[5]", "no event of this id"),
    ] {
        let answer = reader.say(&call(target, arguments));
        assert_eq!(answer.len(), 1);
        assert!(answer[0].contains(part) && answer[0].contains("\"invocationId\":\"7\""), "{answer:?}");
    }
    let answer = reader.say(&call("LogProperty", "[101]"));
    assert!(answer[0].contains("ConnectionStarted") && answer[1] == "{\"type\":3,\"invocationId\":\"7\"}");
    assert!(reader.say("{\"type\":1,\"target\":\"nothing\",\"arguments\":[]}\u{1e}").is_empty());
    assert!(reader.say("{\"type\":6}\u{1e}").is_empty());
}

#[test]
fn what_breaks_the_rules_ends() {
    for (first, text, code) in [
        ("", "{}\u{1e}", 1008),
        ("", "{\"protocol\":\"messagepack\",\"version\":1}\u{1e}", 1008),
        ("", "{\"protocol\":\"json\",\"version\":1}", 1008),
        (HANDSHAKE, "{\"type\":6}", 1008),
        (HANDSHAKE, "x\u{1e}", 1008),
        (HANDSHAKE, "\u{1e}", 1008),
        (HANDSHAKE, "{\"type\":7}\u{1e}", 1000),
    ] {
        let mut reader = Reader::new("");
        if !first.is_empty() {
            reader.say(first);
        }
        let answers = reader.say(text);
        assert_eq!(answers.last(), Some(&format!("close {code}")), "{text}: {answers:?}");
    }
    let mut reader = Reader::new("");
    reader.say(HANDSHAKE);
    assert_eq!(reader.say(&"x".repeat(4_097)), ["close 1009"]);
    let mut reader = Reader::new("");
    reader.say(HANDSHAKE);
    let many = "{\"type\":1,\"target\":\"x\"}\u{1e}".repeat(30);
    for _ in 0..3 {
        assert!(reader.say(&many).is_empty());
    }
    assert_eq!(reader.say(&many).last(), Some(&"close 1008".to_owned()), "too many calls");
}
