//! Clients that need more than the protocol says.

use http::HeaderMap;
use http::header::USER_AGENT;

/// How the official client for Python calls itself, in its `User-Agent`.
const PYTHON_CLIENT: &str = "azsdk-python-webpubsub-client/";

/// Whether a client misses what is answered at once: the official client for Python sends a request and only then begins to
/// wait for the ack. One that came before is never seen, and the call takes until its time-out (30 s).
pub(super) fn misses_fast_answers(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.is_some_and(|agent| agent.contains(PYTHON_CLIENT))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn clients_are_known_by_their_user_agent() {
        let with = |agent: &'static str| {
            misses_fast_answers(&[(USER_AGENT, HeaderValue::from_static(agent))].into_iter().collect())
        };
        assert!(with("azsdk-python-webpubsub-client/1.1.0 Python/3.12.1 (Linux)"));
        // What the program adds comes first.
        assert!(with("shop azsdk-python-webpubsub-client/1.0.0 Python/3.8.1 (Linux)"));
        assert!(
            !with("azsdk-js-web-pubsub-client/1.0.4") && !with("") && !misses_fast_answers(&HeaderMap::new())
        );
    }
}
