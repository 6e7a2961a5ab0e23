//! Tokens of the filter language (rest-api.md §7.1).

use super::error::Detail;

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An identifier, a function, an operator or one of the literals `true`, `false` and `null`.
    Name(&'a str),
    /// What stands between the quotes; a quote in it is still doubled.
    Text(&'a str),
    /// An integer.
    Int(i32),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// The end of the text.
    End,
}

/// Takes tokens off a text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token, and the byte where it starts.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), Detail> {
        self.take(|c| c.is_ascii_whitespace());
        let start = self.at;
        let Some(first) = self.rest().chars().next() else { return Ok((Token::End, start)) };
        let token = match first {
            '\'' => self.string()?,
            '+' | '-' | '0'..='9' => self.integer()?,
            '(' => self.single(Token::Open),
            ')' => self.single(Token::Close),
            ',' => self.single(Token::Comma),
            c if c.is_alphabetic() || c == '_' => Token::Name(self.take(is_in_name)),
            character => return Err(Detail::Character { character, at: self.position(start) }),
        };
        Ok((token, start))
    }

    /// What errors call the byte `at`.
    pub(super) fn position(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).chars().count() + 1
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, is_wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest.find(|c| !is_wanted(c)).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    fn single(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn string(&mut self) -> Result<Token<'a>, Detail> {
        let start = self.at;
        let body = self.rest().get(1..).unwrap_or_default();
        let mut quotes = body.match_indices('\'').map(|(at, _)| at).peekable();
        while let Some(quote) = quotes.next() {
            // Two quotes are one in the string.
            if quotes.next_if_eq(&(quote + 1)).is_none() {
                self.at += quote + 2;
                return Ok(Token::Text(body.get(..quote).unwrap_or_default()));
            }
        }
        Err(Detail::OpenString { at: self.position(start) })
    }

    fn integer(&mut self) -> Result<Token<'a>, Detail> {
        let start = self.at;
        self.at += 1;
        // The other kinds of OData's literals, such as 1.5, 1L or a date, go on behind the digits.
        self.take(|c| is_in_name(c) || c == '.');
        match self.text.get(start..self.at).unwrap_or_default().parse() {
            Ok(integer) => Ok(Token::Int(integer)),
            Err(_) => Err(Detail::Number { at: self.position(start) }),
        }
    }
}

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, Detail> {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            match lexer.next()? {
                (Token::End, _) => return Ok(tokens),
                (token, _) => tokens.push(token),
            }
        }
    }

    #[test]
    fn every_kind() {
        use Token::{Close, Comma, Int, Name, Open, Text};
        for (text, expected) in [
            ("", vec![]),
            (" \t\r\n", vec![]),
            ("userId eq 'a'", vec![Name("userId"), Name("eq"), Text("a")]),
            ("userId eq'a'", vec![Name("userId"), Name("eq"), Text("a")]),
            ("a_1,(_b)", vec![Name("a_1"), Comma, Open, Name("_b"), Close]),
            ("'' '''' 'a''b' ''''''", vec![Text(""), Text("''"), Text("a''b"), Text("''''")]),
            ("'ü\n\"'", vec![Text("ü\n\"")]),
            (
                "0 -1 +1 007 -2147483648 2147483647",
                vec![Int(0), Int(-1), Int(1), Int(7), Int(i32::MIN), Int(i32::MAX)],
            ),
            ("5-3", vec![Int(5), Int(-3)]),
            ("größe", vec![Name("größe")]),
        ] {
            assert_eq!(tokens(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, expected) in [
            ("\"a\"", Detail::Character { character: '"', at: 1 }),
            ("ü/a", Detail::Character { character: '/', at: 2 }),
            ("²", Detail::Character { character: '²', at: 1 }),
            ("a\u{a0}", Detail::Character { character: '\u{a0}', at: 2 }),
            ("a 'b", Detail::OpenString { at: 3 }),
            ("'", Detail::OpenString { at: 1 }),
            ("'''", Detail::OpenString { at: 1 }),
            ("1.5", Detail::Number { at: 1 }),
            ("1.", Detail::Number { at: 1 }),
            ("1L", Detail::Number { at: 1 }),
            ("0x1", Detail::Number { at: 1 }),
            ("-", Detail::Number { at: 1 }),
            ("--1", Detail::Number { at: 1 }),
            ("+ 1", Detail::Number { at: 1 }),
            ("2147483648", Detail::Number { at: 1 }),
            (" -2147483649", Detail::Number { at: 2 }),
            ("1٣", Detail::Number { at: 1 }),
        ] {
            assert_eq!(tokens(text), Err(expected), "{text}");
        }
    }
}
