//! What a service takes for a broken message, for which it ends the connection: found before it is sent, so that a wrong
//! name is the error of one call (client-protocols.md §1.6, §3.3, §3.4, §8).

use hublet_wire::client::metadata::MetadataBuilder;
use hublet_wire::client::{TTL_SECONDS_MAX, any, json};
use hublet_wire::name;
use serde_json::value::RawValue;

use super::Command;
use crate::error::Error;
use crate::pubsub::{Data, Metadata, Protocol};

/// Whether a service that speaks `protocol` will read the request.
///
/// # Errors
/// It will not; the text says what to change.
pub(super) fn check(command: &Command, protocol: Protocol) -> Result<(), Error> {
    match command {
        Command::Join { group }
        | Command::Leave { group }
        | Command::SetState { group, .. }
        | Command::Subscribe { group }
        | Command::Unsubscribe { group }
        | Command::OpenStream { group, .. } => check_group(group),
        Command::SendToGroup { group, data, options } => {
            check_group(group)?;
            check_data(data, protocol)?;
            if options.ttl_seconds.is_some_and(|seconds| seconds > TTL_SECONDS_MAX) {
                return invalid(format!("A message may wait for {TTL_SECONDS_MAX} seconds at most."));
            }
            check_metadata(&options.metadata)
        }
        Command::SendEvent { event, data, metadata } => {
            check_event(event)?;
            check_data(data, protocol)?;
            check_metadata(metadata)
        }
        Command::Invoke { event, data, metadata } => {
            check_event(event)?;
            match data {
                // An invocation may have no data, and JSON `null` is none.
                Some(Data::Json(text)) if text.trim_ascii() == "null" => {}
                Some(data) => check_data(data, protocol)?,
                None => {}
            }
            check_metadata(metadata)
        }
        Command::StreamData { data, .. } => check_data(data, protocol),
        Command::Ping | Command::Raw(_) | Command::StreamKeepalive { .. } | Command::StreamEnd { .. } => {
            Ok(())
        }
    }
}

fn check_group(group: &str) -> Result<(), Error> {
    if name::is_valid_group(group) {
        return Ok(());
    }
    invalid(
        "The name of a group has 1 to 1024 characters, and not only blanks: choose another name.".to_owned(),
    )
}

fn check_event(event: &str) -> Result<(), Error> {
    if name::is_valid_event(event) {
        return Ok(());
    }
    invalid(format!(
        "{event:?} is not the name of an event: a letter, then letters, digits or one of _.- are allowed, 128 characters \
         at most."
    ))
}

fn check_data(data: &Data, protocol: Protocol) -> Result<(), Error> {
    let what = match data {
        Data::Text(_) | Data::Binary(_) => return Ok(()),
        Data::Protobuf(bytes) if any::is_any(bytes) => return Ok(()),
        Data::Protobuf(_) => "The bytes are no google.protobuf.Any: send them as binary data.".to_owned(),
        Data::Json(text) => match text.trim_ascii() {
            "null" => "JSON null is no data: send another value, or text.".to_owned(),
            _ if serde_json::from_str::<&RawValue>(text).is_err() => "The data is not JSON.".to_owned(),
            // In JSON the message is a level of its own.
            _ if json::nests_within(text, json::LEVELS_MAX - usize::from(protocol.is_json())) => {
                return Ok(());
            }
            _ => format!(
                "A message has {} levels of arrays and objects at most: send fewer within each other, or text.",
                json::LEVELS_MAX
            ),
        },
    };
    invalid(what)
}

fn check_metadata(metadata: &Metadata) -> Result<(), Error> {
    let mut builder = MetadataBuilder::default();
    for (name, value) in metadata {
        builder.push(name.clone(), value.clone()).map_err(|error| Error::Metadata(error.to_string()))?;
    }
    Ok(())
}

fn invalid(what: String) -> Result<(), Error> {
    Err(Error::Request(what))
}
