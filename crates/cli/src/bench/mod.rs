//! `hublet bench`: the load generator.

use clap::Args as ClapArgs;

/// Arguments of `hublet bench`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {}

/// Generates load.
pub(crate) fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("This build has no load generator in it.")
}
