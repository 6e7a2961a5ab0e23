//! `--event-handler` and `--event-listener`: `NAME=VALUE` pairs as in the vendor's command line, and the settings that
//! they stand for.

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches};
use serde_json::{Value, json};

use crate::failure::Failure;

type Pair = (String, String);

/// What a pair sets.
struct Key {
    name: &'static str,
    /// Where its value stands in the settings.
    path: &'static [&'static str],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// One more each time it stands there.
    List,
    Flag,
    Number,
}

const fn key(name: &'static str, kind: Kind, path: &'static [&'static str]) -> Key {
    Key { name, path, kind }
}

const HANDLER: &[Key] = &[
    key("url-template", Kind::Text, &["urlTemplate"]),
    key("user-event-pattern", Kind::Text, &["userEventPattern"]),
    key("system-event", Kind::List, &["systemEvents"]),
    key("auth-type", Kind::Text, &["auth", "type"]),
    key("auth-resource", Kind::Text, &["auth", "managedIdentity", "resource"]),
    key("group-event", Kind::List, &["groupPresenceEvents", "eventNames"]),
    key("group-filter", Kind::List, &["groupPresenceEvents", "groupFilters"]),
    key("durable", Kind::Flag, &["durable"]),
    key("timeout", Kind::Number, &["timeoutInSeconds"]),
    key("max-concurrency", Kind::Number, &["maxConcurrency"]),
];

const LISTENER: &[Key] = &[
    key("system-event", Kind::List, &["filter", "systemEvents"]),
    key("user-event-pattern", Kind::Text, &["filter", "userEventPattern"]),
    key("event-hub-namespace", Kind::Text, &["endpoint", "fullyQualifiedNamespace"]),
    key("event-hub-name", Kind::Text, &["endpoint", "eventHubName"]),
    key("nats-url", Kind::Text, &["endpoint", "url"]),
    key("nats-subject", Kind::Text, &["endpoint", "subject"]),
    key("file", Kind::Text, &["endpoint", "path"]),
    // The vendor's names of the first two.
    key("system-event-name-filter", Kind::List, &["filter", "systemEvents"]),
    key("user-event-name-filter", Kind::Text, &["filter", "userEventPattern"]),
];

/// `--event-handler NAME=VALUE…`, once for each.
#[derive(Debug)]
pub(super) struct EventHandlers(Vec<Vec<Pair>>);

/// `--event-listener NAME=VALUE…`, once for each.
#[derive(Debug)]
pub(super) struct EventListeners(Vec<Vec<Pair>>);

impl EventHandlers {
    /// `eventHandlers`; `None`: the option was not used.
    pub(super) fn parse(&self) -> Result<Option<Value>, Failure> {
        all(&self.0, |pairs| {
            let mut handler = object(pairs, HANDLER, "an event handler")?;
            if handler.get("urlTemplate").is_none() {
                return Err(Failure::usage(
                    "An event handler has no URL.",
                    "Write --event-handler url-template=URL, with the other parts behind it.",
                ));
            }
            if let Some(auth) = handler.get_mut("auth").and_then(Value::as_object_mut) {
                // A resource is of use to nothing else.
                auth.entry("type").or_insert_with(|| "ManagedIdentity".into());
            }
            Ok(handler)
        })
    }
}

impl EventListeners {
    /// `eventListeners`; `None`: the option was not used.
    pub(super) fn parse(&self) -> Result<Option<Value>, Failure> {
        all(&self.0, |pairs| {
            let mut listener = object(pairs, LISTENER, "an event listener")?;
            let has = |part: &str| listener["endpoint"].get(part).is_some();
            let kinds = [
                ("EventHub", has("fullyQualifiedNamespace") || has("eventHubName")),
                ("Nats", has("url") || has("subject")),
                ("File", has("path")),
            ];
            let mut meant = kinds.iter().filter(|(_, is_meant)| *is_meant);
            let (Some((kind, _)), None) = (meant.next(), meant.next()) else {
                return Err(Failure::usage(
                    "An event listener has no place to send to, or several.",
                    "Write event-hub-namespace=HOST and event-hub-name=NAME, or nats-url=URL, or file=PATH.",
                ));
            };
            listener["endpoint"]["type"] = (*kind).into();
            listener["filter"]["type"] = "EventName".into();
            Ok(listener)
        })
    }
}

fn all(
    options: &[Vec<Pair>],
    parse: impl Fn(&[Pair]) -> Result<Value, Failure>,
) -> Result<Option<Value>, Failure> {
    if options.is_empty() {
        return Ok(None);
    }
    options.iter().map(|pairs| parse(pairs)).collect::<Result<_, _>>().map(Some)
}

/// The object that pairs describe.
fn object(pairs: &[Pair], keys: &[Key], whole: &str) -> Result<Value, Failure> {
    let mut object = json!({});
    for (name, text) in pairs {
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
            let hint = format!("These are: {}.", names.join(", "));
            return Err(Failure::usage(format!("{name:?} is no part of {whole}."), hint));
        };
        let value = key.kind.value(text).ok_or_else(|| {
            let hint = if key.kind == Kind::Flag { "Write true or false." } else { "Write a whole number." };
            Failure::usage(format!("{text:?} is no value of {name}."), hint)
        })?;
        let mut place = &mut object;
        for part in key.path {
            place = &mut place[*part];
        }
        match place {
            Value::Array(list) => list.push(value),
            Value::Null if key.kind == Kind::List => *place = json!([value]),
            Value::Null => *place = value,
            _ => {
                return Err(Failure::usage(
                    format!("{name} stands twice for {whole}."),
                    "Write the option once more for another one.",
                ));
            }
        }
    }
    Ok(object)
}

