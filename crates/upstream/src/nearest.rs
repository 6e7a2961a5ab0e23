//! What somebody may have meant who misspelt a name.

/// The known name nearest to one that is not known, if it is near.
pub fn name<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&unknown, &name.to_lowercase());
    let (distance, name) = known.into_iter().map(|name| (distance(name), name)).min()?;
    (distance <= 1 + unknown.chars().count() / 3).then_some(name)
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
}
