//! Environment variables that look like ours and are none: a misspelled one must not be ignored in silence.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::CommandFactory;

use super::settings::ACCESS_KEYS_VARIABLE;
use crate::Cli;
use crate::failure::Failure;

const PREFIX: &str = "HUBLET_";
/// What Kubernetes sets in every container when there is a service called `hublet`.
const SET_BY_OTHERS: [&str; 3] = ["HUBLET_SERVICE_", "HUBLET_PORT_", "HUBLET_PORT"];

/// Refuses variables that begin like ours and are not known.
pub(super) fn check(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), Failure> {
    let known = known();
    for (name, _) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        let is_foreign = SET_BY_OTHERS.iter().any(|other| match other.strip_suffix('_') {
            Some(_) => name.starts_with(other),
            None => name == *other,
        });
        if known.contains(name) || is_foreign {
            continue;
        }
        let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
        let hint =
            nearest.map(|nearest| format!("Did you mean {nearest}? Else unset it.")).unwrap_or_default();
        return Err(Failure::usage(
            format!("The environment variable {name} means nothing to hublet."),
            hint,
        ));
    }
    Ok(())
}

/// The variables of all commands.
fn known() -> BTreeSet<String> {
    let root = Cli::command();
    let commands = std::iter::once(&root)
        .chain(root.get_subcommands())
        .flat_map(|command| std::iter::once(command).chain(command.get_subcommands()));
    let variables = commands.flat_map(clap::Command::get_arguments).filter_map(clap::Arg::get_env);
    let mut known: BTreeSet<String> = variables.filter_map(|name| name.to_str().map(str::to_owned)).collect();
    known.insert(ACCESS_KEYS_VARIABLE.to_owned());
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_names(names: &[&str]) -> Result<(), String> {
        check(names.iter().map(|name| ((*name).into(), OsString::new()))).map_err(|error| error.to_string())
    }

    #[test]
    fn known_and_foreign_variables_pass() {
        let ours = ["HUBLET_LISTEN", "HUBLET_ACCESS_KEYS", "HUBLET_HEAD_TIMEOUT", "HUBLET_CONNECTION_STRING"];
        assert_eq!(check_names(&ours), Ok(()));
        let others = ["PATH", "HUBLET", "HUBLET_SERVICE_HOST", "HUBLET_PORT", "HUBLET_PORT_8080_TCP_ADDR"];
        assert_eq!(check_names(&others), Ok(()));
    }

    #[test]
    fn a_misspelled_variable_is_refused() {
        let error = check([("HUBLET_LISTENN".into(), OsString::new())].into_iter()).unwrap_err();
        assert_eq!(error.to_string(), "The environment variable HUBLET_LISTENN means nothing to hublet.");
        assert!(error.hint().contains("HUBLET_LISTEN?"), "{}", error.hint());
    }
}
