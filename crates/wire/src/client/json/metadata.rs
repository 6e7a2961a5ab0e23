//! Application metadata in client messages (client-protocols.md §3.4).

use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value;
use crate::client::Metadata;

const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 1_024;
/// All keys and values together.
const BYTES_MAX: usize = 8 << 10;

/// The metadata of a message, empty when absent, `null` or an empty object; `None` when it breaks a rule.
pub(super) fn metadata(value: Option<&RawValue>) -> Option<Metadata> {
    let Some(value) = value::present(value) else { return Some(Metadata::new()) };
    let metadata = serde_json::Deserializer::from_str(value.get()).deserialize_map(Reader).ok()?;
    has_unique_keys(&metadata).then_some(metadata)
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut metadata = Metadata::new();
        let mut bytes = 0;
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            bytes += key.len() + value.len();
            if !is_valid_key(&key) || !is_valid_value(&value) || bytes > BYTES_MAX {
                return Err(A::Error::custom("invalid metadata"));
            }
            metadata.push((key, value));
        }
        Ok(metadata)
    }
}

/// The characters of an HTTP header name: event handlers get the metadata as headers.
fn is_valid_key(key: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// ASCII that can stand in an HTTP header, which leaves control characters out.
fn is_valid_value(value: &str) -> bool {
    value.len() <= VALUE_BYTES_MAX && value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn has_unique_keys(metadata: &Metadata) -> bool {
    let mut keys: Vec<&str> = metadata.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys.windows(2).all(|pair| pair[0] != pair[1])
}
