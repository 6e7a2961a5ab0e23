//! Attempts, until one is no failure that may pass (event-handlers.md §7.2).

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::fault::Fault;
use crate::transport::{Transport, drain};

/// Whether an answer is no final one.
fn is_retried(status: StatusCode) -> bool {
    status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

/// What happens to a request.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// An attempt begins.
    Sent,
    /// It was answered.
    Answered(StatusCode),
    /// It was not.
    Failed(&'a Fault),
}

/// Sends a request, and again after each of the delays if the network fails or the answer is 408 or 5xx. `observe` is
/// told of each attempt.
///
/// # Errors
/// The last attempt got no answer.
pub(crate) async fn send(
    transport: &Transport,
    request: &Request<Full<Bytes>>,
    delays: &[Duration],
    mut observe: impl FnMut(Step<'_>),
) -> Result<Response<Incoming>, Fault> {
    let mut delays = delays.iter();
    loop {
        observe(Step::Sent);
        let outcome = transport.send(request.clone()).await;
        let may_pass = match &outcome {
            Ok(answer) => {
                observe(Step::Answered(answer.status()));
                is_retried(answer.status())
            }
            Err(fault) => {
                observe(Step::Failed(fault));
                fault.is_retried()
            }
        };
        let delay = match delays.next() {
            Some(delay) if may_pass => tokio::time::sleep(*delay),
            _ => return outcome,
        };
        match outcome {
            Ok(answer) => _ = tokio::join!(drain(answer.into_body(), 0), delay),
            Err(_) => delay.await,
        }
    }
}
