//! `hublet serve`: runs the service.

use clap::Args as ClapArgs;

/// Arguments of `hublet serve`, and of `hublet` without a command.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {}

/// Runs the service until it is told to stop.
pub(crate) fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("This build has no service in it.")
}
