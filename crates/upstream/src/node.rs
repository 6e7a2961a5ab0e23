//! What all shards share: the rules of the hubs, and everything that is known about handlers and listeners.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use hublet_wire::trace_context::TraceContext;
use tokio_rustls::TlsConnector;

use crate::client::Client;
use crate::connector::{self, Connector};
use crate::cookies::Jars;
use crate::destinations::Destinations;
use crate::durable;
use crate::environment::{Environment, SigningKeys};
use crate::guard::Guard;
use crate::listener::{DRAIN_TIMEOUT, Listeners, TokenSource};
use crate::meters::{CallReport, Meters};
use crate::observer::{CallSpan, Notice, Observer, SpanMaker};
use crate::outbox::Outbox;
use crate::pace::Pace;
use crate::request::RequestMaker;
use crate::rules::HubRules;
use crate::throttle::Throttle;
use crate::tokens::Tokens;

/// The way upstream of the whole service.
pub struct Upstream {
    environment: Environment,
    pace: Pace,
    tls: TlsConnector,
    request_maker: RequestMaker,
    /// By lower-cased name. Replaced as a whole.
    hubs: RwLock<Arc<HashMap<String, Arc<Destinations>>>>,
    /// About hubs without rules.
    complaints: Throttle,
    tokens: Arc<Tokens>,
    listeners: Listeners,
    jars: Jars,
    outbox: OnceLock<Outbox>,
    observer: OnceLock<Observer>,
    spans: OnceLock<SpanMaker>,
    /// How many there have been.
    exchanges: AtomicU64,
    meters: Meters,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Without rules for any hub.
    ///
    /// # Errors
    /// A file of the environment cannot be read.
    pub fn new(environment: Environment) -> io::Result<Arc<Self>> {
        Self::with_pace(environment, Pace::default())
    }

    pub(crate) fn with_pace(environment: Environment, pace: Pace) -> io::Result<Arc<Self>> {
        let tls = connector::tls(environment.extra_roots.as_deref())?;
        let anywhere = Connector::new(None, tls.clone());
        let tokens = Arc::new(Tokens::new(environment.identity.as_ref(), anywhere, &pace));
        let source = Arc::clone(&tokens);
        let source: TokenSource = Arc::new(move |resource: &str| {
            let (tokens, resource) = (Arc::clone(&source), resource.to_owned());
            Box::pin(async move { tokens.bare(&resource).await.map_err(|error| error.to_string()) })
        });
        let source = environment.identity.is_some().then_some(source);
        Ok(Arc::new(Self {
            tokens,
            listeners: Listeners::new(tls.config(), source),
            jars: Jars::default(),
            outbox: OnceLock::new(),
            observer: OnceLock::new(),
            spans: OnceLock::new(),
            exchanges: AtomicU64::new(0),
            meters: Meters::default(),
            pace,
            tls,
            request_maker: RequestMaker::new(&environment),
            hubs: RwLock::default(),
            complaints: Throttle::default(),
            environment,
        }))
    }

    /// Replaces the rules of all hubs, by lower-cased name. Events that are under way may end under the old ones. What is
    /// known about the handlers of a hub is kept if its rules are the same object as before.
    pub fn set_rules(&self, rules: HashMap<String, Arc<HubRules>>) {
        self.listeners.set_rules(&rules);
        let mut hubs = self.hubs.write().unwrap_or_else(PoisonError::into_inner);
        let entry = |(name, rules): (String, Arc<HubRules>)| {
            let known = hubs.get(&name).filter(|known| Arc::ptr_eq(&known.rules, &rules));
            let destinations = match known {
                Some(known) => Arc::clone(known),
                None => Arc::new(Destinations::new(&name, rules, hubs.get(&name).map(Arc::as_ref))),
            };
            (name, destinations)
        };
        *hubs = Arc::new(rules.into_iter().map(entry).collect());
    }

    /// Signs requests to handlers with other access keys from now on; with none they carry no signature.
    pub fn set_signing_keys(&self, keys: &SigningKeys) {
        self.request_maker.set_signing_keys(keys);
    }

    /// The rules of a hub by lower-cased name.
    pub fn rules(&self, hub: &str) -> Option<Arc<HubRules>> {
        self.destinations(hub).map(|destinations| Arc::clone(&destinations.rules))
    }

    /// What belongs to no shard, for as long as the service runs: listeners, the outbox, fresh tokens. For the control
    /// thread.
    pub async fn run(self: Arc<Self>) {
        let outbox = async {
            if let Some(outbox) = self.outbox.get() {
                durable::run(Arc::clone(&self), outbox).await;
            }
        };
        tokio::join!(self.listeners.run(), outbox);
    }

    /// Durable handlers get their notifications by way of this outbox from now on; without one they are like others. To be
    /// called before there are clients, and before [`Self::run`].
    pub fn use_outbox(&self, outbox: Outbox) {
        // The first one stays.
        let _ = self.outbox.set(outbox);
    }

    /// Tells this function what goes on between the service and event handlers. It must be quick and must not wait. To be
    /// called before there are clients.
    pub fn use_observer(&self, observer: Observer) {
        // The first one stays.
        let _ = self.observer.set(observer);
    }

    /// Asks this function for the place of each call in a distributed trace, which the handler is told from then on. It must
    /// be quick and must not wait. To be called before there are clients.
    pub fn use_spans(&self, spans: SpanMaker) {
        // The first one stays.
        let _ = self.spans.set(spans);
    }

    pub(crate) fn span(&self, parent: Option<&TraceContext>) -> Option<CallSpan> {
        self.spans.get().map(|spans| spans(parent))
    }

    /// For requests of the service's own, to where the operator says.
    pub fn client(&self) -> Client {
        Client::new(Connector::new(None, self.tls.clone()))
    }

    pub(crate) fn observe(&self, notice: &Notice<'_>) {
        if let Some(observer) = self.observer.get() {
            observer(notice);
        }
    }

    /// Waits until what is kept to be delivered later is on the disk, and listeners have what is for them, for at most 10 s.
    /// [`Upstream::run`] must go on meanwhile.
    pub async fn drained(&self) {
        if let Some(outbox) = self.outbox() {
            outbox.flushed().await;
        }
        let lost = self.listeners.drained(DRAIN_TIMEOUT).await;
        if lost > 0 {
            tracing::warn!(lost, "event listeners did not get all events before the stop");
        }
    }

    /// What calls of event handlers came to so far.
    pub fn calls(&self) -> CallReport {
        self.meters.read()
    }

    pub(crate) fn meters(&self) -> &Meters {
        &self.meters
    }

    pub(crate) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// The outbox, if there is one.
    pub fn outbox(&self) -> Option<&Outbox> {
        self.outbox.get()
    }

    pub(crate) fn destinations(&self, hub: &str) -> Option<Arc<Destinations>> {
        self.hubs.read().unwrap_or_else(PoisonError::into_inner).get(hub).cloned()
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    pub(crate) fn jars(&self) -> &Jars {
        &self.jars
    }

    /// The number of the next exchange, from 1 on.
    pub(crate) fn next_exchange(&self) -> u64 {
        self.exchanges.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn complaints(&self) -> &Throttle {
        &self.complaints
    }

    pub(crate) fn request_maker(&self) -> &RequestMaker {
        &self.request_maker
    }

    /// For requests to handlers.
    pub(crate) fn connector(&self) -> Connector {
        let guard = Guard {
            networks: self.environment.allowed_networks.clone(),
            development: self.environment.development,
        };
        Connector::new(Some(guard), self.tls.clone())
    }
}
