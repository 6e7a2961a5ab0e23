//! Whom requests say that they come from (event-handlers.md §3.2).

use std::sync::Arc;

use http::HeaderValue;

/// The host names of the service, as handlers see them.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    hosts: Arc<[String]>,
    value: HeaderValue,
}

impl Origin {
    /// From the value of the header. `None`: it names no host, or no header can hold it.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let value = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty())?;
        Some(Self { hosts: text.split(", ").map(str::to_owned).collect(), value })
    }

    /// The value of `WebHook-Request-Origin`.
    pub(crate) fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// Whether this is one of our hosts, in any letter case, perhaps with a port.
    pub(crate) fn is_host(&self, text: &str) -> bool {
        let bare = match text.rsplit_once(':') {
            Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => text,
        };
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(text) || host.eq_ignore_ascii_case(bare))
    }
}
