//! `hublet permission`: what connections may do with groups, by REST.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use hublet_client::rest::{self, Target};
use serde_json::json;

use crate::failure::No;
use crate::output::printable;
use crate::service::HubServiceArgs;

/// Arguments of `hublet permission`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: HubServiceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Let a connection do something with a group
    Grant(PermissionArgs),
    /// Forbid a connection to do something with a group, whatever its roles say
    Revoke(PermissionArgs),
    /// Say whether a connection may do something with a group, by a role or a grant: exit code 0, or 1 if not
    Check(PermissionArgs),
}

#[derive(Debug, ClapArgs)]
struct PermissionArgs {
    /// What it may do
    #[arg(value_enum, ignore_case = true)]
    permission: Permission,
    /// Connection id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    connection: String,
    /// Group, taken literally: there are no wildcards
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    group: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Permission {
    /// Send to the group
    #[value(name = "sendToGroup", alias = "send-to-group")]
    SendToGroup,
    /// Join and leave the group
    #[value(name = "joinLeaveGroup", alias = "join-leave-group")]
    JoinLeaveGroup,
}

impl Permission {
    fn in_words(self) -> &'static str {
        match self {
            Self::SendToGroup => "send to",
            Self::JoinLeaveGroup => "join and leave",
        }
    }
}

impl From<Permission> for rest::Permission {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::SendToGroup => Self::SendToGroup,
            Permission::JoinLeaveGroup => Self::JoinLeaveGroup,
        }
    }
}

/// Carries out a verb.
pub(crate) fn run(Args { at, verb }: &Args) -> anyhow::Result<()> {
    let (Verb::Grant(args) | Verb::Revoke(args) | Verb::Check(args)) = verb;
    let PermissionArgs { permission, connection, group } = args;
    let name = rest::Permission::from(*permission);
    let shown = |done: &str, is: bool| json!({ done: is, "permission": name.name(), "connection": connection, "group": group });
    let who = format!("connection {}", printable(connection));
    let what = format!("{} group {}", permission.in_words(), printable(group));
    match verb {
        Verb::Grant(_) => {
            at.call(async |client| client.grant(name, connection, group).await)?;
            at.tell(&format!("{who} may now {what}"), shown("granted", true))
        }
        Verb::Revoke(_) => {
            at.call(async |client| client.revoke(name, connection, group).await)?;
            at.tell(&format!("{who} may no longer {what}"), shown("revoked", true))
        }
        Verb::Check(_) => {
            let (is_allowed, is_there) = at.call(async |client| {
                let is_allowed = client.is_permitted(name, connection, group).await?;
                // The service answers the same for a connection that is not there, which people want to know.
                let is_there = is_allowed || client.exists(Target::Connection(connection)).await?;
                Ok((is_allowed, is_there))
            })?;
            let sentence = match (is_allowed, is_there) {
                (true, _) => format!("{who} may {what}"),
                (false, true) => format!("{who} may not {what}"),
                (false, false) => format!("{who} may not {what}: there is no such connection"),
            };
            at.tell(&sentence, shown("allowed", is_allowed))?;
            if is_allowed { Ok(()) } else { Err(No.into()) }
        }
    }
}
