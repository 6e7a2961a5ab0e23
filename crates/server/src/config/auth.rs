//! `[auth]`: who may use the service, as it is written and as it is meant (rest-api.md §2).

use std::collections::HashSet;
use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The audience of the official SDKs' tokens when they are given a credential of Entra (rest-api.md §2.5).
const AUDIENCE: &str = "https://webpubsub.azure.com";
const ROLES_CLAIM: &str = "roles";
/// The built-in roles of the original (rest-api.md §2.5).
const OWNER_ROLE: &str = "Web PubSub Service Owner";
const READER_ROLE: &str = "Web PubSub Service Reader";
/// Where an issuer publishes what there is to know about it (OpenID Connect Discovery 1.0 §4).
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Each has a task that fetches its keys.
const ISSUERS_MAX: usize = 32;

/// `[auth]`
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthSettings {
    /// The primary and perhaps a secondary key; their text as UTF-8 signs tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_keys: Option<Vec<String>>,
    /// Accept tokens for any host, in development mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_audience_host: Option<bool>,
    /// Refuse all tokens that are signed with an access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_local_auth: Option<bool>,
    /// Whose tokens the REST API accepts besides those of access keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuers: Option<Vec<IssuerSettings>>,
}

/// The keys are left out.
impl fmt::Debug for AuthSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthSettings")
            .field("access_keys", &self.access_keys.as_ref().map(Vec::len))
            .field("ignore_audience_host", &self.ignore_audience_host)
            .field("disable_local_auth", &self.disable_local_auth)
            .field("issuers", &self.issuers)
            .finish()
    }
}

impl AuthSettings {
    /// This layer over a `lower` one.
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            access_keys: self.access_keys.or(lower.access_keys),
            ignore_audience_host: self.ignore_audience_host.or(lower.ignore_audience_host),
            disable_local_auth: self.disable_local_auth.or(lower.disable_local_auth),
            issuers: self.issuers.or(lower.issuers),
        }
    }
}

/// `[[auth.issuers]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// The exact text of `iss` in its tokens, a URL.
    pub issuer: String,
    /// Where its keys are; default: what its OpenID Connect discovery document says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// What `aud` must be; default: that of Azure Web PubSub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
    /// The claim with the roles, or with who it is; default: `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles_claim: Option<String>,
    /// Roles that may do everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_roles: Option<Vec<String>>,
    /// Roles that may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader_roles: Option<Vec<String>>,
}

/// Who may use the service besides the holders of access keys, and whether those may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// Tokens for any host are accepted; never outside of development mode.
    pub ignore_audience_host: bool,
    /// Tokens that are signed with an access key are refused; then there is an issuer.
    pub disable_local_auth: bool,
    /// Whose tokens the REST API accepts.
    pub issuers: Vec<Issuer>,
}

/// An issuer of tokens for the REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The exact text of `iss`.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeyLocation,
    /// What `aud` may be, without a slash or `/.default` at the end.
    pub audiences: Vec<String>,
    /// The claim with the roles.
    pub roles_claim: String,
    /// Roles that may do everything.
    pub owner_roles: Vec<String>,
    /// Roles that may read.
    pub reader_roles: Vec<String>,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLocation {
    /// At this address.
    At(Uri),
    /// In `jwks_uri` of the document at this address.
    DiscoveredAt(Uri),
}

/// An audience without the slash or the `/.default` that a token may have behind it or not (rest-api.md §2.5).
pub(crate) fn bare_audience(audience: &str) -> &str {
    let audience = audience.strip_suffix("/.default").unwrap_or(audience);
    audience.strip_suffix('/').unwrap_or(audience)
}

