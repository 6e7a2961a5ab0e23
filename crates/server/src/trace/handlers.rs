//! Events of what goes on between the service and event handlers.

use hublet_hub::EventKind;
use hublet_upstream::{HandlerCall, Notice};

use super::catalogue::Kind;
use super::event::{Event, HandlerFacts, shortened};
use super::{Tracer, now_ms};
use crate::config::Category;

impl Tracer {
    /// Takes what an event handler did. What went well is told only while somebody looks.
    pub(crate) fn observe(&self, notice: &Notice<'_>) {
        match notice {
            Notice::Called(call) => {
                #[cfg(feature = "otlp")]
                if let Some(spans) = self.spans() {
                    spans.called(call);
                }
                let is_user_event = matches!(call.event().kind, EventKind::User { .. });
                let category =
                    if is_user_event { Category::MessagingLogs } else { Category::ConnectivityLogs };
                if call.has_failed() || self.wants(category) {
                    self.record([called(call, is_user_event)]);
                }
            }
            Notice::NotValidated { hub, name, text } => {
                let kinds = [Kind::MissingAllowedOrigin, Kind::InvalidStatusCode, Kind::ValidationFailed];
                let kind = kinds.into_iter().find(|kind| kind.entry().name == *name);
                let event = Event::new(kind.unwrap_or(Kind::ValidationFailed), now_ms()).detail(text);
                self.record([Event { hub: Some((*hub).into()), ..event }]);
            }
        }
    }
}

fn called(call: &HandlerCall<'_>, is_user_event: bool) -> Event {
    let failure = call.failure();
    let unexpected = call.unexpected_status();
    let kind = match (&failure, &unexpected, is_user_event) {
        (None, _, true) => Kind::UserEventHandled,
        (None, _, false) => Kind::SystemEventHandled,
        (Some(_), Some(_), true) => Kind::UserEventUnexpected,
        (Some(_), Some(_), false) => Kind::SystemEventUnexpected,
        (Some(_), None, true) => Kind::UserEventFailed,
        (Some(_), None, false) => Kind::SystemEventFailed,
    };
    let mut event = Event::new(kind, now_ms());
    if let Some(detail) = unexpected.as_deref().or(failure.as_deref()) {
        event = event.detail(detail);
    }
    let client = &call.event().client;
    let facts = HandlerFacts {
        event: call.event_name().into(),
        url_template: call.url_template().into(),
        status: call.status(),
        duration_ms: u64::try_from(call.duration().as_millis()).unwrap_or(u64::MAX),
        attempts: call.attempts(),
        exchange: call.exchange(),
        can_be_replayed: call.can_be_replayed(),
    };
    Event {
        hub: Some(client.hub.clone()),
        connection: Some(client.conn),
        user: client.user.clone(),
        handler: Some(Box::new(facts)),
        exception: failure.as_deref().map(|failure| shortened(failure).into()),
        ..event
    }
}
