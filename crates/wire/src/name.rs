//! Rules for the names that clients and app servers choose: hubs, groups, events.

/// Longest hub or event name, in characters (client-protocols.md §1.6).
pub const NAME_CHARS_MAX: usize = 128;
/// Longest group name, in UTF-16 units as the original counts them (client-protocols.md §1.6).
pub const GROUP_UNITS_MAX: usize = 1024;

/// Whether `name` is a valid hub name: a letter, then letters, digits or ``_`,.[]``, 128 at most.
pub fn is_valid_hub(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && name.len() <= NAME_CHARS_MAX
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"_`,.[]".contains(&b))
}

/// Whether `name` is a valid group name: 1 to 1,024 characters, not only white space.
pub fn is_valid_group(name: &str) -> bool {
    // A name of at most 1,024 bytes cannot exceed the limit, so the common case counts nothing.
    !name.trim().is_empty()
        && (name.len() <= GROUP_UNITS_MAX || name.encode_utf16().count() <= GROUP_UNITS_MAX)
}

/// Whether `name` is a valid event name: a letter, then letters, digits or `_.-`, 128 at most.
pub fn is_valid_event(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && name.len() <= NAME_CHARS_MAX
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_names() {
        assert!(is_valid_hub("chat") && is_valid_hub("a_`,.[]9") && is_valid_hub(&"h".repeat(128)));
        assert!(!is_valid_hub("") && !is_valid_hub("1h") && !is_valid_hub("a b") && !is_valid_hub("hüb"));
        assert!(!is_valid_hub(&"h".repeat(129)));
    }

    #[test]
    fn group_names() {
        assert!(
            is_valid_group("a/b ü") && is_valid_group(&"g".repeat(1024)) && is_valid_group(&"ü".repeat(1024))
        );
        assert!(!is_valid_group("") && !is_valid_group("  \t") && !is_valid_group(&"g".repeat(1025)));
    }

    #[test]
    fn event_names() {
        assert!(is_valid_event("order") && is_valid_event("Order.v1_x-y"));
        assert!(!is_valid_event("") && !is_valid_event("a b") && !is_valid_event("1a"));
        assert!(!is_valid_event(&"e".repeat(129)));
    }
}
