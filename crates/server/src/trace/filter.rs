//! Which events a reader wants.

use super::event::Event;
use crate::config::Category;

/// Every part that is there must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Lower-cased.
    pub(crate) hub: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) category: Option<Category>,
    /// The name of the event, without case.
    pub(crate) name: Option<String>,
    /// Lower-cased; a part of any text that is shown.
    pub(crate) text: Option<String>,
}

impl Filter {
    pub(crate) fn matches(&self, event: &Event) -> bool {
        let is = |wanted: &Option<String>, value: Option<&str>| match wanted {
            Some(wanted) => value == Some(wanted.as_str()),
            None => true,
        };
        let entry = event.kind.entry();
        self.category.is_none_or(|category| category == entry.category)
            && self.name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(entry.name))
            && is(&self.hub, event.hub.as_deref())
            && is(&self.user, event.user.as_deref())
            && is(&self.group, event.group.as_deref())
            && self.connection.as_ref().is_none_or(|wanted| {
                event.connection.is_some_and(|connection| connection.to_string() == *wanted)
            })
            && self.text.as_ref().is_none_or(|text| shows(event, text))
    }
}

/// Whether a text that is shown has this in it.
fn shows(event: &Event, text: &str) -> bool {
    let has = |shown: &str| shown.to_lowercase().contains(text);
    let of_http = |event: &Event| event.http.as_deref().is_some_and(|http| has(&http.path));
    has(event.kind.entry().name)
        || [&event.hub, &event.user, &event.group].into_iter().flatten().any(|name| has(name))
        || has(&event.message())
        || event.connection.is_some_and(|connection| has(&connection.to_string()))
        || event.exception.as_deref().is_some_and(has)
        || event.payload.as_ref().and_then(|payload| payload.text.as_deref()).is_some_and(has)
        || of_http(event)
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::Payload;

    use super::super::catalogue::Kind;
    use super::super::event::Preview;
    use super::*;

    #[test]
    fn every_part_must_hold() {
        let mut event = Event::new(Kind::ReceivedMessageFromClient, 0).detail("group Tea");
        event.hub = Some("chat".into());
        event.user = Some("Ann".into());
        event.group = Some("Tea".into());
        event.payload = Some(Preview::of(&Payload::Text("Hello there".into()), true));
        let filter = Filter::default();
        let some = |text: &str| Some(text.to_owned());
        for (filter, expected) in [
            (filter.clone(), true),
            (Filter { hub: some("chat"), ..filter.clone() }, true),
            (Filter { hub: some("other"), ..filter.clone() }, false),
            (Filter { user: some("Ann"), group: some("Tea"), ..filter.clone() }, true),
            (Filter { user: some("Ann"), group: some("tea"), ..filter.clone() }, false),
            (Filter { connection: some("x"), ..filter.clone() }, false),
            (Filter { category: Some(Category::MessagingLogs), ..filter.clone() }, true),
            (Filter { category: Some(Category::HttpRequestLogs), ..filter.clone() }, false),
            (Filter { name: some("receivedmessagefromclient"), ..filter.clone() }, true),
            (Filter { name: some("SentMessage"), ..filter.clone() }, false),
            (Filter { text: some("hello"), ..filter.clone() }, true),
            (Filter { text: some("for group tea"), ..filter.clone() }, true),
            (Filter { text: some("ann"), ..filter.clone() }, true),
            (Filter { text: some("nothing"), ..filter }, false),
        ] {
            assert_eq!(filter.matches(&event), expected, "{filter:?}");
        }
    }
}
