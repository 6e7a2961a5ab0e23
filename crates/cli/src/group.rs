//! `hublet group`: members of groups, by REST.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Subcommand, value_parser};
use hublet_client::rest::{GroupConnection, Member, Target};
use serde_json::json;

use crate::choice::ExceptArgs;
use crate::close::{ReasonArgs, close};
use crate::exists::exists;
use crate::inventory::{self, ListArgs};
use crate::output::{self, printable};
use crate::send;
use crate::service::HubServiceArgs;

/// Arguments of `hublet group`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: HubServiceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Send to the connections in a group; the same as `hublet send group`
    Send(send::GroupArgs),
    /// Put a connection into a group
    AddConnection {
        #[command(flatten)]
        group: GroupArgs,
        /// Connection id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        connection: String,
    },
    /// Put the connections that a user has now into a group
    AddUser {
        #[command(flatten)]
        group: GroupArgs,
        /// User id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        user: String,
    },
    /// Take a connection out of a group
    RemoveConnection {
        #[command(flatten)]
        group: GroupArgs,
        /// Connection id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        connection: String,
    },
    /// Take the connections of a user out of a group
    RemoveUser {
        #[command(flatten)]
        group: GroupArgs,
        /// User id
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        user: String,
    },
    /// List the groups of the hub that have members, or the connections in one
    List {
        /// List the connections in this group, as `connections` does
        #[arg(value_name = "GROUP", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "search")]
        name: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Say whether anyone is in a group: exit code 0, or 1 if not
    #[command(visible_alias = "exist")]
    Exists {
        #[command(flatten)]
        group: GroupArgs,
    },
    /// Close the connections in a group
    Close {
        #[command(flatten)]
        group: GroupArgs,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        except: ExceptArgs,
    },
    /// List the connections in a group
    #[command(visible_alias = "list-connections")]
    Connections {
        #[command(flatten)]
        group: GroupArgs,
        /// List so many at most
        #[arg(long, value_name = "NUMBER", value_parser = value_parser!(u32).range(1..=2_147_483_647))]
        top: Option<u32>,
    },
    /// Put all connections that satisfy a filter into one or several groups
    Add(ManyArgs),
    /// Take all connections that satisfy a filter out of one or several groups
    Remove(ManyArgs),
}

#[derive(Debug, ClapArgs)]
struct GroupArgs {
    /// Group
    #[arg(value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    name: String,
}

/// Several groups, and connections of the hub.
#[derive(Debug, ClapArgs)]
struct ManyArgs {
    /// Groups
    #[arg(required = true, value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    groups: Vec<String>,

    #[command(flatten)]
    who: WhoArgs,
}

/// Which connections; a forgotten filter would move everybody, so one of the two must be said.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
struct WhoArgs {
    /// The connections that satisfy this OData expression, such as "userId ne 'alice'" or "'room' in groups"
    #[arg(long, value_name = "FILTER", value_parser = NonEmptyStringValueParser::new())]
    filter: Option<String>,

    /// All connections of the hub
    #[arg(long)]
    all: bool,
}

impl WhoArgs {
    fn in_words(&self) -> &'static str {
        if self.filter.is_some() { "the connections that satisfy the filter" } else { "all connections" }
    }
}

