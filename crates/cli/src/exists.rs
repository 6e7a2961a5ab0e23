//! Existence by REST: what `group exists`, `user exists` and `connection exists` share.

use hublet_client::rest::Target;
use serde_json::json;

use crate::failure::No;
use crate::output::printable;
use crate::service::HubServiceArgs;

/// Tells whether a target exists; no is exit code 1.
pub(crate) fn exists(at: &HubServiceArgs, target: Target<'_>) -> anyhow::Result<()> {
    let exists = at.call(async |client| client.exists(target).await)?;
    let is = if exists { "exists" } else { "does not exist" };
    let has = if exists { "has" } else { "has no" };
    let (sentence, shown) = match target {
        // A hub always exists, so no verb asks for it.
        Target::All => (format!("it {is}"), json!({ "exists": exists })),
        // A group is there as long as someone is in it, a user as long as one is connected.
        Target::Group(group) => {
            let sentence = format!("group {} {has} connections", printable(group));
            (sentence, json!({ "exists": exists, "group": group }))
        }
        Target::User(user) => {
            let sentence = format!("user {} {has} connections", printable(user));
            (sentence, json!({ "exists": exists, "user": user }))
        }
        Target::Connection(id) => {
            let sentence = format!("connection {} {is}", printable(id));
            (sentence, json!({ "exists": exists, "connection": id }))
        }
    };
    at.tell(&sentence, shown)?;
    if exists { Ok(()) } else { Err(No.into()) }
}
