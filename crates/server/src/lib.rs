//! Sockets, threads, TLS, HTTP and configuration around the hub.
//!
//! [`Server::start`] binds the listeners and runs one thread per shard; everything protocol-specific is in
//! `hublet-wire` and `hublet-hub`.

pub mod config;
pub mod keys;
pub mod open_files;
pub mod tls;

mod audit;
mod caller;
mod conn_io;
mod control;
mod denied;
mod http;
mod hubs;
mod issuer;
mod line_file;
mod listen;
mod log_tail;
mod mailbox;
mod metrics;
mod node;
#[cfg(feature = "otlp")]
mod otlp;
mod portal;
mod recent;
mod refusals;
mod reload;
mod rest;
mod session_log;
mod sessions;
mod shard_loop;
mod stream;
mod trace;
mod view;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hublet_hub::{HubPolicies, Limits, Shard};
use hublet_store::{SessionFiles, Store};
use hublet_upstream::{Courier, Outbox, Upstream};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::audit::Audit;
use crate::config::{Config, ConfigError, Durability, KeySource, RulesByHub};
use crate::control::Control;
use crate::http::{HttpContext, Shared};
pub use crate::hubs::HubChanges;
use crate::hubs::Hubs;
use crate::issuer::Issuers;
use crate::keys::Rotation;
pub use crate::log_tail::{LogLine, LogTail};
use crate::metrics::{History, HttpMeter, HttpMeters};
use crate::node::Node;
use crate::portal::Portal;
use crate::refusals::Refusals;
pub use crate::reload::Reloaded;
use crate::rest::RateLimit;
use crate::session_log::ShardLog;
use crate::sessions::{Claim, FoundSessions};
use crate::shard_loop::ShardLoop;
use crate::trace::Tracer;

/// This node's number in connection ids; there is one node until clustering exists.
const NODE_ID: u16 = 1;
/// How long a stop may take: within it every client gets a close frame, and the application what happened to them; after
/// it the process may end.
const STOP_TIMEOUT: Duration = Duration::from_millis(9_500);
/// How often a stop looks whether the threads have ended.
const STOP_POLL: Duration = Duration::from_millis(5);

/// A running service.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    node: Node,
    hubs: Arc<Hubs>,
    endpoints: Vec<Endpoint>,
    metrics_endpoints: Vec<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
    control: Control,
    rotation: Arc<Rotation>,
    audit: Arc<Audit>,
    /// Held as long as the service runs, if it has logs.
    claim: Arc<Claim>,
    tracer: Arc<Tracer>,
}

/// An address the service listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The address, with the real port.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
}

