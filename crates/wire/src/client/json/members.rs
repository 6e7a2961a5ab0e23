//! The members of a request as they stand in the text. They are interpreted when the type is known, because they come
//! in any order and a key that the type does not use may hold anything.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::members::members;

/// The known members of a request.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) kind: Option<&'a RawValue>,
    pub(super) group: Option<&'a RawValue>,
    pub(super) event: Option<&'a RawValue>,
    pub(super) ack_id: Option<&'a RawValue>,
    pub(super) no_echo: Option<&'a RawValue>,
    pub(super) data_type: Option<&'a RawValue>,
    pub(super) data: Option<&'a RawValue>,
    pub(super) metadata: Option<&'a RawValue>,
    pub(super) ttl_seconds: Option<&'a RawValue>,
    pub(super) stream: Option<&'a RawValue>,
    pub(super) sequence_id: Option<&'a RawValue>,
    pub(super) target: Option<&'a RawValue>,
    pub(super) invocation_id: Option<&'a RawValue>,
    pub(super) stream_id: Option<&'a RawValue>,
    pub(super) stream_sequence_id: Option<&'a RawValue>,
    pub(super) error: Option<&'a RawValue>,
    pub(super) state: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some(key) = map.next_key::<Key>()? {
            let slot = match key {
                Key::Type => &mut members.kind,
                Key::Group => &mut members.group,
                Key::Event => &mut members.event,
                Key::AckId => &mut members.ack_id,
                Key::NoEcho => &mut members.no_echo,
                Key::DataType => &mut members.data_type,
                Key::Data => &mut members.data,
                Key::Metadata => &mut members.metadata,
                Key::TtlSeconds => &mut members.ttl_seconds,
                Key::Stream => &mut members.stream,
                Key::SequenceId => &mut members.sequence_id,
                Key::Target => &mut members.target,
                Key::InvocationId => &mut members.invocation_id,
                Key::StreamId => &mut members.stream_id,
                Key::StreamSequenceId => &mut members.stream_sequence_id,
                Key::Error => &mut members.error,
                Key::State => &mut members.state,
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // The last of duplicate keys counts.
            *slot = Some(map.next_value()?);
        }
        Ok(members)
    }
}

/// The keys that some request has; they are case-sensitive.
#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Key {
    Type,
    Group,
    Event,
    AckId,
    NoEcho,
    DataType,
    Data,
    Metadata,
    TtlSeconds,
    Stream,
    SequenceId,
    Target,
    InvocationId,
    StreamId,
    StreamSequenceId,
    Error,
    State,
    #[serde(other)]
    Unknown,
}

/// The two named members of an object inside a request, the last of duplicates; `None` for anything but an object.
pub(super) fn pair<'a>(object: &'a RawValue, names: [&str; 2]) -> Option<[Option<&'a RawValue>; 2]> {
    let members = members(object.get().as_bytes())?;
    let last = |name| members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value);
    Some(names.map(last))
}
