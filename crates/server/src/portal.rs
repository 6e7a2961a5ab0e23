//! The portal, a page for people: what it may do.

use http::HeaderValue;

use crate::config::Config;
use crate::http::portal_policy;

/// What is said where the portal would be.
pub(crate) const OFF: &str = "The portal is turned off. Set portal.enabled in the configuration.";

/// The portal of a service.
#[derive(Debug)]
pub(crate) struct Portal {
    policy: HeaderValue,
}

impl Portal {
    pub(crate) fn new(config: &Config) -> Self {
        Self { policy: portal_policy(&config.public_endpoints) }
    }

    /// The content security policy of its files.
    pub(crate) fn policy(&self) -> &HeaderValue {
        &self.policy
    }
}
