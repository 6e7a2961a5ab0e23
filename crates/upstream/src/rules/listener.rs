//! `eventListeners` (event-handlers.md §8).

use std::path::PathBuf;
use std::sync::Arc;

use super::compile::{has_identity, system_events, user_events};
use super::{Listener, ListenerEndpoint, SettingsError, SystemEvents};
use crate::environment::Environment;
use crate::settings::{EventListenerSettings, ListenerEndpointSettings};

/// Listeners of all hubs together (event-handlers.md §1.1).
pub const LISTENERS_MAX: usize = 10;
/// Longest address, name or subject.
const TEXT_BYTES_MAX: usize = 2_048;
/// Longest name of an event hub.
const EVENT_HUB_CHARS_MAX: usize = 256;
const SUBJECT_DEFAULT: &str = "hublet.{hub}.{event}";

pub(super) fn compile(
    listeners: &[EventListenerSettings],
    environment: &Environment,
) -> Result<Vec<Arc<Listener>>, SettingsError> {
    if listeners.len() > LISTENERS_MAX {
        return Err(SettingsError::new(
            "eventListeners",
            format!("There are {} listeners. At most {LISTENERS_MAX} are allowed.", listeners.len()),
        ));
    }
    let listeners = listeners.iter().enumerate();
    listeners
        .map(|(index, settings)| listener(&format!("eventListeners[{index}]"), settings, environment))
        .collect()
}

fn listener(
    at: &str,
    settings: &EventListenerSettings,
    environment: &Environment,
) -> Result<Arc<Listener>, SettingsError> {
    let filter = &settings.filter;
    let at_filter = format!("{at}.filter");
    if !matches!(filter.kind.trim().to_ascii_lowercase().as_str(), "" | "eventname") {
        return Err(SettingsError::unknown(
            format!("{at_filter}.type"),
            &filter.kind,
            "filter",
            &["EventName"],
        ));
    }
    Ok(Arc::new(Listener {
        // It needs an answer; asked for, it is left out, as by the original.
        system_events: SystemEvents { connect: false, ..system_events(&at_filter, &filter.system_events)? },
        user_events: user_events(&at_filter, filter.user_event_pattern.as_deref())?,
        endpoint: endpoint(&format!("{at}.endpoint"), &settings.endpoint, environment)?,
    }))
}

fn endpoint(
    at: &str,
    settings: &ListenerEndpointSettings,
    environment: &Environment,
) -> Result<ListenerEndpoint, SettingsError> {
    match settings.kind.trim().to_ascii_lowercase().as_str() {
        "" => Err(SettingsError::new(
            format!("{at}.type"),
            "It is missing. Write \"EventHub\", \"Nats\" or \"File\", whichever is meant.",
        )),
        "eventhub" => event_hub(at, settings, environment),
        "nats" => nats(at, settings),
        "file" => {
            let path = required(at, "path", settings.path.as_deref(), "a path, such as events.jsonl")?;
            Ok(ListenerEndpoint::File { path: PathBuf::from(path) })
        }
        _ => Err(SettingsError::unknown(
            format!("{at}.type"),
            &settings.kind,
            "kind of endpoint",
            &["EventHub", "Nats", "File"],
        )),
    }
}

