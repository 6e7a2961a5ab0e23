//! The filter language of REST: a subset of OData that picks connections (rest-api.md §7).
//!
//! A text is parsed once to code for a small stack machine, which is then evaluated for every connection. Neither
//! has a recursion that the text could make deep, and an evaluation allocates nothing once its [`Scratch`] is warm.

mod code;
mod error;
mod eval;
mod functions;
mod lexer;
mod parser;
mod print;
mod subject;

use std::fmt;

use code::Code;
use error::Detail;
pub use error::FilterError;
pub use eval::Scratch;
use subject::Nobody;
pub use subject::Subject;

/// Longest filter in a query string, in bytes (rest-api.md §7.4).
pub const QUERY_BYTES_MAX: usize = 8 << 10;
/// Longest filter in a body, in bytes (rest-api.md §7.4).
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Deepest nesting of parentheses, those of calls and lists included (rest-api.md §7.4).
pub const DEPTH_MAX: usize = 32;
/// Most operators in a filter: `not`, comparisons, `in`, `and` and `or` (rest-api.md §7.4).
pub const OPERATORS_MAX: usize = 256;
/// Most function calls in a filter. The reference has no such limit, but every call may make a text as long as a user
/// id, so that something must bound what one evaluation holds.
pub const CALLS_MAX: usize = 256;

/// A filter that is known to be valid (rest-api.md §7).
pub struct Filter {
    text: Box<str>,
    code: Code,
    /// Whether `and` and `or` may leave out their right side: only if nobody could see a type error in it.
    may_skip: bool,
}

impl Filter {
    /// Parses `text`, of at most `bytes_max` bytes, and validates it by evaluating it for a connection without user,
    /// groups and protocol (rest-api.md §7.3). The empty text is the filter that every connection passes.
    pub fn parse(text: &str, bytes_max: usize) -> Result<Self, FilterError> {
        if text.len() > bytes_max {
            return Err(FilterError::of_text(text, Detail::TooLong(bytes_max)));
        }
        let code = parser::parse(text)?;
        if let Err(mismatch) = eval::evaluate(&code, &Nobody, &mut Scratch::default(), false) {
            let detail = Detail::Type { found: mismatch.found, expected: mismatch.expected };
            return Err(FilterError::of_node(&code, mismatch.node, detail));
        }
        let may_skip = !code.may_mismatch();
        Ok(Self { text: text.into(), code, may_skip })
    }

    /// Whether a connection passes (rest-api.md §7.3).
    ///
    /// A type error that did not show in [`Filter::parse`], as in `contains(length(userId),'a')`, means no.
    pub fn matches(&self, subject: &impl Subject, scratch: &mut Scratch) -> bool {
        eval::evaluate(&self.code, subject, scratch, self.may_skip).unwrap_or(false)
    }

    /// The text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The expression as errors print it (rest-api.md §7.5): one spelling for all texts that mean the same tree.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::print(&self.code, self.code.root()))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_shared_between_threads() {
        fn shared<T: Send + Sync + fmt::Debug>() {}
        shared::<Filter>();
        shared::<FilterError>();
    }

    #[test]
    fn a_side_is_left_out_only_if_it_cannot_fail() {
        for (text, may_skip) in [
            ("userId eq 'a' and length(userId) gt 1", true),
            ("true or length(groups) eq 1", true),
            ("substring(userId,length(userId)) eq null", true),
            ("true or contains(length(userId),'a')", false),
            ("true or concat('a',(length(protocol))) eq 'a'", false),
            ("true or length(length(userId)) eq 1", false),
        ] {
            assert_eq!(Filter::parse(text, BODY_BYTES_MAX).unwrap().may_skip, may_skip, "{text}");
        }
    }
}
