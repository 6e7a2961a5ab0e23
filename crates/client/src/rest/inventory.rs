//! Who is there: the part of the API that is hublet's own, under `/api/ext/`.

use hublet_wire::percent;
use hyper::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Client, query_of};
use crate::error::Error;

/// Entries that are asked for at once, which is as many as the service gives.
const PAGE: usize = 200;

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionInfo {
    /// Its id.
    pub connection_id: String,
    /// Its user; none: it is anonymous.
    pub user_id: Option<String>,
    /// The subprotocol, or `simple`.
    pub protocol: String,
    /// `open`, or `detached`: it waits for its client to come back.
    pub state: String,
    /// When it was opened (RFC 3339).
    pub connected_at: String,
    /// Where its socket comes from, a proxy perhaps; none: it has no socket.
    pub remote_address: Option<String>,
    /// Some of its groups.
    pub groups: Vec<String>,
    /// How many groups it is in.
    pub group_count: u64,
    /// Some of its roles.
    pub roles: Vec<String>,
    /// Bytes that wait for its socket.
    pub queued_bytes: u64,
    /// Messages that it has not acknowledged; none: it does not.
    pub unacked_messages: Option<u64>,
}

/// A user with connections.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInfo {
    /// The user.
    pub user_id: String,
    /// How many connections it has.
    pub connections: u64,
}

/// A group with members.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct GroupInfo {
    /// The group.
    pub group: String,
    /// How many connections are in it.
    pub connections: u64,
}

/// A hub with connections or settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubInfo {
    /// The hub.
    pub hub: String,
    /// Its connections.
    pub connections: u64,
    /// Its users with connections.
    pub users: u64,
    /// Its groups with members.
    pub groups: u64,
    /// Whether it has settings.
    pub has_settings: bool,
}

/// Which connections or names are listed; what is `None` does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Of this user; for connections alone.
    pub user: Option<&'a str>,
    /// In this group; for connections and users.
    pub group: Option<&'a str>,
    /// With this in their names, in whatever case.
    pub search: Option<&'a str>,
    /// What they speak, `simple` or a subprotocol; for connections alone.
    pub protocol: Option<&'a str>,
    /// So many at most.
    pub top: Option<u32>,
}

impl Wanted<'_> {
    fn query(&self) -> String {
        [("user", self.user), ("group", self.group), ("search", self.search), ("protocol", self.protocol)]
            .map(|(name, value)| query_of(name, value))
            .concat()
    }
}

impl Client {
    /// Connections of the hub.
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers something else.
    pub async fn connections(&mut self, wanted: &Wanted<'_>) -> Result<Vec<ConnectionInfo>, Error> {
        self.listed("connections", wanted).await
    }

    /// One connection of the hub.
    ///
    /// # Errors
    /// As [`Client::connections`]; 404: there is no such connection.
    pub async fn connection(&mut self, id: &str) -> Result<ConnectionInfo, Error> {
        let url = self.inventory_url(&format!("connections/{}", percent::encode(id)));
        let body = self.perform(Method::GET, &url, None).await?;
        serde_json::from_slice(&body).map_err(|_| Error::Message("the answer is no connection"))
    }

    /// Users with connections to the hub.
    ///
    /// # Errors
    /// As [`Client::connections`].
    pub async fn users(&mut self, wanted: &Wanted<'_>) -> Result<Vec<UserInfo>, Error> {
        self.listed("users", wanted).await
    }

    /// Groups of the hub with members.
    ///
    /// # Errors
    /// As [`Client::connections`].
    pub async fn groups(&mut self, wanted: &Wanted<'_>) -> Result<Vec<GroupInfo>, Error> {
        self.listed("groups", wanted).await
    }

    /// All hubs with connections or settings. It needs no hub.
    ///
    /// # Errors
    /// As [`Client::connections`].
    pub async fn all_hubs(&mut self) -> Result<Vec<HubInfo>, Error> {
        let url = format!("{}/api/ext/inventory", self.service.endpoint());
        self.pages(&url, &Wanted::default()).await
    }

    async fn listed<T: DeserializeOwned>(
        &mut self,
        what: &str,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<T>, Error> {
        let url = self.inventory_url(what);
        self.pages(&url, wanted).await
    }

    fn inventory_url(&self, path: &str) -> String {
        format!("{}/api/ext/hubs/{}/{path}", self.service.endpoint(), percent::encode(&self.hub))
    }

    async fn pages<T: DeserializeOwned>(&mut self, url: &str, wanted: &Wanted<'_>) -> Result<Vec<T>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<T> {
            value: Vec<T>,
            next_link: Option<String>,
        }
        let top = wanted.top.map_or(usize::MAX, |top| top as usize);
        let mut query = Some(format!("maxpagesize={}{}", top.clamp(1, PAGE), wanted.query()));
        let mut all = Vec::new();
        while let Some(own) = query.take().filter(|_| all.len() < top) {
            // Of a link only the query is used, as for the members of a group.
            let body = self.perform(Method::GET, &format!("{url}?{own}"), None).await?;
            let page: Page<T> =
                serde_json::from_slice(&body).map_err(|_| Error::Message("the answer is no such list"))?;
            all.extend(page.value);
            query = page.next_link.and_then(|link| Some(link.split_once('?')?.1.to_owned()));
            if query.as_ref() == Some(&own) {
                return Err(Error::Message("a page of the list leads to itself"));
            }
        }
        all.truncate(top);
        Ok(all)
    }
}