fn event_hub(
    at: &str,
    settings: &ListenerEndpointSettings,
    environment: &Environment,
) -> Result<ListenerEndpoint, SettingsError> {
    let Some(connection_string) = given(settings.connection_string.as_deref()) else {
        let namespace = settings.fully_qualified_namespace.as_deref();
        let example = "the host name of the namespace, such as my-namespace.servicebus.windows.net";
        let namespace = required(at, "fullyQualifiedNamespace", namespace, example)?;
        if !is_authority(&namespace) {
            let text = format!("{namespace:?} is not a host name. Write {example}.");
            return Err(SettingsError::new(format!("{at}.fullyQualifiedNamespace"), text));
        }
        let event_hub = event_hub_name(at, settings.event_hub_name.as_deref())?;
        has_identity(&format!("{at}.type"), "\"EventHub\" without a `connectionString`", environment)?;
        return Ok(ListenerEndpoint::EventHub { namespace, event_hub, connection_string: None });
    };
    let property = format!("{at}.connectionString");
    // The text is not shown: there is a key in it.
    let wrong = |text: &str| SettingsError::new(property.clone(), text);
    let part = |name: &str| {
        let mut parts = connection_string.split(';').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let endpoint = part("Endpoint").and_then(|url| url.strip_prefix("sb://"));
    let namespace = endpoint.map(|host| host.trim_end_matches('/')).filter(|host| is_authority(host)).ok_or_else(|| {
        wrong("There is no Endpoint=sb://… in it. Copy the whole connection string of the namespace or the event hub.")
    })?;
    if part("SharedAccessKeyName").is_none() || part("SharedAccessKey").is_none_or(str::is_empty) {
        return Err(wrong(
            "There is no SharedAccessKeyName or no SharedAccessKey in it. Copy the whole connection string of an access \
             policy that may send.",
        ));
    }
    let event_hub = match (given(settings.event_hub_name.as_deref()), part("EntityPath")) {
        (Some(given), Some(path)) if !given.eq_ignore_ascii_case(path) => {
            return Err(SettingsError::new(
                format!("{at}.eventHubName"),
                format!("It is {given:?}, but the connection string is for {path:?}. Remove one of the two."),
            ));
        }
        (given, path) => event_hub_name(at, given.or(path))?,
    };
    Ok(ListenerEndpoint::EventHub {
        namespace: namespace.to_owned(),
        event_hub,
        connection_string: Some(connection_string.to_owned()),
    })
}

fn nats(at: &str, settings: &ListenerEndpointSettings) -> Result<ListenerEndpoint, SettingsError> {
    let url =
        required(at, "url", settings.url.as_deref(), "the URL of a server, such as nats://127.0.0.1:4222")?;
    let host = ["nats://", "tls://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    if !host.is_some_and(|rest| is_authority(rest.trim_end_matches('/'))) {
        // The URL is not shown: there may be a password in it.
        return Err(SettingsError::new(
            format!("{at}.url"),
            "It is not the URL of a NATS server. Write one such as nats://127.0.0.1:4222 or tls://nats.example.com.",
        ));
    }
    let subject = given(settings.subject.as_deref()).unwrap_or(SUBJECT_DEFAULT);
    let plain = subject.replace("{hub}", "h").replace("{event}", "e");
    let is_good = |token: &str| {
        !token.is_empty()
            && !token.contains(|c: char| c.is_whitespace() || c.is_control() || "*>{}".contains(c))
    };
    if subject.len() > TEXT_BYTES_MAX || !plain.split('.').all(is_good) {
        return Err(SettingsError::new(
            format!("{at}.subject"),
            format!(
                "{subject:?} is no subject to publish to. Write words with dots between them, and {{hub}} and {{event}} \
                 for what varies, such as {SUBJECT_DEFAULT}."
            ),
        ));
    }
    Ok(ListenerEndpoint::Nats { url, subject: subject.to_owned() })
}

/// A name as event hubs can have it.
fn event_hub_name(at: &str, name: Option<&str>) -> Result<String, SettingsError> {
    let name = required(at, "eventHubName", name, "the name of the event hub")?;
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let ends = [name.bytes().next(), name.bytes().next_back()];
    let is_good = ends.iter().flatten().all(u8::is_ascii_alphanumeric) && name.bytes().all(is_inner);
    if is_good && name.len() <= EVENT_HUB_CHARS_MAX {
        return Ok(name);
    }
    Err(SettingsError::new(
        format!("{at}.eventHubName"),
        format!("{name:?} is not the name of an event hub. Use letters, digits, and ._- between them."),
    ))
}

/// Whether it is a host with or without user and port.
fn is_authority(text: &str) -> bool {
    text.parse().is_ok_and(|authority: http::uri::Authority| !authority.host().is_empty())
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn required(at: &str, property: &str, value: Option<&str>, example: &str) -> Result<String, SettingsError> {
    match given(value) {
        Some(value) if value.len() <= TEXT_BYTES_MAX => Ok(value.to_owned()),
        Some(_) => Err(SettingsError::new(
            format!("{at}.{property}"),
            format!("It is longer than {TEXT_BYTES_MAX} bytes. Write {example}."),
        )),
        None => {
            Err(SettingsError::new(format!("{at}.{property}"), format!("It is missing. Write {example}.")))
        }
    }
}
