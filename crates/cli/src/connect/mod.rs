//! `hublet connect`: a client at the terminal or in a pipe.

mod command;
mod input;
mod requests;
mod screen;
mod session;
mod show;
mod simple;
mod words;

use std::io::IsTerminal;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use hublet_client::ws::Connection;
use hublet_client::{ClientAccess, ConnectOptions, Error, WebPubSubClient, pubsub, send_to_group_url};

use crate::duration;
use crate::failure::Failure;
use crate::output;
use crate::service::{self, ServiceArgs};
use crate::token::{ROLES, warn_of_unknown_roles};
use input::Input;
use session::{End, Options, Session};
use simple::Simple;

const HELP: &str = "\
At the prompt of a PubSub client:
  join GROUP | leave GROUP | send GROUP TEXT | send-json GROUP JSON | event NAME TEXT
  invoke NAME TEXT | stream GROUP | part TEXT | end
  set-state GROUP NAME=VALUE | clear-state GROUP | watch-state GROUP | unwatch-state GROUP
  ping | cut | raw TEXT | help | quit
Names with spaces in them are quoted. A raw client sends what is typed; /quit ends it.

In a pipe each line is a command; when the input ends, the answers are awaited and the connection is closed:
  printf 'join room\\nsend room hello\\n' | hublet connect --hub chat";

/// How long a raw client waits for more by default: longer than an app server nearby needs for an answer.
const WAIT: Duration = Duration::from_secs(1);

/// Arguments of `hublet connect`.
#[derive(Debug, ClapArgs)]
#[command(after_help = HELP)]
pub(crate) struct Args {
    /// Client access URL to connect with, instead of a hub and a connection string
    #[arg(value_name = "URL")]
    url: Option<String>,

    /// Hub to use
    #[arg(
        long,
        value_name = "HUB",
        env = "HUBLET_HUB",
        hide_env_values = true,
        value_parser = service::hub,
        required_unless_present = "url",
        help_heading = "Service"
    )]
    hub: Option<String>,

    /// User id; without it the client is anonymous
    #[arg(long, value_name = "USER", conflicts_with = "url")]
    user: Option<String>,

    /// Role; repeat it for several. Without any the client may join, leave and send to all groups
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "url")]
    roles: Vec<String>,

    /// Group that the client is in from the start; repeat it for several
    #[arg(long = "group", value_name = "GROUP", conflicts_with = "url")]
    groups: Vec<String>,

    /// What the client speaks
    #[arg(long, value_enum, value_name = "PROTOCOL")]
    protocol: Option<Protocol>,

    /// Be a raw client whose messages are published to this group
    #[arg(long, value_name = "GROUP")]
    send_to_group: Option<String>,

    /// Stay connected when the input ends
    #[arg(long)]
    stay: bool,

    /// How long nothing may come after the end of the input until a raw client closes, such as 10s; default: 1s
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "stay")]
    wait: Option<Duration>,

    #[command(flatten)]
    service: ServiceArgs,
}

/// Subprotocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// json.webpubsub.azure.v1, the default
    Json,
    /// json.reliable.webpubsub.azure.v1: a lost socket is recovered
    JsonReliable,
    /// protobuf.webpubsub.azure.v1
    Protobuf,
    /// protobuf.reliable.webpubsub.azure.v1: a lost socket is recovered
    ProtobufReliable,
    /// No subprotocol: a simple client
    Raw,
}

impl Protocol {
    /// The subprotocol; `None`: a simple client.
    fn subprotocol(self) -> Option<pubsub::Protocol> {
        match self {
            Self::Json => Some(pubsub::Protocol::Json),
            Self::JsonReliable => Some(pubsub::Protocol::JsonReliable),
            Self::Protobuf => Some(pubsub::Protocol::Protobuf),
            Self::ProtobufReliable => Some(pubsub::Protocol::ProtobufReliable),
            Self::Raw => None,
        }
    }
}

