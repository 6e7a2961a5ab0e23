//! `hublet serve`: runs the service.

mod banner;
mod environment;
mod log;
mod reload;
mod settings;

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::sync::Arc;

use hublet_server::config::Config;
use hublet_server::{Server, open_files};
use tokio::signal::unix::{Signal, SignalKind, signal};

use reload::Reload;
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
    // Before the file is read, so that no change of it is missed.
    let seen = reload::look(&args.file());
    let config = Arc::new(configuration(&args)?);
    let tail = log::start(log::filter(&config.log)?, config.log_format);
    let files = open_files::raise_limit();
    tracing::debug!(files, shards = config.shards, "starting");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before anything is served, so that no signal is missed.
        let mut signals = Signals::listen()?;
        let mut reload = Reload::new(args, seen);
        let server = Server::start(&config, tail).map_err(|error| cannot_start(&error))?;
        banner::print(&config, server.endpoints(), server.metrics_endpoints())?;
        let name = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    Asked::Stop(name) => break name,
                    Asked::Reload => reload.run(&server, "SIGHUP"),
                },
                () = reload.wanted() => reload.run(&server, "the configuration file has changed"),
            }
        };
        tracing::info!("{name}: closing all connections; a second signal ends the service at once");
        let stopping = tokio::task::spawn_blocking(|| server.stop());
        tokio::select! {
            stopped = stopping => stopped?,
            () = signals.stop() => {
                tracing::warn!("stopped before all connections were closed");
                std::process::exit(1);
            }
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// What a signal asks for.
enum Asked {
    /// To end; with the name of the signal for the log.
    Stop(&'static str),
    /// To read the configuration again.
    Reload,
}

/// The signals that the service listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// While somebody listens for it, a write beyond the limit of a file's size fails instead of ending the process.
    _file_size: Signal,
    /// Whether it was started at a terminal. Asked early: a terminal that hung up is none any more.
    at_terminal: bool,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
            at_terminal: stdin().is_terminal() || stdout().is_terminal() || stderr().is_terminal(),
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Stop("SIGINT"),
            // The terminal is gone; without one, it is what services are asked for by it.
            _ = self.hangup.recv() => if self.at_terminal { Asked::Stop("SIGHUP") } else { Asked::Reload },
        }
    }

    /// Waits until a signal asks for a stop.
    async fn stop(&mut self) {
        while matches!(self.next().await, Asked::Reload) {}
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
    let reason = error.to_string();
    Failure::new(format!("The service cannot start: {}.", reason.trim_end_matches('.')), hint)
}
