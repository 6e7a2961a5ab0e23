//! Events of requests: to the REST API, and handshakes that are refused. No query of a URL is in them, and of tokens only
//! their audience.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use http::request::Parts;
use hublet_wire::client::Payload;
use hublet_wire::id::ConnId;
use hublet_wire::trace_context::TraceContext;

use super::catalogue::Kind;
use super::event::{Event, HttpFacts, Preview, TraceId, shortened};
use super::{Tracer, milliseconds, now_ms};
use crate::config::Category;
#[cfg(feature = "otlp")]
use crate::otlp::{self, ServerSpan};

/// What a request to the REST API is about.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) hub: Option<Arc<str>>,
    /// Its path, without the names in it.
    pub(crate) route: String,
    /// Whom or what the path names.
    pub(crate) connection: Option<ConnId>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) group: Option<Arc<str>>,
}

/// A request to the REST API while it is answered.
#[derive(Debug)]
pub(crate) struct Observed {
    /// For those who look.
    event: Option<Event>,
    began: Instant,
    /// For a collector.
    #[cfg(feature = "otlp")]
    span: Option<ServerSpan>,
}

impl Tracer {
    /// A request to the REST API begins; `None`: nobody wants to know.
    pub(crate) fn begin(
        &self,
        request: &Parts,
        remote: IpAddr,
        subject: impl FnOnce() -> Subject,
    ) -> Option<Observed> {
        let is_wanted = self.wants(Category::HttpRequestLogs);
        if !is_wanted && !self.exports() {
            return None;
        }
        let Subject { hub, route, connection, user, group } = subject();
        #[cfg(feature = "otlp")]
        let span = self.spans().and_then(|spans| spans.begin(request, hub.as_ref(), &route));
        let event = is_wanted.then(|| {
            let facts = HttpFacts { route: route.into(), ..facts(request) };
            let event = about(Kind::RequestStarted, request, remote);
            let event = Event { hub, connection, user, group, http: Some(Box::new(facts)), ..event };
            self.record([event.clone()]);
            event
        });
        Some(Observed {
            event,
            began: Instant::now(),
            #[cfg(feature = "otlp")]
            span,
        })
    }

    /// It is answered.
    pub(crate) fn finish(&self, observed: Observed, status: StatusCode) {
        #[cfg(feature = "otlp")]
        if let Some((spans, span)) = self.spans().zip(observed.span) {
            spans.finish(span, status);
        }
        let Observed { event: Some(mut event), began, .. } = observed else { return };
        event.kind = if status.is_server_error() { Kind::RequestFailed } else { Kind::RequestProcessed };
        event.time_ms = now_ms();
        if let Some(http) = &mut event.http {
            http.status = Some(status.as_u16());
            http.duration_ms = Some(milliseconds(began.elapsed()));
        }
        self.record([event]);
    }

    /// The place of a handshake in a distributed trace, if somebody wants to know.
    #[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "nobody wants to know"))]
    pub(crate) fn context(&self, request: &Parts) -> Option<TraceContext> {
        #[cfg(feature = "otlp")]
        return self.spans().and_then(|_| otlp::parent(&request.headers));
        #[cfg(not(feature = "otlp"))]
        None
    }

    /// The REST API was given a message.
    pub(crate) fn sent_by_rest(
        &self,
        request: &Parts,
        remote: IpAddr,
        subject: impl FnOnce() -> Subject,
        payload: &Payload,
    ) {
        if !self.wants(Category::MessagingLogs) {
            return;
        }
        let Subject { hub, route, connection, user, group } = subject();
        let facts = HttpFacts { route: route.into(), ..facts(request) };
        let preview = Preview::of(payload, self.shows_payloads());
        self.record([Event {
            hub,
            connection,
            user,
            group,
            http: Some(Box::new(facts)),
            payload: Some(preview),
            ..about(Kind::ReceivedMessageFromRestApi, request, remote)
        }]);
    }

    /// A request to the REST API was refused for its credential, or for its number.
    pub(crate) fn refused_request(
        &self,
        kind: Kind,
        request: &Parts,
        remote: IpAddr,
        hub: Option<Arc<str>>,
        why: &str,
    ) {
        let event = about(kind, request, remote).detail(why);
        let facts = facts(request);
        self.record_refusal(Event { hub, http: Some(Box::new(facts)), ..event });
    }

    /// The handshake of a client was refused.
    pub(crate) fn refused_client(
        &self,
        request: &Parts,
        remote: IpAddr,
        hub: Option<String>,
        status: StatusCode,
        why: &str,
    ) {
        let kind = match status {
            StatusCode::UNAUTHORIZED => Kind::ConnectionAuthorizationFailed,
            StatusCode::TOO_MANY_REQUESTS => Kind::ConnectionCountLimitReached,
            _ => Kind::ConnectionRefused,
        };
        let facts = HttpFacts { status: Some(status.as_u16()), ..facts(request) };
        self.record_refusal(Event {
            hub: hub.map(Into::into),
            http: Some(Box::new(facts)),
            ..about(kind, request, remote).detail(why)
        });
    }
}

fn about(kind: Kind, request: &Parts, remote: IpAddr) -> Event {
    let traceparent = request.headers.get("traceparent").and_then(|value| value.to_str().ok());
    Event {
        remote: Some(remote),
        trace_id: traceparent.and_then(TraceId::parse),
        ..Event::new(kind, now_ms())
    }
}

fn facts(request: &Parts) -> HttpFacts {
    let path = shortened(request.uri.path());
    HttpFacts {
        method: request.method.as_str().into(),
        path: path.into(),
        route: path.trim_start_matches('/').into(),
        ..HttpFacts::default()
    }
}
