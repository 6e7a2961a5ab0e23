//! Where client access URLs come from.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::Error;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type UrlFuture = Pin<Box<dyn Future<Output = Result<String, BoxError>> + Send>>;

/// What a client connects with: a client access URL, or a function that gets one.
///
/// A URL is good until its token expires, and so are new connections made with it. A client that runs for longer asks
/// the application for a fresh one whenever it needs a new connection:
///
/// ```no_run
/// use hublet_client::{Credential, WebPubSubClient};
/// # async fn ask_the_app_server() -> Result<String, std::io::Error> { unimplemented!() }
///
/// # async fn example() -> Result<(), hublet_client::Error> {
/// let credential = Credential::provider(|| async { ask_the_app_server().await });
/// let (client, events) = WebPubSubClient::builder(credential).connect().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Credential(Source);

#[derive(Clone)]
enum Source {
    Url(String),
    Provider(Arc<dyn Fn() -> UrlFuture + Send + Sync>),
}

impl Credential {
    /// A function that is asked for a client access URL before each new connection. A recovery needs none.
    pub fn provider<F, E>(provider: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self(Source::Provider(Arc::new(move || {
            let url = provider();
            Box::pin(async { url.await.map_err(Into::into) })
        })))
    }

    pub(super) async fn url(&self) -> Result<String, Error> {
        match &self.0 {
            Source::Url(url) => Ok(url.clone()),
            Source::Provider(provider) => provider().await.map_err(Error::Credential),
        }
    }
}

impl From<&str> for Credential {
    fn from(url: &str) -> Self {
        Self(Source::Url(url.to_owned()))
    }
}

impl From<String> for Credential {
    fn from(url: String) -> Self {
        Self(Source::Url(url))
    }
}

/// The URL has a token in it, and is left out.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Url(_) => "Credential(URL)",
            Source::Provider(_) => "Credential(provider)",
        })
    }
}
