//! What somebody may have meant who misspelt a name or wrote a value of another type.

/// The known name nearest to one that is not known, if it is near. Letter case counts last.
pub fn name<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |name: &str| strsim::damerau_levenshtein(&unknown.to_lowercase(), &name.to_lowercase());
    let cased = |name: &str| strsim::damerau_levenshtein(unknown, name);
    let (distance, _, name) = known.into_iter().map(|name| (distance(name), cased(name), name)).min()?;
    (distance <= 1 + unknown.chars().count() / 3).then_some(name)
}

/// The known name nearest to the unknown one in a message such as "unknown field `x`, expected one of `a`, `b`".
pub fn in_message(message: &str) -> Option<&str> {
    let (subject, known) = message.split_once(", expected ")?;
    let unknown = subject.strip_prefix("unknown ")?.split('`').nth(1)?;
    name(unknown, known.split('`').skip(1).step_by(2))
}

/// A message of a deserialiser with what is expected in words of the file instead of those of this program.
pub fn in_words(message: &str) -> String {
    let Some((subject, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let words = match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        named if named == "a map" || named.starts_with("struct ") => "named values",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        _ => return message.to_owned(),
    };
    format!("{subject}, expected {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let known = ["connect", "connected", "disconnected"];
        assert_eq!(name("Conected", known), Some("connected"));
        assert_eq!(name("conect", known), Some("connect"));
        assert_eq!(name("x", known), None);
        assert_eq!(name("message", known), None);
        assert_eq!(name("a", []), None);
    }

    #[test]
    fn names_in_messages() {
        assert_eq!(in_message("unknown field `lisen`, expected one of `data`, `listen`"), Some("listen"));
        assert_eq!(in_message("unknown variant `alow`, expected `allow` or `deny`"), Some("allow"));
        assert_eq!(in_message("unknown field `xyz`, expected one of `data`, `listen`"), None);
        assert_eq!(in_message("invalid type: integer `1`, expected a string"), None);
    }

    #[test]
    fn types_in_words() {
        let negative = in_words("invalid value: integer `-1`, expected u32");
        assert_eq!(negative, "invalid value: integer `-1`, expected a whole number that is not negative");
        assert_eq!(in_words("invalid type: map, expected a sequence"), "invalid type: map, expected a list");
        assert_eq!(in_words("x, expected struct LimitSettings"), "x, expected named values");
        for same in
            ["unknown field `x`, expected one of `a`, `b`", "not JSON", "x, expected , expected a pair"]
        {
            assert_eq!(in_words(same), same);
        }
    }
}