impl Kind {
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Text | Self::List => Some(text.into()),
            Self::Flag => text.parse::<bool>().ok().map(Value::from),
            Self::Number => text.parse::<u32>().ok().map(Value::from),
        }
    }
}

fn pair(text: &str) -> Result<Pair, &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, and the hub before the options")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// An option that takes pairs and may be repeated. Clap's derived code does not keep apart what belongs to which
/// repetition.
macro_rules! repeated {
    ($kind:ident, $id:literal, $long:literal, $help:literal) => {
        impl clap::Args for $kind {
            fn augment_args(command: Command) -> Command {
                command.arg(
                    Arg::new($id)
                        .long($long)
                        .help($help)
                        .value_name("NAME=VALUE")
                        .num_args(1..)
                        .action(ArgAction::Append)
                        .value_parser(pair)
                        .group("what"),
                )
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }

        impl FromArgMatches for $kind {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                let occurrences = matches.get_occurrences::<Pair>($id).into_iter().flatten();
                Ok(Self(occurrences.map(|pairs| pairs.cloned().collect()).collect()))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                *self = Self::from_arg_matches(matches)?;
                Ok(())
            }
        }
    };
}

repeated!(
    EventHandlers,
    "event_handler",
    "event-handler",
    "Where client events go, in order; replaces all that there are"
);
repeated!(
    EventListeners,
    "event_listener",
    "event-listener",
    "Who gets a copy of client events; replaces all that there are"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<Pair> {
        text.split_whitespace().map(|text| pair(text).unwrap()).collect()
    }

    fn handlers(options: &[&str]) -> Result<Option<Value>, Failure> {
        EventHandlers(options.iter().map(|text| pairs(text)).collect()).parse()
    }

    fn listeners(options: &[&str]) -> Result<Option<Value>, Failure> {
        EventListeners(options.iter().map(|text| pairs(text)).collect()).parse()
    }

    #[test]
    fn handlers_as_the_vendor_writes_them() {
        let all = handlers(&[
            "url-template=https://h/{hub}?code=a=b user-event-pattern=* system-event=connect system-event=connected",
            "url-template=http://h auth-resource=api://app group-event=joined group-filter=chat* durable=true \
             timeout=5 max-concurrency=2",
            "url-template=http://h auth-type=None",
        ]);
        assert_eq!(
            all.unwrap().unwrap(),
            json!([
                {
                    "urlTemplate": "https://h/{hub}?code=a=b",
                    "userEventPattern": "*",
                    "systemEvents": ["connect", "connected"],
                },
                {
                    "urlTemplate": "http://h",
                    "auth": { "type": "ManagedIdentity", "managedIdentity": { "resource": "api://app" } },
                    "groupPresenceEvents": { "eventNames": ["joined"], "groupFilters": ["chat*"] },
                    "durable": true,
                    "timeoutInSeconds": 5,
                    "maxConcurrency": 2,
                },
                { "urlTemplate": "http://h", "auth": { "type": "None" } },
            ])
        );
        assert_eq!(handlers(&[]).unwrap(), None);
    }

    #[test]
    fn listeners_of_each_kind() {
        let all = listeners(&[
            "event-hub-namespace=n event-hub-name=e system-event-name-filter=connected user-event-name-filter=*",
            "nats-url=nats://h user-event-pattern=a,b",
            "file=events.jsonl system-event=disconnected",
        ]);
        assert_eq!(
            all.unwrap().unwrap(),
            json!([
                {
                    "filter": { "type": "EventName", "systemEvents": ["connected"], "userEventPattern": "*" },
                    "endpoint": { "type": "EventHub", "fullyQualifiedNamespace": "n", "eventHubName": "e" },
                },
                {
                    "filter": { "type": "EventName", "userEventPattern": "a,b" },
                    "endpoint": { "type": "Nats", "url": "nats://h" },
                },
                {
                    "filter": { "type": "EventName", "systemEvents": ["disconnected"] },
                    "endpoint": { "type": "File", "path": "events.jsonl" },
                },
            ])
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for option in [
            "user-event-pattern=*",
            "url-template=a url-template=b",
            "url-template=a colour=red",
            "url-template=a durable=yes",
            "url-template=a timeout=1.5",
        ] {
            assert!(handlers(&[option]).is_err(), "{option}");
        }
        for option in ["user-event-pattern=*", "file=a nats-url=b", "url-template=a"] {
            assert!(listeners(&[option]).is_err(), "{option}");
        }
        let error = handlers(&["url-template=a colour=red"]).unwrap_err();
        assert!(error.hint().contains("system-event, auth-type"), "{}", error.hint());
        assert!(pair("chat").is_err());
    }
}
