//! Which subprotocol a client gets, and with it what it speaks (client-protocols.md §1.7).

use http::HeaderMap;
use http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hublet_hub::Protocol;
use hublet_wire::client::Subprotocol;
use hublet_wire::client::raw::SimpleMode;
use hublet_wire::ws::handshake;

/// Subprotocols of the service have this in their names; those that are not spoken here are never chosen.
const SERVICE_SUBPROTOCOL: &str = ".webpubsub.azure.";

/// What a handshake leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// To name in the answer, as the client spelled it (decision D20).
    pub(super) echo: Option<HeaderValue>,
    pub(super) protocol: Protocol,
    /// The subprotocol when only the application understands it.
    pub(super) custom: Option<String>,
}

/// The event handler chose a subprotocol that the client did not offer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotOffered;

/// The subprotocols that a client offers, in its order.
pub(super) fn offered(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    handshake::offered(values)
}

/// Chooses as the event handler says, else the first offered subprotocol that is spoken here.
pub(super) fn choose(
    offered: &[&str],
    by_handler: Option<&str>,
    mode: SimpleMode,
) -> Result<Choice, NotOffered> {
    let by_handler = by_handler.filter(|name| !name.is_empty());
    let named = |name: &str| offered.iter().copied().find(|own| own.eq_ignore_ascii_case(name));
    let spoken = || offered.iter().copied().find(|own| Subprotocol::named(own).is_some());
    let chosen = match by_handler {
        // Client libraries fail on an answer that names what they did not ask for.
        Some(name) if offered.is_empty() => {
            tracing::info!(name, "an event handler chose a subprotocol for a client that offers none");
            None
        }
        Some(name) => Some(named(name).ok_or(NotOffered)?),
        None => spoken(),
    };
    let chosen = chosen.filter(|name| Subprotocol::named(name).is_some() || !is_of_service(name));
    let pubsub = chosen.and_then(Subprotocol::named);
    Ok(Choice {
        echo: chosen.and_then(|name| HeaderValue::from_str(name).ok()),
        protocol: pubsub.map_or_else(|| simple(mode), Protocol::PubSub),
        custom: chosen.filter(|_| pubsub.is_none()).map(str::to_owned),
    })
}

/// The answer to a client that comes back: its own spelling of the subprotocol if it offers it again.
pub(super) fn resumed(offered: &[&str], subprotocol: Subprotocol) -> Option<HeaderValue> {
    let name = subprotocol.name();
    let own = offered.iter().copied().find(|own| own.eq_ignore_ascii_case(name));
    HeaderValue::from_str(own.unwrap_or(name)).ok()
}

fn is_of_service(name: &str) -> bool {
    name.to_ascii_lowercase().contains(SERVICE_SUBPROTOCOL)
}

fn simple(mode: SimpleMode) -> Protocol {
    match mode {
        SimpleMode::SendEvent => Protocol::SimpleEvent,
        SimpleMode::SendToGroup { group, no_echo } => {
            Protocol::SimpleSendToGroup { group: group.into(), no_echo }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the order of the table in client-protocols.md §1.7.
    #[test]
    fn subprotocols() {
        let json = "json.webpubsub.azure.v1";
        let upper = "JSON.webpubsub.azure.v1";
        for (offers, by_handler, expected) in [
            (&[][..], None, Ok((None, false))),
            (&[], Some(json), Ok((None, false))),
            (&[json], None, Ok((Some(json), true))),
            (&[upper], None, Ok((Some(upper), true))),
            (&[json], Some(upper), Ok((Some(json), true))),
            (&["custom"], None, Ok((None, false))),
            (&["custom"], Some("CUSTOM"), Ok((Some("custom"), false))),
            (&["custom", json], Some("custom"), Ok((Some("custom"), false))),
            (&["custom", json], Some(""), Ok((Some(json), true))),
            (&["custom", json], None, Ok((Some(json), true))),
            (
                &["json.reliable.webpubsub.azure.v1", json],
                None,
                Ok((Some("json.reliable.webpubsub.azure.v1"), true)),
            ),
            (&["protobuf.webpubsub.azure.v1"], None, Ok((Some("protobuf.webpubsub.azure.v1"), true))),
            (&["custom"], Some(json), Err(NotOffered)),
            (&["custom"], Some("other"), Err(NotOffered)),
            (&["mqtt.webpubsub.azure.v9"], Some("mqtt.webpubsub.azure.v9"), Ok((None, false))),
        ] {
            let chosen = choose(offers, by_handler, SimpleMode::SendEvent).map(|choice| {
                let is_json = choice.protocol.pubsub().is_some();
                let custom = choice.echo.clone().filter(|_| !is_json);
                assert_eq!(choice.custom, custom.map(|name| name.to_str().unwrap().to_owned()));
                (choice.echo.map(|name| name.to_str().unwrap().to_owned()), is_json)
            });
            let expected = expected.map(|(echo, is_json)| (echo.map(str::to_owned), is_json));
            assert_eq!(chosen, expected, "{offers:?} {by_handler:?}");
        }
    }
}
