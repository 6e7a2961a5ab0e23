//! `/api/ext/inventory`, `/api/ext/hubs/{hub}/connections` and the like: who is there, for operators and app servers.
//!
//! A page is put together from many short looks at the shards, so that none is held up however many clients there are.

use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use hublet_hub::directory::Topic;
use hublet_hub::{ConnectionEntry, ConnectionQuery, Names, PROTOCOLS, Part, ShardSet, Slot};
use hublet_wire::cloudevents::time::timestamp_ms;
use hublet_wire::{name, percent};
use serde::Serialize;

use super::super::error::{Missing, RestError};
use super::super::parameters::Parameters;
use crate::http::{Connection, HttpContext, Response, decode, endpoint, json};
use crate::metrics;
use crate::node::Node;
use crate::view::View;

/// Entries on a page when the request names no number, and the most it may name.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 200;
/// Groups and roles of a connection in a list, and of one that is shown alone.
const LISTED_MAX: usize = 20;
const SHOWN_MAX: usize = 1_000;
/// Characters of what is searched for, and of a continuation token.
const SEARCH_CHARS_MAX: usize = 256;
const TOKEN_CHARS_MAX: usize = 2_048;

/// A page of a list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedHub {
    hub: String,
    connections: u64,
    users: usize,
    groups: usize,
    has_settings: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedConnection {
    connection_id: String,
    user_id: Option<String>,
    protocol: String,
    state: &'static str,
    connected_at: String,
    remote_address: Option<String>,
    groups: Vec<String>,
    group_count: usize,
    roles: Vec<String>,
    queued_bytes: usize,
    unacked_messages: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedUser {
    user_id: String,
    connections: usize,
}

#[derive(Serialize)]
struct ListedGroup {
    group: String,
    connections: usize,
}

/// What the request is, and what it says about paging.
pub(super) struct Listing<'a> {
    connection: &'a Connection,
    request: &'a Parts,
    parameters: &'a Parameters<'a>,
    page: usize,
    token: Option<&'a str>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        request: &'a Parts,
        parameters: &'a Parameters<'a>,
    ) -> Result<Self, RestError> {
        let page = parameters.number("maxpagesize", 1, PAGE_MAX)?.unwrap_or(PAGE) as usize;
        let token = parameters.single("continuationToken")?;
        if token.is_some_and(|token| token.is_empty() || token.chars().count() > TOKEN_CHARS_MAX) {
            return Err(no_token());
        }
        Ok(Self { connection, request, parameters, page, token })
    }

    fn node(&self) -> &'a Node {
        &self.connection.context.node
    }

    /// One more than a page tells whether there is another one.
    fn wanted(&self) -> usize {
        self.page + 1
    }

    /// All hubs with connections or settings, by name.
    pub(super) async fn hubs(&self) -> Response {
        let context = &self.connection.context;
        let mut hubs = metrics::hubs(&context.node).await;
        let with_settings: Vec<Arc<str>> =
            context.hubs.list().iter().map(|(hub, _)| Arc::from(hub.as_str())).collect();
        with_settings.iter().for_each(|hub| _ = hubs.entry(Arc::clone(hub)).or_default());
        let behind = hubs.iter().filter(|(hub, _)| self.token.is_none_or(|token| ***hub > *token));
        let value = behind.take(self.wanted()).map(|(hub, total)| ListedHub {
            hub: hub.to_string(),
            connections: total.connections(),
            users: total.users,
            groups: total.groups,
            has_settings: with_settings.contains(hub),
        });
        self.page(value.collect(), |hub| hub.hub.clone())
    }

    /// Connections of a hub.
    pub(super) async fn connections(&self, hub: Arc<str>) -> Result<Response, RestError> {
        let query = ConnectionQuery {
            hub,
            user: self.parameters.single("user")?.map(Arc::from),
            group: self.group()?,
            search: self.search()?,
            protocol: self.protocol()?,
        };
        let (first, mut from) = self.token.map_or(Some((0, 0)), position).ok_or_else(no_token)?;
        let shards = self.shards(&query);
        // A page never ends between a shard and the next one, so that the last entry tells where to go on.
        let mut found: Vec<ConnectionEntry> = Vec::new();
        let mut value = Vec::new();
        for shard in shards.iter().filter(|shard| *shard >= first) {
            let mut next = Some(if shard == first { std::mem::take(&mut from) } else { 0 });
            while let Some(slot) = next.filter(|_| found.len() < self.wanted()) {
                let (query, limit) = (query.clone(), self.wanted() - found.len());
                let look = move |view: &View<'_>| {
                    let (entries, next) = view.shard.connections_from(&query, slot, limit, LISTED_MAX);
                    let remotes = entries.iter().map(|entry| remote(view, entry)).collect::<Vec<_>>();
                    (entries, remotes, next)
                };
                let Some((entries, remotes, following)) = self.node().look(shard, look).await else { break };
                value.extend(
                    entries.iter().cloned().zip(remotes).map(|(entry, remote)| listed(entry, remote)),
                );
                found.extend(entries);
                next = following;
            }
        }
        let last = found.get(self.page - 1).filter(|_| found.len() > self.page);
        let next = last.map(|last| format!("{}.{}", last.id.shard, last.id.slot.saturating_add(1)));
        value.truncate(self.page);
        Ok(self.document(value, next))
    }

    /// Users of a hub with connections, by user id.
    pub(super) async fn users(&self, hub: Arc<str>) -> Result<Response, RestError> {
        let (group, search) = (self.group()?, self.search()?);
        let topic = group.as_deref().map_or(Topic::Hub, Topic::Group);
        let shards = self.node().directory().lookup(&hub, topic);
        let names = self.names(shards, move |view, from, names| {
            view.shard.users_from(&hub, group.as_deref(), search.as_ref(), from, names)
        });
        let listed =
            |(user, connections): (Arc<str>, usize)| ListedUser { user_id: user.to_string(), connections };
        let value = names.await.into_counts().map(listed);
        Ok(self.page(value.collect(), |user| user.user_id.clone()))
    }

    /// Groups of a hub with members, by name.
    pub(super) async fn groups(&self, hub: Arc<str>) -> Result<Response, RestError> {
        let search = self.search()?;
        let shards = self.node().directory().lookup(&hub, Topic::Hub);
        let names = self.names(shards, move |view, from, names| {
            view.shard.groups_from(&hub, search.as_ref(), from, names)
        });
        let listed =
            |(group, connections): (Arc<str>, usize)| ListedGroup { group: group.to_string(), connections };
        let value = names.await.into_counts().map(listed);
        Ok(self.page(value.collect(), |group| group.group.clone()))
    }

    /// The first names behind the token on all these shards.
    async fn names(
        &self,
        shards: ShardSet,
        look: impl Fn(&View<'_>, u32, &mut Names) -> Option<u32> + Clone + Send + 'static,
    ) -> Names {
        let mut merged = Names::new(self.token, self.wanted());
        for shard in shards.iter() {
            let (mut own, mut next) = (Names::new(self.token, self.wanted()), Some(0));
            while let Some(from) = next {
                let (look, mut names) = (look.clone(), own.clone());
                let looked = self.node().look(shard, move |view| {
                    let next = look(view, from, &mut names);
                    (names, next)
                });
                let Some((names, following)) = looked.await else { break };
                (own, next) = (names, following);
            }
            merged.merge(&own);
        }
        merged
    }

    /// The shards that may have connections of a query.
    fn shards(&self, query: &ConnectionQuery) -> ShardSet {
        let topic = match (&query.user, &query.group) {
            (Some(user), _) => Topic::User(user),
            (None, Some(group)) => Topic::Group(group),
            (None, None) => Topic::Hub,
        };
        self.node().directory().lookup(&query.hub, topic)
    }

    fn group(&self) -> Result<Option<Arc<str>>, RestError> {
        match self.parameters.single("group")? {
            Some(group) if !name::is_valid_group(group) => Err(RestError::invalid_group("group")),
            group => Ok(group.map(Arc::from)),
        }
    }

    fn search(&self) -> Result<Option<Part>, RestError> {
        match self.parameters.single("search")? {
            Some(text) if text.chars().count() > SEARCH_CHARS_MAX => {
                let message = format!("What is searched for may have {SEARCH_CHARS_MAX} characters at most.");
                Err(RestError::validation("search", message))
            }
            text => Ok(text.filter(|text| !text.is_empty()).map(Part::new)),
        }
    }

    fn protocol(&self) -> Result<Option<&'static str>, RestError> {
        let Some(text) = self.parameters.single("protocol")? else { return Ok(None) };
        let known = PROTOCOLS.into_iter().find(|known| known.eq_ignore_ascii_case(text));
        known.map(Some).ok_or_else(|| {
            let message =
                format!("The value '{text}' is not valid. It must be one of {}.", PROTOCOLS.join(", "));
            RestError::validation("protocol", message)
        })
    }

    /// A page of what may be one entry too many; the token of the next one is the last entry's.
    fn page<T: Serialize>(&self, mut value: Vec<T>, token: impl Fn(&T) -> String) -> Response {
        let has_more = value.len() > self.page;
        value.truncate(self.page);
        let next = value.last().filter(|_| has_more).map(token);
        self.document(value, next)
    }

    fn document<T: Serialize>(&self, value: Vec<T>, next: Option<String>) -> Response {
        document(&Page { value, next_link: next.map(|token| self.next_link(&token)) })
    }

    /// The same request with another token.
    fn next_link(&self, token: &str) -> String {
        let endpoint = endpoint(&self.connection.context.config, self.request, self.connection.secure);
        let query = self.request.uri.query().unwrap_or_default();
        let kept: String = query
            .split('&')
            .filter(|pair| {
                let mut names = percent::query_pairs(pair).map(|(name, _)| name);
                names.next().is_some_and(|name| !name.eq_ignore_ascii_case("continuationToken"))
            })
            .map(|pair| format!("{pair}&"))
            .collect();
        let path = self.request.uri.path();
        format!("{endpoint}{path}?{kept}continuationToken={}", percent::encode(token))
    }
}

