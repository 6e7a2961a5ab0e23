//! Every test that `docs/compatibility.md` names as a proof must exist: a test that was renamed proves nothing.

use super::{File, Problem};

const DOCUMENT: &str = "docs/compatibility.md";
/// How the document explains the names.
const EXPLAINED: &str = "file::function";

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else { return problems };
    for (line, text) in document.lines() {
        for name in text.split('`').skip(1).step_by(2).filter(|name| *name != EXPLAINED) {
            let Some((file, function)) = name.split_once("::") else { continue };
            let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_word(file) && is_word(function) && !has_test(files, file, function) {
                problems.push(Problem::new(
                    DOCUMENT,
                    line,
                    format!("there is no test {name} in tests/tests"),
                ));
            }
        }
    }
    problems
}

fn has_test(files: &[File], file: &str, function: &str) -> bool {
    let path = format!("tests/tests/{file}.rs");
    let definition = format!("fn {function}(");
    files.iter().any(|file| file.path == path && file.text.contains(&definition))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let test = file("tests/tests/rest.rs", "#[test]\nfn paths_are_read() {}\n");
        check(&[file(DOCUMENT, text), test]).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn tests_that_exist_pass() {
        let text = "Names are `file::function`.\n| x | `rest::paths_are_read`, `rest`, `hublet-server rest::error` |\n";
        assert_eq!(problems(text), Vec::<String>::new());
    }

    #[test]
    fn tests_that_do_not_exist_are_found() {
        let missing = ["there is no test rest::paths in tests/tests"];
        assert_eq!(problems("| x | `rest::paths` |\n"), missing);
        assert_eq!(problems("| x | `tls::paths_are_read` |\n").len(), 1);
    }
}
