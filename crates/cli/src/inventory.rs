//! Lists of who is there: connections, users, groups and hubs, as tables for people and as JSON for programs.

use clap::{Args, value_parser};
use hublet_client::rest::{ConnectionInfo, Wanted};
use serde_json::json;

use crate::output::{self, printable, table};
use crate::service::HubServiceArgs;

/// Groups of a connection that a table shows.
const GROUPS_SHOWN: usize = 3;

/// How much is listed.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only names with this in them, in whatever case
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// List so many at most
    #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..))]
    pub(crate) top: Option<u32>,
}

/// Which connections are listed.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsArgs {
    /// Only those of this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Only those in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,

    /// Only those that speak this: simple, or a subprotocol
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<String>,

    #[command(flatten)]
    list: ListArgs,
}

/// Which users are listed.
#[derive(Debug, Args)]
pub(crate) struct UsersArgs {
    /// Only those with connections in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,

    #[command(flatten)]
    list: ListArgs,
}

impl ListArgs {
    fn wanted(&self) -> Wanted<'_> {
        Wanted { search: self.search.as_deref(), top: self.top, ..Wanted::default() }
    }
}

/// `hublet connection list`
pub(crate) fn connections(at: &HubServiceArgs, args: &ConnectionsArgs) -> anyhow::Result<()> {
    let wanted = Wanted {
        user: args.user.as_deref(),
        group: args.group.as_deref(),
        protocol: args.protocol.as_deref(),
        ..args.list.wanted()
    };
    let connections = at.call(async |client| client.connections(&wanted).await)?;
    if at.json() || connections.is_empty() {
        return at.tell("there are no such connections", json!({ "connections": connections }));
    }
    let titles = ["connection", "user", "protocol", "state", "connected", "from", "groups", "queued"];
    output::bytes(table(&titles, connections.iter().map(row)).as_bytes())
}

fn row(connection: &ConnectionInfo) -> Vec<String> {
    let text = |text: &Option<String>| text.as_deref().map_or_else(String::new, printable);
    let mut groups: Vec<String> =
        connection.groups.iter().take(GROUPS_SHOWN).map(|group| printable(group)).collect();
    let more = connection.group_count.saturating_sub(groups.len() as u64);
    if more > 0 {
        groups.push(format!("and {more} more"));
    }
    vec![
        printable(&connection.connection_id),
        text(&connection.user_id),
        printable(&connection.protocol),
        printable(&connection.state),
        printable(&connection.connected_at),
        text(&connection.remote_address),
        groups.join(", "),
        connection.queued_bytes.to_string(),
    ]
}

/// `hublet connection show`
pub(crate) fn connection(at: &HubServiceArgs, id: &str) -> anyhow::Result<()> {
    let connection = at.call(async |client| client.connection(id).await)?;
    if at.json() {
        return output::line(&json!(connection).to_string());
    }
    let list = |list: &[String]| list.iter().map(|text| printable(text)).collect::<Vec<_>>().join(", ");
    let mut facts = vec![
        ("connection", printable(&connection.connection_id)),
        ("user", connection.user_id.as_deref().map_or_else(String::new, printable)),
        ("protocol", printable(&connection.protocol)),
        ("state", printable(&connection.state)),
        ("connected", printable(&connection.connected_at)),
        ("from", connection.remote_address.as_deref().map_or_else(String::new, printable)),
        ("groups", format!("{}: {}", connection.group_count, list(&connection.groups))),
        ("roles", list(&connection.roles)),
        ("queued bytes", connection.queued_bytes.to_string()),
    ];
    facts.extend(connection.unacked_messages.map(|count| ("unacknowledged", count.to_string())));
    let lines = facts.iter().map(|(name, value)| format!("{}\n", format!("{name:<15}{value}").trim_end()));
    output::bytes(lines.collect::<String>().as_bytes())
}

/// `hublet user list`
pub(crate) fn users(at: &HubServiceArgs, args: &UsersArgs) -> anyhow::Result<()> {
    let wanted = Wanted { group: args.group.as_deref(), ..args.list.wanted() };
    let users = at.call(async |client| client.users(&wanted).await)?;
    if at.json() || users.is_empty() {
        return at.tell("there are no such users", json!({ "users": users }));
    }
    let rows = users.iter().map(|user| vec![user.connections.to_string(), printable(&user.user_id)]);
    output::bytes(table(&["connections", "user"], rows).as_bytes())
}

/// `hublet group list`
pub(crate) fn groups(at: &HubServiceArgs, args: &ListArgs) -> anyhow::Result<()> {
    let groups = at.call(async |client| client.groups(&args.wanted()).await)?;
    if at.json() || groups.is_empty() {
        return at.tell("there are no such groups", json!({ "groups": groups }));
    }
    let rows = groups.iter().map(|group| vec![group.connections.to_string(), printable(&group.group)]);
    output::bytes(table(&["connections", "group"], rows).as_bytes())
}
