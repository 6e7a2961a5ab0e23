//! From what is written to what is meant: defaults and checks.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use hublet_wire::name;

use super::{Handler, HandlerAuth, HandlerTarget, HubRules, SettingsError, SystemEvents, listener};
use crate::environment::Environment;
use crate::pattern::EventPattern;
use crate::presence::Presence;
use crate::settings::{EventHandlerSettings, HandlerAuthSettings, HubSettings, Policy};
use crate::template::UrlTemplate;

/// Handlers of one hub (event-handlers.md §7.3).
const HANDLERS_MAX: usize = 32;
/// Seconds between pings that can be asked for (event-handlers.md §1.1).
const KEEP_ALIVE_S: RangeInclusive<u32> = 1..=120;
/// Seconds that an event may take.
const TIMEOUT_S: RangeInclusive<u32> = 1..=600;
/// When nothing else is set (event-handlers.md §7.3).
const TIMEOUT_DEFAULT_S: u32 = 100;
const CONCURRENCY: RangeInclusive<u32> = 1..=10_000;
const CONCURRENCY_DEFAULT: u32 = 256;
const BUILTIN: &str = "builtin:";
const ECHO: &str = "builtin:echo";
/// Headers of a request to a handler that a fixed one may not be: they are the protocol's (event-handlers.md §4.1) or
/// HTTP's own. Names that end in a dash stand for all that begin so.
const RESERVED_HEADERS: [&str; 19] = [
    "accept-encoding",
    "ce-",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "mqtt-",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "webhook-",
    "x-ms-client-request-id",
    "x-webpubsub-metadata-",
];

impl HubRules {
    /// Completes and checks the settings of the hub with this name.
    ///
    /// # Errors
    /// The first value that cannot be meant, with the property that it belongs to.
    pub fn compile(
        hub: &str,
        settings: &HubSettings,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        if !name::is_valid_hub(hub) {
            return Err(SettingsError::new(
                "",
                format!(
                    "{hub:?} is not a hub name: a letter, then letters, digits or one of _`,.[] are allowed, 128 \
                     characters at most."
                ),
            ));
        }
        let keep_alive_interval_s = settings.web_socket_keep_alive_interval_in_seconds;
        if let Some(seconds) = keep_alive_interval_s {
            in_range("webSocketKeepAliveIntervalInSeconds", seconds, &KEEP_ALIVE_S)?;
        }
        let handlers = &settings.event_handlers;
        if handlers.len() > HANDLERS_MAX {
            return Err(SettingsError::new(
                "eventHandlers",
                format!("There are {} handlers. At most {HANDLERS_MAX} are allowed.", handlers.len()),
            ));
        }
        let compiled = handlers.iter().enumerate();
        let handlers = compiled
            .map(|(index, settings)| handler(&format!("eventHandlers[{index}]"), settings, environment))
            .map(|handler| handler.map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            settings: settings.clone(),
            anonymous: settings.anonymous_connect_policy == Some(Policy::Allow),
            keep_alive_interval_s,
            handlers,
            listeners: listener::compile(&settings.event_listeners, environment)?,
        })
    }
}

fn handler(
    at: &str,
    settings: &EventHandlerSettings,
    environment: &Environment,
) -> Result<Handler, SettingsError> {
    let timeout_s = settings.timeout_in_seconds.unwrap_or(TIMEOUT_DEFAULT_S);
    in_range(&format!("{at}.timeoutInSeconds"), timeout_s, &TIMEOUT_S)?;
    let max_concurrency = settings.max_concurrency.unwrap_or(CONCURRENCY_DEFAULT);
    in_range(&format!("{at}.maxConcurrency"), max_concurrency, &CONCURRENCY)?;
    let presence = settings.group_presence_events.as_ref().map(Presence::compile).transpose();
    let presence = presence.map_err(|error| {
        SettingsError::new(format!("{at}.groupPresenceEvents.{}", error.property), error.to_string())
    })?;
    Ok(Handler {
        target: target(&format!("{at}.urlTemplate"), &settings.url_template, environment)?,
        user_events: user_events(at, settings.user_event_pattern.as_deref())?,
        system_events: system_events(at, &settings.system_events)?,
        presence: presence.unwrap_or_default(),
        auth: auth(&format!("{at}.auth"), settings.auth.as_ref(), environment)?,
        durable: settings.durable.unwrap_or_default(),
        timeout: Duration::from_secs(timeout_s.into()),
        // At most 10,000.
        max_concurrency: max_concurrency as usize,
    })
}

fn target(at: &str, url: &str, environment: &Environment) -> Result<HandlerTarget, SettingsError> {
    let url = url.trim();
    if url.is_empty() {
        return Err(SettingsError::new(
            at,
            "It is missing. Write the URL of the handler, such as https://app.example.com/{hub}/{event}.",
        ));
    }
    if url.get(..BUILTIN.len()).is_some_and(|start| start.eq_ignore_ascii_case(BUILTIN)) {
        if url.eq_ignore_ascii_case(ECHO) {
            return Ok(HandlerTarget::Echo);
        }
        return Err(SettingsError::new(
            at,
            format!("There is no such built-in handler. Did you mean \"{ECHO}\"?"),
        ));
    }
    let template = UrlTemplate::with_secrets(url, &environment.secrets)
        .map_err(|error| SettingsError::new(at, error.to_string()))?;
    if let Some(address) = literal_address(template.host()) {
        environment
            .allowed_networks
            .check(address, environment.development)
            .map_err(|refused| SettingsError::new(at, format!("{refused}.")))?;
    }
    Ok(HandlerTarget::Http(template))
}

