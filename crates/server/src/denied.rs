//! Why a credential is not accepted (rest-api.md §2.7), be it a token or a session of the portal.

use std::fmt;

use http::HeaderValue;
use hublet_wire::jwt::TokenError;

use crate::caller::Who;

/// Why a credential is not accepted. The texts are for logs and answers and have no part of the token in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// There is none.
    Missing,
    /// No access key signed it with HS256.
    Signature,
    /// What it says does not hold here.
    Token(TokenError),
    /// It could only be one of an access key, and those are turned off.
    LocalAuth,
    /// Its issuer is not configured.
    Issuer,
    /// It names no key, or one that its issuer does not have.
    Key,
    /// The keys of its issuer could not be fetched yet.
    KeysMissing,
    /// No key of its issuer made the signature.
    IssuerSignature,
    /// It is good for another service of its issuer.
    IssuerAudience,
    /// It is good, but has no role that allows the request.
    Role,
    /// The cookie's session has ended.
    Session,
    /// The session is of somebody who may only read.
    ReadOnly,
    /// With the cookie, from another site's page.
    OtherSite,
    /// With the cookie, without the header that only the page sets.
    PageHeader,
    /// With the well-known key, by a name that is not this machine's.
    ForeignHost,
    /// With the well-known key, from another website's page.
    ForeignOrigin,
    /// Signing in without a key, not from this machine.
    NotLocal,
    /// Signing in without a key where there are keys.
    NotDevelopment,
    /// Signing in with something that is no access key.
    AccessKey,
    /// Signing in with an access key where those are turned off.
    KeysOff,
}

/// A credential that is not accepted, and whose it is if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) denied: Denied,
    /// Who may not do what the request is about, or not in this way.
    pub(crate) who: Option<Who>,
    /// The credential is a session of the portal.
    pub(crate) by_portal: bool,
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self { denied, who: None, by_portal: false }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("There is no access token."),
            Self::Signature => {
                f.write_str("The signature is invalid: no access key of this service made it.")
            }
            Self::Token(error) => error.fmt(f),
            Self::LocalAuth => f.write_str(
                "The signature is not one that is accepted: tokens of access keys are turned off \
                 (auth.disable_local_auth).",
            ),
            Self::Issuer => f.write_str("The issuer is invalid: iss is not in auth.issuers."),
            Self::Key => f.write_str(
                "The signature key was not found: the issuer publishes none for this kid and alg.",
            ),
            Self::KeysMissing => f.write_str(
                "The signature key was not found: the keys of the issuer could not be fetched yet.",
            ),
            Self::IssuerSignature => {
                f.write_str("The signature is invalid: the issuer's key of this kid did not make it.")
            }
            Self::IssuerAudience => f.write_str(
                "The audience is invalid: aud is not in the audiences of its issuer in auth.issuers.",
            ),
            Self::Role => {
                f.write_str("The token is good but has no role that allows this request: see auth.issuers.")
            }
            Self::Session => f.write_str("The session has ended. Sign in again."),
            Self::ReadOnly => f.write_str(
                "This session may only read. Sign in with an access key, or with a token that has an owner's role.",
            ),
            Self::OtherSite => f.write_str(
                "The request comes from another site than the portal's own. Open the portal at the address of the \
                 service, and add that address to public_endpoints if a proxy changes it.",
            ),
            Self::PageHeader => f.write_str(
                "A request with the portal's cookie that changes something needs the header X-Hublet-Portal: 1. Other \
                 programs send Authorization: Bearer instead of the cookie.",
            ),
            Self::ForeignHost => f.write_str(
                "With the well-known access key this service answers only to localhost, 127.0.0.1, [::1] and its \
                 public endpoints: any website could give this machine another name. Use one of these, or configure \
                 keys of your own (auth.access_keys) or a public endpoint.",
            ),
            Self::ForeignOrigin => f.write_str(
                "With the well-known access key pages of other websites may not read the live trace: any of them could \
                 sign a token. Open the page from localhost, or configure keys of your own (auth.access_keys).",
            ),
            Self::NotLocal => f.write_str(
                "Without a key one signs in on the machine of the service itself, at localhost, 127.0.0.1 or [::1] with \
                 the port that it listens on, and not through a proxy. Sign in with an access key.",
            ),
            Self::NotDevelopment => f.write_str(
                "This service has keys of its own or accepts no keys, so nobody signs in without one. Sign in with an \
                 access key or with a token of an issuer.",
            ),
            Self::AccessKey => f.write_str(
                "This is no access key of this service. Its configuration or the file access-keys in its data folder has \
                 them.",
            ),
            Self::KeysOff => f.write_str(
                "Access keys are turned off (auth.disable_local_auth). Sign in with a token of an issuer.",
            ),
        }
    }
}

impl Denied {
    /// Whether who sent it is known, but may not do what was asked for: 403 instead of 401.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::Role
                | Self::ReadOnly
                | Self::OtherSite
                | Self::PageHeader
                | Self::ForeignHost
                | Self::ForeignOrigin
                | Self::NotLocal
                | Self::NotDevelopment
        )
    }

    /// Whether it is about the portal, where people read the sentence; the original answers tokens without one.
    pub(crate) fn is_for_people(&self) -> bool {
        matches!(self, Self::Session | Self::AccessKey | Self::KeysOff)
            || (self.is_forbidden() && *self != Self::Role)
    }

    /// The value of `WWW-Authenticate`, as the original's platform words it (rest-api.md §2.7).
    pub(crate) fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing
            | Self::Role
            | Self::Session
            | Self::ReadOnly
            | Self::OtherSite
            | Self::PageHeader
            | Self::ForeignHost
            | Self::ForeignOrigin
            | Self::NotLocal
            | Self::NotDevelopment
            | Self::AccessKey
            | Self::KeysOff => "Bearer",
            Self::Signature | Self::IssuerSignature => {
                r#"Bearer error="invalid_token", error_description="The signature is invalid""#
            }
            Self::LocalAuth => {
                r#"Bearer error="invalid_token", error_description="Tokens of access keys are disabled""#
            }
            Self::Issuer => r#"Bearer error="invalid_token", error_description="The issuer is invalid""#,
            Self::Key | Self::KeysMissing => {
                r#"Bearer error="invalid_token", error_description="The signature key was not found""#
            }
            Self::Token(TokenError::Audience) | Self::IssuerAudience => {
                r#"Bearer error="invalid_token", error_description="The audience is invalid""#
            }
            Self::Token(TokenError::Expired) => {
                r#"Bearer error="invalid_token", error_description="The token is expired""#
            }
            Self::Token(TokenError::NoExpiry) => {
                r#"Bearer error="invalid_token", error_description="The token has no expiration""#
            }
            Self::Token(TokenError::NotYetValid) => {
                r#"Bearer error="invalid_token", error_description="The token is not yet valid""#
            }
            Self::Token(_) => r#"Bearer error="invalid_token", error_description="The token is malformed""#,
        })
    }
}
