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

/// All fields of the schema that are written have numbers below 16, so that a tag is one byte.
pub(super) const fn number_tag(field: u8) -> u8 {
    field << 3
}

pub(super) const fn bytes_tag(field: u8) -> u8 {
    field << 3 | 2
}

impl Out<'_> {
    /// A number or a boolean. One that may be left out when it is zero is left out by the caller.
    pub fn number(&mut self, field: u8, value: u64) {
        self.raw(&[number_tag(field)]);
        self.varint(value);
    }

    /// Text or bytes, also when they are empty.
    pub fn bytes(&mut self, field: u8, value: &[u8]) {
        self.raw(&[bytes_tag(field)]);
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
        self.raw(&[bytes_tag(field)]);
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
