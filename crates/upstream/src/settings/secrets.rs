//! Settings as they are shown: with `***` in place of secrets. Settings that were shown may come back.

use super::{
    EventHandlerSettings, EventListenerSettings, HeaderSettings, HubSettings, ListenerEndpointSettings,
};
use crate::rules::SettingsError;

/// What is shown in place of a secret.
const MASK: &str = "***";

impl HubSettings {
    /// With `***` in place of values of headers, connection strings, and credentials in URLs of NATS servers.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        for header in masked.event_handlers.iter_mut().filter_map(header_mut) {
            MASK.clone_into(&mut header.value);
        }
        for ListenerEndpointSettings { connection_string, url, .. } in
            masked.event_listeners.iter_mut().map(|listener| &mut listener.endpoint)
        {
            if let Some(text) = connection_string {
                MASK.clone_into(text);
            }
            if let Some(text) = url {
                *text = mask_credentials(text);
            }
        }
        masked
    }

    /// As [`HubSettings::masked`], and with the values in the queries of handlers' URLs masked too: they may be keys of
    /// functions. For what people copy elsewhere.
    #[must_use]
    pub fn masked_with_queries(&self) -> Self {
        let mut masked = self.masked();
        for handler in &mut masked.event_handlers {
            handler.url_template = mask_query(&handler.url_template);
        }
        masked
    }

    /// Puts secrets of `old` settings back in where they were shown as `***`, wherever handler or listener now stand in
    /// their list. A secret never goes to another place than it was for.
    ///
    /// # Errors
    /// There was no such handler or listener before.
    pub fn unmask(&mut self, old: &Self) -> Result<(), SettingsError> {
        for (index, handler) in self.event_handlers.iter_mut().enumerate() {
            let url = handler.url_template.clone();
            let Some(header) = header_mut(handler).filter(|header| header.value == MASK) else { continue };
            let is_same = |old: &&HeaderSettings| old.name.eq_ignore_ascii_case(&header.name);
            let same_url = old.event_handlers.iter().filter(|old| old.url_template == url);
            let before = same_url.filter_map(|old| old.auth.as_ref()?.header.as_ref()).find(is_same);
            let before = before.ok_or_else(|| {
                not_before(format!("eventHandlers[{index}].auth.header.value"), "URL and header")
            })?;
            header.value.clone_from(&before.value);
        }
        for (index, listener) in self.event_listeners.iter_mut().enumerate() {
            if !has_mask(listener) {
                continue;
            }
            let before =
                old.event_listeners.iter().find(|old| is_same_endpoint(&old.endpoint, &listener.endpoint));
            let before =
                before.ok_or_else(|| not_before(format!("eventListeners[{index}].endpoint"), "endpoint"))?;
            listener.endpoint.connection_string.clone_from(&before.endpoint.connection_string);
            listener.endpoint.url.clone_from(&before.endpoint.url);
        }
        Ok(())
    }
}

fn header_mut(handler: &mut EventHandlerSettings) -> Option<&mut HeaderSettings> {
    handler.auth.as_mut()?.header.as_mut()
}

fn has_mask(listener: &EventListenerSettings) -> bool {
    let ListenerEndpointSettings { connection_string, url, .. } = &listener.endpoint;
    let in_url = url.as_deref().and_then(credentials).is_some_and(|(_, secret, _)| secret == MASK);
    in_url || connection_string.as_deref() == Some(MASK)
}

/// Whether one could be the other as it was shown.
fn is_same_endpoint(old: &ListenerEndpointSettings, new: &ListenerEndpointSettings) -> bool {
    let shown = |endpoint: &ListenerEndpointSettings| {
        (endpoint.connection_string.is_some(), endpoint.url.as_deref().map(mask_credentials))
    };
    old.kind.eq_ignore_ascii_case(&new.kind)
        && old.fully_qualified_namespace == new.fully_qualified_namespace
        && old.event_hub_name == new.event_hub_name
        && shown(old) == shown(new)
}

fn not_before(property: String, what: &str) -> SettingsError {
    SettingsError::new(
        property,
        format!("{MASK} stands for a secret, but there was none for this {what}. Write the secret itself."),
    )
}

/// A URL's text before its password, the password, and the text from the @ on. A user without a password is a token.
fn credentials(url: &str) -> Option<(&str, &str, &str)> {
    let start = url.find("://")? + "://".len();
    let end = url.rfind('@').filter(|end| *end >= start)?;
    let start = url.get(start..end)?.find(':').map_or(start, |colon| start + colon + 1);
    Some((url.get(..start)?, url.get(start..end)?, url.get(end..)?))
}