/// The address of a host that needs no look-up.
fn literal_address(host: &str) -> Option<IpAddr> {
    let is_local = |host: &str| host == "localhost" || host.ends_with(".localhost");
    match host.trim_matches(['[', ']']).parse() {
        Ok(address) => Some(address),
        Err(_) => is_local(&host.to_ascii_lowercase()).then_some(Ipv4Addr::LOCALHOST.into()),
    }
}

/// `userEventPattern` of a handler or of a listener's filter.
pub(super) fn user_events(at: &str, pattern: Option<&str>) -> Result<EventPattern, SettingsError> {
    EventPattern::parse(pattern)
        .map_err(|error| SettingsError::new(format!("{at}.userEventPattern"), error.to_string()))
}

/// `systemEvents` of a handler or of a listener's filter. Their names have no case (event-handlers.md §1.1).
pub(super) fn system_events(at: &str, names: &[String]) -> Result<SystemEvents, SettingsError> {
    let mut events = SystemEvents::default();
    for (index, name) in names.iter().enumerate() {
        match name.trim().to_ascii_lowercase().as_str() {
            "connect" => events.connect = true,
            "connected" => events.connected = true,
            "disconnected" => events.disconnected = true,
            other => {
                return Err(SettingsError::unknown(
                    format!("{at}.systemEvents[{index}]"),
                    other,
                    "system event",
                    &["connect", "connected", "disconnected"],
                ));
            }
        }
    }
    Ok(events)
}

fn auth(
    at: &str,
    settings: Option<&HandlerAuthSettings>,
    environment: &Environment,
) -> Result<HandlerAuth, SettingsError> {
    let Some(HandlerAuthSettings { kind, managed_identity, header }) = settings else {
        return Ok(HandlerAuth::None);
    };
    match kind.trim().to_ascii_lowercase().as_str() {
        "" if managed_identity.is_some() || header.is_some() => Err(SettingsError::new(
            format!("{at}.type"),
            "It is missing. Write \"ManagedIdentity\" or \"Header\", whichever is meant.",
        )),
        "" | "none" => Ok(HandlerAuth::None),
        "managedidentity" => {
            let resource = managed_identity.as_ref().and_then(|identity| identity.resource.as_deref());
            let resource = resource.unwrap_or_default().trim();
            if resource.is_empty() {
                return Err(SettingsError::new(
                    format!("{at}.managedIdentity.resource"),
                    "It is missing. Write the audience of the tokens, such as api://my-app.",
                ));
            }
            has_identity(&format!("{at}.type"), "\"ManagedIdentity\"", environment)?;
            Ok(HandlerAuth::Bearer { resource: resource.to_owned() })
        }
        "header" => {
            let header = header.as_ref().ok_or_else(|| {
                SettingsError::new(format!("{at}.header"), "It is missing. Write its `name` and its `value`.")
            })?;
            fixed_header(&format!("{at}.header"), &header.name, &header.value)
        }
        _ => Err(SettingsError::unknown(
            format!("{at}.type"),
            kind,
            "way to authenticate",
            &["None", "ManagedIdentity", "Header"],
        )),
    }
}

fn fixed_header(at: &str, name: &str, value: &str) -> Result<HandlerAuth, SettingsError> {
    let property = format!("{at}.name");
    let wrong = |text: String| SettingsError::new(property.clone(), text);
    let name = name.trim();
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        wrong(format!(
            "{name:?} is not the name of a header. Use letters, digits and dashes, such as X-Api-Key."
        ))
    })?;
    let is_reserved = |reserved: &str| match reserved.ends_with('-') {
        true => parsed.as_str().starts_with(reserved),
        false => parsed.as_str() == reserved,
    };
    if RESERVED_HEADERS.into_iter().any(is_reserved) {
        return Err(wrong(format!("The header {name} is one of the protocol's own. Choose another name.")));
    }
    // What is wrong with the value is not shown: it is a secret.
    let value = value.trim();
    let mut value = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
        SettingsError::new(
            format!("{at}.value"),
            "It is empty or holds a character that headers cannot. Write it in ASCII, in one line.",
        )
    })?;
    value.set_sensitive(true);
    Ok(HandlerAuth::Header(parsed, value))
}

/// Refuses what needs bearer tokens when there are none.
pub(super) fn has_identity(at: &str, what: &str, environment: &Environment) -> Result<(), SettingsError> {
    match environment.identity {
        Some(_) => Ok(()),
        None => Err(SettingsError::new(
            at,
            format!(
                "For {what} the service needs a place to get tokens from, and there is none. Add [identity] to the \
                 configuration file."
            ),
        )),
    }
}

fn in_range(at: &str, value: u32, range: &RangeInclusive<u32>) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (start, end): (&dyn Display, &dyn Display) = (range.start(), range.end());
    Err(SettingsError::new(at, format!("It is {value}. It must be between {start} and {end}.")))
}
