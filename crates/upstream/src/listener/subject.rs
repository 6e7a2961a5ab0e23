//! Subjects with the placeholders `{hub}` and `{event}`.

use std::fmt::Write as _;

/// A template, cut into its parts.
#[derive(Debug)]
pub(super) struct SubjectTemplate(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Hub,
    Event,
}

impl SubjectTemplate {
    /// Reads a template that was checked when it was configured.
    pub(super) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        for (index, piece) in text.split('{').enumerate() {
            let (placeholder, rest) = match piece.split_once('}') {
                Some(("hub", rest)) if index > 0 => (Some(Part::Hub), rest),
                Some(("event", rest)) if index > 0 => (Some(Part::Event), rest),
                _ => (None, piece),
            };
            parts.extend(placeholder);
            parts.push(Part::Text(rest.to_owned()));
        }
        Self(parts)
    }

    /// The subject for an event. Each value is one part between dots: whoever may see the subjects of a hub sees no other
    /// hub's.
    pub(super) fn expand(&self, hub: &str, event: &str) -> String {
        let mut subject = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => subject.push_str(text),
                Part::Hub => push_escaped(&mut subject, hub),
                Part::Event => push_escaped(&mut subject, event),
            }
        }
        subject
    }
}

/// Percent-encodes what a part of a subject cannot hold, and the percent sign.
fn push_escaped(subject: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && !b".*>%".contains(&byte) {
            subject.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(subject, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_part_each() {
        for (template, hub, event, expected) in [
            ("hublet.{hub}.{event}", "chat", "message", "hublet.chat.message"),
            ("{event}.x.{hub}{event}", "chat", "e", "e.x.chate"),
            ("all", "chat", "e", "all"),
            ("$events.{hub}", "a.b", "e", "$events.a%2Eb"),
            ("{event}", "h", "order.created", "order%2Ecreated"),
            ("{event}", "h", "a b*>%\u{e9}", "a%20b%2A%3E%25%C3%A9"),
            ("{hub}", "{event}", "e", "{event}"),
            ("{hub}", "a_`,[]9", "e", "a_`,[]9"),
        ] {
            assert_eq!(SubjectTemplate::new(template).expand(hub, event), expected);
        }
    }
}
