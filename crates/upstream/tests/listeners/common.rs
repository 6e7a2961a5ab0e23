//! Listeners with a thread of their own, as the service has them, and events for them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hublet_hub::{ClientEvent, ClientInfo, EventKind};
use hublet_upstream::Listeners;
use hublet_upstream::listener::{ListenerStatus, TokenSource};
use hublet_upstream::pattern::EventPattern;
use hublet_upstream::rules::{HubRules, Listener, ListenerEndpoint, SystemEvents};
use hublet_upstream::settings::HubSettings;
use hublet_wire::client::Payload;
use hublet_wire::id::ConnId;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::program::PATIENCE;

/// Listeners of one hub.
pub(crate) struct Hub {
    pub(crate) listeners: Arc<Listeners>,
    rules: Vec<Arc<Listener>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    runtime: Runtime,
}

impl Hub {
    pub(crate) fn new(endpoints: &[ListenerEndpoint]) -> Self {
        Self::with(endpoints, RootCertStore::empty(), None)
    }

    /// One that trusts these authorities.
    pub(crate) fn with(
        endpoints: &[ListenerEndpoint],
        roots: RootCertStore,
        tokens: Option<TokenSource>,
    ) -> Self {
        let listeners = Arc::new(Listeners::new(&client_config(roots), tokens));
        let (stop, stopped) = oneshot::channel::<()>();
        let work = {
            let listeners = Arc::clone(&listeners);
            async move {
                tokio::select! {
                    () = listeners.run() => {}
                    _ = stopped => {}
                }
            }
        };
        let thread = Some(std::thread::spawn(move || runtime().block_on(work)));
        let mut hub = Self { listeners, rules: Vec::new(), stop: Some(stop), thread, runtime: runtime() };
        hub.set(endpoints);
        hub
    }

    /// Replaces all listeners. Each gets everything.
    pub(crate) fn set(&mut self, endpoints: &[ListenerEndpoint]) {
        let listener = |endpoint: &ListenerEndpoint| {
            Arc::new(Listener {
                system_events: SystemEvents { connect: true, connected: true, disconnected: true },
                user_events: EventPattern::All,
                endpoint: endpoint.clone(),
            })
        };
        self.rules = endpoints.iter().map(listener).collect();
        let rules = HubRules {
            settings: HubSettings::default(),
            anonymous: false,
            keep_alive_interval_s: None,
            handlers: Vec::new(),
            listeners: self.rules.clone(),
        };
        self.listeners.set_rules(&HashMap::from([("chat".to_owned(), Arc::new(rules))]));
    }

    /// Gives an event to all listeners; returns whether there is one that wants it.
    pub(crate) fn offer(&self, event: ClientEvent) -> bool {
        self.listeners.offer(&self.rules, &Arc::new(event))
    }

    /// Waits until all events are delivered; returns how many are not.
    pub(crate) fn drained(&self, limit: Duration) -> usize {
        self.runtime.block_on(self.listeners.drained(limit))
    }

    /// Waits until all events are delivered.
    pub(crate) fn expect_drained(&self) {
        assert_eq!(self.drained(PATIENCE), 0, "{:?}", self.listeners.status());
    }

    /// The only target.
    pub(crate) fn status(&self) -> ListenerStatus {
        let [status] = self.listeners.status().try_into().unwrap();
        status
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connection.
pub(crate) fn conn() -> ConnId {
    ConnId { nonce: [7; 11], shard: 1, slot: 2, node: 3 }
}

pub(crate) fn event(id: u64, kind: EventKind) -> ClientEvent {
    let client = ClientInfo {
        conn: conn(),
        hub: "chat".into(),
        user: None,
        subprotocol: None,
        host: "wps.example".into(),
        state: None,
    };
    ClientEvent { client, id, kind }
}

/// A user event with nothing special about it.
pub(crate) fn text(id: u64, text: &str) -> ClientEvent {
    let payload = Payload::Text(text.to_owned().into());
    event(id, EventKind::User { name: "message".into(), payload, metadata: Vec::new(), invoked: false })
}

/// One with everything in it.
pub(crate) fn full(id: u64, payload: Payload) -> ClientEvent {
    let metadata = vec![("Trace-Id".to_owned(), "a, b%".to_owned())];
    let mut event =
        event(id, EventKind::User { name: "order.created".into(), payload, metadata, invoked: false });
    event.client.user = Some("用户".into());
    event.client.subprotocol = Some("json.webpubsub.azure.v1".into());
    event.client.state = Some("eyJrIjoxfQ==".into());
    event
}

/// Every kind of event that there is, with these ids.
pub(crate) fn one_of_each() -> Vec<ClientEvent> {
    vec![
        event(0, EventKind::Connect("{}".into())),
        event(1, EventKind::Connected),
        text(2, "hi"),
        event(3, EventKind::GroupJoined("g".into())),
        event(4, EventKind::GroupLeft("g".into())),
        event(5, EventKind::Disconnected { reason: "bye".into() }),
    ]
}

/// A new folder for one test, which is left behind.
pub(crate) fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("hublet-listeners-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A certificate for `localhost`, its key, and who trusts it.
pub(crate) struct Certificate {
    pub(crate) file: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) roots: RootCertStore,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let folder = new_folder();
        let ca_key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&ca_key).unwrap();
        let key_pair = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let issuer = Issuer::from_params(&params, &ca_key);
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key_pair, &issuer).unwrap();
        let (file, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&file, certificate.pem()).unwrap();
        std::fs::write(&key, key_pair.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(ca.der().to_vec())).unwrap();
        Self { file, key, roots }
    }
}
