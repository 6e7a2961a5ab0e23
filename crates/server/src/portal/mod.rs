//! The portal, a page for people: who is signed in, from where requests of browsers may come, and what the page may do.

mod attempts;
mod sessions;
mod site;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use http::header::COOKIE;
use http::request::Parts;

use self::attempts::Attempts;
pub(crate) use self::sessions::Holder;
use self::sessions::Sessions;
pub(crate) use self::site::{check_host, check_origin, is_forwarded, is_secure};
use crate::caller::{Caller, Who};
use crate::config::{Config, KeySource};
use crate::denied::{Denied, Refused};
use crate::http::{Connection, portal_policy};
use crate::issuer::Access;

/// The name of the cookie with the id of a session.
pub(crate) const COOKIE_NAME: &str = "hublet_session";
/// What is said where the portal would be.
pub(crate) const OFF: &str = "The portal is turned off. Set portal.enabled in the configuration.";
/// Cookies of that name in one request that are looked at: other services of the host may have left some.
const COOKIES_MAX: usize = 4;

/// The portal of a service.
#[derive(Debug)]
pub(crate) struct Portal {
    policy: HeaderValue,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
}

impl Portal {
    /// How long a session lasts at most.
    pub(crate) const LIFETIME: Duration = sessions::LIFETIME;

    pub(crate) fn new(config: &Config) -> Self {
        Self {
            policy: portal_policy(&config.public_endpoints),
            sessions: Mutex::default(),
            attempts: Mutex::default(),
        }
    }

    /// The content security policy of its files.
    pub(crate) fn policy(&self) -> &HeaderValue {
        &self.policy
    }

    /// Whom a request with the cookie comes from, if its session allows what the request `needs`. `None`: it has no
    /// cookie of ours.
    ///
    /// # Errors
    /// The session has ended or allows less, or the request does not come from the page.
    pub(crate) fn authenticate(
        &self,
        connection: &Connection,
        request: &Parts,
        needs: Access,
    ) -> Option<Result<Caller, Refused>> {
        cookies(request).next()?;
        Some(self.signed_in(connection, request).and_then(|(caller, _)| {
            if caller.access >= needs { Ok(caller) } else { Err(of_portal(Denied::ReadOnly, caller.who)) }
        }))
    }

    /// Who is signed in, and until when.
    ///
    /// # Errors
    /// Nobody is, or the request does not come from the page.
    pub(crate) fn signed_in(
        &self,
        connection: &Connection,
        request: &Parts,
    ) -> Result<(Caller, Instant), Refused> {
        let now = Instant::now();
        let found = cookies(request).find_map(|id| Some((id, self.sessions().find(id, now)?)));
        let (id, session) = found.ok_or(Denied::Session)?;
        let who = match session.holder {
            Holder::Key(proof) => match connection.context.config.keys.named_by(&proof) {
                Some(name) => Who::Key(name),
                None => {
                    self.sessions().close(id);
                    return Err(Denied::Session.into());
                }
            },
            Holder::Development => Who::Development,
            Holder::Subject(subject) => Who::Subject(subject),
        };
        let checked = site::check_page(connection, request).and_then(|()| match who {
            Who::Development => site::check_local(connection, request),
            Who::Key(_) | Who::Subject(_) => Ok(()),
        });
        if let Err(denied) = checked {
            return Err(of_portal(denied, who));
        }
        let caller = Caller { who, access: session.access, by_portal: true, from: connection.peer };
        Ok((caller, session.ends))
    }

    /// Whether a request may sign in without a key: it is of this machine, and everybody knows the key.
    ///
    /// # Errors
    /// It may not.
    pub(crate) fn check_development(connection: &Connection, request: &Parts) -> Result<(), Denied> {
        let config = &connection.context.config;
        // With keys of one's own there may be a proxy in front that everybody can reach.
        if config.key_source != KeySource::Development || config.auth.disable_local_auth {
            return Err(Denied::NotDevelopment);
        }
        site::check_local(connection, request)
    }

    /// Begins an attempt to sign in, which must come from the page.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn check_page(connection: &Connection, request: &Parts) -> Result<(), Denied> {
        site::check_page(connection, request)
    }

    /// Counts an attempt to sign in.
    ///
    /// # Errors
    /// How long to wait: there were too many from this address.
    pub(crate) fn begin_attempt(&self, from: IpAddr) -> Result<(), Duration> {
        self.attempts().take(from, Instant::now())
    }

    /// Opens a session after a good attempt and ends those that the browser had. Returns the new one's id; `None`: the
    /// system has no random numbers.
    pub(crate) fn open(
        &self,
        request: &Parts,
        from: IpAddr,
        holder: Holder,
        access: Access,
        lifetime: Option<Duration>,
    ) -> Option<String> {
        self.attempts().give_back(from);
        self.close(request);
        self.sessions().open(holder, access, lifetime.unwrap_or(Self::LIFETIME), Instant::now())
    }

    /// Ends the sessions of a request's cookies; whether there was one.
    pub(crate) fn close(&self, request: &Parts) -> bool {
        let mut sessions = self.sessions();
        cookies(request).filter(|id| sessions.close(id)).count() > 0
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody is signed in, but may not do this, or not in this way.
fn of_portal(denied: Denied, who: Who) -> Refused {
    Refused { denied, who: Some(who), by_portal: true }
}

/// The ids in cookies of our name.
fn cookies(request: &Parts) -> impl Iterator<Item = &str> {
    let values = request.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, id)| *name == COOKIE_NAME && !id.is_empty()).map(|(_, id)| id).take(COOKIES_MAX)
}

/// The value of a `Cookie` header without our own, which is for nobody else to see; `None`: nothing is left.
pub(crate) fn without_session(value: &[u8]) -> Option<Vec<u8>> {
    let is_other = |pair: &&[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii() != COOKIE_NAME.as_bytes()
    };
    let kept: Vec<&[u8]> = value.split(|byte| *byte == b';').filter(is_other).collect();
    let kept = kept.join(&b';').trim_ascii().to_vec();
    (!kept.is_empty()).then_some(kept)
}