/// Carries out a verb.
pub(crate) fn run(Args { at, verb }: &Args) -> anyhow::Result<()> {
    match verb {
        Verb::Send(to) => send::to_group(at, to),
        Verb::AddConnection { group, connection } => add(at, &group.name, Member::Connection(connection)),
        Verb::AddUser { group, user } => add(at, &group.name, Member::User(user)),
        Verb::RemoveConnection { group, connection } => {
            remove(at, &group.name, Member::Connection(connection))
        }
        Verb::RemoveUser { group, user } => remove(at, &group.name, Member::User(user)),
        Verb::List { name: None, list } => inventory::groups(at, list),
        Verb::List { name: Some(name), list } => connections(at, name, list.top),
        Verb::Exists { group } => exists(at, Target::Group(&group.name)),
        Verb::Close { group, reason, except } => {
            close(at, Target::Group(&group.name), reason, &except.excluded)
        }
        Verb::Connections { group, top } => connections(at, &group.name, *top),
        Verb::Add(ManyArgs { groups, who }) => {
            at.call(async |client| client.add_to_groups(groups, who.filter.as_deref()).await)?;
            let shown = json!({ "added": true, "groups": groups, "filter": who.filter });
            at.tell(&format!("added {} to {}", who.in_words(), names(groups)), shown)
        }
        Verb::Remove(ManyArgs { groups, who }) => {
            at.call(async |client| client.remove_from_groups(groups, who.filter.as_deref()).await)?;
            let shown = json!({ "removed": true, "groups": groups, "filter": who.filter });
            at.tell(&format!("removed {} from {}", who.in_words(), names(groups)), shown)
        }
    }
}

fn add(at: &HubServiceArgs, group: &str, member: Member<'_>) -> anyhow::Result<()> {
    at.call(async |client| client.add_to_group(group, member).await)?;
    let (kind, id) = parts(member);
    let sentence = format!("added {kind} {} to group {}", printable(id), printable(group));
    at.tell(&sentence, json!({ "added": true, "group": group, kind: id }))
}

fn remove(at: &HubServiceArgs, group: &str, member: Member<'_>) -> anyhow::Result<()> {
    at.call(async |client| client.remove_from_group(group, member).await)?;
    let (kind, id) = parts(member);
    let sentence = format!("removed {kind} {} from group {}", printable(id), printable(group));
    at.tell(&sentence, json!({ "removed": true, "group": group, kind: id }))
}

fn parts(member: Member<'_>) -> (&'static str, &str) {
    match member {
        Member::Connection(id) => ("connection", id),
        Member::User(id) => ("user", id),
    }
}

fn names(groups: &[String]) -> String {
    let names: Vec<String> = groups.iter().map(|group| printable(group)).collect();
    format!("group{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
}

fn connections(at: &HubServiceArgs, group: &str, top: Option<u32>) -> anyhow::Result<()> {
    let connections = at.call(async |client| {
        let mut all = Vec::new();
        let mut pages = client.group_connections(group, top, None);
        while let Some(page) = pages.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    })?;
    if at.json() || connections.is_empty() {
        let sentence = format!("group {} has no connections", printable(group));
        return at.tell(&sentence, json!({ "group": group, "connections": connections }));
    }
    output::bytes(table(&connections).as_bytes())
}

/// One line for each connection under a line of titles. The id comes first: it never contains blanks.
fn table(connections: &[GroupConnection]) -> String {
    let ids = connections.iter().map(|connection| printable(&connection.connection_id));
    let users = connections.iter().map(|connection| {
        // Not a name that a user could have.
        connection.user_id.as_deref().map_or_else(String::new, printable)
    });
    let rows: Vec<(String, String)> =
        std::iter::once(("connection".to_owned(), "user".to_owned())).chain(ids.zip(users)).collect();
    let width = rows.iter().map(|(id, _)| id.chars().count()).max().unwrap_or(0);
    rows.iter().map(|(id, user)| format!("{}\n", format!("{id:width$}  {user}").trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stand_in_columns() {
        let connection = |id: &str, user: Option<&str>| GroupConnection {
            connection_id: id.to_owned(),
            user_id: user.map(str::to_owned),
        };
        let connections = [connection("a-long-connection", Some("ü \u{1b}[m")), connection("b", None)];
        assert_eq!(table(&connections), "connection         user\na-long-connection  ü \\u{1b}[m\nb\n");
    }

    #[test]
    fn groups_in_words() {
        assert_eq!(names(&["a".to_owned()]), "group a");
        assert_eq!(names(&["a".to_owned(), "b\n".to_owned()]), "groups a, b\\n");
    }
}
