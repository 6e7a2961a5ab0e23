//! Every event that there is: its number, its name, its text. Names that Azure's logs have are used as they are
//! (operations.md §4); names and numbers never change their meaning.

use serde::Serialize;

use crate::config::Category;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Level {
    Informational,
    Warning,
}

impl Level {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Informational => "Informational",
            Self::Warning => "Warning",
        }
    }

    /// As the tool for the live trace counts them (tunnel.md §8.2).
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Informational => 2,
            Self::Warning => 3,
        }
    }
}

/// What is known about a kind of event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) category: Category,
    /// `properties.collection` of resource logs.
    pub(crate) collection: &'static str,
    /// The text, with places such as `{group}`, see [`super::event::Event::value`].
    pub(crate) template: &'static str,
    /// There may be as many as there are messages: kept only while somebody looks.
    pub(crate) frequent: bool,
}

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    ConnectionStarted,
    ConnectionEnded,
    ConnectionAborted,
    ConnectionDetached,
    ConnectionResumed,
    ConnectionRefused,
    ConnectionAuthorizationFailed,
    ConnectionCountLimitReached,
    MissingAllowedOrigin,
    InvalidStatusCode,
    ValidationFailed,
    SystemEventHandled,
    SystemEventUnexpected,
    SystemEventFailed,
    ReceivedMessageFromClient,
    AddedConnectionToGroup,
    RemovedConnectionFromGroup,
    SentMessageToClient,
    SentMessage,
    RefusedClientRequest,
    ReceivedMessageFromRestApi,
    MessageCountLimitReached,
    UserEventHandled,
    UserEventUnexpected,
    UserEventFailed,
    RequestStarted,
    RequestProcessed,
    RequestFailed,
    RequestAuthorizationFailed,
}

impl Kind {
    pub(crate) const ALL: [Self; 29] = [
        Self::ConnectionStarted,
        Self::ConnectionEnded,
        Self::ConnectionAborted,
        Self::ConnectionDetached,
        Self::ConnectionResumed,
        Self::ConnectionRefused,
        Self::ConnectionAuthorizationFailed,
        Self::ConnectionCountLimitReached,
        Self::MissingAllowedOrigin,
        Self::InvalidStatusCode,
        Self::ValidationFailed,
        Self::SystemEventHandled,
        Self::SystemEventUnexpected,
        Self::SystemEventFailed,
        Self::ReceivedMessageFromClient,
        Self::AddedConnectionToGroup,
        Self::RemovedConnectionFromGroup,
        Self::SentMessageToClient,
        Self::SentMessage,
        Self::RefusedClientRequest,
        Self::ReceivedMessageFromRestApi,
        Self::MessageCountLimitReached,
        Self::UserEventHandled,
        Self::UserEventUnexpected,
        Self::UserEventFailed,
        Self::RequestStarted,
        Self::RequestProcessed,
        Self::RequestFailed,
        Self::RequestAuthorizationFailed,
    ];

