//! Application metadata: its rules, whichever way it comes (client-protocols.md §3.4, rest-api.md §4.3).

use super::Metadata;

const KEY_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 1_024;
/// All keys and values together.
const BYTES_MAX: usize = 8 << 10;

/// A key or value breaks a rule, or there is too much of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "Invalid metadata: a key is 1 to 256 HTTP token characters and unique, a value is ASCII of at most 1024 characters, \
     and all together are at most 8 KiB."
)]
pub struct InvalidMetadata;

/// Collects metadata pair by pair, checking each.
#[derive(Debug, Default)]
pub struct MetadataBuilder {
    metadata: Metadata,
    bytes: usize,
}

impl MetadataBuilder {
    /// Adds a pair.
    ///
    /// # Errors
    /// It breaks a rule.
    pub fn push(&mut self, key: String, value: String) -> Result<(), InvalidMetadata> {
        self.bytes += key.len() + value.len();
        if !is_valid_key(&key) || !is_valid_value(&value) || self.bytes > BYTES_MAX {
            return Err(InvalidMetadata);
        }
        self.metadata.push((key, value));
        Ok(())
    }

    /// The pairs in the order in which they came.
    ///
    /// # Errors
    /// A key came twice.
    pub fn finish(self) -> Result<Metadata, InvalidMetadata> {
        let mut keys: Vec<&str> = self.metadata.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(InvalidMetadata);
        }
        Ok(self.metadata)
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
