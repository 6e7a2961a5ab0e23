//! What the log says about events that were not handled. The texts of the cloud service are used word by word, since people
//! search for them (event-handlers.md §3.3, §7.4). No query of a URL, no token and no body is in them.

use std::sync::atomic::Ordering;

use http::StatusCode;
use hublet_hub::{ClientEvent, EventKind};
use tracing::{info, warn};

use crate::destinations::Destinations;
use crate::doctor::{Site, refusal_sentence, sentence};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::throttle::Throttle;
use crate::validation::Refusal;

/// Name, type, category and request type of an event, as the cloud service's log has them.
fn names(kind: &EventKind) -> (&str, &'static str, &'static str, &'static str) {
    match kind {
        EventKind::Connect(_) => ("connect", "sys", "connections", "Connect"),
        EventKind::Connected => ("connected", "sys", "connections", "Connected"),
        EventKind::Disconnected { .. } => ("disconnected", "sys", "connections", "Disconnected"),
        EventKind::User { name, .. } => (name, "user", "messages", "Message"),
        EventKind::GroupJoined(_) => ("joined", "sys", "connections", "GroupJoined"),
        EventKind::GroupLeft(_) => ("left", "sys", "connections", "GroupLeft"),
    }
}

/// A handler did not handle an event.
pub(crate) fn not_handled(endpoint: &Endpoint, event: &ClientEvent, failure: &Failure) {
    // The attempt itself was reported.
    if matches!(failure, Failure::NotValidated(_)) {
        return;
    }
    let Some(left_out) = endpoint.complaints.pass() else { return };
    let connection = event.client.conn;
    let handler = endpoint.shown();
    if let Failure::Status(status) = failure {
        warn!(%connection, %handler, left_out, "{}", unexpected(event, *status));
    } else {
        let site = Site { host: endpoint.authority(), origin: &event.client.host };
        let sentence = sentence(failure, &site);
        let (name, hub) = (names(&event.kind).0, &event.client.hub);
        warn!(%connection, %handler, left_out, "event {name} of hub {hub} was not handled. {sentence}");
    }
}

/// What is said of an answer that is no success.
pub(crate) fn unexpected(event: &ClientEvent, status: StatusCode) -> String {
    let (name, kind, category, request) = names(&event.kind);
    format!(
        "HttpHandlerUnexpectedResponse: Sending message during operation hub:{},event:{name},type:{kind},category:{category},\
         requestType:{request} got unexpected response with status code {}.",
        event.client.hub,
        status.as_u16()
    )
}

/// No handler and no listener wants a user event.
pub(crate) fn not_wanted(destinations: Option<&Destinations>, unknown: &Throttle, event: &ClientEvent) {
    let complaints = destinations.map_or(unknown, |destinations| &destinations.complaints);
    if let Some(left_out) = complaints.pass() {
        warn!(connection = %event.client.conn, left_out, "{}", not_found(event));
    }
}

fn not_found(event: &ClientEvent) -> String {
    let (name, kind, category, _) = names(&event.kind);
    format!("Upstream not found for hub:{},event:{name},type:{kind},category:{category}.", event.client.hub)
}

/// A handler does not say that it wants events.
pub(crate) fn refused(endpoint: &Endpoint, origin: &str, refusal: &Refusal) {
    if let Some(text) = refusal_text(&endpoint.shown_validation_url(), refusal) {
        let site = Site { host: endpoint.authority(), origin };
        warn!("{text} {}", refusal_sentence(refusal, &site));
    }
}

/// The name and the text of a refusal as the cloud service has them; `None`: it is nothing to do with the handler.
pub(crate) fn refusal_name(endpoint: &Endpoint, refusal: &Refusal) -> Option<(&'static str, String)> {
    let text = refusal_text(&endpoint.shown_validation_url(), refusal)?;
    let name = match refusal {
        Refusal::Status(_) => "AbuseProtectionResponseInvalidStatusCode",
        Refusal::Origin(_) => "AbuseProtectionResponseMissingAllowedOrigin",
        Refusal::Fault(_) | Refusal::Host | Refusal::Lost => "AbuseProtectionResponseFailed",
    };
    let text = text.split_once(": ").map_or_else(|| text.clone(), |(_, text)| text.to_owned());
    Some((name, text))
}

/// `None`: it is nothing to do with the handler.
fn refusal_text(url: &str, refusal: &Refusal) -> Option<String> {
    match refusal {
        Refusal::Fault(_) | Refusal::Host => {
            Some(format!("AbuseProtectionResponseFailed: Abuse protection validation for '{url}' failed."))
        }
        Refusal::Status(status) => Some(format!(
            "AbuseProtectionResponseInvalidStatusCode: Abuse protection for '{url}' failed: {}.",
            status.as_u16()
        )),
        Refusal::Origin(values) => Some(format!(
            "AbuseProtectionResponseMissingAllowedOrigin: Abuse protection for '{url}' missing allowed origins: {}.",
            shown(values)
        )),
        Refusal::Lost => None,
    }
}

/// A handler on loopback is trusted. Said once.
pub(crate) fn trusted(endpoint: &Endpoint) {
    if endpoint.trust_was_told.swap(true, Ordering::Relaxed) {
        return;
    }
    info!(handler = %endpoint.shown(), "development mode: this handler is on loopback, so it gets events without validation");
}

/// A handler counts as gone.
pub(crate) fn gone(endpoint: &Endpoint) {
    warn!(
        handler = %endpoint.shown(),
        "nobody is at this event handler: its events fail at once until it answers a probe again; check whether it runs"
    );
}

/// Foreign values on one line, none of them long.
fn shown(values: &[String]) -> String {
    const CHARS_MAX: usize = 200;
    values.join(", ").escape_debug().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rig::{connect, disconnected, user};

    #[test]
    fn the_texts_that_people_search_for() {
        assert_eq!(
            unexpected(&connect(1), StatusCode::BAD_GATEWAY),
            "HttpHandlerUnexpectedResponse: Sending message during operation hub:chat,event:connect,type:sys,\
             category:connections,requestType:Connect got unexpected response with status code 502."
        );
        assert!(
            unexpected(&disconnected(1, 2), StatusCode::OK)
                .contains("event:disconnected,type:sys,category:connections,")
        );
        assert!(
            unexpected(&user(1, 2, ""), StatusCode::OK)
                .contains("event:message,type:user,category:messages,")
        );
        assert_eq!(
            not_found(&user(1, 2, "")),
            "Upstream not found for hub:chat,event:message,type:user,category:messages."
        );
        let url = "http://app.example/validate";
        for (refusal, expected) in [
            (
                Refusal::Origin(["a".to_owned(), "b\n".to_owned()].into()),
                "AbuseProtectionResponseMissingAllowedOrigin: Abuse protection for 'http://app.example/validate' missing allowed \
                 origins: a, b\\n.",
            ),
            (
                Refusal::Status(StatusCode::NOT_FOUND),
                "AbuseProtectionResponseInvalidStatusCode: Abuse protection for 'http://app.example/validate' failed: 404.",
            ),
            (
                Refusal::Fault(crate::fault::Fault::TimedOut),
                "AbuseProtectionResponseFailed: Abuse protection validation for 'http://app.example/validate' failed.",
            ),
        ] {
            assert_eq!(refusal_text(url, &refusal).as_deref(), Some(expected));
        }
    }
}
