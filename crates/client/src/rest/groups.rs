//! Membership of groups (rest-api.md §3.3, §3.4, §5.1).

use hublet_wire::percent;
use hyper::Method;
use serde::{Deserialize, Serialize};

use super::transport::Content;
use super::{API_VERSION, Client, Target, query_of};
use crate::error::Error;

/// Whether a connection or all connections of a user is meant, where a group is the other part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<'a> {
    /// One connection.
    Connection(&'a str),
    /// All connections of a user.
    User(&'a str),
}

impl Member<'_> {
    fn path(self, group: &str) -> String {
        match self {
            Self::Connection(id) => {
                format!("/groups/{}/connections/{}", percent::encode(group), percent::encode(id))
            }
            Self::User(id) => format!("/users/{}/groups/{}", percent::encode(id), percent::encode(group)),
        }
    }
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupConnection {
    /// The id of the connection.
    pub connection_id: String,
    /// Its user; none: it is anonymous.
    pub user_id: Option<String>,
}

/// The members of a group, page by page.
#[derive(Debug)]
pub struct GroupConnections<'a> {
    client: &'a mut Client,
    url: String,
    /// The query of the next page; none: there is none.
    query: Option<String>,
}

impl Client {
    /// Puts a connection, or all connections that a user has now, into a group.
    ///
    /// # Errors
    /// The service refuses it (404: there is no such connection, or the user has none), or is not there.
    pub async fn add_to_group(&mut self, group: &str, member: Member<'_>) -> Result<(), Error> {
        let url = self.url(&member.path(group), "");
        self.perform(Method::PUT, &url, None).await.map(drop)
    }

    /// Takes a connection, or all connections of a user, out of a group.
    ///
    /// # Errors
    /// The service refuses it, or is not there. That there is no such connection is no error.
    pub async fn remove_from_group(&mut self, group: &str, member: Member<'_>) -> Result<(), Error> {
        let url = self.url(&member.path(group), "");
        self.perform(Method::DELETE, &url, None).await.map(drop)
    }

    /// Takes a connection, or all connections of a user, out of all groups.
    ///
    /// # Errors
    /// As [`Client::remove_from_group`].
    pub async fn remove_from_all_groups(&mut self, member: Member<'_>) -> Result<(), Error> {
        let target = match member {
            Member::Connection(id) => Target::Connection(id),
            Member::User(id) => Target::User(id),
        };
        let url = self.url(&format!("{}/groups", target.path()), "");
        self.perform(Method::DELETE, &url, None).await.map(drop)
    }

    /// Puts each connection that satisfies the OData expression into each of the groups; without one, all
    /// connections of the hub.
    ///
    /// # Errors
    /// The service refuses it (400: the filter or a name is not valid, nothing was changed), or is not there. That
    /// no connection satisfies the filter is no error.
    pub async fn add_to_groups(&mut self, groups: &[String], filter: Option<&str>) -> Result<(), Error> {
        self.change_groups("/:addToGroups", groups, filter).await
    }

    /// Takes each connection that satisfies the OData expression out of each of the groups; without one, all
    /// connections of the hub.
    ///
    /// # Errors
    /// As [`Client::add_to_groups`].
    pub async fn remove_from_groups(&mut self, groups: &[String], filter: Option<&str>) -> Result<(), Error> {
        self.change_groups("/:removeFromGroups", groups, filter).await
    }

    /// The members of a group: at most `top` in all, on pages of at most `page_size`, which is 1 to 200. Nothing is
    /// asked for before [`GroupConnections::next_page`].
    pub fn group_connections(
        &mut self,
        group: &str,
        top: Option<u32>,
        page_size: Option<u32>,
    ) -> GroupConnections<'_> {
        let url = self.url_without_query(&format!("{}/connections", Target::Group(group).path()));
        let text = |number: Option<u32>| number.map(|number| number.to_string());
        let more = query_of("top", text(top)) + &query_of("maxpagesize", text(page_size));
        GroupConnections { client: self, url, query: Some(format!("api-version={API_VERSION}{more}")) }
    }

    async fn change_groups(
        &mut self,
        operation: &str,
        groups: &[String],
        filter: Option<&str>,
    ) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            groups: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            filter: Option<&'a str>,
        }
        // Strings always serialise.
        let body = serde_json::to_vec(&Body { groups, filter }).unwrap_or_default();
        let url = self.url(operation, "");
        self.perform(Method::POST, &url, Some(Content::new("application/json", body))).await.map(drop)
    }
}

impl GroupConnections<'_> {
    /// The next page; `None` after the last one. A page may be empty.
    ///
    /// # Errors
    /// The service refuses it, is not there, or answers something else than a page. A group that does not exist is
    /// one without members.
    pub async fn next_page(&mut self) -> Result<Option<Vec<GroupConnection>>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            value: Vec<GroupConnection>,
            next_link: Option<String>,
        }
        let Some(query) = self.query.take() else { return Ok(None) };
        // Of the link only the query is used: behind a proxy its host may be one that cannot be reached from here,
        // and a token for this service is shown to no other one.
        let url = format!("{}?{query}", self.url);
        let body = self.client.perform(Method::GET, &url, None).await?;
        let page: Page = serde_json::from_slice(&body)
            .map_err(|_| Error::Message("the answer is not a list of connections"))?;
        self.query = page.next_link.and_then(|link| Some(link.split_once('?')?.1.to_owned()));
        if self.query.as_ref() == Some(&query) {
            return Err(Error::Message("a page of the list leads to itself"));
        }
        Ok(Some(page.value))
    }
}
