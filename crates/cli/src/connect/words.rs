//! Names on a typed line; quotes keep spaces in them.

/// Takes the first word off a line: the word, and what follows the space behind it. `None` if there is no word.
///
/// A word may be in `"…"` or `'…'`; within double quotes `\` takes the next character as it is.
///
/// # Errors
/// A quote is not closed, or something follows it without a space.
pub(super) fn first(line: &str) -> Result<Option<(String, &str)>, String> {
    let line = line.trim_start();
    let mut characters = line.char_indices();
    let quote = match characters.next() {
        None => return Ok(None),
        Some((_, quote @ ('"' | '\''))) => quote,
        Some(_) => {
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            return Ok(Some((word.to_owned(), rest)));
        }
    };
    let mut word = String::new();
    while let Some((at, c)) = characters.next() {
        if c == quote {
            let rest = line.get(at + 1..).unwrap_or_default();
            return match rest.chars().next() {
                None => Ok(Some((word, ""))),
                Some(space) if space.is_whitespace() => {
                    Ok(Some((word, rest.get(space.len_utf8()..).unwrap_or_default())))
                }
                Some(_) => Err(format!("put a space behind the closing {quote}")),
            };
        }
        match c {
            '\\' if quote == '"' => word.extend(characters.next().map(|(_, c)| c)),
            c => word.push(c),
        }
    }
    Err(format!("the {quote} is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_what_follows() {
        for (line, word, rest) in [
            ("room", "room", ""),
            ("  room hello  world ", "room", "hello  world "),
            ("room  hello", "room", " hello"),
            ("\"my room\" hi", "my room", "hi"),
            ("'my \"room\"\\'", "my \"room\"\\", ""),
            (r#""a \"b\" \\" x"#, r#"a "b" \"#, "x"),
            ("it's fine", "it's", "fine"),
            ("\"\" x", "", "x"),
            ("'größer'\tü", "größer", "ü"),
        ] {
            assert_eq!(first(line), Ok(Some((word.to_owned(), rest))), "{line}");
        }
        assert_eq!(first(" \t"), Ok(None));
    }

    #[test]
    fn quotes_that_do_not_fit() {
        for line in ["\"a", "'a\"", "\"a\\", "'", "'a'b"] {
            assert!(first(line).is_err(), "{line}");
        }
    }
}
