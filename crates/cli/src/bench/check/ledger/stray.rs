//! What came and should not have, in words: whoever reads them has to find out where it comes from.

use hublet_client::pubsub::Data;

use super::{Ledger, Outcome, PartRead};

/// Characters of a content that are told.
const EXCERPT_CHARS: usize = 40;

/// Something that came, as its receiver saw it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Arrival<'a> {
    /// The number of the group, if it is one of this run.
    pub(in super::super) group: Option<usize>,
    /// Its name; `None`: it came from the app server, to no group.
    pub(in super::super) group_name: Option<&'a str>,
    /// Only of reliable connections.
    pub(in super::super) sequence_id: Option<u64>,
    pub(in super::super) data: &'a Data,
}

impl Ledger {
    /// A message that nobody sent to this group.
    pub(super) fn stray_message(
        &self,
        client: usize,
        arrival: &Arrival<'_>,
        message: Option<usize>,
    ) -> String {
        let sent = message.and_then(|number| self.messages.get(number));
        let what = match (message, sent) {
            (None, _) => "a message without a number".to_owned(),
            (Some(number), None) => format!("message {number}, when {} were sent", self.messages.len()),
            (Some(number), Some(sent)) => {
                let outcome = match sent.outcome {
                    Outcome::Pending => "not answered yet",
                    Outcome::Sent(_) => "answered",
                    Outcome::Unknown => "answer lost",
                };
                format!(
                    "message {number}, which client {} sent to group {} ({outcome})",
                    sent.sender, sent.group
                )
            }
        };
        format!("{what}; {}", self.place(client, arrival))
    }

    /// A part that nobody published, or not to this receiver.
    pub(super) fn stray_part(&self, client: usize, arrival: &Arrival<'_>, part: &PartRead<'_>) -> String {
        let PartRead { id, number, content, end } = part;
        let kind = match end {
            None => "part",
            Some(None) => "the end, as part",
            Some(Some(error)) => &format!("the end ({error}), as part"),
        };
        let known =
            self.streams.by_id.get(*id).and_then(|stream| Some((stream, self.streams.all.get(*stream)?)));
        let what = match known {
            None => format!("{kind} {number} of the stream {id}, which nobody has"),
            Some((stream, known)) => {
                let opening = &known.opening;
                let lost = self.clients.get(client).map_or(0, |client| client.connections_lost);
                let why = if opening.excludes(client, lost) {
                    ", which it publishes itself and does not want"
                } else {
                    ""
                };
                format!(
                    "{kind} {number} of stream {stream} ({id}){why}: client {} has sent {} parts of it to group {}",
                    opening.publisher(),
                    known.began.len(),
                    opening.group(),
                )
            }
        };
        let said = content.map(|(stream, part)| format!(", which says part {part} of stream {stream}"));
        format!("{what}; {}{}", self.place(client, arrival), said.unwrap_or_default())
    }

    fn place(&self, client: usize, arrival: &Arrival<'_>) -> String {
        let Arrival { group_name, sequence_id, data, .. } = arrival;
        let to = group_name.map_or("to no group".to_owned(), |name| format!("to the group {name}"));
        let connection = self.clients.get(client).map_or("", |client| &client.connection_id);
        let sequence_id = sequence_id.map(|id| format!(" with sequence id {id}")).unwrap_or_default();
        format!("it came {to} on connection {connection}{sequence_id}: {}", excerpt(data))
    }
}

/// The kind, the length and the beginning of a content.
fn excerpt(data: &Data) -> String {
    let bytes = match data {
        Data::Json(text) | Data::Text(text) => text.as_bytes(),
        Data::Binary(bytes) | Data::Protobuf(bytes) => bytes,
    };
    // No character has more bytes.
    let start = bytes.get(..4 * EXCERPT_CHARS).unwrap_or(bytes);
    let start: String = String::from_utf8_lossy(start).chars().take(EXCERPT_CHARS).collect();
    format!("{}, {} bytes, {start:?}", data.type_name(), data.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_somebody_else() {
        let mut ledger = Ledger::new(1);
        let client = ledger.add_client(false);
        ledger.connected(client, "c".to_owned());
        let data = Data::Binary(vec![b'a'; 1_000]);
        let arrival = Arrival { group: None, group_name: None, sequence_id: None, data: &data };
        assert_eq!(
            ledger.stray_message(client, &arrival, None),
            format!(
                "a message without a number; it came to no group on connection c: binary, 1000 bytes, \"{}\"",
                "a".repeat(EXCERPT_CHARS)
            )
        );
    }
}
