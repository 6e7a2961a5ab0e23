//! Numbers, texts and lists as bytes: numbers in groups of seven bits, the lowest first, and lengths before contents.

use std::sync::Arc;

use bytes::Bytes;

/// Appends values to bytes.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.byte(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.byte(u8::try_from(number).unwrap_or_default());
    }

    pub(crate) fn len(&mut self, len: usize) {
        self.number(len as u64);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// A value that may be missing.
    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// Bytes that need no length, since they always have the same.
    pub(crate) fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Bytes so far.
    pub(crate) fn written(&self) -> usize {
        self.0.len()
    }

    /// What was written.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Takes values off the front of bytes. `None`: they are not there, or are no such values.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let placed = bits << shift;
            if placed >> shift != bits {
                return None;
            }
            number |= placed;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number that can be counted up for ever.
    pub(crate) fn count(&mut self) -> Option<u64> {
        self.number().filter(|number| *number <= u64::MAX / 2)
    }

    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    pub(crate) fn slice(&mut self) -> Option<&'a [u8]> {
        let len = self.small()?;
        self.take(len)
    }

    pub(crate) fn bytes(&mut self) -> Option<Bytes> {
        self.slice().map(Bytes::copy_from_slice)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.slice()?).ok()
    }

    pub(crate) fn name(&mut self) -> Option<Arc<str>> {
        self.text().map(Arc::from)
    }

    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }

    /// A list whose length comes first. No length makes room for what is not there.
    pub(crate) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let len = self.number()?;
        let mut list = Vec::new();
        for _ in 0..len {
            list.push(read(self)?);
        }
        Some(list)
    }

    pub(crate) fn fixed<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        self.take(LEN)?.try_into().ok()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(number: u64, text in "\\PC{0,20}", option: Option<bool>, list: Vec<u64>) {
            let mut writer = Writer::default();
            writer.number(number);
            writer.text(&text);
            writer.option(option, Writer::flag);
            writer.len(list.len());
            list.iter().for_each(|number| writer.number(*number));
            let mut reader = Reader::new(writer.as_bytes());
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.text(), Some(&*text));
            prop_assert_eq!(reader.option(Reader::flag), Some(option));
            prop_assert_eq!(reader.list(Reader::number), Some(list));
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let number = |bytes: &[u8]| Reader::new(bytes).number();
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Some(u64::MAX));
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 11]] {
            assert_eq!(number(bytes), None);
        }
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
        assert_eq!(Reader::new(&[2]).flag(), None);
        assert_eq!(Reader::new(&[2, 1]).slice(), None);
        assert_eq!(Reader::new(&[1, 0xff]).text(), None);
        let mut huge = Writer::default();
        huge.number(u64::MAX);
        assert_eq!(Reader::new(huge.as_bytes()).list(Reader::byte), None);
        assert_eq!(Reader::new(huge.as_bytes()).slice(), None);
    }
}
