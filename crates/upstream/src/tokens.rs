//! Bearer tokens for handlers that want one (event-handlers.md §1.4): from a token endpoint by client credentials
//! (RFC 6749 §4.4), or from a file.

mod source;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};
use tokio::sync::watch;

use self::source::Source;
use crate::connector::Connector;
use crate::environment::Identity;
use crate::fault::Fault;
use crate::pace::Pace;

/// How long before its end a token is replaced; at most half of its life.
const EARLY: Duration = Duration::from_secs(300);
/// How long a failure counts, so that a token endpoint that is down is not asked by every event.
const FAILURE_LIFE: Duration = Duration::from_secs(1);
/// Longest token.
const TOKEN_BYTES_MAX: usize = 16 << 10;

/// Why there is no token. The text says what to change, and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum TokenError {
    /// The configuration names no source.
    #[error(
        "The handler wants a bearer token, but nothing gives any. Write `token_endpoint` with client credentials, or \
         `token_file`, under [identity]."
    )]
    NoIdentity,
    /// The token endpoint did not answer.
    #[error(
        "The token endpoint gave no answer: {0}. Check `token_endpoint` under [identity], and whether it is up."
    )]
    Fault(Fault),
    /// It refused, with the error code of RFC 6749 §5.2.
    #[error(
        "The token endpoint answered {0}{1}. Check the client and its secret under [identity], and the resource."
    )]
    Status(StatusCode, String),
    /// Its answer has no token.
    #[error(
        "The answer of the token endpoint has no usable `access_token`. Check `token_endpoint` under [identity]."
    )]
    Answer,
    /// The file has no token.
    #[error("The token file cannot be used: {0}. Check `token_file` under [identity].")]
    File(Arc<str>),
    /// The fetch ended without a result: its runtime stops.
    #[error("The token was not fetched, since the service stops.")]
    Lost,
}

/// A token and how long it is good.
#[derive(Clone)]
struct Token {
    text: Arc<str>,
    /// `Bearer` and the token; marked sensitive.
    header: HeaderValue,
    refresh_at: Instant,
    expires_at: Instant,
}

/// The tokens of all resources. For all shards.
pub(crate) struct Tokens {
    source: Option<Arc<Source>>,
    /// By resource; these come from the settings only.
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// Counts until then.
    failure: Option<(TokenError, Instant)>,
    /// Closed when the fetch is over.
    fetch: Option<watch::Receiver<()>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// `connector` goes wherever the configuration says.
    pub(crate) fn new(identity: Option<&Identity>, connector: Connector, pace: &Pace) -> Self {
        let source =
            identity.map(|identity| Arc::new(Source::new(identity.clone(), connector, pace.token_timeout)));
        Self { source, slots: Mutex::default() }
    }

    /// The value of `Authorization` for a resource.
    ///
    /// # Errors
    /// There is no token.
    pub(crate) async fn authorization(&self, resource: &str) -> Result<HeaderValue, TokenError> {
        self.token(resource).await.map(|token| token.header)
    }

    /// The bare token for a resource.
    ///
    /// # Errors
    /// There is no token.
    pub(crate) async fn bare(&self, resource: &str) -> Result<String, TokenError> {
        self.token(resource).await.map(|token| token.text.as_ref().to_owned())
    }

    /// A token is fetched once for all that wait for it; one that gets old is used until there is a new one.
    async fn token(&self, resource: &str) -> Result<Token, TokenError> {
        let source = self.source.as_ref().ok_or(TokenError::NoIdentity)?;
        let slot = self.slot(resource);
        let mut fetch = {
            let mut state = slot.lock();
            let now = Instant::now();
            let token = state.token.as_ref().filter(|token| now < token.expires_at).cloned();
            if let Some(token) = token.clone().filter(|token| now < token.refresh_at) {
                return Ok(token);
            }
            let failure = state.failure.clone().filter(|(_, until)| now < *until);
            // Closed if the fetch is over, even if its runtime stopped in between.
            let running = state.fetch.clone().filter(|fetch| fetch.has_changed().is_ok());
            let fetch = match (running, failure) {
                (Some(running), _) => running,
                (None, Some((error, _))) => return token.ok_or(error),
                (None, None) => {
                    let (over, begun) = watch::channel(());
                    state.fetch = Some(begun.clone());
                    tokio::spawn(fetch(Arc::clone(source), resource.to_owned(), Arc::clone(&slot), over));
                    begun
                }
            };
            if let Some(token) = token {
                return Ok(token);
            }
            fetch
        };
        // An error is the end.
        while fetch.changed().await.is_ok() {}
        slot.outcome()
    }

    fn slot(&self, resource: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(resource) {
            return Arc::clone(slot);
        }
        let slot = Arc::<Slot>::default();
        slots.insert(resource.to_owned(), Arc::clone(&slot));
        slot
    }
}

async fn fetch(source: Arc<Source>, resource: String, slot: Arc<Slot>, over: watch::Sender<()>) {
    let outcome = source.fetch(&resource).await;
    {
        let mut state = slot.lock();
        match outcome {
            Ok(token) => {
                state.token = Some(token);
                state.failure = None;
            }
            Err(error) => {
                tracing::warn!(resource, "{error}");
                state.failure = Some((error, Instant::now() + FAILURE_LIFE));
            }
        }
    }
    drop(over);
}

impl Slot {
    fn outcome(&self) -> Result<Token, TokenError> {
        let state = self.lock();
        if let Some((error, _)) = &state.failure {
            return Err(error.clone());
        }
        state.token.clone().ok_or(TokenError::Lost)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// `None`: no header can hold it.
    fn new(text: &str, life: Duration, early: Duration) -> Option<Self> {
        if text.is_empty() || text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut header = HeaderValue::try_from(["Bearer ", text].concat()).ok()?;
        header.set_sensitive(true);
        let now = Instant::now();
        let refresh_at = now + life.saturating_sub(early.min(life / 2));
        Some(Self { text: text.into(), header, refresh_at, expires_at: now + life })
    }
}
