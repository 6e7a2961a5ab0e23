//! `hublet send`: publishes by REST, as an app server does.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as ClapArgs, Subcommand, ValueEnum, value_parser};
use hublet_client::pubsub::Data;
use hublet_client::rest::{SendOptions, Target};
use serde_json::json;

use crate::choice::{ExceptArgs, FilterArgs};
use crate::failure::Failure;
use crate::output;
use crate::service::HubServiceArgs;

/// Arguments of `hublet send`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: HubServiceArgs,
    #[command(subcommand)]
    to: To,
}

/// Who gets the message.
#[derive(Debug, Subcommand)]
enum To {
    /// Send to all connections of the hub
    #[command(visible_alias = "broadcast")]
    All(AllArgs),
    /// Send to the connections in a group
    Group(GroupArgs),
    /// Send to the connections of a user
    User(UserArgs),
    /// Send to one connection
    Connection(ConnectionArgs),
}

/// A message to all.
#[derive(Debug, ClapArgs)]
struct AllArgs {
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    except: ExceptArgs,
}

/// A message to a group.
#[derive(Debug, ClapArgs)]
pub(crate) struct GroupArgs {
    /// Group
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    group: String,
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    except: ExceptArgs,
}

/// A message to a user.
#[derive(Debug, ClapArgs)]
pub(crate) struct UserArgs {
    /// User id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    user: String,
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

/// A message to a connection.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConnectionArgs {
    /// Connection id
    #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    connection: String,
    #[command(flatten)]
    message: MessageArgs,
}

#[derive(Debug, ClapArgs)]
struct MessageArgs {
    /// The message; `-` reads it from standard input and leaves out the last line end
    #[arg(required_unless_present = "file")]
    text: Option<String>,

    /// Send the content of a file, byte for byte
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,

    /// What the message is
    #[arg(long = "type", value_enum, value_name = "TYPE", default_value = "text")]
    data_type: DataType,

    /// How long it may wait for a slow client, 0 to 300; 0 is as long as needed
    #[arg(long = "ttl", value_name = "SECONDS", value_parser = value_parser!(u32).range(0..=300))]
    ttl_seconds: Option<u32>,

    /// Metadata that goes with the message; repeat it for several
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DataType {
    /// Text in UTF-8
    Text,
    /// A JSON value
    Json,
    /// Bytes
    Binary,
}

/// A message and everything said about it.
struct Sending<'a> {
    target: Target<'a>,
    message: &'a MessageArgs,
    filter: Option<&'a str>,
    excluded: &'a [String],
}

/// Sends the message.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.to {
        To::All(AllArgs { message, filter, except }) => send(
            &args.at,
            &Sending { target: Target::All, message, filter: filter.get(), excluded: &except.excluded },
        ),
        To::Group(to) => to_group(&args.at, to),
        To::User(to) => to_user(&args.at, to),
        To::Connection(to) => to_connection(&args.at, to),
    }
}

/// Sends to a group.
pub(crate) fn to_group(at: &HubServiceArgs, args: &GroupArgs) -> anyhow::Result<()> {
    let GroupArgs { group, message, filter, except } = args;
    let target = Target::Group(group);
    send(at, &Sending { target, message, filter: filter.get(), excluded: &except.excluded })
}

/// Sends to a user.
pub(crate) fn to_user(at: &HubServiceArgs, args: &UserArgs) -> anyhow::Result<()> {
    let UserArgs { user, message, filter } = args;
    send(at, &Sending { target: Target::User(user), message, filter: filter.get(), excluded: &[] })
}

/// Sends to a connection.
pub(crate) fn to_connection(at: &HubServiceArgs, args: &ConnectionArgs) -> anyhow::Result<()> {
    let ConnectionArgs { connection, message } = args;
    send(at, &Sending { target: Target::Connection(connection), message, filter: None, excluded: &[] })
}

fn send(at: &HubServiceArgs, sending: &Sending<'_>) -> anyhow::Result<()> {
    let Sending { target, message, filter, excluded } = *sending;
    // Before the input is waited for.
    at.hub()?;
    let bytes = match (&message.file, message.text.as_deref()) {
        (Some(file), _) => from_file(file)?,
        (None, Some("-")) => from_input()?,
        (None, text) => text.unwrap_or_default().as_bytes().to_vec(),
    };
    let length = bytes.len();
    let data = data(bytes, message.data_type)?;
    let data_type = data.type_name();
    let options =
        SendOptions { excluded, filter, ttl_seconds: message.ttl_seconds, metadata: &message.metadata };
    at.call(async |client| client.send_with(target, data, &options).await)?;

    let (kind, name) = match target {
        Target::All => ("all", None),
        Target::Group(name) => ("group", Some(name)),
        Target::User(id) => ("user", Some(id)),
        Target::Connection(id) => ("connection", Some(id)),
    };
    let shown = json!({ "sent": true, "to": kind, "name": name, "type": data_type, "bytes": length });
    let name = name.map(|name| format!(" {}", output::printable(name))).unwrap_or_default();
    at.tell(&format!("sent to {kind}{name}"), shown)
}

/// Reads `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write a name, `=` and a value")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn from_file(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| {
        Failure::new(
            format!("{} cannot be read: {error}.", file.display()),
            "Check the path that --file names.",
        )
    })
}

fn from_input() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(|error| {
        Failure::new(format!("Standard input cannot be read: {error}."), "Name the message instead of `-`.")
    })?;
    // `echo` and the Enter key add it, and nobody means it.
    if bytes.pop_if(|last| *last == b'\n').is_some() {
        bytes.pop_if(|last| *last == b'\r');
    }
    Ok(bytes)
}

fn data(bytes: Vec<u8>, data_type: DataType) -> Result<Data, Failure> {
    if data_type == DataType::Binary {
        return Ok(Data::Binary(bytes));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage("The message is not text in UTF-8.", "Send it with --type binary."))?;
    match data_type {
        DataType::Json => Data::json(&text).map_err(|error| {
            let hint = "Write a JSON value, for example '{\"a\":1}' or '\"text\"', or leave out --type json.";
            Failure::usage(format!("The message is not JSON: {error}."), hint)
        }),
        DataType::Text | DataType::Binary => Ok(Data::Text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_each_type() {
        let bytes = || b"[1, 2]\n".to_vec();
        assert_eq!(data(bytes(), DataType::Text).unwrap(), Data::Text("[1, 2]\n".to_owned()));
        assert_eq!(data(bytes(), DataType::Json).unwrap(), Data::Json("[1, 2]".to_owned()));
        assert_eq!(data(vec![0xff], DataType::Binary).unwrap(), Data::Binary(vec![0xff]));
        assert!(data(vec![0xff], DataType::Text).unwrap_err().to_string().contains("UTF-8"));
        assert!(data(b"{".to_vec(), DataType::Json).unwrap_err().to_string().contains("not JSON"));
    }
}
