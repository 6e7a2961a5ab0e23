//! A web server that handles events of one hub, and what is known about it. For all shards.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Uri;
use hublet_hub::EventKind;

use crate::breaker::Breaker;
use crate::counters::Counters;
use crate::doctor::Journal;
use crate::rules::Handler;
use crate::template::UrlTemplate;
use crate::throttle::Throttle;
use crate::validation::Validation;

/// What stands in place of the event in the URL for validation (event-handlers.md §1.3).
const VALIDATE: &str = "validate";
/// User events whose URLs are kept. Clients choose the names.
const URLS_MAX: usize = 256;
/// Origins whose validations are kept. Clients choose them if the configuration names none.
const ORIGINS_MAX: usize = 64;

/// How many there have been.
static ENDPOINTS: AtomicU64 = AtomicU64::new(0);

/// See the module.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// No other one has it.
    pub(crate) number: u64,
    pub(crate) hub: Arc<str>,
    pub(crate) handler: Arc<Handler>,
    pub(crate) breaker: Breaker,
    pub(crate) counters: Counters,
    pub(crate) journal: Arc<Journal>,
    pub(crate) complaints: Throttle,
    /// Whether the log was told that the handler is trusted without validation.
    pub(crate) trust_was_told: AtomicBool,
    pub(crate) template: UrlTemplate,
    authority: String,
    urls: Urls,
    validations: Mutex<HashMap<String, Arc<Validation>>>,
}

/// The URLs of a template, ready to use.
#[derive(Debug)]
struct Urls {
    validate: Uri,
    connect: Uri,
    connected: Uri,
    disconnected: Uri,
    joined: Uri,
    left: Uri,
    user: UserUrls,
}

#[derive(Debug)]
enum UserUrls {
    /// The template does not have the event in it.
    One(Uri),
    /// By the event's name.
    Each(Mutex<HashMap<Arc<str>, Uri>>),
}

impl Endpoint {
    pub(crate) fn new(
        hub: Arc<str>,
        handler: Arc<Handler>,
        template: UrlTemplate,
        journal: Arc<Journal>,
    ) -> Self {
        let url = |event| template.expand(&hub, event);
        let is_same = url("a") == url("b");
        let urls = Urls {
            validate: url(VALIDATE),
            connect: url("connect"),
            connected: url("connected"),
            disconnected: url("disconnected"),
            joined: url("joined"),
            left: url("left"),
            user: if is_same { UserUrls::One(url("a")) } else { UserUrls::Each(Mutex::default()) },
        };
        Self {
            number: ENDPOINTS.fetch_add(1, Ordering::Relaxed),
            hub,
            handler,
            breaker: Breaker::default(),
            counters: Counters::default(),
            journal,
            authority: urls.validate.authority().map(ToString::to_string).unwrap_or_default(),
            complaints: Throttle::default(),
            trust_was_told: AtomicBool::new(false),
            template,
            urls,
            validations: Mutex::default(),
        }
    }

    /// Where an event goes.
    pub(crate) fn url(&self, kind: &EventKind) -> Uri {
        match kind {
            EventKind::Connect(_) => self.urls.connect.clone(),
            EventKind::Connected => self.urls.connected.clone(),
            EventKind::Disconnected { .. } => self.urls.disconnected.clone(),
            EventKind::GroupJoined(_) => self.urls.joined.clone(),
            EventKind::GroupLeft(_) => self.urls.left.clone(),
            EventKind::User { name, .. } => self.user_url(name),
        }
    }

    fn user_url(&self, name: &Arc<str>) -> Uri {
        let urls = match &self.urls.user {
            UserUrls::One(url) => return url.clone(),
            UserUrls::Each(urls) => urls,
        };
        let mut urls = urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(url) = urls.get(name) {
            return url.clone();
        }
        let url = self.template.expand(&self.hub, name);
        // Names beyond the limit are made anew each time.
        if urls.len() < URLS_MAX {
            urls.insert(Arc::clone(name), url.clone());
        }
        url
    }

    /// The URL for validation.
    pub(crate) fn validation_url(&self) -> &Uri {
        &self.urls.validate
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// The URL for an event as it may be shown.
    pub(crate) fn shown_url(&self, event: &str) -> String {
        self.template.shown(&self.hub, event)
    }

    /// The URL for validation as a log may show it.
    pub(crate) fn shown_validation_url(&self) -> String {
        self.template.shown(&self.hub, VALIDATE)
    }

    /// The template without its query, as a log may show it.
    pub(crate) fn shown(&self) -> String {
        self.template.without_query()
    }

    /// What is known about whether the handler wants events from this origin.
    pub(crate) fn validation(&self, origin: &str) -> Arc<Validation> {
        let mut validations = self.validations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validation) = validations.get(origin) {
            return Arc::clone(validation);
        }
        if validations.len() >= ORIGINS_MAX {
            // Only what is good is worth keeping: made-up hosts are refused.
            validations.retain(|_, validation| validation.is_good());
            if validations.len() >= ORIGINS_MAX {
                validations.clear();
            }
        }
        let validation = Arc::<Validation>::default();
        validations.insert(origin.to_owned(), Arc::clone(&validation));
        validation
    }
}
