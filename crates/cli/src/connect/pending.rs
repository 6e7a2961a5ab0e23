//! What was asked and is not answered yet.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::show::Kind;

/// A request, in the words that its answer is shown with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// What has happened if it succeeds.
    pub(super) done: Kind,
    /// What it was about.
    pub(super) what: String,
}

/// The requests that are waited for.
#[derive(Debug, Default)]
pub(super) struct Pending {
    acks: BTreeMap<u64, Asked>,
    pings: usize,
    last_ack_id: u64,
}

impl Pending {
    /// A new ack id for a request.
    pub(super) fn ask(&mut self, done: Kind, what: String) -> u64 {
        self.last_ack_id += 1;
        self.acks.insert(self.last_ack_id, Asked { done, what });
        self.last_ack_id
    }

    /// A ping is sent.
    pub(super) fn ask_pong(&mut self) {
        self.pings += 1;
    }

    /// Something was sent that a person wrote out. If the service will answer, the answer is waited for.
    pub(super) fn ask_raw(&mut self, text: &str) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            r#type: String,
            ack_id: Option<u64>,
        }
        match serde_json::from_str::<Raw>(text) {
            Ok(raw) if raw.r#type == "ping" => self.ask_pong(),
            Ok(Raw { r#type, ack_id: Some(id) }) => {
                self.acks.insert(id, Asked { done: Kind::Done, what: r#type });
                // The service would take the same id for the same request again.
                self.last_ack_id = self.last_ack_id.max(id.min(u64::MAX - 1));
            }
            _ => {}
        }
    }

    /// The request that an ack answers.
    pub(super) fn answered(&mut self, ack_id: u64) -> Option<Asked> {
        self.acks.remove(&ack_id)
    }

    /// A pong has come.
    pub(super) fn ponged(&mut self) {
        self.pings = self.pings.saturating_sub(1);
    }

    /// How many answers are missing.
    pub(super) fn len(&self) -> usize {
        self.acks.len() + self.pings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted() {
        let mut pending = Pending::default();
        assert_eq!(pending.ask(Kind::Joined, "a".to_owned()), 1);
        pending.ask_raw(r#"{"type":"joinGroup","group":"b","ackId":7}"#);
        pending.ask_raw(r#"{"type":"ping"}"#);
        pending.ask_raw(r#"{"type":"joinGroup","group":"b"}"#);
        pending.ask_raw("nonsense");
        assert_eq!(pending.len(), 3);
        assert_eq!(pending.ask(Kind::Left, "c".to_owned()), 8, "no id twice");
        pending.ponged();
        assert_eq!(pending.answered(1), Some(Asked { done: Kind::Joined, what: "a".to_owned() }));
        assert_eq!(pending.answered(1), None);
        assert_eq!(pending.answered(7).map(|asked| asked.what), Some("joinGroup".to_owned()));
        assert_eq!(pending.len(), 1);
    }
}
