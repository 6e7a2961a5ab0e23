//! Application metadata in client messages (client-protocols.md §3.4).

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value;
use crate::client::Metadata;
use crate::client::metadata::MetadataBuilder;

/// The metadata of a message, empty when absent, `null` or an empty object; `None` when it breaks a rule.
pub(super) fn metadata(value: Option<&RawValue>) -> Option<Metadata> {
    let Some(value) = value::present(value) else { return Some(Metadata::new()) };
    serde_json::Deserializer::from_str(value.get()).deserialize_map(Reader).ok()?.finish().ok()
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = MetadataBuilder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetadataBuilder, A::Error> {
        let mut metadata = MetadataBuilder::default();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            metadata.push(key, value).map_err(A::Error::custom)?;
        }
        Ok(metadata)
    }
}
