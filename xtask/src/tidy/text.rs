//! Rules for every text file.

use super::{File, Problem};

/// Marks of unfinished work, put together here so that this file does not break its own rule.
const UNFINISHED: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("to", "do!(")];

/// Paths that exist on one machine only.
const MACHINE_PATHS: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// Files whose text was not written here.
fn is_foreign(path: &str) -> bool {
    path.ends_with("Cargo.lock")
        || path.ends_with("package-lock.json")
        || path.starts_with("LICENSE")
        || is_data(path)
}

/// Inputs of tests and of fuzzing are bytes to be kept as they are.
fn is_data(path: &str) -> bool {
    path.contains("/corpus/") || path.contains("/testdata/")
}

pub(super) fn check(file: &File) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |line, what: String| problems.push(Problem::new(&file.path, line, what));

    let last = file.text.lines().count();
    if !file.text.is_empty() && !file.text.ends_with('\n') && !is_data(&file.path) {
        problem(last, "the last line has no line end".to_owned());
    }
    if file.path.ends_with("package-lock.json") {
        for (line, text) in file.lines() {
            if text.trim_start().starts_with("\"resolved\":") {
                problem(
                    line,
                    "a lock file names a download address: `npm install` again beside a .npmrc".to_owned(),
                );
            }
        }
    }
    if is_foreign(&file.path) {
        return problems;
    }
    for (line, text) in file.lines() {
        for mark in UNFINISHED.iter().filter(|mark| text.contains(**mark)) {
            problem(line, format!("`{mark}`: finish it, or file an issue"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| names_path(text, path)) {
            problem(line, format!("`{path}`: a path of one machine"));
        }
        if text.ends_with('\r') {
            problem(line, "a carriage return before the line end".to_owned());
        }
    }
    problems
}

/// Whether `path` starts a path in `text`, and is not the middle of a longer one or of a URL.
fn names_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-~}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&file(path, text)).into_iter().map(|problem| problem.line).collect()
    }

    #[test]
    fn clean_text_passes() {
        assert_eq!(lines("a.md", "see https://example.com/home/x and crates/home/y\n"), []);
        assert_eq!(lines("empty", ""), []);
    }

    #[test]
    fn a_missing_line_end_is_found() {
        assert_eq!(lines("a.rs", "one\ntwo"), [2]);
        assert_eq!(lines("fuzz/corpus/json/one", "{"), [], "test data keeps its bytes");
    }

    #[test]
    fn unfinished_work_is_found() {
        for mark in UNFINISHED {
            assert_eq!(lines("a.rs", &format!("fine\n// {mark} later\n")), [2]);
        }
    }

    #[test]
    fn machine_paths_are_found() {
        for path in MACHINE_PATHS {
            assert_eq!(lines("a.sh", &format!("cd {path}x\n")), [1]);
            assert_eq!(lines("a.sh", &format!("cd \"{path}x\"\n")), [1]);
        }
    }

    #[test]
    fn download_addresses_in_lock_files_are_found() {
        let lock = "{\n  \"resolved\": \"https://registry.example/ws.tgz\"\n}\n";
        assert_eq!(lines("a/package-lock.json", lock), [2]);
    }

    #[test]
    fn carriage_returns_are_found() {
        assert_eq!(check(&file("a.rs", "a\n")), []);
        assert_eq!(check(&file("a.rs", "fn a() {}\r\r\n")).len(), 1);
    }
}
