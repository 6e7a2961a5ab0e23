//! The REST API as an app server uses it, over one kept-alive HTTP connection.
//!
//! Every operation of rest-api.md §3.1 is a method of [`Client`]. Each of them fails when the service is not there
//! ([`Error::Connect`] and the like) or refuses the request ([`Error::Rest`]); the methods tell what they add to that.

mod groups;
mod hubs;
mod inventory;
mod keys;
mod permissions;
mod send;
mod token;
mod transport;

use hublet_wire::percent;
use hyper::Method;

pub use groups::{GroupConnection, GroupConnections, Member};
pub use hubs::{HandlerTest, Hub, HubResource, HubTest, TestStep};
pub use inventory::{ConnectionInfo, GroupInfo, HubInfo, UserInfo, Wanted};
pub use keys::{KeyType, Keys};
pub use permissions::Permission;
pub use send::SendOptions;
pub use token::{ClientType, TokenOptions};

use crate::connection_string::ConnectionString;
use crate::error::Error;
use crate::stream::Tls;

/// The version of the API that is asked for.
const API_VERSION: &str = "2024-12-01";

/// Whom a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// All connections of the hub.
    All,
    /// The members of a group.
    Group(&'a str),
    /// The connections of a user.
    User(&'a str),
    /// One connection.
    Connection(&'a str),
}

impl Target<'_> {
    /// The path behind the hub, without a slash at the end.
    fn path(self) -> String {
        match self {
            Self::All => String::new(),
            Self::Group(name) => format!("/groups/{}", percent::encode(name)),
            Self::User(id) => format!("/users/{}", percent::encode(id)),
            Self::Connection(id) => format!("/connections/{}", percent::encode(id)),
        }
    }
}

/// Calls the REST API of one hub, one request after the other.
#[derive(Debug)]
pub struct Client {
    service: ConnectionString,
    hub: String,
    tls: Tls,
    sender: Option<transport::Sender>,
}

impl Client {
    /// A client for a hub. It connects with the first call.
    pub fn new(service: ConnectionString, hub: &str, tls: Tls) -> Self {
        Self { service, hub: hub.to_owned(), tls, sender: None }
    }

    /// Whether the service is healthy. It needs no hub.
    ///
    /// # Errors
    /// The service is not there or says that it is not healthy.
    pub async fn health(&mut self) -> Result<(), Error> {
        let url = format!("{}/api/health", self.service.endpoint());
        self.perform(Method::HEAD, &url, None).await.map(drop)
    }

    /// Whether a connection, or any connection of a user or in a group, exists. A hub always does.
    ///
    /// # Errors
    /// The service refuses it, or is not there.
    pub async fn exists(&mut self, target: Target<'_>) -> Result<bool, Error> {
        if target == Target::All {
            return Ok(true);
        }
        let url = self.url(&target.path(), "");
        transport::found(self.call(Method::HEAD, &url, None).await?).await
    }

    /// Closes connections, all but those with the ids in `excluded`. PubSub clients are told the reason. The service
    /// excludes nothing from [`Target::Connection`].
    ///
    /// # Errors
    /// The service refuses it, or is not there. That nothing is there to be closed is no error.
    pub async fn close(
        &mut self,
        target: Target<'_>,
        reason: Option<&str>,
        excluded: &[String],
    ) -> Result<(), Error> {
        let (method, path) = match target {
            Target::Connection(_) => (Method::DELETE, target.path()),
            _ => (Method::POST, format!("{}/:closeConnections", target.path())),
        };
        let query = query_of("excluded", excluded) + &query_of("reason", reason);
        let url = self.url(&path, &query);
        self.perform(method, &url, None).await.map(drop)
    }

    fn url(&self, path: &str, more_query: &str) -> String {
        format!("{}?api-version={API_VERSION}{more_query}", self.url_without_query(path))
    }

    fn url_without_query(&self, path: &str) -> String {
        format!("{}/api/hubs/{}{path}", self.service.endpoint(), percent::encode(&self.hub))
    }
}

/// A parameter of a query, once for each value.
fn query_of(name: &str, values: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    values.into_iter().map(|value| format!("&{name}={}", percent::encode(value.as_ref()))).collect()
}

#[cfg(test)]
mod tests;
