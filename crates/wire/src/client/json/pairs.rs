//! Objects of strings: metadata and group state (client-protocols.md §3.4, §3.8).

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::present;
use crate::client::metadata::MetadataBuilder;
use crate::client::op::Optional;
use crate::client::{GroupState, Metadata};

/// The metadata of a message, empty when absent, `null` or an empty object; `None` when it breaks a rule.
pub(super) fn metadata(value: Option<&RawValue>) -> Option<Metadata> {
    let mut metadata = MetadataBuilder::default();
    if let Some(value) = present(value) {
        read(value, |key, value| metadata.push(key, value).is_ok())?;
    }
    metadata.finish().ok()
}

/// A group state; `Some(None)` when it is absent or `null`, `None` when it breaks a rule.
pub(super) fn state(value: Option<&RawValue>) -> Optional<GroupState> {
    let Some(value) = present(value) else { return Some(None) };
    let mut state = GroupState::default();
    read(value, |key, value| state.insert(key, value).is_ok())?;
    Some(Some(state))
}

/// Gives all pairs to `take` until it refuses one; `None` when it did, or when `value` is no object of strings.
fn read(value: &RawValue, take: impl FnMut(String, String) -> bool) -> Option<()> {
    serde_json::Deserializer::from_str(value.get()).deserialize_map(Pairs(take)).ok()
}

struct Pairs<F>(F);

impl<'de, F: FnMut(String, String) -> bool> Visitor<'de> for Pairs<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if !(self.0)(key, value) {
                return Err(A::Error::custom("a pair breaks a rule"));
            }
        }
        Ok(())
    }
}
