//! `hublet user`: the connections of a user, by REST.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Subcommand};
use hublet_client::rest::{Member, Target};
use serde_json::json;

use crate::choice::ExceptArgs;
use crate::close::{ReasonArgs, close};
use crate::exists::exists;
use crate::inventory::{self, UsersArgs};
use crate::output::printable;
use crate::send;
use crate::service::HubServiceArgs;

/// Arguments of `hublet user`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: HubServiceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the users that have connections to the hub
    List(UsersArgs),
    /// Say whether a user has a connection: exit code 0, or 1 if not
    #[command(visible_alias = "exist")]
    Exists {
        #[command(flatten)]
        user: UserArgs,
    },
    /// Send to the connections of a user; the same as `hublet send user`
    Send(send::UserArgs),
    /// Close the connections of a user
    Close {
        #[command(flatten)]
        user: UserArgs,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        except: ExceptArgs,
    },
    /// Take the connections of a user out of all groups
    #[command(visible_alias = "remove-from-all-groups")]
    LeaveAllGroups {
        #[command(flatten)]
        user: UserArgs,
    },
}

#[derive(Debug, ClapArgs)]
struct UserArgs {
    /// User id
    #[arg(value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    id: String,
}

/// Carries out a verb.
pub(crate) fn run(Args { at, verb }: &Args) -> anyhow::Result<()> {
    match verb {
        Verb::List(args) => inventory::users(at, args),
        Verb::Exists { user } => exists(at, Target::User(&user.id)),
        Verb::Send(to) => send::to_user(at, to),
        Verb::Close { user, reason, except } => close(at, Target::User(&user.id), reason, &except.excluded),
        Verb::LeaveAllGroups { user: UserArgs { id } } => {
            at.call(async |client| client.remove_from_all_groups(Member::User(id)).await)?;
            let sentence = format!("removed user {} from all groups", printable(id));
            at.tell(&sentence, json!({ "removed": true, "user": id }))
        }
    }
}
