//! A connection with a link to an event hub.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::types::definitions::SenderSettleMode;
use fe2o3_amqp::{Connection, Sender, Session};
use ring::rand::SecureRandom;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::address::{Access, Address};
use super::cbs;
use crate::listener::sink::Means;

/// How long a token is good that a shared key signs.
const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);
/// Whom bearer tokens are for.
const RESOURCE: &str = "https://eventhubs.azure.net";
/// A peer that says nothing for so long is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// A link that messages can be sent on.
pub(super) struct Link {
    pub(super) sender: Sender,
    session: SessionHandle<()>,
    connection: ConnectionHandle<()>,
}

impl Link {
    /// Connects, shows who we are, and attaches.
    ///
    /// # Errors
    /// Which step failed, and why.
    pub(super) async fn open(address: &Address, means: &Means) -> Result<Self, String> {
        let token = token(address, means).await?;
        let tcp = TcpStream::connect((&*address.host, address.port))
            .await
            .map_err(|error| format!("cannot connect to port {}: {error}", address.port))?;
        // Batches are written whole: waiting for more to send would only delay them.
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        if !address.tls {
            return Self::on_stream(address, token, tcp).await;
        }
        let failed = |error: String| format!("no TLS: {error}");
        let name = ServerName::try_from(address.host.clone()).map_err(|error| failed(error.to_string()))?;
        let connector = TlsConnector::from(Arc::new(means.tls.clone()));
        let tls = connector.connect(name, tcp).await.map_err(|error| failed(error.to_string()))?;
        Self::on_stream(address, token, tls).await
    }

    async fn on_stream<S>(address: &Address, token: Option<Token>, stream: S) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
    {
        let profile = match &address.access {
            Access::Password(key) => {
                SaslProfile::Plain { username: key.name.clone(), password: key.key.clone() }
            }
            Access::SignedToken(_) | Access::BearerToken => SaslProfile::Anonymous,
        };
        let name = name()?;
        let mut connection = Connection::builder()
            .container_id(name.clone())
            .hostname(&*address.host)
            .sasl_hostname(&*address.host)
            .idle_time_out(u32::try_from(IDLE_TIMEOUT.as_millis()).unwrap_or(u32::MAX))
            .sasl_profile(profile)
            .open_with_stream(stream)
            .await
            .map_err(|error| format!("no AMQP connection: {error}"))?;
        let mut session =
            Session::begin(&mut connection).await.map_err(|error| format!("no AMQP session: {error}"))?;
        if let Some(Token { kind, text }) = token {
            cbs::put_token(&mut session, kind, &address.audience(), text).await?;
        }
        let sender = Sender::builder()
            .name(name)
            .target(&*address.event_hub)
            .sender_settle_mode(SenderSettleMode::Unsettled)
            .attach(&mut session)
            .await
            .map_err(|error| format!("no link to {:?}: {error}", address.event_hub))?;
        Ok(Self { sender, session, connection })
    }

    /// Ends the connection in order.
    pub(super) async fn close(mut self) {
        // The peer has all that counts as delivered, so it does not matter how this ends.
        let _ = self.sender.close().await;
        let _ = self.session.end().await;
        let _ = self.connection.close().await;
    }
}

struct Token {
    kind: &'static str,
    text: String,
}

async fn token(address: &Address, means: &Means) -> Result<Option<Token>, String> {
    match &address.access {
        Access::Password(_) => Ok(None),
        Access::SignedToken(key) => {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let text = key.token(&address.audience(), (since_1970 + TOKEN_LIFE).as_secs());
            Ok(Some(Token { kind: cbs::SIGNED_TOKEN, text }))
        }
        Access::BearerToken => {
            let source = means.tokens.as_ref().ok_or("there is no token endpoint to ask")?;
            let text = source(RESOURCE).await.map_err(|error| format!("no token: {error}"))?;
            Ok(Some(Token { kind: cbs::BEARER_TOKEN, text }))
        }
    }
}

/// A name that no other connection of the peer has: links of one name would take each other's place.
fn name() -> Result<String, String> {
    let mut random = [0; 8];
    ring::rand::SystemRandom::new().fill(&mut random).map_err(|_| "no random numbers".to_owned())?;
    Ok(format!("hublet-{:016x}", u64::from_be_bytes(random)))
}
