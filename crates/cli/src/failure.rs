//! Failures in words: one sentence says what happened, one says what to do.

use std::fmt;
use std::io;
use std::process::ExitCode;

use hublet_client::Error;

use crate::output::{self, ReaderGone};

/// What the command line could not be made sense of ends with.
const USAGE: u8 = 2;

/// A failure that knows what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: String,
    code: u8,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), code: 1 }
    }

    /// The command was not understood.
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::new(what, hint) }
    }

    /// What to do about it; empty if there is nothing to say.
    #[cfg(test)]
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// The question was answered with no, on standard output: nothing failed, and the exit code says it too.
#[derive(Debug)]
pub(crate) struct No;

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The answer is no.")
    }
}

impl std::error::Error for No {}

/// Tells what happened on standard error, and says how the process ends.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.is::<ReaderGone>() {
        return ExitCode::SUCCESS;
    }
    if error.is::<No>() {
        return ExitCode::FAILURE;
    }
    let (what, hint, code) = explained(error);
    let (bold, plain) = if output::has_colour(&io::stderr()) { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    output::note(&format!("{bold}error:{plain} {}", lines(&what)));
    if !hint.is_empty() {
        output::note(&format!("  {}", lines(&hint)));
    }
    ExitCode::from(code)
}

/// The lines of a text, the further ones indented.
fn lines(text: &str) -> String {
    text.lines().map(output::printable).collect::<Vec<_>>().join("\n  ")
}

fn explained(error: &anyhow::Error) -> (String, String, u8) {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.what.clone(), failure.hint.clone(), failure.code);
    }
    if let Some(error) = error.downcast_ref::<Error>() {
        let code = match error {
            Error::ConnectionString(_)
            | Error::Hub(_)
            | Error::Url(_)
            | Error::Metadata(_)
            | Error::Request(_) => USAGE,
            _ => 1,
        };
        // Its text has those of its sources in it.
        return (error.to_string(), hint(error).to_owned(), code);
    }
    (format!("{error:#}"), String::new(), 1)
}

/// What to do about a failure to talk to a service; empty if there is nothing to say.
pub(crate) fn hint(error: &Error) -> &'static str {
    match error {
        Error::ConnectionString(_) => {
            "Copy the whole connection string that the service printed when it started, and quote it for the shell."
        }
        Error::Url(_) => "A client access URL looks like ws://localhost:8080/client/hubs/chat?access_token=…",
        Error::Hub(_) => "Choose another name for --hub.",
        Error::Connect { source, .. } => match source.kind() {
            io::ErrorKind::ConnectionRefused => {
                "Is the service running? Start it with `hublet`, or name another one with --connection-string."
            }
            _ => "Check the Endpoint of the connection string, and the network.",
        },
        Error::Tls { .. } => {
            "If the service made its own certificate, name its authority: --ca-file hublet-data/tls/ca.pem. \
             If it speaks plain HTTP, write http:// in the Endpoint."
        }
        Error::CaFile { .. } => {
            "--ca-file takes a PEM file, such as tls/ca.pem in the data folder of the service."
        }
        Error::Timeout(_) => "Check the address, and whether the service is overloaded.",
        Error::Metadata(_) => "Write --metadata NAME=VALUE, once for each name.",
        Error::Rest { code: Some(code), .. } if code.ends_with(".Connection.NotExisted") => {
            "The connection has ended, or belongs to another hub. `hublet group connections GROUP` lists ids."
        }
        Error::Rest { code: Some(code), .. } if code.ends_with(".User.NotExisted") => {
            "The user has no connection now, or another hub is meant: see --hub."
        }
        Error::Refused { status, .. } => handshake_hint(status.as_u16()),
        Error::Rest { status, .. } => status_hint(status.as_u16()),
        Error::Http(_) | Error::Handshake(_) => {
            "Is this a Web PubSub service? If it speaks TLS, write https:// in the Endpoint."
        }
        Error::Ended | Error::Io(_) => "The service may have been stopped; see its log.",
        Error::Closed { code: Some(code), .. } => close_hint(*code),
        Error::Disconnected => "Look whether it was carried out before you repeat it.",
        Error::Invocation(_) => "See the log of the app server.",
        Error::Closed { .. }
        | Error::Protocol(_)
        | Error::Message(_)
        | Error::Ack(_)
        | Error::Request(_)
        | Error::Stream(_)
        | Error::Stopped
        | Error::Credential(_) => "",
    }
}

/// Of a refused handshake: a client gets the statuses of the hub's event handler too (event-handlers.md §6.1).
fn handshake_hint(status: u16) -> &'static str {
    match status {
        503 => status_hint(status),
        500..=599 => {
            "The service failed, or an event handler that it asks about clients: its log says which. `hublet hub test` \
             calls the handlers and says what is wrong."
        }
        _ => status_hint(status),
    }
}

fn status_hint(status: u16) -> &'static str {
    match status {
        400 => "Check the names of the hub and the groups, and the filter if there is one.",
        401 => {
            "The access key is probably not one of this service: give the connection string that it printed when it \
             started with --connection-string or HUBLET_CONNECTION_STRING. The service's log has the reason."
        }
        403 => "The service does not allow this from here.",
        404 => "Is the Endpoint of the connection string that of a Web PubSub service?",
        409 => {
            "Revoke what the connection no longer needs, or give its client access URL a role for all groups."
        }
        413 => "A message may have 1 MiB at most.",
        429 => "The service is at its limit: close connections, or raise the limit.",
        500..=599 => "The service is stopping or overloaded: try again, and see its log.",
        _ => "",
    }
}

fn close_hint(code: u16) -> &'static str {
    match code {
        1001 | 1012 => "The service stops or restarts: connect again.",
        1003 | 1007 => "A message was not one of the subprotocol.",
        1008 => "The client may lack a role, for example --role webpubsub.sendToGroup.",
        1009 => "A message was too long: 1 MiB is the limit unless the service was configured otherwise.",
        1011 => "Nothing handles the events of simple clients: publish to a group with --send-to-group.",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_stays_in_its_lines() {
        assert_eq!(lines("a\r\nb\u{1b}[m\n"), "a\n  b\\u{1b}[m");
    }

    #[test]
    fn failures_in_words() {
        let refused = Error::Connect {
            authority: "localhost:8080".to_owned(),
            source: io::ErrorKind::ConnectionRefused.into(),
        };
        let (what, hint, code) = explained(&refused.into());
        assert_eq!((what.as_str(), code), ("Cannot connect to localhost:8080: connection refused.", 1));
        assert!(hint.starts_with("Is the service running?"), "{hint}");

        for (status, part) in [(500, "an event handler"), (502, "an event handler"), (503, "is stopping")] {
            assert!(handshake_hint(status).contains(part), "{status}");
        }

        assert_eq!(explained(&Error::Hub("1".to_owned()).into()).2, USAGE);
        assert_eq!(explained(&Failure::usage("a", "b").into()), ("a".to_owned(), "b".to_owned(), USAGE));
        let chain = anyhow::anyhow!("inner").context("outer");
        assert_eq!(explained(&chain), ("outer: inner".to_owned(), String::new(), 1));
    }
}
