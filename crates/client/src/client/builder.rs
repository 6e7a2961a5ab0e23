//! How a client is made.

use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{mpsc, oneshot};

use super::credential::Credential;
use super::driver::Driver;
use super::events::Events;
use super::handle::WebPubSubClient;
use super::queue::queue;
use crate::error::Error;
use crate::pubsub::Protocol;
use crate::session::{self, Session};
use crate::stream::Tls;
use crate::ws::ConnectOptions;

/// Options of a client, and the way to connect it.
///
/// The defaults are those of the official SDKs where these agree.
#[derive(Debug, Clone)]
pub struct Builder {
    credential: Credential,
    session: session::Options,
    connect: ConnectOptions,
    events_max: usize,
    raw_messages: bool,
}

impl Builder {
    pub(super) fn new(credential: Credential) -> Self {
        let connect = ConnectOptions::default();
        Self {
            credential,
            session: session::Options {
                protocol: Protocol::default(),
                reconnects: true,
                rejoins: true,
                recovery: Duration::from_secs(30),
                retry_delay: Duration::from_secs(1),
                ack_timeout: Duration::from_secs(30),
                repetitions_max: 3,
                ping_interval: Duration::from_secs(20),
                silence_max: Duration::from_secs(120),
                connect_timeout: connect.timeout,
                requests_max: 512,
            },
            connect,
            events_max: 1_024,
            raw_messages: false,
        }
    }

    /// What the client speaks. Default: [`Protocol::JsonReliable`].
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.session.protocol = protocol;
        self
    }

    /// Whom to trust under `wss`. Default: the authorities that the system trusts.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.connect.tls = tls;
        self
    }

    /// How long may pass until a socket is open, and again until the connection is there. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect.timeout = timeout;
        self.session.connect_timeout = timeout;
        self
    }

    /// Longest message that is taken, in bytes. Default: 16 MiB.
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.connect.message_bytes_max = bytes;
        self
    }

    /// Whether a new connection is made when one has ended. Default: yes.
    ///
    /// Recovery is something else: it keeps the connection.
    pub fn reconnect(mut self, reconnect: bool) -> Self {
        self.session.reconnects = reconnect;
        self
    }

    /// Whether a new connection joins the groups of the old one. Default: yes.
    pub fn rejoin_groups(mut self, rejoin: bool) -> Self {
        self.session.rejoins = rejoin;
        self
    }

    /// How long the recovery of a reliable connection is tried. Default: 30 s, for which services keep it at least.
    pub fn recovery_timeout(mut self, timeout: Duration) -> Self {
        self.session.recovery = timeout;
        self
    }

    /// From one try of a recovery or a new connection to the next. Default: 1 s.
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.session.retry_delay = delay;
        self
    }

    /// How long an answer to a request is waited for until the request is repeated, and how often it is. Default: 30 s,
    /// 3 repetitions.
    ///
    /// A repetition has the number of the request, so that the service never carries it out twice.
    pub fn ack_timeout(mut self, timeout: Duration, repetitions_max: u32) -> Self {
        self.session.ack_timeout = timeout;
        self.session.repetitions_max = repetitions_max;
        self
    }

    /// How often the service is asked whether it is there, and after how much silence the socket counts as broken.
    /// Default: 20 s and 120 s.
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.session.ping_interval = interval;
        self.session.silence_max = timeout;
        self
    }

    /// How many events may wait for the program, at least 1. Default: 1,024. Beyond that the socket is not read; see
    /// [`Events`].
    pub fn events_max(mut self, events: usize) -> Self {
        self.events_max = events.max(1);
        self
    }

    /// Also shows each message as it came, as [`Event::Raw`](crate::Event::Raw). For tools. Default: no.
    pub fn raw_messages(mut self, show: bool) -> Self {
        self.raw_messages = show;
        self
    }

    /// Connects, and waits until the connection is there. The client then lives in a task of the current runtime.
    ///
    /// # Errors
    /// The first connection could not be made: no URL, nobody there, a refusal. It is not tried again.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(self) -> Result<(WebPubSubClient, Events), Error> {
        let mut connect = self.connect;
        connect.subprotocol = Some(self.session.protocol.name().to_owned());
        let session = Session::new(self.session, stream_prefix(), Instant::now());
        let (calls, calls_in) = queue();
        // Told when something is dropped, which cannot wait: at most once for each call and stream.
        let (cancels, cancels_in) = mpsc::unbounded_channel();
        let (events, events_out) = mpsc::channel(self.events_max);
        let (connected, is_connected) = oneshot::channel();
        let driver = Driver::new(session, self.credential, connect, self.raw_messages);
        let task = driver.run(connected, calls_in, cancels_in, events);
        tokio::spawn(task);
        is_connected.await.unwrap_or(Err(Error::Stopped))?;
        Ok((WebPubSubClient::new(calls, cancels), Events::new(events_out)))
    }
}

/// Makes ids of streams that no other client uses.
fn stream_prefix() -> String {
    let mut bytes = [0; 12];
    // Without random numbers two clients may use one id, which only receivers of both would notice.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
