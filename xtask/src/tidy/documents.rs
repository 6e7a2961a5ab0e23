//! Every link in a Markdown file to another file of the repository, or to a heading, must lead somewhere.

use std::collections::{HashMap, HashSet};

use super::{File, Problem};

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut paths: HashSet<String> = HashSet::new();
    for file in files {
        paths.insert(file.path.clone());
        let folders = file.path.match_indices('/').filter_map(|(at, _)| file.path.get(..at));
        paths.extend(folders.map(str::to_owned));
    }
    let documents = || files.iter().filter(|file| file.path.ends_with(".md"));
    let anchors: HashMap<&str, HashSet<String>> =
        documents().map(|file| (file.path.as_str(), anchors(file))).collect();

    let mut problems = Vec::new();
    for file in documents() {
        for (line, target) in links(file) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = resolve(&file.path, path);
            if !paths.contains(&path) {
                problems.push(Problem::new(&file.path, line, format!("link to {target}: no such file")));
            } else if !anchor.is_empty() && !anchors.get(path.as_str()).is_none_or(|all| all.contains(anchor))
            {
                problems.push(Problem::new(&file.path, line, format!("link to {target}: no such heading")));
            }
        }
    }
    problems
}

/// The lines that are prose: not in a fenced block, inline code blanked out.
fn prose(file: &File) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    file.lines().filter_map(move |(line, text)| {
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        let outside =
            text.split('`').enumerate().map(|(index, part)| if index % 2 == 0 { part } else { "``" });
        (!fenced).then(|| (line, outside.collect()))
    })
}

/// Targets of `[text](target)` and of `[name]: target`.
fn links(file: &File) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (line, text) in prose(file) {
        for (at, mark) in text.match_indices("](") {
            let rest = text.get(at + mark.len()..).unwrap_or_default();
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            links.push((line, target.to_owned()));
        }
        if let Some((_, target)) = text.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            links.push((line, target.trim().to_owned()));
        }
    }
    links
}

/// The anchors that common renderers give to headings.
fn anchors(file: &File) -> HashSet<String> {
    let mut anchors = HashSet::new();
    let mut fenced = false;
    for (_, text) in file.lines() {
        fenced ^= text.trim_start().starts_with("```");
        let title = text.trim_start_matches('#');
        if fenced || title.len() == text.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let anchor: String =
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect();
        let repeated = (1..).map(|count| format!("{anchor}-{count}")).find(|next| !anchors.contains(next));
        anchors.insert(if anchors.contains(&anchor) { repeated.unwrap_or_default() } else { anchor });
    }
    anchors
}

/// The repository path of `target`, as seen from the file `from`.
fn resolve(from: &str, target: &str) -> String {
    if target.is_empty() {
        return from.to_owned();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let files = [
            file("docs/a.md", text),
            file("docs/b.md", "# Getting started\n\n## `serve` & co.\n\n## Twice\n\n## Twice\n"),
            file("README.md", ""),
        ];
        check(&files).into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn good_links_pass() {
        let text = "# Here\n[b](b.md) [r](../README.md) [h](b.md#getting-started) [s](b.md#serve--co) [t](b.md#twice-1)\n\
                    [x](https://example.com/y) [here](#here) [folder](../docs) [up](/README.md)\n\n[ref]: b.md\n";
        assert_eq!(problems(text), Vec::<String>::new());
    }

    #[test]
    fn broken_links_are_found() {
        assert_eq!(problems("[c](c.md)\n"), ["link to c.md: no such file"]);
        assert_eq!(problems("[c](../docs/c.md)\n"), ["link to ../docs/c.md: no such file"]);
        assert_eq!(problems("[b](b.md#nowhere)\n"), ["link to b.md#nowhere: no such heading"]);
        assert_eq!(problems("[a](#nowhere)\n"), ["link to #nowhere: no such heading"]);
        assert_eq!(problems("[ref]: c.md\n"), ["link to c.md: no such file"]);
    }

    #[test]
    fn code_has_no_links() {
        assert_eq!(problems("```\n[c](c.md)\n```\nand `[c](c.md)` too\n"), Vec::<String>::new());
    }
}
