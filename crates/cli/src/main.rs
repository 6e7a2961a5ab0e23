//! The binary `hublet`: the service, and the commands that talk to one.

#[cfg(target_os = "linux")]
mod bench;
mod check_config;
mod connect;
mod duration;
mod failure;
mod generate;
mod health;
mod output;
mod send;
mod serve;
mod service;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  hublet                                           run the service in development mode
  hublet token --hub chat --user me                print a client access URL
  hublet connect --hub chat                        join, send and see what arrives
  hublet send group room \"hello\" --hub chat        publish as an app server does
  hublet health                                    exit 0 if the service is ready

Exit codes: 0 done, 1 failed, 2 the command line is wrong.";

/// A self-hosted Web PubSub service, wire-compatible with Azure Web PubSub
///
/// Without a command it runs the service, in development mode unless the options say otherwise.
#[derive(Debug, Parser)]
#[command(name = "hublet", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service; the same as no command
    Serve(serve::Args),
    /// Print the configuration that the service would run with, or what is wrong with it
    CheckConfig(serve::Args),
    /// Print a client access URL
    Token(token::Args),
    /// Connect as a client: join, send, and see what arrives
    Connect(connect::Args),
    /// Send a message as an app server does
    Send(send::Args),
    /// Say whether the service is ready
    Health(health::Args),
    /// Measure a service under load
    #[cfg(target_os = "linux")]
    Bench(bench::Args),
    /// Write a completion script for a shell
    Completions(generate::CompletionsArgs),
    /// Write manual pages
    Man(generate::ManArgs),
}

fn main() -> ExitCode {
    // Wrong command lines end here, with code 2.
    let cli = Cli::parse();
    let outcome = match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(args),
        Command::CheckConfig(args) => check_config::run(args),
        Command::Token(args) => token::run(&args),
        Command::Connect(args) => connect::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Health(args) => health::run(&args),
        #[cfg(target_os = "linux")]
        Command::Bench(args) => bench::run(args),
        Command::Completions(args) => generate::completions(&args, Cli::command()),
        Command::Man(args) => generate::man(&args, Cli::command()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn command_lines() {
        assert!(parse("hublet").unwrap().command.is_none());
        for line in [
            "hublet serve",
            "hublet check-config",
            "hublet token --hub chat",
            "hublet token --hub chat --user u --role a --role b --group g --expires 5m --protocol default --json",
            "hublet connect --hub chat",
            "hublet connect --hub chat --user u --role a --group g --protocol raw --send-to-group g",
            "hublet connect ws://h/client/hubs/c?access_token=t --json",
            "hublet send group room hello --hub chat",
            "hublet send --help",
            "hublet send all - --hub chat --type json --exclude a --exclude b",
            "hublet send user u --file f --type binary --hub chat --json",
            "hublet send connection c hello --hub chat --ca-file f --connection-string s",
            "hublet health --timeout 2s",
            "hublet health --endpoint http://h",
            "hublet completions bash",
            "hublet bench --help",
            "hublet man",
            "hublet man folder",
        ] {
            match parse(line) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{line}: {error}"),
            }
        }
    }

    #[test]
    fn wrong_command_lines() {
        for (line, kind) in [
            ("hublet frobnicate", ErrorKind::InvalidSubcommand),
            ("hublet token --hub 1", ErrorKind::ValueValidation),
            ("hublet token --hub c --expires 60", ErrorKind::ValueValidation),
            ("hublet token --hub c --protocol x", ErrorKind::InvalidValue),
            ("hublet connect ws://h/ --user u", ErrorKind::ArgumentConflict),
            ("hublet send group room --hub c", ErrorKind::MissingRequiredArgument),
            ("hublet send all text --file f --hub c", ErrorKind::ArgumentConflict),
            ("hublet send user u text --exclude c --hub c", ErrorKind::UnknownArgument),
            ("hublet health --timeout 0s", ErrorKind::ValueValidation),
            ("hublet completions cmd", ErrorKind::InvalidValue),
        ] {
            assert_eq!(parse(line).map(|_| ()).map_err(|error| error.kind()), Err(kind), "{line}");
        }
    }
}