impl Auth {
    /// Completes and checks settings. `exposed` says why this is not development mode.
    ///
    /// # Errors
    /// The development switch elsewhere, no issuer where there must be one, or an issuer that cannot be meant.
    pub(super) fn new(settings: &AuthSettings, exposed: Option<&str>) -> Result<Self, ConfigError> {
        let ignore_audience_host = settings.ignore_audience_host.unwrap_or_default();
        if let Some(why) = exposed.filter(|_| ignore_audience_host) {
            return Err(ConfigError::new(format!(
                "`auth.ignore_audience_host` is for development mode, but {why}: a token for another service would be \
                 good for this one. Leave it out, and add the addresses that clients and app servers use to \
                 `public_endpoints`."
            )));
        }
        let issuers: Vec<Issuer> = settings.issuers.iter().flatten().map(issuer).collect::<Result<_, _>>()?;
        if issuers.len() > ISSUERS_MAX {
            return Err(ConfigError::new(format!(
                "There are {} `auth.issuers`. At most {ISSUERS_MAX} are allowed.",
                issuers.len()
            )));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = issuers.iter().find(|issuer| !seen.insert(&issuer.issuer)) {
            return Err(ConfigError::new(format!(
                "The issuer {:?} is configured twice in `auth.issuers`. Make one entry of the two.",
                twice.issuer
            )));
        }
        let disable_local_auth = settings.disable_local_auth.unwrap_or_default();
        if disable_local_auth && issuers.is_empty() {
            return Err(ConfigError::new(
                "`auth.disable_local_auth` is on, but there are no `auth.issuers`: nobody could call the REST API. Add \
                 an `[[auth.issuers]]` entry to the configuration file.",
            ));
        }
        Ok(Self { ignore_audience_host, disable_local_auth, issuers })
    }

    /// As settings, with `access_keys` as given.
    pub(super) fn effective(&self, access_keys: Vec<String>) -> AuthSettings {
        AuthSettings {
            access_keys: Some(access_keys),
            ignore_audience_host: Some(self.ignore_audience_host),
            disable_local_auth: Some(self.disable_local_auth),
            issuers: (!self.issuers.is_empty()).then(|| self.issuers.iter().map(Issuer::effective).collect()),
        }
    }
}

impl Issuer {
    fn effective(&self) -> IssuerSettings {
        IssuerSettings {
            issuer: self.issuer.clone(),
            jwks_uri: match &self.keys {
                KeyLocation::At(uri) => Some(uri.to_string()),
                KeyLocation::DiscoveredAt(_) => None,
            },
            audiences: Some(self.audiences.clone()),
            roles_claim: Some(self.roles_claim.clone()),
            owner_roles: Some(self.owner_roles.clone()),
            reader_roles: Some(self.reader_roles.clone()),
        }
    }
}

fn issuer(settings: &IssuerSettings) -> Result<Issuer, ConfigError> {
    let IssuerSettings { issuer, jwks_uri, audiences, roles_claim, owner_roles, reader_roles } = settings;
    let in_issuer = |text: &str| ConfigError::new(format!("{text}, in `auth.issuers` for {issuer:?}."));
    http_url(issuer).filter(|url| url.query().is_none()).ok_or_else(|| {
        ConfigError::new(format!(
            "{issuer:?} in `auth.issuers` is not the address of an issuer. Write the `iss` of its tokens, such as \
             https://login.microsoftonline.com/TENANT/v2.0."
        ))
    })?;
    let keys = match jwks_uri {
        Some(uri) => KeyLocation::At(
            http_url(uri).ok_or_else(|| in_issuer("`jwks_uri` is not a URL with http or https"))?,
        ),
        None => KeyLocation::DiscoveredAt(
            http_url(&format!("{}{DISCOVERY}", issuer.trim_end_matches('/')))
                .ok_or_else(|| in_issuer("There is no discovery document at this address; set `jwks_uri`"))?,
        ),
    };
    let list = |name: &str, texts: &Option<Vec<String>>, default: &str| {
        let texts = texts.clone().unwrap_or_else(|| vec![default.to_owned()]);
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err(in_issuer(&format!("There is an empty text in `{name}`")));
        }
        Ok(texts)
    };
    let audiences = list("audiences", audiences, AUDIENCE)?;
    if audiences.is_empty() {
        return Err(in_issuer(
            "`audiences` is empty, so no token would be good; leave it out for the default",
        ));
    }
    let (owner_roles, reader_roles) =
        (list("owner_roles", owner_roles, OWNER_ROLE)?, list("reader_roles", reader_roles, READER_ROLE)?);
    if owner_roles.is_empty() && reader_roles.is_empty() {
        return Err(in_issuer(
            "Both `owner_roles` and `reader_roles` are empty, so nobody could do anything",
        ));
    }
    let roles_claim = roles_claim.clone().unwrap_or_else(|| ROLES_CLAIM.to_owned());
    if ["", "aud", "exp", "iat", "iss", "nbf"].contains(&roles_claim.as_str()) {
        return Err(in_issuer("`roles_claim` cannot be this claim"));
    }
    Ok(Issuer {
        issuer: issuer.clone(),
        keys,
        audiences: audiences.iter().map(|audience| bare_audience(audience).to_owned()).collect(),
        roles_claim,
        owner_roles,
        reader_roles,
    })
}

