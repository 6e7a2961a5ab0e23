//! Wildcard patterns for group names (client-protocols.md §7.2).

/// Longest pattern, in UTF-16 units as group names are counted.
const PATTERN_UNITS_MAX: usize = 1_024;
/// Unescaped stars in one pattern.
const STARS_MAX: usize = 5;

/// A pattern that was checked and split into tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<[Token]>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// The character itself.
    Char(char),
    /// `?`: one character other than `.`.
    One,
    /// `*`: any number of characters other than `.`.
    Star,
    /// `**` or more stars: any number of any characters.
    DoubleStar,
}

impl Pattern {
    /// `None` when the pattern is empty, too long, has too many stars, or a `\` that escapes nothing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty()
            || (text.len() > PATTERN_UNITS_MAX && text.encode_utf16().count() > PATTERN_UNITS_MAX)
        {
            return None;
        }
        let mut tokens = Vec::with_capacity(text.len());
        let mut stars = 0;
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            tokens.push(match char {
                '\\' => Token::Char(chars.next().filter(|escaped| matches!(escaped, '\\' | '*' | '?'))?),
                '?' => Token::One,
                '*' => {
                    let before = stars;
                    stars += 1;
                    while chars.next_if_eq(&'*').is_some() {
                        stars += 1;
                    }
                    if stars - before == 1 { Token::Star } else { Token::DoubleStar }
                }
                other => Token::Char(other),
            });
        }
        (stars <= STARS_MAX).then(|| Self(tokens.into_boxed_slice()))
    }

    /// A text that gives the same pattern when it is parsed.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for token in &self.0 {
            match token {
                Token::Char(char) => {
                    if matches!(char, '\\' | '*' | '?') {
                        text.push('\\');
                    }
                    text.push(*char);
                }
                Token::One => text.push('?'),
                Token::Star => text.push('*'),
                Token::DoubleStar => text.push_str("**"),
            }
        }
        text
    }

    /// Whether the whole of `group` matches, in at most pattern length times group length steps.
    pub fn matches(&self, group: &str) -> bool {
        // What stands before the first wildcard decides most cases.
        let mut rest = group.chars();
        let prefix = self.0.iter().take_while(|token| matches!(token, Token::Char(_))).count();
        let (prefix, tokens) = self.0.split_at(prefix);
        if !prefix.iter().all(|token| rest.next().is_some_and(|char| token.takes(char))) {
            return false;
        }

        // reached[n]: the characters so far can be matched by exactly the first n tokens.
        let mut reached = [false; PATTERN_UNITS_MAX + 1];
        reached[0] = true;
        skip_stars(tokens, &mut reached);
        for char in rest {
            // Step from the last token to the first, so that each reads its predecessor of the character before.
            let mut alive = false;
            for (index, token) in tokens.iter().enumerate().rev() {
                reached[index + 1] =
                    token.takes(char) && (reached[index] || (token.repeats() && reached[index + 1]));
                alive |= reached[index + 1];
            }
            reached[0] = false;
            if !alive {
                return false;
            }
            skip_stars(tokens, &mut reached);
        }
        reached[tokens.len()]
    }
}

impl Token {
    /// Whether the token can match `char`.
    fn takes(self, char: char) -> bool {
        match self {
            Self::Char(own) => own == char,
            Self::One | Self::Star => char != '.',
            Self::DoubleStar => true,
        }
    }

    /// Whether the token matches any number of characters, none included.
    fn repeats(self) -> bool {
        matches!(self, Self::Star | Self::DoubleStar)
    }
}

