//! `hublet serve`: runs the service.

mod banner;
mod environment;
mod log;
mod settings;

use std::sync::Arc;

use hublet_server::config::Config;
use hublet_server::{Server, open_files};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) use settings::Args;

use crate::failure::Failure;

/// Where the service says what to do about a wrong configuration.
const CONFIG_HINT: &str = "`hublet check-config` shows the configuration in effect.";

/// The configuration that the arguments, the environment and the file give together.
pub(crate) fn configuration(args: &Args) -> anyhow::Result<Config> {
    environment::check(std::env::vars_os())?;
    let config = args.config()?;
    log::filter(&config.log)?;
    Ok(config)
}

/// Runs the service until it is told to stop.
pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let config = Arc::new(configuration(&args)?);
    log::start(log::filter(&config.log)?);
    let files = open_files::raise_limit();
    tracing::debug!(files, shards = config.shards, "starting");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything is served, so that no signal is missed.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = Server::start(&config).map_err(|error| cannot_start(&error))?;
        banner::print(&config, server.endpoints())?;
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::info!("{name}: closing all connections; a second signal ends the service at once");
        let stopping = tokio::task::spawn_blocking(|| server.stop());
        tokio::select! {
            stopped = stopping => stopped?,
            _ = either(&mut terminate, &mut interrupt) => {
                tracing::warn!("stopped before all connections were closed");
                std::process::exit(1);
            }
        }
        tracing::info!("stopped");
        Ok(())
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

fn cannot_start(error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "Another program listens there, perhaps another hublet: stop it, or choose another address with --listen."
        }
        std::io::ErrorKind::PermissionDenied => {
            "Ports below 1024 and files of others need rights that this user lacks: choose another port or folder."
        }
        std::io::ErrorKind::AddrNotAvailable => "--listen takes addresses of this machine only.",
        _ => "",
    };
    Failure::new(format!("The service cannot start: {error}."), hint)
}
