//! The last exchanges with one handler.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hublet_hub::{ClientEvent, EventKind};
use hublet_wire::client::Payload;

use super::record::{AttemptRecord, KEPT_BYTES_MAX, Record};
use crate::attributes;
use crate::failure::Failure;

/// Exchanges that are kept.
const EXCHANGES_MAX: usize = 100;
/// How much of the headers of an answer is kept.
const HEADERS_BYTES_MAX: usize = 8 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<VecDeque<Arc<Entry>>>);

/// One exchange.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) at: std::time::SystemTime,
    pub(crate) took: Duration,
    /// Its body is empty if it was too long.
    pub(crate) event: ClientEvent,
    /// Whether the event is as it was.
    pub(crate) is_whole: bool,
    pub(crate) attempts: Vec<AttemptRecord>,
    pub(super) request_headers: HeaderMap,
    pub(super) request_body: Kept,
    pub(crate) response: Option<(StatusCode, HeaderMap, Kept)>,
    pub(crate) failure: Option<Failure>,
}

/// The beginning of a body.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(super) bytes: Bytes,
    /// How long all of it was, as far as it was read.
    pub(super) length: usize,
}

impl Kept {
    fn new(body: &Bytes) -> Self {
        // A copy: what it is a part of may be much larger.
        let bytes = Bytes::copy_from_slice(&body[..body.len().min(KEPT_BYTES_MAX)]);
        Self { bytes, length: body.len() }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.bytes.len() == self.length
    }
}

impl Journal {
    /// Keeps an exchange, and returns it.
    pub(crate) fn push(
        &self,
        number: u64,
        event: &ClientEvent,
        record: Record,
        failure: Option<&Failure>,
    ) -> Arc<Entry> {
        let took = record.attempts.began.elapsed();
        let request_body = Kept::new(&attributes::body(&event.kind));
        let response = record.response.map(|(status, mut headers, body)| {
            shorten(&mut headers);
            (status, headers, Kept::new(&body))
        });
        let entry = Arc::new(Entry {
            number,
            at: record.at,
            took,
            event: with_body(event, &request_body),
            is_whole: request_body.is_whole(),
            attempts: record.attempts.list,
            request_headers: record.request.map(|request| request.into_parts().0.headers).unwrap_or_default(),
            request_body,
            response,
            failure: failure.cloned(),
        });
        let mut entries = self.lock();
        let oldest = if entries.len() >= EXCHANGES_MAX { entries.pop_front() } else { None };
        entries.push_back(Arc::clone(&entry));
        drop(entries);
        // Not under the lock.
        drop(oldest);
        entry
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn entry(&self, number: u64) -> Option<Arc<Entry>> {
        self.lock().iter().find(|entry| entry.number == number).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A copy of an event that does not hold on to the buffer that it came in.
fn with_body(event: &ClientEvent, body: &Kept) -> ClientEvent {
    let bytes = if body.is_whole() { body.bytes.clone() } else { Bytes::new() };
    let kind = match &event.kind {
        EventKind::Connect(_) => EventKind::Connect(bytes),
        EventKind::User { name, payload, metadata, invoked } => {
            let payload = match payload {
                Payload::Text(_) => Payload::Text(bytes),
                Payload::Json(_) => Payload::Json(bytes),
                Payload::Binary(_) => Payload::Binary(bytes),
                Payload::Protobuf(_) => Payload::Protobuf(bytes),
            };
            EventKind::User { name: Arc::clone(name), payload, metadata: metadata.clone(), invoked: *invoked }
        }
        other => other.clone(),
    };
    ClientEvent { client: event.client.clone(), id: event.id, kind }
}

/// Leaves out the headers behind the first few KiB.
fn shorten(headers: &mut HeaderMap) {
    let size = |headers: &HeaderMap| {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>()
    };
    if size(headers) <= HEADERS_BYTES_MAX {
        return;
    }
    let mut bytes = 0;
    let mut kept = HeaderMap::new();
    for (name, value) in headers.iter() {
        bytes += name.as_str().len() + value.len();
        if bytes <= HEADERS_BYTES_MAX {
            kept.append(name.clone(), value.clone());
        }
    }
    *headers = kept;
}
