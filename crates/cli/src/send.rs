//! `hublet send`: publishes by REST, as an app server does.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use hublet_client::pubsub::Data;
use hublet_client::rest::{self, SendOptions, Target};
use serde_json::json;

use crate::failure::Failure;
use crate::output;
use crate::service::{self, HubArgs, ServiceArgs};

/// Arguments of `hublet send`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    to: To,
}

/// Who gets the message.
#[derive(Debug, Subcommand)]
enum To {
    /// Send to all connections of the hub
    All {
        #[command(flatten)]
        message: MessageArgs,
        #[command(flatten)]
        except: ExceptArgs,
    },
    /// Send to the connections in a group
    Group {
        /// Group
        group: String,
        #[command(flatten)]
        message: MessageArgs,
        #[command(flatten)]
        except: ExceptArgs,
    },
    /// Send to the connections of a user
    User {
        /// User id
        user: String,
        #[command(flatten)]
        message: MessageArgs,
    },
    /// Send to one connection
    Connection {
        /// Connection id
        id: String,
        #[command(flatten)]
        message: MessageArgs,
    },
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

    #[command(flatten)]
    hub: HubArgs,

    #[command(flatten)]
    service: ServiceArgs,
}

#[derive(Debug, ClapArgs)]
struct ExceptArgs {
    /// Id of a connection that does not get the message; repeat it for several
    #[arg(long = "exclude", value_name = "ID")]
    excluded: Vec<String>,
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

/// Sends the message.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (target, message, excluded): (_, _, &[String]) = match &args.to {
        To::All { message, except } => (Target::All, message, &except.excluded),
        To::Group { group, message, except } => (Target::Group(group), message, &except.excluded),
        To::User { user, message } => (Target::User(user), message, &[]),
        To::Connection { id, message } => (Target::Connection(id), message, &[]),
    };
    let service = message.service.connection_string()?;
    let bytes = match (&message.file, message.text.as_deref()) {
        (Some(file), _) => from_file(file)?,
        (None, Some("-")) => from_input()?,
        (None, text) => text.unwrap_or_default().as_bytes().to_vec(),
    };
    let length = bytes.len();
    let data = data(bytes, message.data_type)?;
    let data_type = data.type_name();
    let mut client = rest::Client::new(service, &message.hub.hub, message.service.tls());
    service::block_on(async {
        Ok(client.send_with(target, data, &SendOptions { excluded, ..SendOptions::default() }).await?)
    })?;

    let (kind, name) = match target {
        Target::All => ("all", None),
        Target::Group(name) => ("group", Some(name)),
        Target::User(id) => ("user", Some(id)),
        Target::Connection(id) => ("connection", Some(id)),
    };
    if message.service.json {
        let hub = &message.hub.hub;
        let shown =
            json!({ "sent": true, "hub": hub, "to": kind, "name": name, "type": data_type, "bytes": length });
        return output::line(&shown.to_string());
    }
    let name = name.map(|name| format!(" {}", output::printable(name))).unwrap_or_default();
    output::line(&format!("sent to {kind}{name} in hub {}", message.hub.hub))
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
