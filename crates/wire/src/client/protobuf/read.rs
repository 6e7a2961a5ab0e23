//! Reading the wire format: field by field, borrowed, without recursion.

/// What a field holds. Fields of a fixed size have no meaning in this schema and are only skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint.
    Number(u64),
    /// Four or eight bytes.
    Fixed,
    /// Text, bytes, or a message.
    Bytes(&'a [u8]),
}

/// A known field with another wire type than the schema's is an error, so each of these is `None` then.
impl<'a> Value<'a> {
    /// The bytes of text, bytes or a message.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Number(_) | Self::Fixed => None,
        }
    }

    /// UTF-8.
    pub fn text(self) -> Option<&'a str> {
        simdutf8::basic::from_utf8(self.bytes()?).ok()
    }

    /// A number, an enumeration or a boolean.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bytes(_) | Self::Fixed => None,
        }
    }
}

/// The numbers and values of a message's fields in their order, unknown ones included. `None` once, as the last item,
/// stands for bytes that are no field: cut, numbered 0, a group, or with a number of more than 64 bits.
pub fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// The fields of a message, see [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u32, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = field(self.rest);
        self.rest = field.map_or(&[], |(_, _, rest)| rest);
        Some(field.map(|(number, value, _)| (number, value)))
    }
}

/// The first field of `bytes`, and what follows it.
fn field(bytes: &[u8]) -> Option<(u32, Value<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let tag = u32::try_from(tag).ok()?;
    let number = tag >> 3;
    if number == 0 {
        return None;
    }
    let (value, rest) = match tag & 7 {
        0 => {
            let (value, rest) = varint(rest)?;
            (Value::Number(value), rest)
        }
        1 => (Value::Fixed, rest.get(8..)?),
        2 => {
            let (len, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            (Value::Bytes(value), rest)
        }
        5 => (Value::Fixed, rest.get(4..)?),
        // Groups, and wire types without a meaning.
        _ => return None,
    };
    Some((number, value, rest))
}

/// A number of at most 64 bits, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
        if index == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
