//! What every way upstream says about an event (event-handlers.md §2, §5).

use std::borrow::Cow;

use bytes::Bytes;
use hublet_hub::EventKind;
use hublet_wire::cloudevents;

/// The attribute `type`.
pub fn event_type(kind: &EventKind) -> Cow<'static, str> {
    Cow::Borrowed(match kind {
        EventKind::Connect(_) => cloudevents::TYPE_CONNECT,
        EventKind::Connected => cloudevents::TYPE_CONNECTED,
        EventKind::Disconnected { .. } => cloudevents::TYPE_DISCONNECTED,
        EventKind::User { name, .. } => {
            return Cow::Owned(format!("{}{name}", cloudevents::TYPE_USER_PREFIX));
        }
        EventKind::GroupJoined(_) => cloudevents::TYPE_GROUP_JOINED,
        EventKind::GroupLeft(_) => cloudevents::TYPE_GROUP_LEFT,
    })
}

/// The attribute `eventName`, which also stands in URLs.
pub fn event_name(kind: &EventKind) -> &str {
    match kind {
        EventKind::Connect(_) => "connect",
        EventKind::Connected => "connected",
        EventKind::Disconnected { .. } => "disconnected",
        EventKind::User { name, .. } => name,
        EventKind::GroupJoined(_) => "joined",
        EventKind::GroupLeft(_) => "left",
    }
}

/// The event's data.
pub fn body(kind: &EventKind) -> Bytes {
    match kind {
        EventKind::Connect(body) => body.clone(),
        EventKind::Connected => cloudevents::connected_body(),
        EventKind::Disconnected { reason } => cloudevents::disconnected_body(reason),
        EventKind::User { payload, .. } => payload.bytes().clone(),
        EventKind::GroupJoined(group) | EventKind::GroupLeft(group) => cloudevents::group_body(group),
    }
}
