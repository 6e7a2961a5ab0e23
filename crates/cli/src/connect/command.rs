//! What a person types to a PubSub client.

use std::time::Duration;

use hublet_client::pubsub::{Data, GroupState};

use super::words;

/// Longest time without a socket.
const AWAY_SECONDS_MAX: u64 = 3_600;

/// The commands, for `help`.
pub(super) const HELP: &[(&str, &str)] = &[
    ("join GROUP", "join a group"),
    ("leave GROUP", "leave a group"),
    ("send GROUP TEXT", "publish text to a group"),
    ("send-json GROUP JSON", "publish a JSON value to a group"),
    ("event NAME TEXT", "send an event to the app server"),
    ("invoke NAME [TEXT]", "send an event to the app server and show its answer"),
    ("stream GROUP", "open a stream to a group"),
    ("part TEXT", "send the next part of the stream"),
    ("end [TEXT]", "end the stream, with a text as a failure"),
    ("set-state GROUP NAME=VALUE…", "set the own state in a group"),
    ("clear-state GROUP", "clear it"),
    ("watch-state GROUP", "show the states in a group, and what changes"),
    ("unwatch-state GROUP", "show them no more"),
    ("ping", "ask whether the service is there"),
    ("cut [SECONDS]", "cut the socket, as a broken network does"),
    ("raw TEXT", "send TEXT as a message of its own, whatever it is"),
    ("help", "show this"),
    ("quit", "close the connection; Ctrl+D does too"),
];

/// A typed line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Join {
        group: String,
    },
    Leave {
        group: String,
    },
    Send {
        group: String,
        data: Data,
    },
    Event {
        name: String,
        data: Data,
    },
    Invoke {
        name: String,
        data: Option<Data>,
    },
    Stream {
        group: String,
    },
    /// The next part of the open stream.
    Part {
        data: Data,
    },
    /// The end of the open stream.
    End {
        error: Option<String>,
    },
    /// Set the state in a group, or clear it.
    SetState {
        group: String,
        state: Option<GroupState>,
    },
    WatchState {
        group: String,
    },
    UnwatchState {
        group: String,
    },
    Ping,
    /// Cut the socket, and stay away for a while.
    Cut {
        away: Duration,
    },
    Raw {
        text: String,
    },
    Help,
    Quit,
    /// An empty line.
    Nothing,
}

/// Reads a line.
///
/// # Errors
/// The line is no command; the text says what to type.
pub(super) fn parse(line: &str) -> Result<Command, String> {
    let Some((verb, rest)) = words::first(line)? else { return Ok(Command::Nothing) };
    // Text is taken as it is, with its quotes and the spaces within it.
    let rest = rest.trim();
    match verb.trim_start_matches('/') {
        "join" => Ok(Command::Join { group: only_word(rest, "join GROUP")? }),
        "leave" => Ok(Command::Leave { group: only_word(rest, "leave GROUP")? }),
        "send" => {
            let (group, text) = word_and_text(rest, "send GROUP TEXT")?;
            Ok(Command::Send { group, data: Data::Text(text.to_owned()) })
        }
        "send-json" => {
            let (group, text) = word_and_text(rest, "send-json GROUP JSON")?;
            let data = Data::json(text).map_err(|error| format!("This is not JSON: {error}."))?;
            Ok(Command::Send { group, data })
        }
        "event" => {
            let (name, text) = word_and_text(rest, "event NAME TEXT")?;
            Ok(Command::Event { name, data: Data::Text(text.to_owned()) })
        }
        "invoke" => match words::first(rest)? {
            Some((name, text)) if !name.is_empty() => {
                let data = Some(text.trim_start()).filter(|text| !text.is_empty());
                Ok(Command::Invoke { name, data: data.map(Data::from) })
            }
            _ => Err("Type invoke NAME TEXT.".to_owned()),
        },
        "stream" => Ok(Command::Stream { group: only_word(rest, "stream GROUP")? }),
        "part" if !rest.is_empty() => Ok(Command::Part { data: Data::Text(rest.to_owned()) }),
        "part" => Err("Type part TEXT.".to_owned()),
        "end" => Ok(Command::End { error: Some(rest.to_owned()).filter(|text| !text.is_empty()) }),
        "set-state" => set_state(rest),
        "clear-state" => Ok(Command::SetState { group: only_word(rest, "clear-state GROUP")?, state: None }),
        "watch-state" => Ok(Command::WatchState { group: only_word(rest, "watch-state GROUP")? }),
        "unwatch-state" => Ok(Command::UnwatchState { group: only_word(rest, "unwatch-state GROUP")? }),
        "cut" if rest.is_empty() => Ok(Command::Cut { away: Duration::ZERO }),
        "cut" => {
            let seconds = rest.parse().ok().filter(|seconds| *seconds <= AWAY_SECONDS_MAX);
            let seconds = seconds.ok_or_else(|| format!("Type cut SECONDS, at most {AWAY_SECONDS_MAX}."))?;
            Ok(Command::Cut { away: Duration::from_secs(seconds) })
        }
        "raw" if !rest.is_empty() => Ok(Command::Raw { text: rest.to_owned() }),
        "raw" => Err("Type raw TEXT.".to_owned()),
        "ping" => Ok(Command::Ping),
        "help" | "?" => Ok(Command::Help),
        "quit" | "exit" => Ok(Command::Quit),
        other => Err(format!("There is no command `{other}`; type help.")),
    }
}

