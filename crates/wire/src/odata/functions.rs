//! The functions of the filter language (rest-api.md §7.2), and what they do with text.

use std::ops::Range;

/// A function, by its only spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    ToLower,
    ToUpper,
    Trim,
    Contains,
    StartsWith,
    EndsWith,
    IndexOf,
    Concat,
    Substring,
}

impl Function {
    const ALL: [Self; 10] = [
        Self::Length,
        Self::ToLower,
        Self::ToUpper,
        Self::Trim,
        Self::Contains,
        Self::StartsWith,
        Self::EndsWith,
        Self::IndexOf,
        Self::Concat,
        Self::Substring,
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::ToLower => "tolower",
            Self::ToUpper => "toupper",
            Self::Trim => "trim",
            Self::Contains => "contains",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::IndexOf => "indexof",
            Self::Concat => "concat",
            Self::Substring => "substring",
        }
    }

    /// Why `count` arguments are not right, if they are not: how many it should be.
    pub(super) fn wrong_count(self, count: usize) -> Option<&'static str> {
        let (right, takes) = match self {
            Self::Length | Self::ToLower | Self::ToUpper | Self::Trim => (count == 1, "1 argument"),
            Self::Substring => (count == 2 || count == 3, "2 or 3 arguments"),
            _ => (count == 2, "2 arguments"),
        };
        (!right).then_some(takes)
    }

    /// How many of the arguments, from the first, are strings.
    pub(super) fn text_arguments(self) -> usize {
        match self {
            Self::Length | Self::ToLower | Self::ToUpper | Self::Trim | Self::Substring => 1,
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::IndexOf | Self::Concat => 2,
        }
    }
}

/// `length`: UTF-16 units, as the original counts them.
pub(super) fn length(text: &str) -> i32 {
    let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    saturated(units)
}

/// `indexof`: UTF-16 units before the first `part`, or -1. Ordinal, unlike the original's.
pub(super) fn index_of(text: &str, part: &str) -> i32 {
    text.find(part).and_then(|at| text.get(..at)).map_or(-1, length)
}

/// `substring`: the bytes of the units from `start`, `count` of them or all. `None` if they are not all in the text,
/// or would be half of a character.
pub(super) fn substring(text: &str, start: i32, count: Option<i32>) -> Option<Range<usize>> {
    let start = usize::try_from(start).ok()?;
    let from = byte_of_unit(text, start)?;
    let rest = text.get(from..)?;
    let length = match count {
        Some(count) => byte_of_unit(rest, usize::try_from(count).ok()?)?,
        None => rest.len(),
    };
    Some(from..from + length)
}

/// Where the UTF-16 unit number `unit` starts, or the text ends.
fn byte_of_unit(text: &str, unit: usize) -> Option<usize> {
    let mut units = 0;
    for (at, character) in text.char_indices() {
        if units >= unit {
            return (units == unit).then_some(at);
        }
        units += character.len_utf16();
    }
    (units == unit).then_some(text.len())
}

/// `tolower` of one character. The invariant culture maps one to one, so a mapping to several is not made.
pub(super) fn to_lower(character: char) -> char {
    single(character.to_lowercase()).unwrap_or(character)
}

/// `toupper` of one character; see [`to_lower`].
pub(super) fn to_upper(character: char) -> char {
    single(character.to_uppercase()).unwrap_or(character)
}

fn single(mut characters: impl ExactSizeIterator<Item = char>) -> Option<char> {
    if characters.len() == 1 { characters.next() } else { None }
}

/// The bytes of `text` without white space at its ends.
pub(super) fn trim(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

/// The integer, or the highest that filters have.
pub(super) fn saturated(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for function in Function::ALL {
            assert_eq!(Function::named(function.name()), Some(function));
        }
        assert_eq!(Function::named("StartsWith"), None);
        assert_eq!(Function::named("matchesPattern"), None);
    }

    #[test]
    fn units_are_counted_as_utf16() {
        for (text, units) in [("", 0), ("abc", 3), ("ü", 1), ("€", 1), ("😀", 2), ("a😀ü", 4)] {
            assert_eq!(length(text), units, "{text}");
        }
        for (text, part, index) in [
            ("", "", 0),
            ("abc", "", 0),
            ("abc", "c", 2),
            ("abc", "C", -1),
            ("ü😀x", "x", 3),
            ("aXa", "a", 0),
            ("a", "aa", -1),
        ] {
            assert_eq!(index_of(text, part), index, "{text} {part}");
        }
    }

    #[test]
    fn substrings() {
        for (text, start, count, expected) in [
            ("abc", 0, None, Some("abc")),
            ("abc", 1, None, Some("bc")),
            ("abc", 3, None, Some("")),
            ("abc", 4, None, None),
            ("abc", -1, None, None),
            ("abc", 1, Some(1), Some("b")),
            ("abc", 1, Some(2), Some("bc")),
            ("abc", 1, Some(3), None),
            ("abc", 3, Some(0), Some("")),
            ("abc", 0, Some(-1), None),
            ("abc", i32::MAX, Some(i32::MAX), None),
            ("", 0, Some(0), Some("")),
            ("ü€b", 1, Some(1), Some("€")),
            ("a😀b", 1, Some(2), Some("😀")),
            ("a😀b", 3, None, Some("b")),
            // Half of a surrogate pair is no text.
            ("a😀b", 2, None, None),
            ("a😀b", 1, Some(1), None),
            ("a😀", 0, Some(2), None),
            ("😀", 1, Some(1), None),
            ("😀", 2, Some(0), Some("")),
        ] {
            let found = substring(text, start, count).map(|range| text.get(range).unwrap());
            assert_eq!(found, expected, "{text} {start} {count:?}");
        }
    }

    #[test]
    fn case_maps_one_to_one() {
        let lower = |text: &str| text.chars().map(to_lower).collect::<String>();
        let upper = |text: &str| text.chars().map(to_upper).collect::<String>();
        assert_eq!(lower("AbÜΣİ"), "abüσİ");
        assert_eq!(upper("abüßﬁ"), "ABÜßﬁ");
    }

    #[test]
    fn trimmed() {
        for text in ["", " ", "a", " a ", "\t\u{a0}a b\n", "\u{3000}", "ü "] {
            assert_eq!(text.get(trim(text)), Some(text.trim()), "{text:?}");
        }
    }
}
