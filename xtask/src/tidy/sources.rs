//! Rules for Rust files: their length, and no I/O, clock, thread or runtime in the two inner crates.

use super::{File, Problem};

/// Past this a file has more than one subject.
const LINES_MAX: usize = 800;

/// Folders whose code gets time and bytes as arguments and never fetches any.
const INNER: &[&str] = &["crates/wire/src/", "crates/hub/src/"];

/// Modules of `std` that fetch or block.
const STD_MODULES: &[&str] = &["net", "fs", "thread", "process", "env"];

/// Test code there may take the seed to repeat from the environment.
const TEST_FILES: &[&str] = &["/simulation.rs", "/tests.rs"];

/// Names that are a clock or a runtime wherever they come from.
const NAMES: &[&str] = &["Instant", "SystemTime", "UNIX_EPOCH", "tokio", "mio", "rustix", "libc"];

pub(super) fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        problems.push(Problem::new(
            &file.path,
            lines,
            format!("{lines} lines; split the file below {LINES_MAX}"),
        ));
    }
    if INNER.iter().any(|folder| file.path.starts_with(folder)) {
        let mut forbidden = forbidden(&tokens(&file.text));
        if TEST_FILES.iter().any(|name| file.path.ends_with(name)) {
            forbidden.retain(|(_, name)| name != "std::env");
        }
        let problem = |(line, name): (usize, String)| {
            Problem::new(&file.path, line, format!("`{name}`: wire and hub have no I/O, clock or thread"))
        };
        problems.extend(forbidden.into_iter().map(problem));
    }
    problems
}

fn forbidden(tokens: &[Token<'_>]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if NAMES.contains(&token.text) {
            found.push((token.line, token.text.to_owned()));
        }
        let rest = tokens.get(index + 1..).unwrap_or_default();
        if token.text == "std" && rest.first().is_some_and(|next| next.text == "::") {
            let modules = first_segments(rest.get(1..).unwrap_or_default());
            let forbidden = modules.into_iter().filter(|module| STD_MODULES.contains(&module.text));
            found.extend(forbidden.map(|module| (module.line, format!("std::{}", module.text))));
        }
    }
    found
}

/// What stands right behind `std::`: one name, or the first name of each path in a group.
fn first_segments<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    match tokens.first() {
        Some(first) if first.text == "{" => {}
        first => return first.copied().into_iter().collect(),
    }
    let mut segments = Vec::new();
    let mut depth = 0;
    let mut starts = false;
    for token in tokens {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ if starts && depth == 1 => segments.push(*token),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        starts = depth == 1 && matches!(token.text, "{" | ",");
    }
    segments
}

#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Names and punctuation of Rust text, without comments and literals.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = if is_name(first) {
                rest.find(|c| !is_name(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let text = rest.get(..length).unwrap_or_default();
            if !first.is_whitespace() {
                tokens.push(Token { text, line });
            }
            length
        });
        let (taken, after) = rest.split_at(length);
        line += taken.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment or literal at the start of `rest`, if there is one.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    for prefix in ["br", "cr", "r"] {
        let hashes = rest.strip_prefix(prefix).map(|tail| tail.len() - tail.trim_start_matches('#').len());
        if let Some(hashes) = hashes
            && let Some(body) = rest.get(prefix.len() + hashes..).and_then(|tail| tail.strip_prefix('"'))
        {
            let end = format!("\"{}", "#".repeat(hashes));
            let length = body.find(&end).map_or(body.len(), |at| at + end.len());
            return Some(prefix.len() + hashes + 1 + length);
        }
    }
    let quote = rest.strip_prefix(['b', 'c']).filter(|tail| tail.starts_with(['"', '\''])).unwrap_or(rest);
    let prefix = rest.len() - quote.len();
    if quote.starts_with('"') {
        return Some(prefix + quoted(quote, '"'));
    }
    // A quote also starts a lifetime, which has no closing quote right behind its first character.
    let mut after = quote.strip_prefix('\'')?.chars();
    let is_character = after.next()? == '\\' || after.next()? == '\'';
    is_character.then(|| prefix + quoted(quote, '\''))
}

/// The length of a literal from its opening quote through its closing one.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&file(path, text)).into_iter().map(|problem| problem.line).collect()
    }

    const HUB: &str = "crates/hub/src/shard.rs";

    #[test]
    fn pure_code_passes() {
        let source = "use std::{collections::HashMap, time::Duration};\nuse crate::net::Thing;\n\
                      // std::fs is not used here, nor is tokio\n/* std::net /* std::thread */ Instant */\n\
                      fn a<'a>(x: &'a str) -> char { let _ = \"std::fs \\\" Instant\"; let _ = r#\"tokio \" \"#; '\\'' }\n\
                      fn thread() { self.fs(b'\"', b\"std::net\"); }\n";
        assert_eq!(lines(HUB, source), []);
    }

    #[test]
    fn forbidden_paths_are_found() {
        for source in [
            "use std::fs;",
            "use std::net::TcpStream;",
            "let x = std::thread::spawn(f);",
            "use std::{collections::HashMap, fs};",
            "use std::{\n    io::{self, Read},\n    net::{IpAddr, TcpStream},\n};",
            "use std::time::Instant;",
            "use std::time::{Duration, SystemTime};",
            "use ::std :: process::Command;",
            "let _ = '\\''; let _ = tokio::spawn(f);",
            "let now = Instant::now();",
            "const A: char = '\"'; use std::env;",
            "fn a<'a>(b: &'a str, c: &'a str) { std::fs::read(b); }",
            "/* /* */ */ use std::fs;",
            "let a = r\"\\\"; use std::fs;",
        ] {
            assert_eq!(lines(HUB, source).len(), 1, "{source}");
            assert_eq!(lines("crates/wire/src/ws/mask.rs", source).len(), 1, "{source}");
            assert_eq!(lines("crates/server/src/listen.rs", source), [], "{source}");
        }
    }

    #[test]
    fn a_simulation_may_read_its_seed() {
        let source = "let seed = std::env::var(name);\n";
        assert_eq!(lines("crates/hub/src/simulation.rs", source), []);
        assert_eq!(lines(HUB, source).len(), 1);
        assert_eq!(lines("crates/hub/src/simulation.rs", "std::fs::read(name);\n").len(), 1);
    }

    #[test]
    fn the_line_is_told() {
        assert_eq!(
            lines(HUB, "//! One.\n\nuse std::{\n    fmt,\n    fs,\n};\nlet a = \"\n\n\";\nuse tokio;\n"),
            [5, 10]
        );
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(lines("tests/src/lib.rs", &"\n".repeat(LINES_MAX)), []);
        assert_eq!(lines("tests/src/lib.rs", &"\n".repeat(LINES_MAX + 1)).len(), 1);
    }
}
