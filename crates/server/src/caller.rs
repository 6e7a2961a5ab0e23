//! Who sent a request that was let in: for the audit log, and for the page that shows it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::issuer::Access;
use crate::keys::KeyName;

/// Longest name of a subject that is kept, in characters: a token may say anything.
const SUBJECT_CHARS_MAX: usize = 256;

/// A sender whose credential is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) who: Who,
    /// What the credential allows.
    pub(crate) access: Access,
    /// The credential is a session of the portal.
    pub(crate) by_portal: bool,
    /// The address that the connection comes from.
    pub(crate) from: IpAddr,
}

/// Whose credential it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// Somebody who has this access key.
    Key(KeyName),
    /// Somebody on this machine, in development mode.
    Development,
    /// Whom a token of an issuer names.
    Subject(Arc<Subject>),
}

/// Whom a token of an issuer names. The name alone says little: it is unique with its issuer only, and may be anything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: String,
    /// The `iss` of the token.
    pub(crate) issuer: String,
}

impl Who {
    /// A subject by its name, shortened if it is very long, and a configured issuer.
    pub(crate) fn subject(name: &str, issuer: &str) -> Self {
        let name = name.chars().take(SUBJECT_CHARS_MAX).collect();
        Self::Subject(Arc::new(Subject { name, issuer: issuer.to_owned() }))
    }

    /// Who says so, if it is an issuer.
    pub(crate) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Subject(subject) => Some(&subject.issuer),
            Self::Key(_) | Self::Development => None,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(KeyName::Primary) => "primary key",
            Self::Key(KeyName::Secondary) => "secondary key",
            Self::Development => "development",
            Self::Subject(subject) => &subject.name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(Who::Key(KeyName::Secondary).to_string(), "secondary key");
        assert_eq!(Who::subject("ann", "https://i").to_string(), "ann");
        assert_eq!(Who::subject(&"é".repeat(300), "https://i").to_string().chars().count(), 256);
    }
}
