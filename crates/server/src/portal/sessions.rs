//! Who is signed in: kept in memory, so that a restart signs everybody out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::caller::Subject;
use crate::issuer::Access;
use crate::keys::KeyProof;

/// Sessions at a time; beyond it the one that was used longest ago ends.
const SESSIONS_MAX: usize = 1_000;
/// Sessions of one holder at a time, so that nobody ends those of all others.
const SESSIONS_PER_HOLDER_MAX: usize = 20;
/// How long a session lasts at most.
pub(super) const LIFETIME: Duration = Duration::from_secs(12 * 3_600);
/// How long a session lasts that nobody uses.
const IDLE: Duration = Duration::from_secs(3_600);
/// Bytes of an id: nobody guesses it.
const ID_BYTES: usize = 32;

/// By what somebody signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
    /// An access key; the session ends when the key does.
    Key(KeyProof),
    /// Being on this machine, in development mode.
    Development,
    /// A token of an issuer, which named this subject.
    Subject(Arc<Subject>),
}

/// A session that has not ended.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) holder: Holder,
    pub(super) access: Access,
    /// When it ends, used or not.
    pub(super) ends: Instant,
}

#[derive(Debug)]
struct Entry {
    session: Session,
    used: Instant,
}

/// What is kept of an id: whoever reads memory or a core file cannot sign in with it.
type IdHash = [u8; 32];

/// All sessions, by the hash of their ids.
#[derive(Debug, Default)]
pub(super) struct Sessions(HashMap<IdHash, Entry>);

impl Sessions {
    /// Opens a session and returns its id. `None`: the system has no random numbers.
    pub(super) fn open(
        &mut self,
        holder: Holder,
        access: Access,
        lifetime: Duration,
        now: Instant,
    ) -> Option<String> {
        let mut bytes = [0; ID_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let id = URL_SAFE_NO_PAD.encode(bytes);
        self.0.retain(|_, entry| entry.is_alive(now));
        let is_same = |entry: &Entry| entry.session.holder == holder;
        if self.0.values().filter(|entry| is_same(entry)).count() >= SESSIONS_PER_HOLDER_MAX {
            self.end_unused(is_same);
        } else if self.0.len() >= SESSIONS_MAX {
            self.end_unused(|_| true);
        }
        let session = Session { holder, access, ends: now + lifetime.min(LIFETIME) };
        self.0.insert(hash(&id), Entry { session, used: now });
        Some(id)
    }

    /// The session with this id, which is in use now. `None`: there is none, or it has ended.
    pub(super) fn find(&mut self, id: &str, now: Instant) -> Option<Session> {
        let hash = hash(id);
        let entry = self.0.get_mut(&hash)?;
        if !entry.is_alive(now) {
            self.0.remove(&hash);
            return None;
        }
        entry.used = now;
        Some(entry.session.clone())
    }

    /// Ends the one of some sessions that was used longest ago.
    fn end_unused(&mut self, is_meant: impl Fn(&Entry) -> bool) {
        let meant = self.0.iter().filter(|(_, entry)| is_meant(entry));
        if let Some(unused) = meant.min_by_key(|(_, entry)| entry.used).map(|(hash, _)| *hash) {
            self.0.remove(&unused);
        }
    }

    /// Ends a session; whether there was one.
    pub(super) fn close(&mut self, id: &str) -> bool {
        self.0.remove(&hash(id)).is_some()
    }
}

impl Entry {
    fn is_alive(&self, now: Instant) -> bool {
        now < self.session.ends && now.saturating_duration_since(self.used) < IDLE
    }
}

fn hash(id: &str) -> IdHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn subject(name: &str) -> Holder {
        Holder::Subject(Arc::new(Subject { name: name.to_owned(), issuer: "https://i".to_owned() }))
    }

    fn open(sessions: &mut Sessions, lifetime: Duration, now: Instant) -> String {
        sessions.open(Holder::Development, Access::All, lifetime, now).unwrap()
    }

    #[test]
    fn a_session_ends_unused_or_old() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let unused = open(&mut sessions, LIFETIME, now);
        let used = open(&mut sessions, 24 * LIFETIME, now);
        assert_eq!((unused.len(), unused == used), (43, false));
        let mut at = now;
        while at + 50 * MINUTE < now + LIFETIME {
            at += 50 * MINUTE;
            assert!(sessions.find(&used, at).is_some());
        }
        assert!(sessions.find(&used, now + LIFETIME).is_none(), "no lifetime is longer");
        assert!(sessions.find(&unused, now + 60 * MINUTE).is_none());
        assert!(sessions.find(&unused, now).is_none(), "what has ended is gone");
        let short = open(&mut sessions, MINUTE, now);
        assert!(sessions.find(&short, now + MINUTE / 2).is_some());
        assert!(sessions.find(&short, now + MINUTE).is_none());
        let closed = open(&mut sessions, MINUTE, now);
        assert!(sessions.close(&closed) && !sessions.close(&closed));
        assert!(sessions.find(&closed, now).is_none() && sessions.find("", now).is_none());
    }

    #[test]
    fn sessions_are_bounded() {
        let (mut sessions, now, mut people) = (Sessions::default(), Instant::now(), 0);
        let mut sign_in = |sessions: &mut Sessions, at| {
            people += 1;
            let holder = subject(&people.to_string());
            sessions.open(holder, Access::All, LIFETIME, at).unwrap()
        };
        let first = sign_in(&mut sessions, now);
        let second = sign_in(&mut sessions, now);
        for n in 2..1_000 {
            sign_in(&mut sessions, now + Duration::from_millis(n));
        }
        assert!(sessions.find(&first, now + MINUTE).is_some());
        sign_in(&mut sessions, now + MINUTE);
        assert_eq!(sessions.0.len(), SESSIONS_MAX);
        assert!(sessions.find(&first, now + MINUTE).is_some(), "it was used");
        assert!(sessions.find(&second, now + MINUTE).is_none());
        assert!(!format!("{sessions:?}").contains(&first));
    }

    #[test]
    fn nobody_ends_the_sessions_of_others() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let key = |text: &str| Holder::Key(KeyProof::of(text));
        let holders = [subject("owner"), Holder::Development, key("a"), key("b")];
        let others = holders.map(|holder| sessions.open(holder, Access::All, LIFETIME, now).unwrap());
        let at = |n| now + Duration::from_secs(n);
        let sign_in = |sessions: &mut Sessions, n| {
            sessions.open(subject("reader"), Access::Read, LIFETIME, at(n)).unwrap()
        };
        let first = sign_in(&mut sessions, 0);
        let second = sign_in(&mut sessions, 1);
        for n in 2..20 {
            sign_in(&mut sessions, n);
        }
        assert!(sessions.find(&first, at(30)).is_some(), "20 at a time");
        for n in 40..1_500 {
            sign_in(&mut sessions, n);
        }
        assert_eq!(sessions.0.len(), 4 + SESSIONS_PER_HOLDER_MAX);
        assert!(others.iter().all(|id| sessions.find(id, at(1_500)).is_some()), "all others stay");
        assert!(sessions.find(&second, at(1_500)).is_none(), "its own goes");
    }
}
