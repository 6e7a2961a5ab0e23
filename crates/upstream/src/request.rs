//! Requests to event handlers: CloudEvents in HTTP binary mode (event-handlers.md §4). Cookies and what proves the
//! service's identity beyond the signature are added by whoever sends them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use hublet_hub::{ClientEvent, ClientInfo, EventKind};
use hublet_wire::cloudevents::{self, header, time};
use ring::rand::{SecureRandom, SystemRandom};

use crate::attributes::{body, event_name, event_type};
use crate::environment::{Environment, SigningKeys};
use crate::signature::Signer;

/// How many headers most requests have, cookies and authorization included.
const HEADERS: usize = 18;

/// An event that no request can carry. Trying again is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// The user id has control characters.
    #[error(
        "The user id has control characters, which no header can carry. Give the client another user id."
    )]
    UserId,
    /// Another header has something other than visible ASCII characters.
    #[error("The value of {0} is not ASCII, so the event was not sent. Use visible ASCII characters.")]
    Header(&'static str),
    /// A message's metadata cannot be headers.
    #[error(
        "The metadata of the message cannot be sent as headers. Use ASCII, and HTTP token characters in the keys."
    )]
    Metadata,
    /// The system has no random numbers.
    #[error(
        "The system gives no random numbers, so the request has no id and was not sent. Look at the system's log."
    )]
    Random,
}

/// Makes requests.
#[derive(Debug)]
pub struct RequestMaker {
    /// `None`: the host that the client used.
    origin: Option<String>,
    /// Replaced as a whole when keys change.
    signer: RwLock<Arc<Signer>>,
    ids: RequestIds,
}

/// Makes request ids: random bytes of which a counter changes the last ones, since asking the system for random numbers
/// costs more than all the rest of a request. The ids tell requests apart and prove nothing.
#[derive(Debug)]
struct RequestIds {
    random: Option<[u8; 16]>,
    count: AtomicU32,
}

impl RequestIds {
    fn new() -> Self {
        let mut bytes = [0; 16];
        let random = SystemRandom::new().fill(&mut bytes).is_ok().then_some(bytes);
        Self { random, count: AtomicU32::new(0) }
    }

    fn next(&self) -> Result<String, Unsendable> {
        let mut bytes = self.random.ok_or(Unsendable::Random)?;
        let count = self.count.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (byte, count) in bytes[12..].iter_mut().zip(count) {
            *byte ^= count;
        }
        Ok(guid(bytes))
    }
}

impl RequestMaker {
    /// One with the origins and the keys of the environment.
    pub fn new(environment: &Environment) -> Self {
        let origins = &environment.origins;
        Self {
            origin: (!origins.is_empty()).then(|| origins.join(", ")),
            signer: RwLock::new(Arc::new(Signer::new(&environment.signing_keys))),
            ids: RequestIds::new(),
        }
    }

    /// Signs with other keys from now on.
    pub fn set_signing_keys(&self, keys: &SigningKeys) {
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Signer::new(keys));
    }

    fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What this service calls itself to a handler, for a client that used this host (event-handlers.md §3.2).
    pub fn origin<'a>(&'a self, host: &'a str) -> &'a str {
        self.origin.as_deref().unwrap_or(host)
    }

    /// The request for an event that happened at `time_s`, in seconds since 1970. A retry is a copy of it: all but the
    /// cookies stays the same (event-handlers.md §7.2).
    ///
    /// # Errors
    /// See [`Unsendable`].
    pub fn make(&self, event: &ClientEvent, uri: Uri, time_s: u64) -> Result<Request<Bytes>, Unsendable> {
        let mut request = Request::new(body(&event.kind));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        self.put_headers(request.headers_mut(), event, time_s)?;
        Ok(request)
    }

    /// All headers, in the order in which the original sends them.
    fn put_headers(
        &self,
        headers: &mut HeaderMap,
        event: &ClientEvent,
        time_s: u64,
    ) -> Result<(), Unsendable> {
        let ClientInfo { conn, hub, user, subprotocol, host, state } = &event.client;
        let conn_text = conn.to_string();
        headers.reserve(HEADERS);
        put(headers, header::SPEC_VERSION, HeaderValue::from_static(cloudevents::VERSION));
        put(headers, header::AWPS_VERSION, HeaderValue::from_static(cloudevents::VERSION));
        put_text(headers, header::TYPE, &event_type(&event.kind))?;
        put_text(headers, header::SOURCE, &cloudevents::source(hub, conn))?;
        put_text(headers, header::TIME, &time::timestamp(time_s))?;
        put_text(headers, header::CONNECTION_ID, &conn_text)?;
        put_text(headers, header::HUB, hub)?;
        put_text(headers, header::EVENT_NAME, event_name(&event.kind))?;
        if let Some(user) = user.as_deref().filter(|user| !user.is_empty()) {
            // As UTF-8 bytes, as the original does (event-handlers.md §4.1).
            let user = HeaderValue::from_bytes(user.as_bytes()).map_err(|_| Unsendable::UserId)?;
            put(headers, header::USER_ID, user);
        }
        if let Some(subprotocol) = subprotocol {
            put_text(headers, header::SUBPROTOCOL, subprotocol)?;
        }
        if let Some(state) = state {
            let state = ascii(state).ok_or(Unsendable::Header(header::CONNECTION_STATE))?;
            put(headers, header::CONNECTION_STATE, state);
        }
        put_text(headers, header::ORIGIN, self.origin(host))?;
        if let Some(signature) = self.signer().sign(&conn_text) {
            put(headers, header::SIGNATURE, signature);
        }
        put(headers, header::ID, HeaderValue::from(event.id));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(&event.kind)));
        put_text(headers, header::REQUEST_ID, &self.ids.next()?)?;
        put_metadata(headers, &event.kind)
    }
}

/// Those of §5.4 of the reference for user events, and what stands in its examples for the others.
fn content_type(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::User { payload, .. } => cloudevents::content_type(payload),
        EventKind::GroupJoined(_) | EventKind::GroupLeft(_) => "application/json; charset=utf-8",
        EventKind::Connect(_) | EventKind::Connected | EventKind::Disconnected { .. } => {
            cloudevents::CONTENT_TYPE_JSON
        }
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: HeaderValue) {
    headers.insert(HeaderName::from_static(name), value);
}

fn put_text(headers: &mut HeaderMap, name: &'static str, text: &str) -> Result<(), Unsendable> {
    put(headers, name, ascii(text.as_bytes()).ok_or(Unsendable::Header(name))?);
    Ok(())
}

/// A header's value; the library would also take what is not ASCII.
fn ascii(text: &[u8]) -> Option<HeaderValue> {
    if text.is_ascii() { HeaderValue::from_bytes(text).ok() } else { None }
}

/// Keys that differ in case are one header, and the last one counts (event-handlers.md §4.1).
fn put_metadata(headers: &mut HeaderMap, kind: &EventKind) -> Result<(), Unsendable> {
    let EventKind::User { metadata, .. } = kind else { return Ok(()) };
    for (key, value) in metadata {
        let name = HeaderName::try_from([header::METADATA_PREFIX, key].concat());
        let (Ok(name), Some(value)) = (name, ascii(value.as_bytes())) else {
            return Err(Unsendable::Metadata);
        };
        headers.try_insert(name, value).map_err(|_| Unsendable::Metadata)?;
    }
    Ok(())
}

/// The text form of a random GUID (RFC 9562 §5.4).
fn guid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests;
