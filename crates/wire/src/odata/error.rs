//! Why a filter is refused, in the words of rest-api.md §7.5.

use std::fmt;

use super::code::Code;
use super::print;
use super::{CALLS_MAX, DEPTH_MAX, OPERATORS_MAX};

/// As much of a text that is too long as an error shows.
const EXCERPT_CHARS: usize = 100;

/// A filter is refused: the message of the 400 (rest-api.md §7.5).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid syntax for '{expression}': {detail} (Parameter 'filter')")]
pub struct FilterError {
    expression: String,
    detail: Detail,
}

impl FilterError {
    /// The text as a whole is wrong, or where it is wrong makes no expression.
    pub(super) fn of_text(text: &str, detail: Detail) -> Self {
        let expression = match detail {
            Detail::TooLong(_) => text.chars().take(EXCERPT_CHARS).chain("...".chars()).collect(),
            _ => text.to_owned(),
        };
        Self { expression, detail }
    }

    /// One expression in `code` is wrong.
    pub(super) fn of_node(code: &Code, node: usize, detail: Detail) -> Self {
        Self { expression: print::print(code, node), detail }
    }
}

/// What is wrong. Positions count characters, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Detail {
    #[error("Type '{found}', expect '{expected}'.")]
    Type { found: Kind, expected: Kind },
    #[error("Token '{0}' is not supported.")]
    Token(String),
    #[error("Function '{name}' takes {takes}, not {given}.")]
    Arguments { name: &'static str, takes: &'static str, given: usize },
    #[error("Character '{character}' at position {at} is not supported.")]
    Character { character: char, at: usize },
    #[error("The string that starts at position {at} has no closing quote.")]
    OpenString { at: usize },
    #[error("The number at position {at} is not a 32-bit integer.")]
    Number { at: usize },
    #[error("Expected {what} at position {at}.")]
    Expected { what: &'static str, at: usize },
    #[error("The filter is longer than {0} bytes.")]
    TooLong(usize),
    #[error("Parentheses are nested more than {} deep.", DEPTH_MAX)]
    TooDeep,
    #[error("There are more than {} operators.", OPERATORS_MAX)]
    Operators,
    #[error("There are more than {} function calls.", CALLS_MAX)]
    Calls,
}

/// The kinds of values, by the names that errors use (rest-api.md §7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Int,
    /// Also a string that is null, such as the `userId` of an anonymous connection.
    String,
    Collection,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::String => "string",
            Self::Collection => "collection",
        })
    }
}
