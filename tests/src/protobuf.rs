//! Just enough protobuf to write requests by hand and to read what comes, without the service's own code.

/// Bytes from their hexadecimal form; spaces are ignored.
///
/// # Panics
/// When it is none.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).expect("a digit")).collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits")).collect()
}

/// A field with bytes, a text or a message in it.
pub fn bytes(number: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [&varint(number << 3 | 2), &varint(content.len() as u64), content].concat()
}

/// A field with a number.
pub fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// What a field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// Bytes, a text or a message.
    Bytes(Vec<u8>),
}

/// The fields of a message in order.
///
/// # Panics
/// When the bytes are none.
pub fn fields(mut message: &[u8]) -> Vec<(u64, Value)> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = read(&mut message);
        let value = match tag & 7 {
            0 => Value::Number(read(&mut message)),
            1 => {
                let (number, rest) = message.split_first_chunk().expect("eight bytes");
                message = rest;
                Value::Number(u64::from_le_bytes(*number))
            }
            2 => {
                let length = read(&mut message);
                let (content, rest) = message.split_at(usize::try_from(length).expect("a length"));
                message = rest;
                Value::Bytes(content.to_vec())
            }
            other => panic!("no field of the schema has the wire type {other}"),
        };
        found.push((tag >> 3, value));
    }
    found
}

fn read(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = message.split_first().expect("the rest of a number");
        *message = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number of more than 64 bits")
}

/// The field at the end of a path of field numbers.
pub fn find(message: &[u8], path: &[u64]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let (_, value) = fields(message).into_iter().rev().find(|(number, _)| number == first)?;
    match value {
        Value::Bytes(inner) if !rest.is_empty() => find(&inner, rest),
        value => rest.is_empty().then_some(value),
    }
}

/// The number at the end of a path.
pub fn find_number(message: &[u8], path: &[u64]) -> Option<u64> {
    match find(message, path)? {
        Value::Number(number) => Some(number),
        Value::Bytes(bytes) => panic!("{path:?} has the bytes {bytes:x?}"),
    }
}

/// The text at the end of a path.
pub fn find_text(message: &[u8], path: &[u64]) -> Option<String> {
    match find(message, path)? {
        Value::Bytes(bytes) => Some(String::from_utf8(bytes).expect("a text in UTF-8")),
        Value::Number(number) => panic!("{path:?} has the number {number}"),
    }
}
