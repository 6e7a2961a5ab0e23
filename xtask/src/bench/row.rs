//! One line of `hublet bench --json`, read without a JSON library: this program is built before everything else, and
//! the line is a flat object of numbers and plain words.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// Names and values, as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    cells: HashMap<String, String>,
}

impl Row {
    pub(super) fn parse(line: &str) -> Result<Self> {
        let body = line.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let cells = body.and_then(|body| body.split(',').map(cell).collect::<Option<_>>());
        Ok(Self { cells: cells.with_context(|| format!("this is no row of results: {line}"))? })
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.cells.get(name).map(String::as_str)
    }

    /// A number; what could not be measured is missing.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok()
    }
}

fn cell(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    Some((name.trim().trim_matches('"').to_owned(), value.trim().trim_matches('"').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let row = Row::parse(r#"{"mode":"fanout","window":16,"p50_us":1.5,"p99_us":null}"#).unwrap();
        assert_eq!((row.text("mode"), row.text("window")), (Some("fanout"), Some("16")));
        assert_eq!((row.number("p50_us"), row.number("p99_us"), row.number("x")), (Some(1.5), None, None));
        assert!(Row::parse("error: no").is_err());
        assert!(Row::parse("{a}").is_err());
    }
}
