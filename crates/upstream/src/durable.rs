//! Notifications of durable handlers: into the outbox, and out of it to the handler.

use std::sync::Arc;

use hublet_hub::{ClientEvent, EventKind};

use crate::delivery::{Delivery, Parcel, Purpose};
use crate::destinations::{Destination, Destinations};
use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::gate::Gates;
use crate::node::Upstream;
use crate::outbox::{Outbox, Outcome, Prepared, Route};

/// Whether the event goes to its handler by way of the outbox.
pub(crate) fn is_durable(endpoint: &Endpoint, kind: &EventKind) -> bool {
    endpoint.handler.durable && !matches!(kind, EventKind::Connect(_) | EventKind::User { .. })
}

/// Tells the outbox of a notification, as far as it matters to it: the event itself if its handler is durable, and whether
/// the connection lives if a durable handler is to hear of its end.
pub(crate) fn tell(outbox: &Outbox, destinations: &Destinations, event: &ClientEvent) {
    let durable = |kind: &EventKind| match destinations.of(kind) {
        Some(Destination::Endpoint(endpoint)) if is_durable(endpoint, kind) => {
            Some(endpoint.template.as_str())
        }
        _ => None,
    };
    let farewell = match &event.kind {
        EventKind::Connected => durable(&EventKind::Disconnected { reason: "".into() }),
        _ => None,
    };
    // It reaches the disk without anybody waiting for it.
    drop(outbox.append(event, Route { handler: durable(&event.kind), farewell }));
}

/// Takes events out of the outbox to their handlers, for as long as the service runs.
pub(crate) async fn run(upstream: Arc<Upstream>, outbox: &Outbox) {
    let way = Arc::new((Delivery::new(Arc::clone(&upstream)), Gates::default(), upstream));
    outbox
        .run(move |prepared| {
            let way = Arc::clone(&way);
            async move {
                let (delivery, gates, upstream) = &*way;
                deliver(upstream, delivery, gates, prepared).await
            }
        })
        .await;
}

async fn deliver(upstream: &Upstream, delivery: &Delivery, gates: &Gates, prepared: Prepared) -> Outcome {
    let Prepared { handler, event, request_id, time_s } = prepared;
    let destinations = upstream.destinations(&event.client.hub);
    let mut all = destinations.iter().flat_map(|destinations| destinations.all());
    let endpoint = all.find_map(|destination| match destination {
        Destination::Endpoint(endpoint) if endpoint.template.as_str() == handler => {
            Some(Arc::clone(endpoint))
        }
        _ => None,
    });
    // Of a handler that the settings no longer have.
    let Some(endpoint) = endpoint else { return Outcome::Done };
    let Some(ticket) = gates.of(&endpoint).enter(0) else { return Outcome::Retry };
    let purpose = Purpose::Outbox(request_id);
    let parcel = Parcel { event: Arc::new(event), endpoint, ticket, time_s, purpose, parent: None };
    match delivery.deliver(&parcel).await {
        Err(failure) if may_pass(&failure) => Outcome::Retry,
        Ok(_) | Err(_) => Outcome::Done,
    }
}

/// Whether the event may be handled some other time. An answer that is final for other events is so for these, else one
/// event that a handler does not like would hold up all behind it.
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::NotValidated(_)
        | Failure::Gone
        | Failure::Token(_)
        | Failure::Crowded
        | Failure::Fault(_) => true,
        Failure::Status(status) => {
            status.as_u16() == 408 || status.as_u16() == 429 || status.is_server_error()
        }
        Failure::Unsendable(_) | Failure::StateTooLarge(_) | Failure::StateNotAscii | Failure::Answer(_) => {
            false
        }
    }
}
