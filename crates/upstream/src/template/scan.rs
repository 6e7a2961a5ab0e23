//! A template in pieces: text and placeholders.

use std::fmt;

use super::{InvalidTemplate, invalid};

const SECRET: &str = "@Microsoft.KeyVault(SecretUri=";
/// The names of the placeholders, for suggestions.
const NAMES: [&str; 2] = ["hub", "event"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// As it is written.
    Text(&'a str),
    /// With the name as it is written.
    Hub(&'a str),
    /// With the name as it is written.
    Event(&'a str),
    /// The address of a secret in a key vault.
    Secret(&'a str),
}

/// As it is written.
impl fmt::Display for Piece<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Hub(name) | Self::Event(name) => write!(f, "{{{name}}}"),
            Self::Secret(uri) => write!(f, "{{{SECRET}{uri})}}"),
        }
    }
}

/// Takes a template apart.
///
/// # Errors
/// An unknown placeholder, or a brace that belongs to none.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, InvalidTemplate> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let inside = brace.strip_prefix('{').ok_or_else(stray)?;
        let (piece, after) = match secret(inside) {
            Some(found) => found?,
            None => {
                let (name, after) = inside.split_once('}').ok_or_else(stray)?;
                (placeholder(name)?, after)
            }
        };
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// `None`: something else than a secret begins here.
fn secret(inside: &str) -> Option<Result<(Piece<'_>, &str), InvalidTemplate>> {
    let (start, rest) = inside.split_at_checked(SECRET.len())?;
    if !start.eq_ignore_ascii_case(SECRET) {
        return None;
    }
    Some(match rest.split_once(")}") {
        Some((uri, after)) if !uri.is_empty() => Ok((Piece::Secret(uri), after)),
        _ => Err(invalid(
            "The reference to a secret is not complete. Write {@Microsoft.KeyVault(SecretUri=https://…)}",
        )),
    })
}

fn placeholder(name: &str) -> Result<Piece<'_>, InvalidTemplate> {
    if name.eq_ignore_ascii_case("hub") {
        return Ok(Piece::Hub(name));
    }
    if name.eq_ignore_ascii_case("event") {
        return Ok(Piece::Event(name));
    }
    // What else it may be is not shown: it could be a part of a secret.
    let shown = if name.len() <= 32 && name.chars().all(char::is_alphanumeric) { name } else { "…" };
    let hint = crate::nearest::name(name, NAMES)
        .map_or_else(String::new, |nearest| format!("Did you mean {{{nearest}}}? "));
    Err(invalid(format!(
        "{{{shown}}} is no placeholder. {hint}There are {{hub}} and {{event}}; write %7B and %7D for braces"
    )))
}

fn stray() -> InvalidTemplate {
    invalid("A brace in the URL belongs to no placeholder. Write {hub} or {event}, or %7B and %7D for braces")
}