impl Server {
    /// Binds all listeners and starts one thread per shard. Connections are accepted when it returns. `log` has the last
    /// lines of the process's log, which the admin API shows.
    ///
    /// # Errors
    /// A listener cannot be bound, the logs of sessions or the resource logs cannot be written, the certificate cannot be
    /// read or made, new access keys cannot be written, the settings of hubs that are kept cannot be read or used, or a
    /// thread cannot be started.
    pub fn start(config: &Arc<Config>, log_tail: LogTail) -> io::Result<Self> {
        let shards = config.shards;
        let node = Node::new(shards, config.durability == Durability::Wal);
        let tracer = Arc::new(Tracer::new(config)?);
        let upstream = Upstream::new(config.environment.clone())?;
        let observer = Arc::clone(&tracer);
        upstream.use_observer(Box::new(move |notice| observer.observe(notice)));
        #[cfg(feature = "otlp")]
        if let Some(spans) = tracer.spans().map(Arc::clone) {
            upstream.use_spans(Box::new(move |parent| spans.call_span(parent)));
        }
        let told = node.clone();
        let tell_shards = move |rules: &RulesByHub| told.configure(&Arc::new(policies(rules)));
        let store = Store::at(&config.data);
        // Also those that this process will not keep itself.
        let files = SessionFiles::at(&config.data);
        let has_logs = config.durability == Durability::Wal;
        let lock = session_log::lock(&files, has_logs)?;
        let (reading, lock) = if has_logs { (None, lock) } else { (lock, None) };
        let claim = Arc::new(Claim::new(files.clone(), lock));
        let mut found = FoundSessions::read(&files);
        let taken_up = found.ids();
        upstream.use_outbox(Outbox::open_among(&store, |conn| taken_up.contains(&conn))?);
        let hubs = Hubs::new(config, store, Arc::clone(&upstream), Box::new(tell_shards))?;
        // All of them before there are clients: whoever publishes then finds the members of all groups.
        let mut own: Vec<(Shard, Option<ShardLog>)> = (0..shards)
            .map(|index| {
                let mut shard = new_shard(index, &node, config);
                found.restore(index, &mut shard, &node);
                (shard, None)
            })
            .collect();
        found.clear_states(&mut own.iter_mut().map(|(shard, _)| shard).collect::<Vec<_>>());
        if has_logs {
            let epoch_ms = sessions::now_ms().saturating_sub(node.now());
            for (shard, log) in &mut own {
                *log = Some(ShardLog::begin(&files, shard, epoch_ms, found.undelivered())?);
            }
        }
        found.end(&node);
        let mut endpoints = Vec::new();
        let mut by_shard: Vec<Vec<Listener>> = (0..shards).map(|_| Vec::new()).collect();
        let mut listen_on = |listen: &[SocketAddr], by_default: bool, acceptor: Option<&TlsAcceptor>| {
            for listeners in listen::bind_all(listen, shards, by_default)? {
                endpoints.push(Endpoint { address: listeners.address, tls: acceptor.is_some() });
                for (mine, socket) in by_shard.iter_mut().zip(listeners.sockets) {
                    mine.push(Listener { socket, acceptor: acceptor.cloned(), monitors: false });
                }
            }
            io::Result::Ok(())
        };
        listen_on(&config.listen, config.listens_by_default, None)?;
        if let Some(listeners) = &config.tls {
            let acceptor = tls::acceptor(&listeners.settings, &config.data, &certificate_hosts(config))?;
            listen_on(&listeners.listen, listeners.listens_by_default, Some(&acceptor))?;
        }
        let mut metrics_endpoints = Vec::new();
        for listeners in listen::bind_all(&config.metrics.listen, 1, false)? {
            metrics_endpoints.push(listeners.address);
            if let Some(first) = by_shard.first_mut() {
                let listener = |socket| Listener { socket, acceptor: None, monitors: true };
                first.extend(listeners.sockets.into_iter().map(listener));
            }
        }
        // Not before: keys of a start that fails would never be shown.
        if config.key_source == KeySource::Generated {
            keys::store(&config.data, &config.keys)?;
        }
        let rate_limit = config.limits.rest_requests_per_second.map(|rate| Arc::new(RateLimit::new(rate)));
        let refusals = Arc::new(Refusals::new());
        let issuers = Issuers::new(&config.auth.issuers);
        let audit = Arc::new(Audit::start(config.data.clone())?);
        let rotation = Arc::new(Rotation::new(config, Arc::clone(&upstream)));
        let listening: Arc<[Endpoint]> = endpoints.as_slice().into();
        let portal = config.portal.then(|| Arc::new(Portal::new(config)));
        let meters: HttpMeters = (0..shards).map(|_| HttpMeter::default()).collect();
        let history = Arc::<History>::default();
        let mut threads = Vec::new();
        for ((index, listeners), (shard, log)) in by_shard.into_iter().enumerate().zip(own) {
            let shared = Shared {
                node: node.clone(),
                config: Arc::clone(config),
                hubs: Arc::clone(&hubs),
                rate_limit: rate_limit.clone(),
                refusals: Arc::clone(&refusals),
                issuers: issuers.clone(),
                listeners: Arc::clone(&listening),
                portal: portal.clone(),
                rotation: Arc::clone(&rotation),
                audit: Arc::clone(&audit),
                tracer: Arc::clone(&tracer),
                log_tail: log_tail.clone(),
                meters: Arc::clone(&meters),
                history: Arc::clone(&history),
            };
            let context = HttpContext::new(shared, Courier::new(Arc::clone(&upstream)), index);
            let context = Arc::new(context);
            let (node, config) = (node.clone(), Arc::clone(config));
            // The runtime is built here, so that its failure is the caller's to see.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let claim = Arc::clone(&claim);
            let run =
                move || runtime.block_on(run_shard(shard, log, &node, &config, listeners, &context, &claim));
            threads.push(std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
                if let Err(error) = run() {
                    tracing::error!(%error, "a shard failed");
                }
            })?);
        }
        let fresh_keys = issuers.map(Issuers::keep_fresh);
        let (rest, exporting, flushing) = (Arc::clone(&upstream), Arc::clone(&tracer), Arc::clone(&tracer));
        let (sampled, samples_of) = (node.clone(), Arc::clone(&upstream));
        let work = async move {
            let export = exporting.export(&samples_of);
            let samples = history.keep(sampled, meters, Arc::clone(&samples_of));
            tokio::join!(upstream.run(), samples, export, async {
                if let Some(fresh_keys) = fresh_keys {
                    fresh_keys.await;
                }
            });
        };
        let rest = async move { _ = tokio::join!(rest.drained(), flushing.flush()) };
        let control = Control::start(work, rest)?;
        // Not before: a start that fails leaves them for the next one.
        if let Err(error) = files.clear(if has_logs { shards } else { 0 }) {
            tracing::error!(
                %error,
                "{} cannot be emptied, so the next start takes up sessions that are over. Remove it.",
                files.folder().display()
            );
        }
        drop(reading);
        Ok(Self {
            config: Arc::clone(config),
            node,
            hubs,
            endpoints,
            metrics_endpoints,
            threads,
            control,
            rotation,
            audit,
            tracer,
            claim,
        })
    }

    /// Puts the hubs, secrets and access keys of a configuration into effect, all or nothing, and says what they changed
    /// and what of the rest needs a restart. Clients stay connected.
    ///
    /// # Errors
    /// A hub needs something that only a restart brings; nothing was changed.
    pub fn reload(&self, config: &Config) -> Result<Reloaded, ConfigError> {
        let hubs = self.hubs.reload_file(config)?;
        let keys = self.rotation.reload(config);
        Ok(Reloaded { hubs, keys, restart: reload::needs_restart(&self.config, config) })
    }

    /// The addresses in use.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// The addresses that serve metrics and health alone.
    pub fn metrics_endpoints(&self) -> &[SocketAddr] {
        &self.metrics_endpoints
    }

    /// Whether a stop leaves sessions for the next start.
    fn keeps_sessions(&self) -> bool {
        if self.config.durability == Durability::None {
            return false;
        }
        let is_free = self.claim.is_free();
        if !is_free {
            tracing::error!(
                "There are sessions of another service in {}, or such as cannot be removed, so those of this one end. Give \
                 each service a data folder of its own that it can write to.",
                SessionFiles::at(&self.config.data).folder().display()
            );
        }
        is_free
    }

    /// Stops: no new connections, a proper close for each client, the events of all that, then the threads end. Blocks at
    /// most 9.5 s.
    pub fn stop(self) {
        self.node.stop(self.keeps_sessions());
        let deadline = Instant::now() + STOP_TIMEOUT;
        let end = |thread: JoinHandle<()>| {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(STOP_POLL);
            }
            thread.is_finished()
        };
        for (shard, thread) in self.threads.into_iter().enumerate() {
            if !end(thread) {
                tracing::error!(
                    shard,
                    "A shard did not end in time: what it still had to do or to keep is lost."
                );
            }
        }
        // After the shards, whose last events it may have to take further.
        let _ = end(self.control.stop());
        if !self.audit.stop().is_none_or(end) {
            tracing::error!("The audit log was not written in time: its last actions are lost.");
        }
        if let Some(thread) = self.tracer.end() {
            let _ = end(thread);
        }
    }
}

