//! Tokens of OpenID Connect issuers, such as Microsoft Entra, for the REST API (rest-api.md §2.5).
//!
//! Shards only look at keys that are there; the control thread fetches them ([`Issuers::keep_fresh`]).

mod demand;
mod fetch;
mod keys;
mod refresh;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hublet_wire::jwt::{Algorithm, Claims, UnverifiedToken};
use tokio::time::timeout;

use self::demand::Demand;
use self::keys::KeySet;
use crate::config::{self, bare_audience};
use crate::denied::Denied;

/// How long a request with a key that nobody knows yet may wait for new keys.
const WAIT: Duration = Duration::from_secs(2);

/// What the roles of a token allow (rest-api.md §2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// HEAD and GET.
    Read,
    /// Everything.
    All,
}

/// All configured issuers and their keys.
#[derive(Debug)]
pub(crate) struct Issuers(Box<[Arc<Issuer>]>);

#[derive(Debug)]
struct Issuer {
    config: config::Issuer,
    /// `None` until they were fetched once. Replaced as a whole; a lock is held only to copy or replace the reference.
    keys: RwLock<Option<Arc<KeySet>>>,
    demand: Demand,
}

impl Issuers {
    /// `None` when there are none. Nobody's token is good before the keys were fetched.
    pub(crate) fn new(issuers: &[config::Issuer]) -> Option<Arc<Self>> {
        let issuer = |config: &config::Issuer| {
            Arc::new(Issuer { config: config.clone(), keys: RwLock::default(), demand: Demand::default() })
        };
        (!issuers.is_empty()).then(|| Arc::new(Self(issuers.iter().map(issuer).collect())))
    }

    /// What a token allows, at the time `now_s` in seconds since 1970; `None`: it is good, but has no role of use.
    ///
    /// It may wait for new keys, two seconds at most, when the token names one that is not there.
    ///
    /// # Errors
    /// Issuer, audience, lifetime, key or signature are not good.
    pub(crate) async fn authenticate(
        &self,
        token: &UnverifiedToken<'_>,
        algorithm: Algorithm,
        now_s: i64,
    ) -> Result<Option<Access>, Denied> {
        let claims = &token.claims;
        let names = |issuer: &&Arc<Issuer>| *claims.texts("iss") == [issuer.config.issuer.as_str()];
        let issuer = self.0.iter().find(names).ok_or(Denied::Issuer)?;
        // What needs no key comes first: a token that is of no use must not make us fetch any.
        claims.check_lifetime(now_s).map_err(Denied::Token)?;
        let audiences = &issuer.config.audiences;
        if !claims.aud.iter().any(|aud| audiences.iter().any(|good| good == bare_audience(aud))) {
            return Err(Denied::IssuerAudience);
        }
        let kid = token.header.kid.as_deref().ok_or(Denied::Key)?;
        let keys = issuer.keys_with(kid).await.ok_or(Denied::KeysMissing)?;
        keys.verify(kid, algorithm, token.signing_input, &token.signature)?;
        Ok(issuer.config.access(claims))
    }
}

impl Issuer {
    fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_keys(&self, keys: KeySet) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
    }

    /// The keys, after an attempt to get newer ones if none has this name.
    async fn keys_with(&self, kid: &str) -> Option<Arc<KeySet>> {
        let keys = self.keys();
        if keys.as_ref().is_some_and(|keys| keys.has(kid)) {
            return keys;
        }
        if let Some(mut attempt) = self.demand.ask(Instant::now()) {
            // Whether keys came or not, what is there now decides.
            let _ = timeout(WAIT, attempt.changed()).await;
        }
        self.keys()
    }
}

impl config::Issuer {
    fn access(&self, claims: &Claims) -> Option<Access> {
        let has = |roles: &[String]| claims.texts(&self.roles_claim).iter().any(|role| roles.contains(role));
        if has(&self.owner_roles) {
            Some(Access::All)
        } else if has(&self.reader_roles) {
            Some(Access::Read)
        } else {
            None
        }
    }
}
