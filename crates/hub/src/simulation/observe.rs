//! What clients read.

use std::collections::BTreeMap;

use hublet_wire::ws::Event;

/// What a client reads, as the model writes it, and its sequence id; nothing for messages that the model leaves out.
pub(super) fn observed(json: bool, event: &Event<'_>) -> Option<(String, Option<u64>)> {
    let text = text_of(json, event)?;
    let number = match event {
        Event::Text(message) if json => {
            let value: serde_json::Value = serde_json::from_str(message).expect("valid JSON");
            value["sequenceId"].as_u64()
        }
        _ => None,
    };
    Some((text, number))
}

fn text_of(json: bool, event: &Event<'_>) -> Option<String> {
    match event {
        Event::Text(text) if json => {
            let value: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).expect("valid JSON");
            match value["type"].as_str() {
                Some("message") => value["data"].as_str().map(str::to_owned),
                Some("ack") => Some(format!("ack {} {}", value["ackId"], value["success"])),
                Some("system") => None,
                other => panic!("unexpected {other:?}"),
            }
        }
        Event::Text(text) => Some((*text).to_owned()),
        Event::Close { .. } => Some("closed".to_owned()),
        Event::Ping(_) => None,
        other => panic!("unexpected {other:?}"),
    }
}
