//! Which connections a command is about.

use clap::Args;

/// Leaves connections out.
#[derive(Debug, Args)]
pub(crate) struct ExceptArgs {
    /// Id of a connection that is left out; repeat it for several
    #[arg(long = "exclude", value_name = "ID")]
    pub(crate) excluded: Vec<String>,
}

/// Chooses connections by what they are.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only connections that satisfy this OData expression, such as "userId ne 'alice'" or "'room' in groups"
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
}

impl FilterArgs {
    /// The expression.
    pub(crate) fn get(&self) -> Option<&str> {
        self.filter.as_deref()
    }
}
