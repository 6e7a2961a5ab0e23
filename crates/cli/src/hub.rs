//! `hublet hub`: settings of hubs in a running service, and what its event handlers do.

mod options;
mod show;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args as ClapArgs, Subcommand, value_parser};
use hublet_client::{Error, rest};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, No};
use crate::output;
use crate::service::{self, ServiceArgs};
use options::{EventHandlers, EventListeners};

const SET_HELP: &str = "\
Options change the settings that the hub has, and leave the others as they are; all event handlers together are one \
setting, and so are all event listeners. With --replace nothing is left of the former settings. --file always replaces.

An event handler is written as in the vendor's command line, one option for each:
  --event-handler url-template=URL user-event-pattern=* system-event=connect system-event=connected
and may also have auth-type=None|ManagedIdentity, auth-resource=AUDIENCE, group-event=joined|left, group-filter=PATTERN, \
durable=true|false, timeout=SECONDS, max-concurrency=NUMBER. system-event, group-event and group-filter may stand \
several times. A fixed header has a secret in it and cannot be given here: use --file.

An event listener has system-event and user-event-pattern, and one of:
  event-hub-namespace=HOST event-hub-name=NAME
  nats-url=URL [nats-subject=SUBJECT]
  file=PATH

Examples:
  hublet hub set chat --event-handler url-template=http://localhost:3000/eventhandler user-event-pattern=*
  hublet hub set chat --allow-anonymous true
  hublet hub show chat > chat.json; hublet hub set chat --file chat.json";

/// Arguments of `hublet hub`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    at: ServiceArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the hubs that have settings, and say where these come from
    List {
        /// All hubs that have settings or connections, and how many connections, users and groups each has
        #[arg(long)]
        all: bool,
    },
    /// Print the settings of a hub as JSON
    Show(HubArg),
    /// Set what a hub does with its clients' events
    #[command(visible_alias = "update", after_help = SET_HELP)]
    Set(SetArgs),
    /// Take away the settings of a hub; the hub stays usable
    Delete(HubArg),
    /// Call the event handlers of a hub as for a client, and say what is wrong: exit code 0, or 1 if something is
    Test(HubArg),
    /// List the last calls of a hub's event handlers
    Exchanges(HubArg),
    /// Send the event of a former call to its handler again
    Replay {
        #[command(flatten)]
        hub: HubArg,
        /// Id of the call, as `hublet hub exchanges` lists it
        #[arg(value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
        exchange: String,
    },
}

#[derive(Debug, ClapArgs)]
struct HubArg {
    /// Hub
    #[arg(value_name = "HUB", value_parser = service::hub)]
    hub: String,
}

#[derive(Debug, ClapArgs)]
// The hub stands in front: an event handler takes all words behind its option.
#[command(
    group = ArgGroup::new("what").required(true).multiple(true),
    override_usage = "hublet hub set <HUB> [OPTIONS]"
)]
struct SetArgs {
    #[command(flatten)]
    hub: HubArg,

    /// Take all settings from a file with JSON; `-` reads standard input
    ///
    /// The JSON is what `hublet hub show` prints, or a hub's resource as exported from the cloud service.
    #[arg(long, value_name = "FILE", group = "what", conflicts_with_all = [
        "event_handler", "event_listener", "allow_anonymous", "keepalive_interval"
    ])]
    file: Option<PathBuf>,

    #[command(flatten)]
    event_handlers: EventHandlers,

    #[command(flatten)]
    event_listeners: EventListeners,

    /// Whether clients may connect without a token
    #[arg(long, value_name = "true|false", group = "what")]
    allow_anonymous: Option<bool>,

    /// Seconds between WebSocket pings, 1 to 120
    #[arg(long, value_name = "SECONDS", group = "what", value_parser = value_parser!(u32).range(1..=120))]
    keepalive_interval: Option<u32>,

    /// Leave nothing of the settings that the hub had
    #[arg(long)]
    replace: bool,
}

/// Carries out a verb.
pub(crate) fn run(Args { at, verb }: &Args) -> anyhow::Result<()> {
    match verb {
        Verb::List { all: false } => list(at),
        Verb::List { all: true } => list_all(at),
        Verb::Show(HubArg { hub }) => {
            let resource = call(at, hub, async |client| client.hub_settings().await)?.ok_or_else(|| {
                Failure::new(
                    format!("hub {hub} has no settings."),
                    "`hublet hub list` lists the hubs that have some; `hublet hub set` gives it some.",
                )
            })?;
            output::line(&show::json(&json!(resource), at.json))
        }
        Verb::Set(args) => set(at, args),
        Verb::Delete(HubArg { hub }) => {
            call(at, hub, async |client| client.delete_hub_settings().await)?;
            tell(at, &format!("deleted the settings of hub {hub}"), &json!({ "deleted": true, "hub": hub }))
        }
        Verb::Test(HubArg { hub }) => {
            let test = call(at, hub, async |client| client.test_hub().await)?;
            if at.json {
                output::line(&json!({ "hub": hub, "handlers": test.handlers }).to_string())?;
            } else {
                output::bytes(show::test(hub, &test).as_bytes())?;
            }
            let is_good = !test.handlers.is_empty() && test.handlers.iter().all(|handler| handler.ok);
            if is_good { Ok(()) } else { Err(No.into()) }
        }
        Verb::Exchanges(HubArg { hub }) => {
            let exchanges = call(at, hub, async |client| client.hub_exchanges().await)?;
            if at.json {
                return output::line(&exchanges.to_string());
            }
            output::bytes(show::exchanges(hub, &exchanges).as_bytes())
        }
        Verb::Replay { hub: HubArg { hub }, exchange } => {
            let outcome = call(at, hub, async |client| client.replay(exchange).await)?;
            output::line(&show::json(&outcome, at.json))?;
            if outcome["ok"] == Value::Bool(false) { Err(No.into()) } else { Ok(()) }
        }
    }
}