/// What the rules of all hubs mean for the shards.
fn policies(rules: &RulesByHub) -> HubPolicies {
    rules.iter().map(|(hub, rules)| (Arc::from(hub.as_str()), rules.policy())).collect()
}

/// What a certificate made here must be good for: the public endpoints and the addresses that are listened on.
fn certificate_hosts(config: &Config) -> Vec<String> {
    let addresses = config.tls.iter().flat_map(|tls| &tls.listen).map(SocketAddr::ip);
    let addresses = addresses.filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    config.public_endpoints.iter().map(|endpoint| endpoint.host().to_owned()).chain(addresses).collect()
}

/// A listening socket of one shard.
struct Listener {
    socket: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    /// For metrics and health alone.
    monitors: bool,
}

fn new_shard(index: usize, node: &Node, config: &Config) -> Shard {
    let limits = Limits {
        queue_bytes_max: config.limits.outgoing_queue_bytes,
        groups_per_connection_max: config.limits.groups_per_connection,
        keep_alive_interval_s: config.limits.keep_alive_interval_s,
        retention_ms: u64::try_from(config.limits.recovery_timeout.as_millis()).unwrap_or(u64::MAX),
        ..Limits::default()
    };
    Shard::new(index, NODE_ID, limits, Arc::clone(node.directory()))
}

async fn run_shard(
    shard: Shard,
    log: Option<ShardLog>,
    node: &Node,
    config: &Config,
    listeners: Vec<Listener>,
    context: &Arc<HttpContext>,
    claim: &Claim,
) -> io::Result<()> {
    let index = shard.index();
    let Some(mailbox) = node.mailbox(index) else { return Ok(()) };
    for Listener { socket, acceptor, monitors } in listeners {
        let listener = TcpListener::from_std(socket)?;
        tokio::spawn(listen::accept_loop(listener, acceptor, Arc::clone(context), monitors));
    }
    let courier = context.courier.clone();
    let tracer = Arc::clone(&context.tracer);
    let shard_loop = ShardLoop::new(shard, log, Arc::clone(mailbox), node.clone(), courier, tracer, config);
    // A turn bounds its own work; tokio's budget would only cut a batch of reads in two.
    let left_behind = tokio::task::coop::unconstrained(shard_loop.run()).await;
    if let Some(left_behind) = left_behind {
        left_behind.write(index, claim);
    }
    context.idle().await;
    context.courier.idle().await;
    Ok(())
}
