//! A TCP proxy that does to a client's socket what networks do, when the test says so and from a seed.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hublet_client::{ClientAccess, ConnectionString};

use crate::Server;
use crate::raw::PATIENCE;

/// How often a thread without work looks whether something changed.
const POLL: Duration = Duration::from_millis(20);
/// Bytes that are sent together when nothing disturbs.
const CHUNK_BYTES: usize = 16 << 10;
/// Longest moment that [`Weather::Slow`] takes.
const LONGEST_DELAY_MS: u64 = 5;

/// What happens to bytes on their way, for connections that there are and for new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Weather {
    /// Nothing.
    Fair,
    /// Each piece waits a moment, of at most 5 ms.
    Slow,
    /// Each byte travels in a segment of its own; after some hundred of them a moment passes.
    Crumbs,
}

/// A running proxy to one address. All of its connections end when it is dropped.
pub struct FaultProxy {
    authority: String,
    shared: Arc<Shared>,
}

struct Shared {
    target: String,
    weather: AtomicU8,
    is_closed: AtomicBool,
    seed: AtomicU64,
    links: Mutex<Vec<Arc<Link>>>,
    /// Those that carry nothing any more.
    dead: Mutex<Vec<Arc<Link>>>,
    /// While it is away, how many clients found it so.
    outage: Mutex<Option<usize>>,
    somebody_was_refused: Condvar,
}

/// One connection through the proxy.
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// Both ends stay open and nothing arrives any more.
    is_dead: AtomicBool,
}

impl FaultProxy {
    /// Starts one on a free port, to this `host:port`. Whatever is random in it comes from the seed.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start(target: &str, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let authority = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            target: target.to_owned(),
            weather: AtomicU8::new(Weather::Fair as u8),
            is_closed: AtomicBool::new(false),
            seed: AtomicU64::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            links: Mutex::default(),
            dead: Mutex::default(),
            outage: Mutex::default(),
            somebody_was_refused: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if accepting.is_closed.load(Ordering::Relaxed) {
                    return;
                }
                // A target that is away is a broken connection to the client.
                let _ = accepting.link(socket);
            }
        });
        Self { authority, shared }
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The connection string of a service behind the proxy, with which everything goes through the proxy: tokens are for
    /// the address under which the client knows the service.
    pub fn connection_string(&self, server: &Server) -> String {
        server.connection_string().replace(&self.shared.target, &self.authority)
    }

    /// A client access URL that leads through the proxy.
    ///
    /// # Panics
    /// When the hub has no valid name.
    pub fn client_url(
        &self,
        server: &Server,
        hub: &str,
        user: &str,
        roles: &[&str],
        groups: &[&str],
    ) -> String {
        let service: ConnectionString = self.connection_string(server).parse().expect("a connection string");
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let (roles, groups) = (owned(roles), owned(groups));
        let access =
            ClientAccess { user: Some(user), roles: &roles, groups: &groups, ..ClientAccess::new(hub) };
        service.client_access(&access).expect("a valid hub").url()
    }

    /// Changes what happens to bytes.
    pub fn set_weather(&self, weather: Weather) {
        self.shared.weather.store(weather as u8, Ordering::Relaxed);
    }

    /// Cuts all connections that still carry something, in the middle of it; returns how many.
    pub fn cut(&self) -> usize {
        self.shared.links().drain(..).map(|link| link.cut()).count()
    }

    /// Cuts one of the connections, whichever the seed says; false if there is none.
    pub fn cut_one(&self) -> bool {
        let mut links = self.shared.links();
        if links.is_empty() {
            return false;
        }
        let at = self.shared.below(links.len() as u64);
        links.swap_remove(usize::try_from(at).unwrap_or_default()).cut();
        true
    }

    /// From now on nothing travels on the connections that there are, in no direction, and nobody is told: half-open for
    /// both ends until they notice. New connections work. Returns how many.
    pub fn black_hole(&self) -> usize {
        let links: Vec<Arc<Link>> = self.shared.links().drain(..).collect();
        links.iter().for_each(|link| link.is_dead.store(true, Ordering::Relaxed));
        let count = links.len();
        self.shared.dead.lock().unwrap_or_else(PoisonError::into_inner).extend(links);
        count
    }

    /// Cuts all connections, and every new one, until so many attempts were in vain.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn be_away_for(&self, attempts: usize) {
        *self.shared.outage() = Some(0);
        self.cut();
        let (mut outage, waited) = self
            .shared
            .somebody_was_refused
            .wait_timeout_while(self.shared.outage(), PATIENCE, |count| count.is_some_and(|n| n < attempts))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "{:?} of {attempts} clients tried to come back", *outage);
        *outage = None;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        self.cut();
        self.shared.dead.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|link| link.cut());
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(&self.authority);
    }
}

impl Link {
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Shared {
    fn links(&self) -> MutexGuard<'_, Vec<Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A random number below `n`.
    fn below(&self, n: u64) -> u64 {
        let step = |mut x: u64| {
            x ^= x >> 12;
            x ^= x << 25;
            x ^ x >> 27
        };
        let seed = self.seed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seed| Some(step(seed)));
        (seed.unwrap_or(1).wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n.max(1)
    }

    fn outage(&self) -> MutexGuard<'_, Option<usize>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn link(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        if let Some(refused) = self.outage().as_mut() {
            *refused += 1;
            self.somebody_was_refused.notify_all();
            return client.shutdown(Shutdown::Both);
        }
        let server = TcpStream::connect(&self.target)?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
        }
        let link = Arc::new(Link { client, server, is_dead: AtomicBool::new(false) });
        self.links().push(Arc::clone(&link));
        for (from, to) in [(&link.client, &link.server), (&link.server, &link.client)] {
            let (shared, link) = (Arc::clone(self), Arc::clone(&link));
            let (from, to) = (from.try_clone()?, to.try_clone()?);
            thread::spawn(move || {
                // It fails when either end leaves, and then both do.
                let _ = shared.carry(&link, from, to);
                if !link.is_dead.load(Ordering::Relaxed) {
                    link.cut();
                }
                shared.links().retain(|other| !Arc::ptr_eq(other, &link));
            });
        }
        Ok(())
    }

    fn carry(&self, link: &Link, mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let count = from.read(&mut buffer)?;
            if link.is_dead.load(Ordering::Relaxed) {
                // Whoever waits at the other end is to notice by itself.
                while !self.is_closed.load(Ordering::Relaxed) {
                    thread::sleep(POLL);
                }
                return Ok(());
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            match self.weather.load(Ordering::Relaxed) {
                _ if count == 0 => return to.shutdown(Shutdown::Write),
                weather if weather == Weather::Crumbs as u8 => {
                    for (at, byte) in bytes.iter().enumerate() {
                        to.write_all(std::slice::from_ref(byte))?;
                        if at % 256 == 255 {
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                }
                weather if weather == Weather::Slow as u8 => {
                    thread::sleep(Duration::from_millis(self.below(LONGEST_DELAY_MS + 1)));
                    to.write_all(bytes)?;
                }
                _ => to.write_all(bytes)?,
            }
        }
    }
}
