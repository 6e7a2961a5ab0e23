//! `hublet check-config`: prints the configuration that `hublet serve` would run with.

use anyhow::Context;

use crate::{output, serve};

/// Prints the configuration in effect as TOML, secrets masked.
pub(crate) fn run(args: serve::Args) -> anyhow::Result<()> {
    let config = serve::configuration(&args)?;
    let text = toml::to_string_pretty(&config.effective()).context("the configuration cannot be shown")?;
    output::bytes(text.as_bytes())
}