/// A star may match nothing: whoever reached its place has reached the place behind it too.
fn skip_stars(tokens: &[Token], reached: &mut [bool]) {
    for (index, token) in tokens.iter().enumerate() {
        if token.repeats() && reached[index] {
            reached[index + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, group: &str) -> bool {
        Pattern::parse(pattern).expect("a valid pattern").matches(group)
    }

    #[test]
    fn texts_give_the_same_pattern() {
        for text in ["a", "a.*", "?", "**", "a***b", r"\*\?\\", "ü.*.?x**"] {
            let pattern = Pattern::parse(text).expect("a valid pattern");
            assert_eq!(Pattern::parse(&pattern.text()), Some(pattern), "{text}");
        }
    }

    #[test]
    fn patterns_and_groups() {
        for (pattern, group, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("ab", "a", false),
            ("a?", "ab", true),
            ("a?", "aü", true),
            ("a?", "a", false),
            ("a?", "a.", false),
            ("a?", "abc", false),
            ("?", "𝄞", true),
            ("a.*", "a.", true),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.*", "A.b", false),
            ("a.*.c", "a.b.c", true),
            ("a.*.c", "a.b.b.c", false),
            ("*", "", true),
            ("*", "abc", true),
            ("*", "a.c", false),
            ("*b*", "abc", true),
            ("*b*", "ac", false),
            ("a**", "a", true),
            ("a.**", "a.b.c", true),
            ("a.**", "a.b", true),
            ("a.**", "A.b", false),
            ("**.z", "a.b.z", true),
            ("**.z", "a.b.zz", false),
            ("a**c*e", "a.b.cde", true),
            ("a**c*e", "a.c.ce", true),
            ("a**c*e", "a.c.e", false),
            ("***", "a.b", true),
            ("*****", "a.b", true),
            (r"\*x", "*x", true),
            (r"\*x", "ax", false),
            (r"\?", "?", true),
            (r"\?", "a", false),
            (r"\\", r"\", true),
            (r"a\**", "a*b", true),
            (r"a\**", "ab", false),
            // The character before a star does not take part in the repetition.
            ("ab*", "abb", true),
            ("ab*", "a", false),
            ("(a|b)+", "a", false),
        ] {
            assert_eq!(matches(pattern, group), expected, "{pattern} on {group:?}");
        }
    }

    #[test]
    fn invalid_patterns() {
        let long = "p".repeat(PATTERN_UNITS_MAX + 1);
        let long_in_units = "𝄞".repeat(PATTERN_UNITS_MAX / 2 + 1);
        for pattern in ["", "******", "a*b*c*d*e*f*", r"\", r"a\b", r"*\", r"\.", &long, &long_in_units] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
        for pattern in ["*****", "a*b*c*d*e*", r"\*\*\*\*\*\*", &long[1..], &"ü".repeat(PATTERN_UNITS_MAX)] {
            assert!(Pattern::parse(pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn the_worst_case_stays_polynomial() {
        let group = "a".repeat(1_024);
        let chunk = "a".repeat(200);
        assert!(!matches(&format!("**{chunk}*{chunk}*{chunk}*b"), &group));
        assert!(matches(&format!("**{chunk}*{chunk}*{chunk}*a"), &group));
    }

    /// The rules word for word, by trying every length for every star.
    fn reference(pattern: &[char], group: &[char]) -> bool {
        match pattern {
            [] => group.is_empty(),
            ['*', '*', rest @ ..] => {
                let stars = rest.iter().take_while(|char| **char == '*').count();
                (0..=group.len()).any(|skip| reference(&rest[stars..], &group[skip..]))
            }
            ['*', rest @ ..] => (0..=group.len())
                .take_while(|skip| !group[..*skip].contains(&'.'))
                .any(|skip| reference(rest, &group[skip..])),
            ['?', rest @ ..] => {
                group.first().is_some_and(|char| *char != '.') && reference(rest, &group[1..])
            }
            ['\\', char, rest @ ..] | [char, rest @ ..] => {
                group.first() == Some(char) && reference(rest, &group[1..])
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        // A small alphabet, so that many pairs match.
        #[test]
        fn agrees_with_the_reference(
            pattern in r"([ab.?*]|\\\\|\\\*|\\\?){1,9}",
            group in r"[ab.*?\\]{0,9}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            match Pattern::parse(&pattern) {
                Some(parsed) => {
                    let expected = reference(&chars(&pattern), &chars(&group));
                    prop_assert_eq!(parsed.matches(&group), expected, "{} on {}", pattern, group);
                }
                None => {
                    let unescaped = pattern.replace(r"\\", "").replace(r"\*", "");
                    prop_assert!(unescaped.matches('*').count() > STARS_MAX, "{}", pattern);
                }
            }
        }

        #[test]
        fn any_text_is_handled(pattern in "\\PC{0,40}", group in "\\PC{0,40}") {
            if let Some(parsed) = Pattern::parse(&pattern) {
                parsed.matches(&group);
            }
        }
    }
}
