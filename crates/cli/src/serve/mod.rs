//! `hublet serve`: runs the service.

mod banner;
mod environment;
mod log;
mod settings;

use std::io::{IsTerminal, stderr, stdin, stdout};
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
        let mut stop = Stop::listen()?;
        let server = Server::start(&config).map_err(|error| cannot_start(&error))?;
        banner::print(&config, server.endpoints())?;
        let name = stop.next().await;
        tracing::info!("{name}: closing all connections; a second signal ends the service at once");
        let stopping = tokio::task::spawn_blocking(|| server.stop());
        tokio::select! {
            stopped = stopping => stopped?,
            _ = stop.next() => {
                tracing::warn!("stopped before all connections were closed");
                std::process::exit(1);
            }
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// The signals that stop the service.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Whether it was started at a terminal. Asked early: a terminal that hung up is none any more.
    at_terminal: bool,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            at_terminal: stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal(),
        })
    }

    /// Waits until the service shall stop. The name of the signal is for the log.
    async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => {
                    if self.at_terminal {
                        return "SIGHUP";
                    }
                    // Asked of services to read their configuration again: no reason to drop every client.
                    tracing::warn!("SIGHUP: the configuration is read at the start only; restart to apply changes");
                }
            }
        }
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