/// One connection.
pub(super) async fn show(context: &HttpContext, hub: Arc<str>, id: &str) -> Result<Response, RestError> {
    let text = decode(id).unwrap_or_default();
    let found = match text.parse::<hublet_wire::id::ConnId>() {
        Ok(id) => {
            let look = move |view: &View<'_>| {
                let entry = view.shard.connection(&hub, &id, SHOWN_MAX)?;
                let remote = remote(view, &entry);
                Some(listed(entry, remote))
            };
            context.node.look(usize::from(id.shard), look).await.flatten()
        }
        Err(_) => None,
    };
    let shown =
        found.ok_or(RestError::Missing { severity: Missing::Error, what: "Connection", name: text })?;
    Ok(document(&shown))
}

fn remote(view: &View<'_>, entry: &ConnectionEntry) -> Option<String> {
    view.remote(entry.id.slot).map(|address| address.to_string())
}

fn listed(entry: ConnectionEntry, remote_address: Option<String>) -> ListedConnection {
    ListedConnection {
        connection_id: entry.id.to_string(),
        user_id: entry.user.map(|user| user.to_string()),
        protocol: entry.protocol.to_string(),
        state: if entry.detached { "detached" } else { "open" },
        connected_at: timestamp_ms(1_000 * entry.connected_s),
        remote_address,
        groups: entry.groups.iter().map(ToString::to_string).collect(),
        group_count: entry.group_count,
        roles: entry.roles,
        queued_bytes: entry.queued_bytes,
        unacked_messages: entry.unacked,
    }
}

/// The shard and the slot in the token of a page of connections.
fn position(token: &str) -> Option<(usize, Slot)> {
    let (shard, slot) = token.split_once('.')?;
    Some((usize::from(shard.parse::<u8>().ok()?), slot.parse().ok()?))
}

fn no_token() -> RestError {
    let message = "The continuationToken is not one of a nextLink. Begin with the first page.";
    RestError::validation("continuationToken", message)
}

fn document(content: &impl Serialize) -> Response {
    // Numbers and texts always serialise.
    json(StatusCode::OK, serde_json::to_vec(content).unwrap_or_default())
}
