//! Events of what shards tell.

use std::net::IpAddr;

use hublet_hub::{Fact, Target, Trace};

use super::catalogue::Kind;
use super::event::{Event, Preview};

/// The event of what a shard tells; the beginning of a message is in it only if texts are shown.
pub(super) fn event(trace: Trace, remote: Option<IpAddr>, time_ms: u64, shows_text: bool) -> Event {
    let Trace { hub, conn, user, fact } = trace;
    let preview = |payload| Some(Preview::of(payload, shows_text));
    let mut event = match fact {
        Fact::Started => Event::new(Kind::ConnectionStarted, time_ms),
        Fact::Ended { reason, expected: true } => {
            let reason = if reason.is_empty() { "The client closed it." } else { &reason };
            Event::new(Kind::ConnectionEnded, time_ms).detail(reason)
        }
        Fact::Ended { reason, expected: false } => {
            let reason = if reason.is_empty() { "Its socket is gone." } else { &reason };
            Event::new(Kind::ConnectionAborted, time_ms).detail(reason)
        }
        Fact::Detached => Event::new(Kind::ConnectionDetached, time_ms),
        Fact::Resumed => Event::new(Kind::ConnectionResumed, time_ms),
        Fact::Joined(group) => {
            Event { group: Some(group), ..Event::new(Kind::AddedConnectionToGroup, time_ms) }
        }
        Fact::Left(group) => {
            Event { group: Some(group), ..Event::new(Kind::RemovedConnectionFromGroup, time_ms) }
        }
        Fact::SentToGroup(group, payload) => {
            let event = Event::new(Kind::ReceivedMessageFromClient, time_ms);
            let event = event.detail(&format!("group {group}"));
            Event { group: Some(group), payload: preview(&payload), ..event }
        }
        Fact::SentEvent(name, payload) => {
            let event = Event::new(Kind::ReceivedMessageFromClient, time_ms);
            Event { payload: preview(&payload), ..event.detail(&format!("event {name}")) }
        }
        Fact::Refused(why) => Event::new(Kind::RefusedClientRequest, time_ms).detail(&why),
        Fact::Delivered { group, payload } => {
            Event { group, payload: preview(&payload), ..Event::new(Kind::SentMessageToClient, time_ms) }
        }
        Fact::Published { target, payload, receivers } => {
            let event = Event::new(Kind::SentMessage, time_ms);
            let event = match target {
                Target::All => event.detail("the hub"),
                Target::Group(group) => {
                    Event { group: Some(group.clone()), ..event.detail(&format!("group {group}")) }
                }
                Target::User(user) => {
                    Event { user: Some(user.clone()), ..event.detail(&format!("user {user}")) }
                }
                Target::Connection(_) => event.detail("one client"),
            };
            Event { payload: preview(&payload), receivers: Some(receivers), ..event }
        }
    };
    event.hub = Some(hub);
    event.connection = conn;
    event.user = event.user.or(user);
    event.remote = remote;
    event
}
