use super::rig::Rig;
use crate::pubsub::{Data, Protocol};
use crate::session::{Cancel, Command, StreamKey};

const KEY: StreamKey = StreamKey(1);

fn open() -> Command {
    Command::OpenStream { group: "g".to_owned(), no_echo: false, idle_timeout_ms: None }
}

fn part(text: &str) -> Command {
    Command::StreamData { stream: KEY, data: Data::Text(text.to_owned()) }
}

fn sent(number: u64, text: &str) -> String {
    format!(
        r#"{{"type":"streamData","streamId":"p-1","streamSequenceId":{number},"dataType":"text","data":"{text}"}}"#
    )
}

fn ack(rig: &mut Rig, expected: u64) {
    rig.json(&format!(r#"{{"type":"streamAck","streamId":"p-1","expectedSequenceId":{expected}}}"#));
}

const START: &str = r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"p-1"}}"#;
const END: &str = r#"{"type":"streamEnd","streamId":"p-1"}"#;
const CLOSED: &str = r#"{"type":"streamClosed","streamId":"p-1"}"#;

/// A stream that is open; calls go on at 2.
fn opened() -> Rig {
    let mut rig = Rig::connected(Protocol::JsonReliable);
    rig.call(open());
    assert_eq!(rig.done(), [START]);
    ack(&mut rig, 1);
    assert_eq!(rig.done(), ["answer 1 stream 1 p-1"]);
    rig
}

#[test]
fn a_stream_from_its_start_to_its_end() {
    let mut rig = opened();
    rig.call(part("a"));
    rig.call(Command::StreamKeepalive { stream: KEY });
    rig.call(Command::StreamEnd { stream: KEY, error: None });
    assert_eq!(
        rig.done(),
        [
            sent(1, "a"),
            "answer 2 done".to_owned(),
            r#"{"type":"streamData","streamId":"p-1"}"#.to_owned(),
            "answer 3 done".to_owned(),
            END.to_owned()
        ]
    );
    ack(&mut rig, 2);
    rig.json(CLOSED);
    assert_eq!(rig.done(), ["answer 4 done"]);
    rig.session.cancel(Cancel::Stream(KEY));
    assert_eq!(rig.done(), [""; 0]);
}

#[test]
fn a_recovery_resends_what_is_not_confirmed() {
    let mut rig = opened();
    for text in ["a", "b", "c"] {
        rig.call(part(text));
    }
    ack(&mut rig, 2);
    rig.call(Command::StreamEnd { stream: KEY, error: None });
    rig.done();
    rig.lost();
    rig.socket_opened();
    rig.welcome("c1", "t1");
    assert_eq!(rig.done()[3..], [sent(2, "b"), sent(3, "c"), END.to_owned()]);
    // The first end had arrived, so that the second one finds nothing.
    rig.json(r#"{"type":"streamClosed","streamId":"p-1","error":{"name":"StreamNotFound","message":"m"}}"#);
    assert_eq!(rig.done(), ["answer 5 done"]);
}

#[test]
fn a_gap_is_filled_once() {
    let mut rig = opened();
    for text in ["a", "b", "c"] {
        rig.call(part(text));
    }
    rig.done();
    for _ in 0..2 {
        rig.json(r#"{"type":"streamNack","streamId":"p-1","name":"N","message":"","expectedSequenceId":2}"#);
    }
    assert_eq!(rig.done(), [sent(2, "b"), sent(3, "c")]);
}

#[test]
fn a_writer_waits_when_much_is_under_way() {
    let mut rig = opened();
    for _ in 0..256 {
        rig.call(part("x"));
    }
    let done = rig.done();
    assert_eq!(done.iter().filter(|done| done.starts_with("answer")).count(), 255);
    ack(&mut rig, 2);
    assert_eq!(rig.done(), ["answer 257 done"]);
}

#[test]
fn a_stream_ends_with_its_connection_and_with_the_services_will() {
    let mut rig = opened();
    rig.closed(1008);
    rig.call(part("a"));
    assert_eq!(rig.done().last().unwrap(), "answer 2 disconnected");

    let mut rig = opened();
    rig.json(r#"{"type":"streamClosed","streamId":"p-1","error":{"name":"IdleTimeout","message":"m"}}"#);
    rig.call(part("a"));
    assert_eq!(rig.done(), ["answer 2 The service closed the stream: IdleTimeout: m"]);

    let mut refused = Rig::connected(Protocol::Json);
    refused.call(open());
    refused.json(r#"{"type":"streamClosed","streamId":"p-1","error":{"name":"Forbidden","message":"m"}}"#);
    assert_eq!(refused.done()[1..], ["answer 1 The service closed the stream: Forbidden: m"]);

    let mut lost = Rig::connected(Protocol::JsonReliable);
    lost.call(open());
    lost.lost();
    assert_eq!(lost.done()[1], "answer 1 disconnected");
}

#[test]
fn a_dropped_writer_tells_the_receivers() {
    let mut rig = opened();
    rig.session.cancel(Cancel::Stream(KEY));
    let done = rig.done();
    assert!(done[0].contains(r#""userErrorCode":"Dropped""#), "{done:?}");
    rig.json(CLOSED);
    assert_eq!(rig.done(), [""; 0]);
    assert_eq!(rig.session.streams.starting(), 0);
}
