//! What the event handlers and listeners of all hubs share.

use std::path::PathBuf;

use crate::networks::Networks;

/// What the service gives to every request upstream, and what it allows.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// Loopback only: handlers on loopback are trusted and reachable.
    pub development: bool,
    /// Host names of the public endpoints, without ports: the origin of every request (event-handlers.md §3.2). Empty: the
    /// host that the client used.
    pub origins: Vec<String>,
    /// The access keys' texts at the start, the primary one first. They sign connection ids; empty when access keys are
    /// disabled. See [`crate::Upstream::set_signing_keys`].
    pub signing_keys: SigningKeys,
    /// Where bearer tokens come from; `None`: there are none.
    pub identity: Option<Identity>,
    /// Networks that handlers may be in although they are not public.
    pub allowed_networks: Networks,
    /// A file with certificates in PEM to trust besides the system's.
    pub extra_roots: Option<PathBuf>,
    /// What URL templates refer to.
    pub secrets: Secrets,
}

/// Secrets by the address that they have in a key vault; never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// The secret with this address. Neither letter case nor a slash at the end matters, as in the cloud's vaults.
    pub fn get(&self, uri: &str) -> Option<&str> {
        let bare = |uri: &str| uri.trim().trim_end_matches('/').to_ascii_lowercase();
        let uri = bare(uri);
        self.0.iter().find(|(known, _)| bare(known) == uri).map(|(_, secret)| secret.as_str())
    }
}

impl FromIterator<(String, String)> for Secrets {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(secrets: T) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// The texts of access keys; never shown.
#[derive(Clone, Default)]
pub struct SigningKeys(pub Vec<String>);

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKeys({})", self.0.len())
    }
}

/// `[identity]`: OAuth 2.0 client credentials (RFC 6749 §4.4), or a file with a token.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// A token endpoint.
    ClientCredentials {
        /// URL of the token endpoint.
        token_endpoint: String,
        /// `client_id`.
        client_id: String,
        /// `client_secret`.
        client_secret: String,
    },
    /// A file that something else keeps fresh, such as a projected token of Kubernetes.
    TokenFile(PathBuf),
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ClientCredentials { token_endpoint, client_id, .. } => f
                .debug_struct("ClientCredentials")
                .field("token_endpoint", token_endpoint)
                .field("client_id", client_id)
                .finish_non_exhaustive(),
            Self::TokenFile(path) => f.debug_tuple("TokenFile").field(path).finish(),
        }
    }
}
