//! Closing connections by REST: what `group close`, `user close` and `connection close` share.

use clap::Args;
use hublet_client::rest::Target;
use serde_json::json;

use crate::output::printable;
use crate::service::HubServiceArgs;

/// What the clients are told.
#[derive(Debug, Args)]
pub(crate) struct ReasonArgs {
    /// Tell PubSub clients why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Closes the connections of a target, all but the excluded ones.
pub(crate) fn close(
    at: &HubServiceArgs,
    target: Target<'_>,
    reason: &ReasonArgs,
    excluded: &[String],
) -> anyhow::Result<()> {
    at.call(async |client| client.close(target, reason.reason.as_deref(), excluded).await)?;
    // The service does not say how many there were; closing none succeeds too.
    let (sentence, shown) = match target {
        Target::All => ("closed all connections".to_owned(), json!({ "closed": true })),
        Target::Group(group) => {
            let sentence = format!("closed the connections in group {}", printable(group));
            (sentence, json!({ "closed": true, "group": group }))
        }
        Target::User(user) => {
            let sentence = format!("closed the connections of user {}", printable(user));
            (sentence, json!({ "closed": true, "user": user }))
        }
        Target::Connection(id) => {
            let sentence = format!("closed connection {}", printable(id));
            (sentence, json!({ "closed": true, "connection": id }))
        }
    };
    let but = match excluded.len() {
        0 => "",
        1 => " but the excluded one",
        _ => " but the excluded ones",
    };
    at.tell(&format!("{sentence}{but}"), shown)
}