/// Connects, and stays until the input ends or the service closes.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let protocol = match (args.protocol, &args.send_to_group) {
        (None | Some(Protocol::Raw), Some(_)) => Protocol::Raw,
        (Some(_), Some(_)) => {
            let what = "--send-to-group is for raw clients.";
            return Err(Failure::usage(what, "Leave out --protocol, or type send GROUP TEXT.").into());
        }
        (protocol, _) => protocol.unwrap_or(Protocol::Json),
    };
    if args.wait.is_some() && protocol != Protocol::Raw {
        let what = "--wait is for raw clients: others know when all answers have come.";
        return Err(Failure::usage(what, "Leave out --wait, or add --protocol raw.").into());
    }
    let mut url = url(args)?;
    if let Some(group) = &args.send_to_group {
        url = send_to_group_url(&url, group);
    }
    let scripted = !std::io::stdin().is_terminal();
    let options = Options { json: args.service.json, stay: args.stay, scripted };
    let end = service::block_on(async {
        match protocol.subprotocol() {
            Some(protocol) => pubsub_client(args, url, protocol, options).await,
            None => simple_client(args, &url, options).await,
        }
    });
    if end? == End::Service {
        output::note("The service closed the connection with code 1000.");
    }
    Ok(())
}

fn url(args: &Args) -> anyhow::Result<String> {
    let (Some(hub), None) = (&args.hub, &args.url) else {
        return Ok(args.url.clone().unwrap_or_default());
    };
    let roles = match args.roles.as_slice() {
        [] => ROLES.map(str::to_owned).to_vec(),
        roles => roles.to_vec(),
    };
    warn_of_unknown_roles(&roles);
    let access = ClientAccess {
        user: args.user.as_deref(),
        roles: &roles,
        groups: &args.groups,
        ..ClientAccess::new(hub)
    };
    Ok(args.service.connection_string()?.client_access(&access)?.url())
}

async fn pubsub_client(
    args: &Args,
    url: String,
    protocol: pubsub::Protocol,
    options: Options,
) -> anyhow::Result<End> {
    // A person sees the end of a connection better than a client that has quietly become another one.
    let builder = WebPubSubClient::builder(url).protocol(protocol).reconnect(false).raw_messages(true);
    let connected = match builder.tls(args.service.tls()).connect().await {
        Err(Error::Handshake(_)) => {
            let what = format!("The service does not speak {}.", protocol.name());
            return Err(Failure::new(what, "Connect with --protocol raw.").into());
        }
        connected => connected.map_err(|error| refused(error, args))?,
    };
    let (mut input, mut screen) = Input::open()?;
    if screen.has_editor() {
        screen.note("Type help for the commands; Ctrl+D closes the connection.");
    }
    let mut session = Session::new(connected, protocol, screen, options);
    let end = session.run(&mut input).await;
    input.finish().await;
    end
}

async fn simple_client(args: &Args, url: &str, options: Options) -> anyhow::Result<End> {
    let how = ConnectOptions { tls: args.service.tls(), ..ConnectOptions::default() };
    let connection = Connection::connect(url, &how).await.map_err(|error| refused(error, args))?;
    let (mut input, mut screen) = Input::open()?;
    if screen.has_editor() {
        screen.note("Each line is sent as it is; /quit or Ctrl+D closes the connection.");
    }
    let mut session = Simple::new(connection, screen, options, args.wait.unwrap_or(WAIT));
    let end = session.run(&mut input).await;
    input.finish().await;
    end
}

/// With a URL it is not the key that a refusal is about.
fn refused(error: Error, args: &Args) -> anyhow::Error {
    match &error {
        Error::Refused { status, .. } if status.as_u16() == 401 && args.url.is_some() => {
            let hint = "The token in the URL may have expired, or is for another service or hub: make a new one with \
                        `hublet token`.";
            Failure::new(error.to_string(), hint).into()
        }
        _ => error.into(),
    }
}
