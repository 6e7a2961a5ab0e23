//! `hublet keys`: the access keys of a running service.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use hublet_client::Error;
use hublet_client::rest::{KeyType, Keys};
use serde_json::json;

use crate::failure::Failure;
use crate::output;
use crate::service::ServiceArgs;

/// Arguments of `hublet keys`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: ServiceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the access keys and the connection strings with them
    Show,
    /// Replace one access key by a new one, and print both; the other key stays good
    ///
    /// From then on the old key is good for nothing: tokens that it signed, portal sessions, and the way back of reliable
    /// clients that lose their socket. Clients that are connected stay. So: let app servers use the other key, regenerate
    /// this one, and go on with either.
    Regenerate {
        /// Which key
        #[arg(long, value_name = "primary|secondary", value_enum, ignore_case = true)]
        key_type: Which,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    Primary,
    Secondary,
}

/// Carries out a verb.
pub(crate) fn run(Args { at, verb }: &Args) -> anyhow::Result<()> {
    // No hub is part of the path.
    let keys = match verb {
        Verb::Show => at.call("", async |client| client.keys().await),
        Verb::Regenerate { key_type } => {
            let which = match key_type {
                Which::Primary => KeyType::Primary,
                Which::Secondary => KeyType::Secondary,
            };
            at.call("", async |client| client.regenerate_key(which).await)
        }
    };
    show(at, &keys.map_err(explained)?)
}

fn show(at: &ServiceArgs, keys: &Keys) -> anyhow::Result<()> {
    if at.json {
        // As the vendor's command line prints them.
        let shown = json!({
            "primaryConnectionString": keys.primary_connection_string,
            "primaryKey": keys.primary_key,
            "secondaryConnectionString": keys.secondary_connection_string,
            "secondaryKey": keys.secondary_key,
        });
        return output::line(&shown.to_string());
    }
    let none = "none";
    let lines = [
        ("source", keys.source.as_str()),
        ("primary key", &keys.primary_key),
        ("primary connection string", &keys.primary_connection_string),
        ("secondary key", keys.secondary_key.as_deref().unwrap_or(none)),
        ("secondary connection string", keys.secondary_connection_string.as_deref().unwrap_or(none)),
    ];
    let text: String =
        lines.iter().map(|(name, value)| format!("{name:<28}{}\n", output::printable(value))).collect();
    output::bytes(text.as_bytes())
}

/// The service says itself what to do where its keys are not its own.
fn explained(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Error>() {
        Ok(error @ Error::Rest { status, .. }) if status.as_u16() == 409 => {
            Failure::new(error.to_string(), "").into()
        }
        Ok(error) => error.into(),
        Err(error) => error,
    }
}
