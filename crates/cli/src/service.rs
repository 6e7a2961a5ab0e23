//! Which service a command talks to: flags that the client commands share.

use std::path::PathBuf;

use clap::Args;
use hublet_client::{ConnectionString, Error, Tls, check_hub, rest};
use serde_json::Value;

use crate::failure::Failure;
use crate::output;

/// Where the official SDKs' samples keep the connection string.
const SDK_VARIABLE: &str = "WebPubSubConnectionString";

/// The service, and how results are written.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    /// Connection string of the service
    ///
    /// Without it and HUBLET_CONNECTION_STRING the environment variable WebPubSubConnectionString is read; without
    /// that too the service is the one that runs in development mode on this machine.
    #[arg(
        long,
        value_name = "STRING",
        env = "HUBLET_CONNECTION_STRING",
        hide_env_values = true,
        global = true,
        help_heading = "Service"
    )]
    connection_string: Option<String>,

    /// PEM file with certificate authorities to trust besides those of the system
    #[arg(
        long,
        value_name = "FILE",
        env = "HUBLET_CA_FILE",
        hide_env_values = true,
        global = true,
        help_heading = "Service"
    )]
    ca_file: Option<PathBuf>,

    /// Write JSON for programs instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl ServiceArgs {
    /// Address and key. Read here and not by the parser of the command line, whose messages would show the key.
    pub(crate) fn connection_string(&self) -> Result<ConnectionString, Error> {
        let from_sdk = || std::env::var(SDK_VARIABLE).ok();
        let given = self.connection_string.clone().filter(|text| !text.is_empty());
        match given.or_else(from_sdk).filter(|text| !text.is_empty()) {
            Some(text) => Ok(text.parse()?),
            None => Ok(ConnectionString::development()),
        }
    }

    /// Performs calls to the REST API of a hub.
    pub(crate) fn call<T>(
        &self,
        hub: &str,
        calls: impl AsyncFnOnce(&mut rest::Client) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        let mut client = rest::Client::new(self.connection_string()?, hub, self.tls());
        block_on(async { Ok(calls(&mut client).await?) })
    }

    /// Whom to trust.
    pub(crate) fn tls(&self) -> Tls {
        match &self.ca_file {
            Some(file) if !file.as_os_str().is_empty() => Tls::with_ca_file(file),
            _ => Tls::default(),
        }
    }
}

/// The hub of a command that needs one.
#[derive(Debug, Args)]
pub(crate) struct HubArgs {
    /// Hub to use
    #[arg(long, value_name = "HUB", env = "HUBLET_HUB", hide_env_values = true, value_parser = hub, help_heading = "Service")]
    pub(crate) hub: String,
}

/// The hub and the service of a command with verbs: these options stand before or behind the verb.
#[derive(Debug, Args)]
pub(crate) struct HubServiceArgs {
    /// Hub to use; required here or in the environment
    // The parser cannot require what may stand in two places.
    #[arg(
        long,
        value_name = "HUB",
        env = "HUBLET_HUB",
        hide_env_values = true,
        value_parser = hub,
        global = true,
        help_heading = "Service"
    )]
    hub: Option<String>,

    #[command(flatten)]
    service: ServiceArgs,
}

impl HubServiceArgs {
    /// The hub.
    pub(crate) fn hub(&self) -> Result<&str, Failure> {
        self.hub.as_deref().ok_or_else(|| {
            Failure::usage(
                "No hub is named.",
                "Name one with --hub HUB, or in the environment variable HUBLET_HUB.",
            )
        })
    }

    /// Performs calls to the REST API of the hub.
    pub(crate) fn call<T>(
        &self,
        calls: impl AsyncFnOnce(&mut rest::Client) -> Result<T, Error>,
    ) -> anyhow::Result<T> {
        self.service.call(self.hub()?, calls)
    }

    /// Tells what was done, as one sentence or as a JSON object to which the hub is added.
    pub(crate) fn tell(&self, sentence: &str, mut object: Value) -> anyhow::Result<()> {
        let hub = self.hub()?;
        if !self.service.json {
            return output::line(&format!("{sentence} in hub {hub}"));
        }
        if let Some(members) = object.as_object_mut() {
            members.insert("hub".to_owned(), hub.into());
        }
        output::line(&object.to_string())
    }

    /// Whether results are written as JSON.
    pub(crate) fn json(&self) -> bool {
        self.service.json
    }
}

/// Reads a hub name.
pub(crate) fn hub(name: &str) -> Result<String, Error> {
    check_hub(name).map(|()| name.to_owned())
}

/// Runs what one command does over the network; one thread is enough for one connection.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(work);
    // A look-up of a name can take long after it has been given up.
    runtime.shutdown_background();
    outcome
}
