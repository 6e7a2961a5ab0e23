//! The binary `hublet`: the service, and the commands that talk to one.

#[cfg(target_os = "linux")]
mod bench;
mod check_config;
mod choice;
mod close;
mod connect;
mod connection;
mod duration;
mod exists;
mod failure;
mod generate;
mod group;
mod health;
mod hub;
mod inventory;
mod keys;
mod output;
mod permission;
mod send;
mod serve;
mod service;
mod token;
mod user;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Keeps what a connection has for good apart from the buffers of its handshake, which are of other sizes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: &str = "\
Examples:
  hublet                                           run the service in development mode
  hublet token --hub chat --user me                print a client access URL
  hublet connect --hub chat                        join, send and see what arrives
  hublet send group room \"hello\" --hub chat        publish as an app server does
  hublet group connections room --hub chat         list who is in a group
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
    /// Manage groups: members, messages, existence
    Group(group::Args),
    /// Manage the connections of a user
    User(user::Args),
    /// Manage single connections, or close all
    Connection(connection::Args),
    /// Let connections send to groups, join and leave them, or forbid it
    Permission(permission::Args),
    /// Manage the settings of hubs: event handlers and listeners
    Hub(hub::Args),
    /// Show the access keys of a running service, or replace one
    Keys(keys::Args),
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
        Command::Group(args) => group::run(&args),
        Command::User(args) => user::run(&args),
        Command::Connection(args) => connection::run(&args),
        Command::Permission(args) => permission::run(&args),
        Command::Hub(args) => hub::run(&args),
        Command::Keys(args) => keys::run(&args),
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
            "hublet send --hub chat --json group room hi",
            "hublet send broadcast hi --filter f --ttl 300 --metadata a=b --metadata c=d=e --hub chat",
            "hublet send user u hi --ttl 0 --filter f --metadata a= --hub chat",
            "hublet send connection c hi --ttl 1 --metadata a=b --hub chat",
            "hublet --help",
            "hublet group send room hi --exclude c --hub chat",
            "hublet group --hub chat add-connection room c",
            "hublet group remove-connection room c --json",
            "hublet group add-user room u",
            "hublet group remove-user room u",
            "hublet group exists room",
            "hublet group close room --reason why --exclude a --exclude b",
            "hublet group connections room --top 5",
            "hublet group list-connections room",
            "hublet group add a b --filter f",
            "hublet group remove a --all",
            "hublet user exist u",
            "hublet user send u hi --type json",
            "hublet user close u --reason why --exclude c",
            "hublet user remove-from-all-groups u",
            "hublet connection list --user u --group g --protocol simple --search t --top 5",
            "hublet connection show c --json",
            "hublet user list --group g --search t",
            "hublet group list --top 3 --search t",
            "hublet group list room --json",
            "hublet hub list --all",
            "hublet connection exist c",
            "hublet connection send c hi",
            "hublet connection close c --reason why",
            "hublet connection close --all --exclude c",
            "hublet connection leave-all-groups c",
            "hublet permission grant sendToGroup c room",
            "hublet permission revoke join-leave-group c room",
            "hublet permission --hub chat check SENDTOGROUP c room --json",
            "hublet send all - --hub chat --type json --exclude a --exclude b",
            "hublet send user u --file f --type binary --hub chat --json",
            "hublet send connection c hello --hub chat --ca-file f --connection-string s",
            "hublet hub list --json",
            "hublet hub --json show chat",
            "hublet hub set chat --file -",
            "hublet hub set chat --event-handler url-template=u system-event=connect --event-handler url-template=v",
            "hublet hub set chat --event-listener file=f --allow-anonymous false --keepalive-interval 120 --replace",
            "hublet hub update --allow-anonymous true chat",
            "hublet hub delete chat",
            "hublet hub test chat --connection-string s",
            "hublet hub exchanges chat",
            "hublet hub replay chat 7",
            "hublet keys show --json",
            "hublet keys regenerate --key-type Secondary",
            "hublet hub set --help",
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
            ("hublet send connection c text --filter f --hub c", ErrorKind::UnknownArgument),
            ("hublet send all text --ttl 301", ErrorKind::ValueValidation),
            ("hublet send all text --metadata a", ErrorKind::ValueValidation),
            ("hublet send --hub 1 all text", ErrorKind::ValueValidation),
            ("hublet group", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("hublet group add room", ErrorKind::MissingRequiredArgument),
            ("hublet group add room --all --filter f", ErrorKind::ArgumentConflict),
            ("hublet group remove --all", ErrorKind::MissingRequiredArgument),
            ("hublet group exists ", ErrorKind::InvalidValue),
            ("hublet group connections room --top 0", ErrorKind::ValueValidation),
            ("hublet group list room --search t", ErrorKind::ArgumentConflict),
            ("hublet connection list --top 0", ErrorKind::ValueValidation),
            ("hublet connection show", ErrorKind::MissingRequiredArgument),
            ("hublet connection close", ErrorKind::MissingRequiredArgument),
            ("hublet connection close c --all", ErrorKind::ArgumentConflict),
            ("hublet connection close c --exclude d", ErrorKind::ArgumentConflict),
            ("hublet permission grant send c room", ErrorKind::InvalidValue),
            ("hublet permission check sendToGroup c", ErrorKind::MissingRequiredArgument),
            ("hublet hub", ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            ("hublet hub show 1", ErrorKind::ValueValidation),
            ("hublet hub set chat", ErrorKind::MissingRequiredArgument),
            ("hublet hub set chat --replace", ErrorKind::MissingRequiredArgument),
            ("hublet hub set chat --file f --allow-anonymous true", ErrorKind::ArgumentConflict),
            ("hublet hub set chat --file f --event-handler a=b", ErrorKind::ArgumentConflict),
            ("hublet hub set chat --keepalive-interval 121", ErrorKind::ValueValidation),
            ("hublet hub set --event-handler url-template=u chat", ErrorKind::ValueValidation),
            ("hublet hub replay chat", ErrorKind::MissingRequiredArgument),
            ("hublet keys regenerate", ErrorKind::MissingRequiredArgument),
            ("hublet keys regenerate --key-type salt", ErrorKind::InvalidValue),
            ("hublet health --timeout 0s", ErrorKind::ValueValidation),
            ("hublet completions cmd", ErrorKind::InvalidValue),
        ] {
            assert_eq!(parse(line).map(|_| ()).map_err(|error| error.kind()), Err(kind), "{line}");
        }
    }
}
