//! `hublet check-config`: prints the configuration that `hublet serve` would run with.

use crate::serve;

/// Prints the configuration, secrets masked.
pub(crate) fn run(_args: serve::Args) -> anyhow::Result<()> {
    anyhow::bail!("This build has no service in it.")
}
