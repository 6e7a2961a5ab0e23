//! The settings of a hub as they are written, in TOML or JSON, with the property names of the cloud service's resource
//! model (event-handlers.md §1.1). What they mean is in [`crate::rules`].

mod json;
mod secrets;

use serde::{Deserialize, Serialize};

/// `[hubs.NAME]`, or the body of the hub's resource.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct HubSettings {
    /// Whether clients may connect without a token; default: deny.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous_connect_policy: Option<Policy>,
    /// Seconds between WebSocket pings, 1 to 120.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_socket_keep_alive_interval_in_seconds: Option<u32>,
    /// Where client events go, in order: the first that matches gets an event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_handlers: Vec<EventHandlerSettings>,
    /// Who else gets a copy: every one that matches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub event_listeners: Vec<EventListenerSettings>,
    /// Settings of the cloud service's chat preview: accepted and without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Allowed or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Allowed.
    #[serde(alias = "Allow")]
    Allow,
    /// Refused.
    #[serde(alias = "Deny")]
    Deny,
}

/// One of `eventHandlers`. The properties after `groupPresenceEvents` are ours.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct EventHandlerSettings {
    /// URL with `{hub}` and `{event}`, or `builtin:echo`.
    pub url_template: String,
    /// `*`, a name, or names with commas; absent matches no user event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_event_pattern: Option<String>,
    /// `connect`, `connected`, `disconnected`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system_events: Vec<String>,
    /// What the requests carry to prove where they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<HandlerAuthSettings>,
    /// Events about who joins and leaves groups; absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_presence_events: Option<GroupPresenceSettings>,
    /// `connected`, `disconnected` and group events survive a crash and an unreachable handler; default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
    /// Seconds that an event may take with all its retries, 1 to 600; default: 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<u32>,
    /// Requests to this handler at a time, on each thread; default: 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
}

/// Without the URL, whose query may hold a secret.
impl std::fmt::Debug for EventHandlerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventHandlerSettings")
            .field("user_event_pattern", &self.user_event_pattern)
            .field("system_events", &self.system_events)
            .field("auth", &self.auth)
            .field("group_presence_events", &self.group_presence_events)
            .finish_non_exhaustive()
    }
}

/// `auth` of a handler.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct HandlerAuthSettings {
    /// `None`, `ManagedIdentity` (a bearer token from the token endpoint under `[identity]`), or `Header`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// For `ManagedIdentity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_identity: Option<ManagedIdentitySettings>,
    /// For `Header`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderSettings>,
}

/// Whom the bearer token is for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ManagedIdentitySettings {
    /// The audience of the token, such as `api://my-app`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

/// A fixed header of each request.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct HeaderSettings {
    /// Name of the header.
    pub name: String,
    /// Its value; a secret.
    pub value: String,
}

impl std::fmt::Debug for HeaderSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderSettings").field("name", &self.name).finish_non_exhaustive()
    }
}

/// `groupPresenceEvents` of a handler (event-handlers.md §5.7).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct GroupPresenceSettings {
    /// `joined`, `left`; empty: none.
    pub event_names: Vec<String>,
    /// Which groups, with `*`, `**` and `?`; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_filters: Vec<String>,
}

/// One of `eventListeners` (event-handlers.md §8).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct EventListenerSettings {
    /// Which events.
    pub filter: EventFilterSettings,
    /// Where they go.
    pub endpoint: ListenerEndpointSettings,
}

/// `filter` of a listener.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct EventFilterSettings {
    /// `EventName`, or nothing.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `connected`, `disconnected`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system_events: Vec<String>,
    /// As of a handler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_event_pattern: Option<String>,
}

/// `endpoint` of a listener. `Nats` and `File` are ours.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ListenerEndpointSettings {
    /// `EventHub`, `Nats` or `File`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Event Hubs: host name of the namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fully_qualified_namespace: Option<String>,
    /// Event Hubs: name of the event hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_hub_name: Option<String>,
    /// Event Hubs: a connection string with a shared access key, also one of the local Event Hubs emulator; a secret.
    /// Without it the token endpoint under `[identity]` is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_string: Option<String>,
    /// NATS: URL of a server, as `nats://127.0.0.1:4222`; may hold credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// NATS: subject with `{hub}` and `{event}`; default: `hublet.{hub}.{event}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// File: where to append one JSON object a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl std::fmt::Debug for ListenerEndpointSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListenerEndpointSettings")
            .field("kind", &self.kind)
            .field("fully_qualified_namespace", &self.fully_qualified_namespace)
            .field("event_hub_name", &self.event_hub_name)
            .field("subject", &self.subject)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
