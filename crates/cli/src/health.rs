//! `hublet health`: whether a service is ready, for containers and scripts.

use std::time::Duration;

use clap::Args as ClapArgs;
use hublet_client::{ConnectionString, Error, InvalidConnectionString, rest};
use serde_json::json;
use tokio::time::timeout;

use crate::duration;
use crate::failure::Failure;
use crate::output;
use crate::service::{self, ServiceArgs};

/// Arguments of `hublet health`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Address of the service, instead of a connection string: no key is needed
    #[arg(long, value_name = "URL", help_heading = "Service")]
    endpoint: Option<String>,

    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration::parse)]
    timeout: Duration,

    #[command(flatten)]
    service: ServiceArgs,
}

/// Asks the service.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let service = match &args.endpoint {
        // The service does not look at the key.
        Some(endpoint) => ConnectionString::new(endpoint, "none").map_err(|error| {
            let what = match error {
                InvalidConnectionString::Endpoint(what) => what,
                _ => "it is not a URL",
            };
            let hint = "--endpoint takes a URL such as http://localhost:8080.";
            Failure::usage(format!("The endpoint cannot be used: {what}."), hint)
        })?,
        None => args.service.connection_string()?,
    };
    let endpoint = service.endpoint().to_owned();
    let mut client = rest::Client::new(service, "", args.service.tls());
    let answer = service::block_on(async {
        match timeout(args.timeout, client.health()).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Error::Timeout(endpoint.clone()).into()),
        }
    });
    if args.service.json {
        let error = answer.as_ref().err().map(ToString::to_string);
        let shown = json!({ "ready": answer.is_ok(), "endpoint": endpoint, "error": error });
        output::line(&shown.to_string())?;
    } else if answer.is_ok() {
        output::line(&format!("The service at {endpoint} is ready."))?;
    }
    answer
}
