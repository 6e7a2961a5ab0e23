//! Project tasks. `cargo xtask` lists them; `cargo xtask test` is everything CI runs.
#![allow(clippy::print_stderr, reason = "telling the person at the terminal is what this program does")]

mod bench;
mod tidy;
mod tools;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The profile that binaries and tests are built in: one, so that dependencies are compiled once.
const PROFILE: &str = "dev";

/// All there is to test, in each step, so that nothing is compiled twice.
const FEATURES: [&str; 2] = ["--features", "hublet/amqp,hublet/otlp"];

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn(&Path) -> Result<()>,
}

/// In the order of `cargo xtask test`: the cheap checks first, so that a slip is told early.
const STEPS: &[Step] = &[
    Step { name: "fmt", what: "check the formatting", run: fmt },
    Step { name: "tidy", what: "check the rules of the code base that no compiler checks", run: tidy::run },
    Step { name: "tools", what: "install what the tests need, once", run: tools::run_tools },
    Step { name: "clippy", what: "lint everything, warnings denied", run: clippy },
    Step { name: "build", what: "build the binary that the tests start", run: build },
    Step { name: "tests", what: "run all tests", run: tests },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let outcome = match (arguments.next().as_deref(), arguments.next()) {
        (Some("test"), None) => run_all(),
        (Some(name), None) if STEPS.iter().any(|step| step.name == name) => {
            STEPS.iter().filter(|step| step.name == name).try_for_each(|step| run_step(step, ""))
        }
        (Some("bench"), None) => root().and_then(|root| bench::run_bench(&root, false)),
        (Some("bench"), Some(how)) if how == "quick" => root().and_then(|root| bench::run_bench(&root, true)),
        _ => {
            usage();
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() {
    eprintln!("usage: cargo xtask <task>\n\n  {:<8} all of the following, in this order", "test");
    for step in STEPS {
        eprintln!("  {:<8} {}", step.name, step.what);
    }
    eprintln!("\n  {:<8} measure hublet and other servers; `bench quick`: only see that it works", "bench");
}

fn run_all() -> Result<()> {
    let start = Instant::now();
    for (index, step) in STEPS.iter().enumerate() {
        run_step(step, &format!("[{}/{}] ", index + 1, STEPS.len()))?;
    }
    eprintln!("\nxtask: all passed in {}", seconds(start.elapsed()));
    Ok(())
}

fn run_step(step: &Step, position: &str) -> Result<()> {
    eprintln!("\nxtask: {position}{}: {}", step.name, step.what);
    let start = Instant::now();
    (step.run)(&root()?).with_context(|| format!("`cargo xtask {}` failed", step.name))?;
    eprintln!("xtask: {} done in {}", step.name, seconds(start.elapsed()));
    Ok(())
}

fn fmt(root: &Path) -> Result<()> {
    run(cargo(root).args(["fmt", "--all", "--", "--check"])).context("run `cargo fmt` and try again")
}

fn clippy(root: &Path) -> Result<()> {
    let (lint, deny) = (["clippy", "--all-targets", "--profile", PROFILE], ["--", "-D", "warnings"]);
    run(cargo(root).args(lint).arg("--workspace").args(FEATURES).args(deny))?;
    // Without its features, as it is built by default.
    run(cargo(root)
        .args(lint)
        .args(["--package", "hublet-upstream", "--package", "hublet-server"])
        .args(deny))
}

fn build(root: &Path) -> Result<()> {
    run(cargo(root).args(["build", "--workspace", "--profile", PROFILE]).args(FEATURES))
}

fn tests(root: &Path) -> Result<()> {
    run(cargo(root).args(["test", "--workspace", "--profile", PROFILE]).args(FEATURES))
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    // What cargo told this program about its own package: build scripts that watch these variables would run again
    // each time someone changes between `cargo xtask` and cargo itself.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command with its output on the terminal.
fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("  $ {shown}");
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The workspace's folder.
fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("start this with `cargo xtask`")?;
    Path::new(&manifest).parent().map(Path::to_path_buf).context("xtask lies in the workspace")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
