//! Writing the wire format. What is written is described once and run twice: first to count, then to write, since the
//! length of a message stands before it.

/// Where fields go.
#[derive(Debug)]
pub enum Out<'a> {
    /// Only their bytes are counted.
    Count(usize),
    /// They are appended.
    Write(&'a mut Vec<u8>),
}

/// The bytes that `content` writes.
pub fn count(content: impl Fn(&mut Out<'_>)) -> usize {
    let mut out = Out::Count(0);
    content(&mut out);
    match out {
        Out::Count(bytes) => bytes,
        Out::Write(_) => 0,
    }
}

/// The kinds of values that are written, as the lowest bits of a tag.
const NUMBER: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;

/// The tag of a number in a field below 16: one byte.
pub(super) const fn number_tag(field: u8) -> u8 {
    field << 3 | NUMBER
}

/// The tag of text, bytes or a message in a field below 16: one byte.
pub(super) const fn bytes_tag(field: u8) -> u8 {
    field << 3 | BYTES
}

impl Out<'_> {
    /// A number or a boolean. One that may be left out when it is zero is left out by the caller.
    pub fn number(&mut self, field: u8, value: u64) {
        self.tag(field, NUMBER);
        self.varint(value);
    }

    /// A number of eight bytes.
    pub fn fixed64(&mut self, field: u8, value: u64) {
        self.tag(field, FIXED64);
        self.raw(&value.to_le_bytes());
    }

    /// Text or bytes, also when they are empty.
    pub fn bytes(&mut self, field: u8, value: &[u8]) {
        self.tag(field, BYTES);
        self.varint(value.len() as u64);
        self.raw(value);
    }

    /// A string without presence, which an empty one needs not be written for.
    pub fn text(&mut self, field: u8, value: &str) {
        if !value.is_empty() {
            self.bytes(field, value.as_bytes());
        }
    }

    /// A message of which `content` writes the fields.
    pub fn message(&mut self, field: u8, content: impl Fn(&mut Out<'_>)) {
        let len = count(&content);
        self.tag(field, BYTES);
        self.varint(len as u64);
        match self {
            Self::Count(bytes) => *bytes += len,
            Self::Write(_) => content(self),
        }
    }

    /// One entry of a map of strings.
    pub fn entry(&mut self, field: u8, key: &str, value: &str) {
        self.message(field, |out| {
            out.bytes(1, key.as_bytes());
            out.bytes(2, value.as_bytes());
        });
    }

    /// One byte for fields below 16, two for the others.
    fn tag(&mut self, field: u8, kind: u8) {
        self.varint(u64::from(field) << 3 | u64::from(kind));
    }

    fn varint(&mut self, mut value: u64) {
        let mut bytes = [0; 10];
        let mut len = 0;
        for byte in &mut bytes {
            *byte = u8::try_from(value & 0x7f).unwrap_or_default();
            value >>= 7;
            len += 1;
            if value == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.raw(&bytes[..len]);
    }

    fn raw(&mut self, bytes: &[u8]) {
        match self {
            Self::Count(count) => *count += bytes.len(),
            Self::Write(out) => out.extend_from_slice(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::protobuf::{Value, fields};

    #[test]
    fn fields_of_all_numbers_are_counted_and_read_back() {
        for field in 1..=u8::MAX {
            let content = |out: &mut Out<'_>| {
                out.number(field, 300);
                out.message(field, |out| out.text(field, "x"));
                out.entry(field, "k", "v");
                out.fixed64(field, 1);
            };
            let mut bytes = Vec::new();
            content(&mut Out::Write(&mut bytes));
            assert_eq!(count(content), bytes.len(), "field {field}");
            let read: Vec<_> = fields(&bytes).map(|field| field.expect("a field")).collect();
            assert!(read.iter().all(|(number, _)| *number == u32::from(field)), "field {field}: {read:?}");
            assert_eq!(read[0].1.number(), Some(300));
            let inner: Vec<_> = fields(read[1].1.bytes().expect("a message")).flatten().collect();
            assert_eq!((inner[0].0, inner[0].1.text()), (u32::from(field), Some("x")));
            let entry: Vec<_> = fields(read[2].1.bytes().expect("an entry")).flatten().collect();
            assert_eq!((entry[0].1.text(), entry[1].1.text()), (Some("k"), Some("v")));
            assert_eq!(read[3].1, Value::Fixed);
            assert!(bytes.ends_with(&[1, 0, 0, 0, 0, 0, 0, 0]), "field {field}");
        }
    }

    #[test]
    fn a_tag_has_one_byte_below_16_and_two_from_there_on() {
        for (field, expected) in
            [(1, &[0x0a, 0][..]), (15, &[0x7a, 0]), (16, &[0x82, 1, 0]), (17, &[0x8a, 1, 0])]
        {
            let mut bytes = Vec::new();
            Out::Write(&mut bytes).message(field, |_| {});
            assert_eq!(bytes, expected, "field {field}");
            let is_shared = field < 16;
            assert_eq!(bytes[0] == bytes_tag(field) && bytes.len() == 2, is_shared, "field {field}");
        }
    }
}
