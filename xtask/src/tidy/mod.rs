//! Rules of the code base that no compiler checks. Every rule is a function from text to problems, so that each is
//! tested with text that breaks it.

mod documents;
mod manifests;
mod proofs;
mod sources;
mod text;

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One broken rule, printed as `path:line: what`.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl Problem {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A text file of the project; the path is relative to the workspace, with `/`.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The numbered lines, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let files = files(root)?;
    let mut problems = check(&files);
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for problem in &problems {
        eprintln!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("one rule is broken"),
        count => bail!("{count} rules are broken"),
    }
}

fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = manifests::check(files);
    problems.extend(documents::check(files));
    problems.extend(proofs::check(files));
    for file in files {
        problems.extend(text::check(file));
        if file.is_rust() {
            problems.extend(sources::check(file));
        }
    }
    problems
}

/// Every text file that is in the repository or would be added to it.
fn files(root: &Path) -> Result<Vec<File>> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot start git")?;
    if !listing.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    }
    let mut files = Vec::new();
    for path in String::from_utf8(listing.stdout)?.split_terminator('\0') {
        // A file that was deleted and not yet committed is still listed; a binary one has no lines to check.
        let Ok(bytes) = fs::read(root.join(path)) else { continue };
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if !text.contains('\0') {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_this_repository_are_seen() {
        let files = files(&crate::root().unwrap()).unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        for path in ["xtask/src/tidy/mod.rs", "Cargo.lock", "deny.toml", ".ci/run"] {
            assert!(paths.contains(&path), "{path}");
        }
        assert!(!paths.iter().any(|path| path.starts_with("target/")), "ignored files are left alone");
    }
}