    /// The kind of this number, as a tool names it.
    pub(crate) fn numbered(id: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| u64::from(kind.entry().id) == id)
    }

    pub(crate) const fn entry(self) -> Entry {
        match self {
            Self::ConnectionStarted => CONNECTION.with(101, "ConnectionStarted", "Connection started."),
            Self::ConnectionEnded => CONNECTION.with(102, "ConnectionEnded", "Connection ended. {detail}"),
            Self::ConnectionAborted => {
                CONNECTION.with(103, "ConnectionAborted", "Connection aborted. {detail}").warning()
            }
            Self::ConnectionDetached => CONNECTION.with(
                104,
                "ConnectionDetached",
                "The socket of a reliable connection is gone. The connection waits for its client.",
            ),
            Self::ConnectionResumed => {
                CONNECTION.with(105, "ConnectionResumed", "The client of a reliable connection is back.")
            }
            Self::ConnectionRefused => CONNECTION
                .with(106, "ConnectionRefused", "A client was refused with {status}. {detail}")
                .warning(),
            Self::ConnectionAuthorizationFailed => {
                CONNECTION.with(107, "AuthorizationFailed", "{detail}").warning().of("Authorization")
            }
            Self::ConnectionCountLimitReached => CONNECTION
                .with(108, "ConnectionCountLimitReached", "Connection count reaches limit")
                .warning()
                .of("Throttling"),
            Self::MissingAllowedOrigin => {
                CONNECTION.with(111, "AbuseProtectionResponseMissingAllowedOrigin", "{detail}").warning()
            }
            Self::InvalidStatusCode => {
                CONNECTION.with(112, "AbuseProtectionResponseInvalidStatusCode", "{detail}").warning()
            }
            Self::ValidationFailed => {
                CONNECTION.with(113, "AbuseProtectionResponseFailed", "{detail}").warning()
            }
            Self::SystemEventHandled => CONNECTION.with(121, "HandlerRequestProcessed", HANDLED).frequent(),
            Self::SystemEventUnexpected => {
                CONNECTION.with(122, "HttpHandlerUnexpectedResponse", "{detail}").warning()
            }
            Self::SystemEventFailed => CONNECTION.with(123, "HandlerRequestFailed", NOT_HANDLED).warning(),
            Self::ReceivedMessageFromClient => MESSAGE
                .with(
                    201,
                    "ReceivedMessageFromClient",
                    "Received a message of {bytes} bytes from the client for {detail}.",
                )
                .frequent(),
            Self::AddedConnectionToGroup => MESSAGE
                .with(202, "AddedConnectionToGroup", "Added the connection to group {group}.")
                .frequent(),
            Self::RemovedConnectionFromGroup => MESSAGE
                .with(203, "RemovedConnectionFromGroup", "Removed the connection from group {group}.")
                .frequent(),
            Self::SentMessageToClient => MESSAGE
                .with(204, "SentMessageToClient", "Sent a message of {bytes} bytes to the client.")
                .frequent(),
            Self::SentMessage => MESSAGE
                .with(
                    205,
                    "SentMessage",
                    "Sent a message of {bytes} bytes to {detail}. Receivers: {receivers}.",
                )
                .frequent(),
            Self::RefusedClientRequest => MESSAGE
                .with(206, "RefusedClientRequest", "Refused a request of the client. {detail}")
                .warning()
                .frequent(),
            Self::ReceivedMessageFromRestApi => MESSAGE
                .with(
                    207,
                    "ReceivedMessageFromRestApi",
                    "Received a message {traceId} from REST API: {method} {route}.",
                )
                .frequent(),
            Self::MessageCountLimitReached => MESSAGE
                .with(208, "MessageCountLimitReached", "Message count reaches limit")
                .warning()
                .of("Throttling"),
            Self::UserEventHandled => MESSAGE.with(221, "HandlerRequestProcessed", HANDLED).frequent(),
            Self::UserEventUnexpected => {
                MESSAGE.with(222, "HttpHandlerUnexpectedResponse", "{detail}").warning()
            }
            Self::UserEventFailed => MESSAGE.with(223, "HandlerRequestFailed", NOT_HANDLED).warning(),
            Self::RequestStarted => REQUEST.with(301, "RequestStarted", "Began {method} {route}.").frequent(),
            Self::RequestProcessed => REQUEST.with(302, "RequestProcessed", ANSWERED).frequent(),
            Self::RequestFailed => REQUEST.with(303, "RequestProcessed", ANSWERED).warning().frequent(),
            Self::RequestAuthorizationFailed => {
                REQUEST.with(304, "AuthorizationFailed", "{detail}").warning().of("Authorization")
            }
        }
    }
}

const HANDLED: &str = "Event {event}: {urlTemplate} answered {status} in {durationMs} ms.";
const NOT_HANDLED: &str = "Event {event}: {urlTemplate} did not handle it. {detail}";
const ANSWERED: &str = "Answered {method} {route} with {status} in {durationMs} ms.";

const CONNECTION: Entry = Entry {
    id: 0,
    name: "",
    level: Level::Informational,
    category: Category::ConnectivityLogs,
    collection: "Connection",
    template: "",
    frequent: false,
};
const MESSAGE: Entry = Entry { category: Category::MessagingLogs, collection: "Message", ..CONNECTION };
const REQUEST: Entry = Entry { category: Category::HttpRequestLogs, collection: "Request", ..CONNECTION };

impl Entry {
    const fn with(self, id: u16, name: &'static str, template: &'static str) -> Self {
        Self { id, name, template, ..self }
    }

    const fn warning(self) -> Self {
        Self { level: Level::Warning, ..self }
    }

    const fn of(self, collection: &'static str) -> Self {
        Self { collection, ..self }
    }

    const fn frequent(self) -> Self {
        Self { frequent: true, ..self }
    }

    /// The names of the places in the text, in order.
    pub(crate) fn places(&self) -> impl Iterator<Item = &'static str> {
        self.template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn numbers_are_unique_and_say_the_category() {
        let ids: BTreeSet<u16> = Kind::ALL.iter().map(|kind| kind.entry().id).collect();
        assert_eq!(ids.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let entry = kind.entry();
            let category = match entry.id / 100 {
                1 => Category::ConnectivityLogs,
                2 => Category::MessagingLogs,
                _ => Category::HttpRequestLogs,
            };
            assert_eq!(entry.category, category, "{entry:?}");
            assert_eq!(Kind::numbered(entry.id.into()), Some(kind));
        }
        assert_eq!(Kind::numbered(0), None);
        assert_eq!(Kind::numbered(u64::MAX), None);
    }

    #[test]
    fn places_are_found() {
        let places: Vec<&str> = Kind::SentMessage.entry().places().collect();
        assert_eq!(places, ["bytes", "detail", "receivers"]);
        assert_eq!(Kind::ConnectionStarted.entry().places().count(), 0);
    }
}
