//! `hublet completions` and `hublet man`: files that are made from the definition of the command line.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::output;

/// Arguments of `hublet completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to write for
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `hublet man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for the pages of all commands; without it the page of hublet itself is written to standard output
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Writes a completion script to standard output.
pub(crate) fn completions(args: &CompletionsArgs, mut command: Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "hublet", &mut script);
    output::bytes(&script)
}

/// Writes manual pages.
pub(crate) fn man(args: &ManArgs, command: Command) -> anyhow::Result<()> {
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return output::bytes(&page);
    };
    std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder)).map_err(
        |error| {
            let what = format!("The manual pages cannot be written to {}: {error}.", folder.display());
            Failure::new(what, "Name a folder that you may write to.").into()
        },
    )
}
