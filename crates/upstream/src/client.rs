//! Requests of the service's own, to where the operator says. They may go to any network.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use crate::connector::Connector;
use crate::transport::{Transport, read};

/// Sends requests; its connections live in the runtime that it is used in.
#[derive(Debug, Clone)]
pub struct Client(Transport);

impl Client {
    pub(crate) fn new(connector: Connector) -> Self {
        Self(Transport::new(connector))
    }

    /// Sends a request and waits for the whole answer, without a limit of time. Dropping the future ends the request.
    ///
    /// # Errors
    /// There is no answer, or its body is longer than `bytes_max`. The text says why; it has nothing of the request.
    pub async fn send(&self, request: Request<Bytes>, bytes_max: usize) -> Result<Response<Bytes>, String> {
        let answer = self.0.send(request.map(Full::new)).await.map_err(|fault| fault.to_string())?;
        let (head, body) = answer.into_parts();
        let body = read(body, bytes_max).await.map_err(|fault| fault.to_string())?;
        Ok(Response::from_parts(head, body))
    }
}