fn mask_credentials(url: &str) -> String {
    match credentials(url) {
        Some((before, _, after)) => format!("{before}{MASK}{after}"),
        None => url.to_owned(),
    }
}

/// References to a key vault and other placeholders are no secrets, and stay.
fn mask_query(url: &str) -> String {
    let outside = url.split('}').scan(0, |at, piece| {
        let start = *at;
        *at += piece.len() + 1;
        Some((start, piece.split('{').next().unwrap_or_default()))
    });
    let mut outside = outside.filter_map(|(start, piece)| Some(start + piece.find('?')?));
    let Some((path, query)) = outside.next().and_then(|at| url.split_at_checked(at + 1)) else {
        return url.to_owned();
    };
    let mask = |pair: &str| match pair.split_once('=') {
        Some((_, value)) if value.starts_with('{') && value.ends_with('}') => pair.to_owned(),
        Some((name, _)) => format!("{name}={MASK}"),
        // It may be a key without a name.
        None => MASK.to_owned(),
    };
    format!("{path}{}", query.split('&').map(mask).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> HubSettings {
        let json = r#"{
            "eventHandlers": [
                {"urlTemplate": "https://a/", "auth": {"type": "Header", "header": {"name": "X-Key", "value": "secret-1"}}},
                {"urlTemplate": "https://b/?code=c&{event}"}
            ],
            "eventListeners": [
                {"endpoint": {"type": "Nats", "url": "nats://user:secret-2@h:4222"}},
                {"endpoint": {"type": "Nats", "url": "nats://secret-3@h"}},
                {"endpoint": {"type": "Nats", "url": "nats://h"}},
                {"endpoint": {"type": "EventHub", "eventHubName": "e", "connectionString": "secret-4"}}
            ]
        }"#;
        HubSettings::from_json(json.as_bytes()).expect("settings")
    }

    fn text(settings: &HubSettings) -> String {
        serde_json::to_string(settings).expect("JSON")
    }

    #[test]
    fn secrets_are_masked() {
        let masked = text(&settings().masked());
        assert!(!masked.contains("secret"), "{masked}");
        for part in [
            "https://b/?code=c",
            "nats://user:***@h:4222",
            "nats://***@h\"",
            "nats://h\"",
            "\"value\":\"***\"",
        ] {
            assert!(masked.contains(part), "{part}: {masked}");
        }
        assert!(!format!("{:?}", settings()).contains("secret"));
        let queries = text(&settings().masked_with_queries());
        assert!(queries.contains("https://b/?code=***&***\""), "{queries}");
    }

    #[test]
    fn values_in_queries_are_masked() {
        let vault = "{@Microsoft.KeyVault(SecretUri=https://v/s?x=y)}";
        for (url, expected) in [
            ("https://h/{hub}".to_owned(), "https://h/{hub}".to_owned()),
            ("https://h/?".to_owned(), "https://h/?***".to_owned()),
            (
                "https://h/{event}?code=a=b&h={hub}&x".to_owned(),
                "https://h/{event}?code=***&h={hub}&***".to_owned(),
            ),
            (format!("https://h/{vault}"), format!("https://h/{vault}")),
            (
                format!("https://h/{vault}/?code={vault}&k=v"),
                format!("https://h/{vault}/?code={vault}&k=***"),
            ),
        ] {
            assert_eq!(mask_query(&url), expected);
        }
    }

    #[test]
    fn what_was_shown_may_come_back_in_another_order() {
        let old = settings();
        let mut new = old.masked();
        new.event_handlers.reverse();
        new.event_listeners.reverse();
        new.unmask(&old).unwrap();
        new.event_handlers.reverse();
        new.event_listeners.reverse();
        assert_eq!(new, old);
        assert_eq!(text(&new), text(&old));
    }

    #[test]
    fn a_secret_goes_to_no_other_place() {
        let old = settings();
        let error = |change: fn(&mut HubSettings)| {
            let mut new = old.masked();
            change(&mut new);
            new.unmask(&old).expect_err("it is wrong").to_string()
        };
        let url = error(|new| new.event_handlers[0].url_template = "https://evil/".to_owned());
        assert!(url.starts_with("`eventHandlers[0].auth.header.value`: ***"), "{url}");
        error(|new| header_mut(&mut new.event_handlers[0]).unwrap().name = "X-Other".to_owned());
        let nats = error(|new| new.event_listeners[0].endpoint.url = Some("nats://user:***@evil".to_owned()));
        assert!(nats.starts_with("`eventListeners[0].endpoint`: ***"), "{nats}");
        error(|new| new.event_listeners[3].endpoint.event_hub_name = Some("other".to_owned()));
        let mut new = old.masked();
        assert!(new.unmask(&HubSettings::default()).is_err());
    }
}
