//! What holds for every message of a SignalR client, whatever it sends.

use hublet_wire::signalr::{self, ClientMessage, RECORD_END};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(records) = signalr::records(text) else { return };
    assert!(!records.is_empty() && records.len() <= 32);
    for record in records {
        assert!(!record.contains(RECORD_END));
        let _ = signalr::read_handshake(record);
        if let Ok(ClientMessage::Invocation { id: Some(id), .. }) = signalr::read_message(record) {
            // Whatever its id is, the answer is one record with that id.
            let mut answer = String::new();
            signalr::completion(&mut answer, &id, Some(&id));
            let answers = signalr::records(&answer).expect("whole records");
            assert_eq!(answers.len(), 1);
            assert_eq!(signalr::read_message(answers[0]), Ok(ClientMessage::Other));
            assert!(answers[0].contains("\"type\":3"));
        }
    }
}