/// A URL that can be fetched from: `http` or `https`, with a host and without a user.
pub(crate) fn http_url(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    let is_good = matches!(uri.scheme_str(), Some("http" | "https"))
        && !authority.host().is_empty()
        && !authority.as_str().contains('@');
    is_good.then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Settings};
    use super::*;

    const ISSUER: &str = "[[auth.issuers]]\nissuer = \"https://login.example.com/t/v2.0\"\n";

    fn config(text: &str) -> Result<Config, ConfigError> {
        Config::new(&Settings::from_toml(text).expect("readable settings"))
    }

    #[test]
    fn an_issuer_is_completed() {
        let config = config(ISSUER).unwrap();
        let issuer = &config.auth.issuers[0];
        let discovery = "https://login.example.com/t/v2.0/.well-known/openid-configuration";
        assert_eq!(issuer.keys, KeyLocation::DiscoveredAt(Uri::from_static(discovery)));
        assert_eq!(issuer.audiences, ["https://webpubsub.azure.com"]);
        assert_eq!((issuer.roles_claim.as_str(), issuer.owner_roles.len()), ("roles", 1));
        assert!(!config.auth.disable_local_auth && !config.auth.ignore_audience_host);
        let shown = toml::to_string(&config.effective()).unwrap();
        let again = Settings::from_toml(&shown.replace("***", &"k".repeat(32))).unwrap();
        assert_eq!(Config::new(&again).unwrap().auth, config.auth, "{shown}");
    }

    #[test]
    fn the_slash_of_an_issuer_is_part_of_its_name_only() {
        let text = "[[auth.issuers]]\nissuer = \"https://sts.example.com/t/\"\n";
        let issuer = config(text).unwrap().auth.issuers.remove(0);
        assert_eq!(issuer.issuer, "https://sts.example.com/t/");
        let discovery = "https://sts.example.com/t/.well-known/openid-configuration";
        assert_eq!(issuer.keys, KeyLocation::DiscoveredAt(Uri::from_static(discovery)));
    }

    #[test]
    fn audiences_in_three_spellings() {
        for text in ["api://x", "api://x/", "api://x/.default", "api://x//.default"] {
            assert_eq!(bare_audience(text), "api://x", "{text}");
        }
        assert_eq!(bare_audience("api://x//"), "api://x/");
    }

    #[test]
    fn mistakes_say_what_to_change() {
        let keys = "access_keys = [\"0123456789abcdef0123456789abcdef\"]\n";
        let many: String =
            (0..33).map(|n| format!("[[auth.issuers]]\nissuer = \"https://i{n}\"\n")).collect();
        for (text, part) in [
            ("production = true\n[auth]\nignore_audience_host = true\n", "production mode is on"),
            (
                "listen = [\"0.0.0.0:1\"]\n[auth]\nignore_audience_host = true\n",
                "0.0.0.0:1 is not on loopback",
            ),
            ("[auth]\ndisable_local_auth = true\n", "there are no `auth.issuers`"),
            ("[auth]\ndisable_local_auth = true\nissuers = []\n", "there are no `auth.issuers`"),
            ("[[auth.issuers]]\nissuer = \"login.example.com\"\n", "is not the address of an issuer"),
            ("[[auth.issuers]]\nissuer = \"ftp://login.example.com\"\n", "is not the address of an issuer"),
            (
                "[[auth.issuers]]\nissuer = \"https://u:p@login.example.com\"\n",
                "is not the address of an issuer",
            ),
            (&format!("{ISSUER}{ISSUER}"), "configured twice"),
            (&many, "At most 32"),
            (&format!("{ISSUER}jwks_uri = \"file:///etc/passwd\"\n"), "`jwks_uri` is not a URL"),
            (&format!("{ISSUER}audiences = []\n"), "`audiences` is empty"),
            (&format!("{ISSUER}audiences = [\" \"]\n"), "an empty text in `audiences`"),
            (&format!("{ISSUER}owner_roles = [\"\"]\n"), "an empty text in `owner_roles`"),
            (&format!("{ISSUER}owner_roles = []\nreader_roles = []\n"), "nobody could do anything"),
            (&format!("{ISSUER}roles_claim = \"exp\"\n"), "`roles_claim` cannot be"),
            (
                &format!(
                    "[auth]\ndisable_local_auth = true\naccess_keys = \
                     [\"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH\"]\n{ISSUER}"
                ),
                "The well-known development key",
            ),
        ] {
            let error = config(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(config(&format!("[auth]\ndisable_local_auth = true\n{keys}{ISSUER}")).is_ok());
    }
}
