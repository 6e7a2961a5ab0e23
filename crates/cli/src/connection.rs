//! `hublet connection`: single connections, by REST.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Subcommand};
use hublet_client::rest::{Member, Target};
use serde_json::json;

use crate::close::{ReasonArgs, close};
use crate::exists::exists;
use crate::inventory::{self, ConnectionsArgs};
use crate::output::printable;
use crate::send;
use crate::service::HubServiceArgs;

/// Arguments of `hublet connection`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: HubServiceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List connections of the hub
    List(ConnectionsArgs),
    /// Show one connection: its user, groups, roles and what waits for it
    Show {
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// Say whether a connection exists: exit code 0, or 1 if not
    #[command(visible_alias = "exist")]
    Exists {
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// Send to one connection; the same as `hublet send connection`
    Send(send::ConnectionArgs),
    /// Close a connection, or all connections of the hub
    Close {
        /// Connection id
        #[arg(required_unless_present = "all", value_parser = NonEmptyStringValueParser::new())]
        id: Option<String>,
        /// Close all connections of the hub
        #[arg(long, conflicts_with = "id")]
        all: bool,
        #[command(flatten)]
        reason: ReasonArgs,
        /// With --all: id of a connection that is left out; repeat it for several
        #[arg(long = "exclude", value_name = "ID", conflicts_with = "id")]
        excluded: Vec<String>,
    },
    /// Take a connection out of all groups
    #[command(visible_alias = "remove-from-all-groups")]
    LeaveAllGroups {
        #[command(flatten)]
        connection: ConnectionArgs,
    },
}

#[derive(Debug, ClapArgs)]
struct ConnectionArgs {
    /// Connection id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// Carries out a verb.
pub(crate) fn run(Args { at, verb }: &Args) -> anyhow::Result<()> {
    match verb {
        Verb::List(args) => inventory::connections(at, args),
        Verb::Show { connection } => inventory::connection(at, &connection.id),
        Verb::Exists { connection } => exists(at, Target::Connection(&connection.id)),
        Verb::Send(to) => send::to_connection(at, to),
        Verb::Close { id, all: _, reason, excluded } => {
            close(at, id.as_deref().map_or(Target::All, Target::Connection), reason, excluded)
        }
        Verb::LeaveAllGroups { connection: ConnectionArgs { id } } => {
            at.call(async |client| client.remove_from_all_groups(Member::Connection(id)).await)?;
            let sentence = format!("removed connection {} from all groups", printable(id));
            at.tell(&sentence, json!({ "removed": true, "connection": id }))
        }
    }
}