fn only_word(rest: &str, usage: &str) -> Result<String, String> {
    match words::first(rest)? {
        Some((word, "")) if !word.is_empty() => Ok(word),
        Some((_, more)) if !more.is_empty() => {
            Err(format!("Type {usage}, with quotes around a name that has spaces in it."))
        }
        _ => Err(format!("Type {usage}.")),
    }
}

fn word_and_text<'a>(rest: &'a str, usage: &str) -> Result<(String, &'a str), String> {
    match words::first(rest)? {
        Some((word, text)) if !word.is_empty() && !text.trim().is_empty() => Ok((word, text.trim_start())),
        _ => Err(format!("Type {usage}.")),
    }
}

fn set_state(rest: &str) -> Result<Command, String> {
    let usage =
        || "Type set-state GROUP NAME=VALUE, with quotes around a pair that has spaces in it.".to_owned();
    let (group, mut rest) = words::first(rest)?.filter(|(group, _)| !group.is_empty()).ok_or_else(usage)?;
    let mut state = GroupState::new();
    while let Some((pair, more)) = words::first(rest)? {
        let (name, value) = pair.split_once('=').ok_or_else(usage)?;
        state.insert(name.to_owned(), value.to_owned());
        rest = more;
    }
    if state.is_empty() { Err(usage()) } else { Ok(Command::SetState { group, state: Some(state) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_understood() {
        let name = || "room".to_owned();
        let text = |text: &str| Data::Text(text.to_owned());
        for (line, command) in [
            ("", Command::Nothing),
            ("  ", Command::Nothing),
            ("join room", Command::Join { group: name() }),
            (" join  room ", Command::Join { group: name() }),
            ("join \"my room\"", Command::Join { group: "my room".to_owned() }),
            ("leave room", Command::Leave { group: name() }),
            ("send room hello  \"world\" ", Command::Send { group: name(), data: text("hello  \"world\"") }),
            ("send 'room'   x", Command::Send { group: name(), data: text("x") }),
            (
                "send-json room {\"a\": 1}",
                Command::Send { group: name(), data: Data::Json("{\"a\": 1}".to_owned()) },
            ),
            ("event order 1 2", Command::Event { name: "order".to_owned(), data: text("1 2") }),
            ("invoke add  1 2", Command::Invoke { name: "add".to_owned(), data: Some(text("1 2")) }),
            ("invoke now", Command::Invoke { name: "now".to_owned(), data: None }),
            ("stream room", Command::Stream { group: name() }),
            ("part a  b", Command::Part { data: text("a  b") }),
            ("end", Command::End { error: None }),
            ("end too late", Command::End { error: Some("too late".to_owned()) }),
            (
                "set-state room mood=good 'doing=two things' x=",
                Command::SetState {
                    group: name(),
                    state: Some(GroupState::from(
                        [("mood", "good"), ("doing", "two things"), ("x", "")]
                            .map(|(name, value)| (name.to_owned(), value.to_owned())),
                    )),
                },
            ),
            ("clear-state room", Command::SetState { group: name(), state: None }),
            ("watch-state room", Command::WatchState { group: name() }),
            ("unwatch-state room", Command::UnwatchState { group: name() }),
            ("ping", Command::Ping),
            ("cut", Command::Cut { away: Duration::ZERO }),
            ("cut 5", Command::Cut { away: Duration::from_secs(5) }),
            ("raw {\"type\":\"ping\"}", Command::Raw { text: "{\"type\":\"ping\"}".to_owned() }),
            ("help", Command::Help),
            ("quit", Command::Quit),
            ("/quit", Command::Quit),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn lines_that_are_not() {
        for (line, error) in [
            ("join", "Type join GROUP."),
            ("join \"\"", "Type join GROUP."),
            ("join my room", "Type join GROUP, with quotes around a name that has spaces in it."),
            ("join 'my room", "the ' is not closed"),
            ("send room", "Type send GROUP TEXT."),
            ("event order", "Type event NAME TEXT."),
            ("raw", "Type raw TEXT."),
            ("invoke", "Type invoke NAME TEXT."),
            ("part", "Type part TEXT."),
            (
                "set-state room good",
                "Type set-state GROUP NAME=VALUE, with quotes around a pair that has spaces in it.",
            ),
            (
                "set-state room",
                "Type set-state GROUP NAME=VALUE, with quotes around a pair that has spaces in it.",
            ),
            ("watch-state", "Type watch-state GROUP."),
            ("cut x", "Type cut SECONDS, at most 3600."),
            ("hello", "There is no command `hello`; type help."),
        ] {
            assert_eq!(parse(line), Err(error.to_owned()), "{line}");
        }
        assert!(parse("send-json room {").unwrap_err().starts_with("This is not JSON"));
    }
}
