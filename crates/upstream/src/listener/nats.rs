//! Subjects of a NATS server: the data is the message, the attributes are its headers, as in the binary mode of the NATS
//! binding of CloudEvents.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::client::PublishErrorKind;
use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, HeaderMap, HeaderName, HeaderValue, ServerAddr};
use hublet_wire::percent;
use rustls::ClientConfig;
use tokio::time::timeout;

use super::outlet::Throttle;
use super::record::Record;
use super::subject::SubjectTemplate;
use super::worker::{Batch, Failure};

/// How long a batch may take, from the connection to the last byte.
const BATCH_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take to be good.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an idle connection is tried.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Messages that the library holds: the queue is where events wait.
const LIBRARY_MESSAGES_MAX: usize = 16;

/// Publishes events.
pub(super) struct NatsSink {
    server: Server,
    name: Arc<str>,
    tls: ClientConfig,
    client: Option<Client>,
    /// The server's cluster, as it told when there was a connection last.
    others: Vec<ServerAddr>,
    told_of_errors: Arc<Throttle>,
}

/// Where a server is, how to get in, and where events go.
struct Server {
    /// Without credentials, which the library would log.
    address: ServerAddr,
    credentials: Credentials,
    subject: SubjectTemplate,
}

#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    None,
    Token(String),
    Password(String, String),
}

impl Server {
    /// # Errors
    /// What is wrong with the URL.
    fn parse(url: &str, subject: &str) -> Result<Self, &'static str> {
        let invalid = "the URL is not one of a NATS server, such as nats://127.0.0.1:4222";
        let address: ServerAddr = url.parse().map_err(|_| invalid)?;
        if address.host().is_empty() || address.is_websocket() {
            return Err(invalid);
        }
        let text = |part: &str| {
            String::from_utf8(percent::decode_segment(part).into_owned())
                .map_err(|_| "the credentials in the URL are not UTF-8")
        };
        let credentials = match (address.username(), address.password()) {
            (None, None) => Credentials::None,
            (Some(token), None) => Credentials::Token(text(token)?),
            (user, Some(password)) => Credentials::Password(text(user.unwrap_or_default())?, text(password)?),
        };
        let mut bare = address.into_inner();
        bare.set_username("").and_then(|()| bare.set_password(None)).map_err(|()| invalid)?;
        let address = ServerAddr::from_url(bare).map_err(|_| invalid)?;
        Ok(Self { address, credentials, subject: SubjectTemplate::new(subject) })
    }
}

impl NatsSink {
    /// # Errors
    /// What is wrong with the URL.
    pub(super) fn new(
        url: &str,
        subject: &str,
        name: &str,
        tls: &ClientConfig,
    ) -> Result<Self, &'static str> {
        Ok(Self {
            server: Server::parse(url, subject)?,
            name: name.into(),
            tls: tls.clone(),
            client: None,
            others: Vec::new(),
            told_of_errors: Arc::default(),
        })
    }

    /// Publishes all events of the batch.
    ///
    /// # Errors
    /// There is no connection, or it broke. What is left in the batch may have been published.
    pub(super) async fn deliver(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        match timeout(BATCH_TIMEOUT, self.publish(batch)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Err(Failure::Unavailable(format!("it took nothing in {BATCH_TIMEOUT:?}; check its load")))
            }
        }
    }

    /// Sends what is still in buffers.
    pub(super) async fn close(self) {
        if let Some(client) = self.client {
            // Nothing is lost if this fails: all that counts as delivered was flushed before.
            let _ = timeout(CONNECT_TIMEOUT, client.drain()).await;
        }
    }

    async fn publish(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let client = match self.client.take().filter(is_connected) {
            Some(client) => client,
            None => self.connect().await?,
        };
        // The library connects again by itself, and then forgets what it has not written.
        let connects = || client.statistics().connects.load(Ordering::Relaxed);
        let connected = connects();
        let lost = || Failure::Lost("the connection broke; check whether the server is up".to_owned());
        let mut published = 0;
        let mut refusal = None;
        for entry in batch.iter() {
            let record = Record::new(&entry.event, entry.at_s);
            let subject = self.server.subject.expand(&entry.event.client.hub, record.event_name);
            match client.publish_with_headers(subject, headers(&record), record.body).await {
                Ok(()) => published += 1,
                Err(error) if error.kind() == PublishErrorKind::Send => return Err(lost()),
                Err(error) => {
                    refusal = Some(error.to_string());
                    break;
                }
            }
        }
        client.flush().await.map_err(|_| lost())?;
        if connects() != connected || !is_connected(&client) {
            return Err(lost());
        }
        self.client = Some(client);
        for _ in 0..published {
            batch.done();
        }
        if let Some(why) = refusal {
            batch.refuse(format!("{why}; raise `max_payload` of the server, or send less"));
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<Client, Failure> {
        let mut addresses = vec![self.server.address.clone()];
        addresses.extend(self.others.iter().cloned());
        let options = ConnectOptions::new()
            .name("hublet")
            .no_echo()
            .require_tls(self.server.address.tls_required())
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .client_capacity(LIBRARY_MESSAGES_MAX)
            // Once each, now or when the connection breaks: what comes after that is decided here.
            .max_reconnects(addresses.len())
            .event_callback(self.on_event())
            .tls_client_config(self.tls.clone());
        let options = match &self.server.credentials {
            Credentials::None => options,
            Credentials::Token(token) => options.token(token.clone()),
            Credentials::Password(user, password) => {
                options.user_and_password(user.clone(), password.clone())
            }
        };
        let client = options.connect(addresses).await.map_err(|error| {
            Failure::Unavailable(format!(
                "no connection: {error}; check the URL, the credentials and whether the server is up"
            ))
        })?;
        self.others = client.server_info().connect_urls.iter().filter_map(|url| url.parse().ok()).collect();
        Ok(client)
    }

    /// The server tells about a message that it does not want some time later.
    fn on_event(&self) -> impl Fn(Event) -> std::future::Ready<()> + Send + Sync + 'static {
        let (name, told) = (Arc::clone(&self.name), Arc::clone(&self.told_of_errors));
        move |event| {
            if let Event::ServerError(error) = event
                && told.admits(Instant::now())
            {
                tracing::warn!(
                    listener = &*name,
                    "a NATS server complains about events, which may be lost: {error}; check what the user may publish"
                );
            }
            std::future::ready(())
        }
    }
}

fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// `ce-` and the name for each attribute; metadata under the names of HTTP.
fn headers(record: &Record<'_>) -> HeaderMap {
    let attributes = record.attributes.iter().map(|(name, value)| (*name, &**value));
    let attributes = attributes.chain([("datacontenttype", record.content_type)]);
    let attributes = attributes.map(|(name, value)| (format!("ce-{name}"), escaped(value)));
    let metadata = record.metadata_properties().map(|(name, value)| (name, value.to_owned()));
    let mut headers = HeaderMap::new();
    for (name, value) in attributes.chain(metadata) {
        // Names and values were checked when they came, so none is left out here.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Percent-encodes what is not printable ASCII, blanks, double quotes and percent signs, as the binding demands.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'%' {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use hublet_wire::client::Payload;

    use super::super::record::tests::user_event;
    use super::*;

    #[test]
    fn credentials_leave_the_url() {
        let password = |user: &str, password: &str| Credentials::Password(user.into(), password.into());
        for (url, address, credentials) in [
            ("nats://h:4223", "nats://h:4223", Credentials::None),
            ("h", "nats://h", Credentials::None),
            ("tls://to%2Fken@h", "tls://h", Credentials::Token("to/ken".into())),
            ("nats://user:p%40ss@h", "nats://h", password("user", "p@ss")),
            ("nats://:pass@[::1]:4", "nats://[::1]:4", password("", "pass")),
        ] {
            let server = Server::parse(url, "s").unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!((server.address.as_url_str(), server.credentials), (address, credentials), "{url}");
        }
        for url in ["", "http://h", "ws://h", "nats://", "nats://%ff:x@h", "nats://h:x"] {
            assert!(Server::parse(url, "s").is_err(), "{url}");
        }
    }

    #[test]
    fn headers_of_the_binding() {
        let metadata = vec![("Trace".to_owned(), "a b%".to_owned())];
        let mut event = user_event("greet", Payload::Text("x".into()), metadata);
        event.client.user = Some("Euro € \"😀\"".into());
        let headers = headers(&Record::new(&event, 0));
        let get = |name: &str| headers.get(name).map(|value| value.as_str());
        assert_eq!(get("ce-type"), Some("azure.webpubsub.user.greet"));
        assert_eq!(get("ce-userid"), Some("Euro%20%E2%82%AC%20%22%F0%9F%98%80%22"));
        assert_eq!(get("ce-datacontenttype"), Some("text/plain"));
        assert_eq!(get("x-webpubsub-metadata-trace"), Some("a b%"));
        assert_eq!(headers.len(), 9 + 1 + 1 + 1);
    }
}
