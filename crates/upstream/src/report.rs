//! What the log says about events that were not handled. The texts of the cloud service are used word by word, since people
//! search for them (event-handlers.md §3.3, §7.4). No query of a URL, no token and no body is in them.

use std::sync::atomic::Ordering;

use hublet_hub::{ClientEvent, EventKind};
use tracing::{info, warn};

use crate::destinations::Destinations;
use crate::doctor::{Site, sentence};
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
    let (name, kind, category, request) = names(&event.kind);
    let hub = &event.client.hub;
    let connection = event.client.conn;
    let handler = endpoint.shown();
    if let Failure::Status(status) = failure {
        warn!(
            %connection, %handler, left_out,
            "HttpHandlerUnexpectedResponse: Sending message during operation hub:{hub},event:{name},type:{kind},\
             category:{category},requestType:{request} got unexpected response with status code {}.",
            status.as_u16()
        );
    } else {
        let site = Site { host: endpoint.authority(), origin: &event.client.host };
        let sentence = sentence(failure, &site);
        warn!(%connection, %handler, left_out, "event {name} of hub {hub} was not handled. {sentence}");
    }
}

/// No handler and no listener wants a user event.
pub(crate) fn not_wanted(destinations: Option<&Destinations>, unknown: &Throttle, event: &ClientEvent) {
    let complaints = destinations.map_or(unknown, |destinations| &destinations.complaints);
    let Some(left_out) = complaints.pass() else { return };
    let (name, kind, category, _) = names(&event.kind);
    let hub = &event.client.hub;
    warn!(
        connection = %event.client.conn, left_out,
        "Upstream not found for hub:{hub},event:{name},type:{kind},category:{category}."
    );
}

/// A handler does not say that it wants events.
pub(crate) fn refused(endpoint: &Endpoint, refusal: &Refusal) {
    let url = endpoint.shown_validation_url();
    match refusal {
        Refusal::Fault(fault) => {
            warn!("AbuseProtectionResponseFailed: Abuse protection validation for '{url}' failed. {fault}");
        }
        Refusal::Status(status) => warn!(
            "AbuseProtectionResponseInvalidStatusCode: Abuse protection for '{url}' failed: {}.",
            status.as_u16()
        ),
        Refusal::Origin(values) => warn!(
            "AbuseProtectionResponseMissingAllowedOrigin: Abuse protection for '{url}' missing allowed origins: {}.",
            shown(values)
        ),
        Refusal::Host => warn!(
            "AbuseProtectionResponseFailed: Abuse protection validation for '{url}' failed. The client named no host that \
             could be the origin; set `origins` under [upstream]"
        ),
        Refusal::Lost => {}
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