fn list(at: &ServiceArgs) -> anyhow::Result<()> {
    // No hub is part of the path.
    let hubs = call(at, "", async |client| client.hubs().await)?;
    if at.json || hubs.is_empty() {
        return tell(at, "no hub has settings", &json!({ "hubs": hubs }));
    }
    let rows = hubs.into_iter().map(|hub| vec![hub.name, hub.source]);
    output::bytes(output::table(&["hub", "source"], rows).as_bytes())
}

fn list_all(at: &ServiceArgs) -> anyhow::Result<()> {
    let hubs = call(at, "", async |client| client.all_hubs().await)?;
    if at.json || hubs.is_empty() {
        return tell(at, "no hub has settings or connections", &json!({ "hubs": hubs }));
    }
    let rows = hubs.into_iter().map(|hub| {
        let counts = [hub.connections, hub.users, hub.groups].map(|count| count.to_string());
        let settings = if hub.has_settings { "yes" } else { "no" };
        [vec![hub.hub], counts.to_vec(), vec![settings.to_owned()]].concat()
    });
    output::bytes(output::table(&["hub", "connections", "users", "groups", "settings"], rows).as_bytes())
}

fn set(at: &ServiceArgs, args: &SetArgs) -> anyhow::Result<()> {
    let hub = &args.hub.hub;
    // What is wrong with the command line is found before the service is asked.
    let wanted = match &args.file {
        Some(file) => from_file(file)?,
        None => from_options(args)?,
    };
    let replaces = args.replace || args.file.is_some();
    let resource = call(at, hub, async |client| {
        let mut settings = Map::new();
        if !replaces
            && let Some(former) = client.hub_settings().await?
            && let Value::Object(members) = former.properties
        {
            settings = members;
        }
        settings.extend(wanted);
        client.set_hub_settings(&Value::Object(settings)).await
    })?;
    let settings = resource.properties;
    let count = |list: &str| settings[list].as_array().map_or(0, Vec::len);
    let sentence = format!(
        "set hub {hub}: event handlers {}, event listeners {}",
        count("eventHandlers"),
        count("eventListeners")
    );
    tell(at, &sentence, &json!({ "set": true, "hub": hub, "settings": settings }))
}

/// The settings that the options name.
fn from_options(args: &SetArgs) -> Result<Map<String, Value>, Failure> {
    let mut settings = Map::new();
    if let Some(is_allowed) = args.allow_anonymous {
        let policy = if is_allowed { "allow" } else { "deny" };
        settings.insert("anonymousConnectPolicy".to_owned(), policy.into());
    }
    if let Some(seconds) = args.keepalive_interval {
        settings.insert("webSocketKeepAliveIntervalInSeconds".to_owned(), seconds.into());
    }
    if let Some(handlers) = args.event_handlers.parse()? {
        settings.insert("eventHandlers".to_owned(), handlers);
    }
    if let Some(listeners) = args.event_listeners.parse()? {
        settings.insert("eventListeners".to_owned(), listeners);
    }
    Ok(settings)
}

/// The settings in a file.
fn from_file(file: &Path) -> Result<Map<String, Value>, Failure> {
    let is_input = file.as_os_str() == "-";
    let name = if is_input { "Standard input".to_owned() } else { file.display().to_string() };
    let read = if is_input {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    let bytes = read.map_err(|error| {
        Failure::new(format!("{name} cannot be read: {error}."), "Check the path that --file names.")
    })?;
    let hint = "`hublet hub show HUB` prints settings as they must be.";
    let wrong = |what: String| Failure::usage(format!("{name} holds no settings: {what}."), hint);
    match serde_json::from_slice(&bytes) {
        // The service also takes a resource of the cloud service.
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(wrong("it is no JSON object".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn call<T>(
    at: &ServiceArgs,
    hub: &str,
    calls: impl AsyncFnOnce(&mut rest::Client) -> Result<T, Error>,
) -> anyhow::Result<T> {
    at.call(hub, calls).map_err(|error| match error.downcast::<Error>() {
        Ok(error) => explained(error),
        Err(error) => error,
    })
}

/// What the statuses mean here, where they differ from those of other calls.
fn explained(error: Error) -> anyhow::Error {
    let hint = match &error {
        Error::Rest { status, code: Some(_), .. } => match status.as_u16() {
            400 => "Correct the settings; `hublet hub set --help` shows how they are written.",
            404 => {
                "`hublet hub list` lists the hubs that have settings, `hublet hub exchanges HUB` what can be replayed."
            }
            // The service says it.
            409 => "",
            _ => return error.into(),
        },
        _ => return error.into(),
    };
    Failure::new(error.to_string(), hint).into()
}

fn tell(at: &ServiceArgs, sentence: &str, object: &Value) -> anyhow::Result<()> {
    output::line(&if at.json { object.to_string() } else { sentence.to_owned() })
}
