//! `[identity]`, `[upstream]` and `[secrets]`: what the event handlers of all hubs share (event-handlers.md §1.3, §1.4).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use hublet_upstream::{Environment, Identity, Networks, Secrets, SigningKeys};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::{ConfigError, PublicEndpoint, Settings, http_url};
use crate::keys::AccessKeys;

/// What is shown in place of a secret.
const MASK: &str = "***";
/// A secret that begins so is the path of a file with the secret in it.
const FILE: &str = "file:";
/// Longest file with a secret.
const SECRET_BYTES_MAX: usize = 64 << 10;

/// `[identity]`: where bearer tokens for event handlers and listeners come from.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySettings {
    /// URL of an OAuth 2.0 token endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Who this service is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Its secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Or a file with the secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// Instead of all of these: a file with a token, which something else keeps fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

/// The secret is left out.
impl fmt::Debug for IdentitySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentitySettings")
            .field("token_endpoint", &self.token_endpoint)
            .field("client_id", &self.client_id)
            .field("client_secret_file", &self.client_secret_file)
            .field("token_file", &self.token_file)
            .finish_non_exhaustive()
    }
}

/// `[upstream]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamSettings {
    /// Networks that event handlers may be in although they are not public: `10.0.0.0/8`, an address, or one of `private`,
    /// `loopback`, `link-local` and `any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_networks: Option<Vec<String>>,
    /// Certificates in PEM that are trusted besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_roots: Option<PathBuf>,
}

/// `[secrets]`: values, or `file:` and a path, by the address that they have in a key vault.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretSettings(pub BTreeMap<String, String>);

impl SecretSettings {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The values are left out.
impl fmt::Debug for SecretSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Completes and checks what handlers share.
///
/// # Errors
/// A value that cannot be meant, or a file that cannot be read.
pub(super) fn environment(
    settings: &Settings,
    development: bool,
    endpoints: &[PublicEndpoint],
    keys: Option<&AccessKeys>,
) -> Result<Environment, ConfigError> {
    let networks = settings.upstream.allowed_networks.as_deref().unwrap_or_default();
    let mut origins: Vec<String> = Vec::new();
    for host in endpoints.iter().map(PublicEndpoint::host) {
        if !origins.iter().any(|origin| origin == host) {
            origins.push(host.to_owned());
        }
    }
    Ok(Environment {
        development,
        origins,
        signing_keys: SigningKeys(keys.map(AccessKeys::texts).unwrap_or_default()),
        identity: settings.identity.as_ref().map(identity).transpose()?,
        allowed_networks: Networks::parse(networks).map_err(|error| ConfigError::new(error.to_string()))?,
        extra_roots: settings.upstream.extra_roots.as_deref().map(roots).transpose()?,
        secrets: secrets(&settings.secrets)?,
    })
}

fn identity(settings: &IdentitySettings) -> Result<Identity, ConfigError> {
    let IdentitySettings { token_endpoint, client_id, client_secret, client_secret_file, token_file } =
        settings;
    let wrong = |text: &str| Err(ConfigError::new(text));
    let has_client = [token_endpoint, client_id, client_secret].iter().any(|text| text.is_some())
        || client_secret_file.is_some();
    if let Some(file) = token_file {
        if has_client {
            return wrong(
                "There is both a `token_file` and a client in `identity`. Keep the file alone, or `token_endpoint`, \
                 `client_id` and a secret.",
            );
        }
        return Ok(Identity::TokenFile(file.clone()));
    }
    let (Some(token_endpoint), Some(client_id)) = (token_endpoint, client_id) else {
        return wrong(
            "`identity` is not complete. Set `token_endpoint`, `client_id` and `client_secret` or \
             `client_secret_file`, or `token_file` alone.",
        );
    };
    if http_url(token_endpoint).is_none() {
        return wrong(
            "`identity.token_endpoint` is not a URL with http or https. Write the address of the token endpoint.",
        );
    }
    let client_secret = match (client_secret, client_secret_file) {
        (Some(secret), None) => secret.clone(),
        (None, Some(file)) => secret_file("`identity.client_secret_file`", file)?,
        (Some(_), Some(_)) => {
            return wrong(
                "Both `identity.client_secret` and `identity.client_secret_file` are set. Keep one of them.",
            );
        }
        (None, None) => {
            return wrong("There is no secret in `identity`. Set `client_secret` or `client_secret_file`.");
        }
    };
    if client_id.trim().is_empty() || client_secret.is_empty() {
        return wrong(
            "`identity.client_id` or the secret is empty. Write what the token endpoint knows this service by.",
        );
    }
    Ok(Identity::ClientCredentials {
        token_endpoint: token_endpoint.clone(),
        client_id: client_id.clone(),
        client_secret,
    })
}

/// The path, if there are certificates in the file.
fn roots(path: &Path) -> Result<PathBuf, ConfigError> {
    let wrong = |what: String| {
        ConfigError::new(format!("`upstream.extra_roots` {} {what}. Name a file in PEM.", path.display()))
    };
    let text = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    match CertificateDer::pem_slice_iter(&text).next() {
        Some(Ok(_)) => Ok(path.to_owned()),
        _ => Err(wrong("has no certificate that can be read".to_owned())),
    }
}

fn secrets(settings: &SecretSettings) -> Result<Secrets, ConfigError> {
    let read = |(uri, value): (&String, &String)| {
        let value = match value.strip_prefix(FILE) {
            Some(path) => secret_file(&format!("The file of {uri:?} in `secrets`,"), Path::new(path.trim()))?,
            None => value.clone(),
        };
        if value.is_empty() {
            return Err(ConfigError::new(format!(
                "The secret {uri:?} in `secrets` is empty. Write its value, or file: and the path of a file with it."
            )));
        }
        Ok((uri.clone(), value))
    };
    settings.0.iter().map(read).collect()
}

/// A secret in a file, without the line end that editors put behind it.
fn secret_file(what: &str, path: &Path) -> Result<String, ConfigError> {
    let wrong = |error: &dyn fmt::Display| {
        ConfigError::new(format!("{what} {} cannot be read: {error}.", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    if text.len() > SECRET_BYTES_MAX {
        return Err(wrong(&format_args!("it has more than {SECRET_BYTES_MAX} bytes")));
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The three tables as they were written, for people: without secrets.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    pub(super) identity: Option<IdentitySettings>,
    pub(super) upstream: UpstreamSettings,
    pub(super) secrets: SecretSettings,
}

impl Shown {
    pub(super) fn of(settings: &Settings) -> Self {
        let mut identity = settings.identity.clone();
        if let Some(secret) = identity.as_mut().and_then(|identity| identity.client_secret.as_mut()) {
            MASK.clone_into(secret);
        }
        let mut secrets = settings.secrets.clone();
        for value in secrets.0.values_mut().filter(|value| !value.starts_with(FILE)) {
            MASK.clone_into(value);
        }
        Self { identity, upstream: settings.upstream.clone(), secrets }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn config(text: &str) -> Result<Config, ConfigError> {
        Config::new(&Settings::from_toml(text).expect("readable settings"))
    }

    /// A file with this text, which is removed when it is dropped.
    struct TempFile(PathBuf);

    impl TempFile {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("hublet-{}-{name}", std::process::id()));
            std::fs::write(&path, text).expect("a writable folder");
            Self(path)
        }
    }

    impl Drop for TempFile {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn nothing_configured() {
        let environment = config("").unwrap().environment;
        assert!(environment.development && environment.origins.is_empty() && environment.identity.is_none());
        assert_eq!(environment.signing_keys.0, ["ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"]);
    }

    #[test]
    fn everything_configured() {
        let secret = TempFile::new("secret", "from a file\r\n");
        let text = format!(
            "public_endpoints = [\"https://WS.example.com:8443/x\", \"wss://ws.example.com\", \"https://b.example\"]\n\
             [auth]\naccess_keys = [\"{0}1\", \"{0}2\"]\n\
             [identity]\ntoken_endpoint = \"https://login.example/token\"\nclient_id = \"id\"\nclient_secret = \"hidden-1\"\n\
             [upstream]\nallowed_networks = [\"10.0.0.0/8\", \"loopback\"]\n\
             [secrets]\n\"https://v/a\" = \"hidden-2\"\n\"https://v/b\" = \"file:{1}\"\n\
             [[hubs.chat.eventHandlers]]\nurlTemplate = \"http://10.1.1.1/?c={{@Microsoft.KeyVault(SecretUri=https://v/b)}}&k=hidden-3\"\n\
             auth = {{ type = \"Header\", header = {{ name = \"X-Key\", value = \"hidden-4\" }} }}\n",
            "0123456789abcdef0123456789abcde",
            secret.0.display()
        );
        let config = config(&text).unwrap();
        let environment = &config.environment;
        assert!(!environment.development);
        assert_eq!(environment.origins, ["ws.example.com", "b.example"]);
        assert_eq!(environment.signing_keys.0.len(), 2);
        assert_eq!(environment.secrets.get("https://v/b"), Some("from a file"));
        assert!(environment.allowed_networks.allows("10.9.9.9".parse().unwrap(), false));
        assert!(
            matches!(&environment.identity, Some(Identity::ClientCredentials { client_secret, .. }) if client_secret == "hidden-1")
        );

        let shown = toml::to_string(&config.effective()).unwrap();
        assert!(
            !format!("{shown}{config:?}{:?}", Settings::from_toml(&text).unwrap()).contains("hidden"),
            "{shown}"
        );
        for part in [
            "file:",
            "client_secret = \"***\"",
            "\"https://v/a\" = \"***\"",
            "10.0.0.0/8",
            "&k=***",
            "value = \"***\"",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let again = Settings::from_toml(
            &shown.replace("[\"***\", \"***\"]", "[\"0123456789abcdef0123456789abcdef\"]"),
        )
        .unwrap();
        assert!(Config::new(&again).is_ok(), "{shown}");
    }

    #[test]
    fn no_signature_without_access_keys() {
        let text = "[auth]\ndisable_local_auth = true\naccess_keys = [\"0123456789abcdef0123456789abcdef\"]\n\
                    [[auth.issuers]]\nissuer = \"https://login.example.com/t\"\n";
        assert!(config(text).unwrap().environment.signing_keys.0.is_empty());
    }

    #[test]
    fn mistakes_say_what_to_change() {
        let (empty, pem) = (TempFile::new("empty", "\n"), TempFile::new("no-pem", "no certificate"));
        let (empty, pem) = (empty.0.display(), pem.0.display());
        let client = "[identity]\ntoken_endpoint = \"https://h/t\"\nclient_id = \"c\"\n";
        for (text, part) in [
            ("[identity]\n", "`identity` is not complete"),
            ("[identity]\ntoken_endpoint = \"https://h/t\"\n", "`identity` is not complete"),
            (client, "There is no secret in `identity`"),
            (&format!("{client}client_secret = \"\"\n"), "is empty"),
            (&format!("{client}client_secret = \"s\"\nclient_secret_file = \"f\"\n"), "Keep one of them"),
            (&format!("{client}client_secret_file = \"/no/such/file\"\n"), "/no/such/file cannot be read"),
            (&format!("{client}client_secret_file = \"{empty}\"\n"), "is empty"),
            (&format!("{client}token_file = \"f\"\n"), "both a `token_file` and a client"),
            ("[identity]\ntoken_endpoint = \"h/t\"\nclient_id = \"c\"\nclient_secret = \"s\"\n", "not a URL"),
            (
                "[upstream]\nallowed_networks = [\"intranet\"]\n",
                "\"intranet\" in `upstream.allowed_networks`",
            ),
            ("[upstream]\nextra_roots = \"/no/such/file\"\n", "/no/such/file cannot be read"),
            (&format!("[upstream]\nextra_roots = \"{pem}\"\n"), "has no certificate"),
            ("[secrets]\n\"https://v/s\" = \"\"\n", "\"https://v/s\" in `secrets` is empty"),
            ("[secrets]\n\"https://v/s\" = \"file:/no/such/file\"\n", "/no/such/file cannot be read"),
        ] {
            let error = config(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
