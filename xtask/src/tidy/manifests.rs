//! Which crate may depend on which, and on what from outside; and crates that nothing may bring in.

use super::{File, Problem};

/// What one crate of the workspace may depend on.
struct Rule {
    folder: &'static str,
    /// Crates of this workspace.
    ours: &'static [&'static str],
    /// Crates from outside; None: any. The two inner crates have a short list, so that no runtime, clock or socket
    /// comes in by the back door.
    outside: Option<&'static [&'static str]>,
}

/// An arrow may only go down this list.
const RULES: &[Rule] = &[
    Rule {
        folder: "crates/wire",
        ours: &[],
        outside: Some(&["base64", "bytes", "serde", "serde_json", "sha1_smol", "simdutf8", "thiserror"]),
    },
    Rule {
        folder: "crates/hub",
        ours: &["hublet-wire"],
        outside: Some(&["bytes", "hashbrown", "slab", "smallvec"]),
    },
    Rule { folder: "crates/store", ours: &[], outside: None },
    Rule { folder: "crates/upstream", ours: &["hublet-hub", "hublet-store", "hublet-wire"], outside: None },
    Rule {
        folder: "crates/server",
        ours: &["hublet-hub", "hublet-store", "hublet-upstream", "hublet-wire"],
        outside: None,
    },
    Rule { folder: "crates/client", ours: &["hublet-wire"], outside: None },
    Rule { folder: "crates/cli", ours: &["hublet-client", "hublet-server"], outside: None },
    Rule { folder: "tests", ours: &["hublet-client", "hublet-server", "hublet-wire"], outside: None },
    Rule { folder: "xtask", ours: &[], outside: Some(&["anyhow"]) },
];

/// The inner crates test themselves with these only, for the same reason.
const INNER_DEV: &[&str] = &["proptest", "serde_json"];

/// Workspaces beside the main one: they may use what the project itself does not take.
const OWN_WORKSPACES: &[&str] =
    &["fuzz", "bench/peers/hyper-echo", "bench/peers/hyper-jwt", "bench/peers/tungstenite"];

/// Not taken, directly or through others; deny.toml says why.
const BANNED: &[&str] = &["native-tls", "openssl", "openssl-sys", "rsa", "serde_yaml"];

pub(super) fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        if file.path == "Cargo.lock" {
            problems.extend(banned(file));
        } else if let Some(folder) = file.path.strip_suffix("/Cargo.toml")
            && !OWN_WORKSPACES.contains(&folder)
        {
            match RULES.iter().find(|rule| rule.folder == folder) {
                Some(rule) => problems.extend(directions(file, rule)),
                None => problems.push(Problem::new(
                    &file.path,
                    1,
                    "xtask/src/tidy/manifests.rs has no rule for this",
                )),
            }
        }
    }
    problems
}

fn directions(file: &File, rule: &Rule) -> Vec<Problem> {
    let mut problems = Vec::new();
    for dependency in dependencies(file) {
        let name = dependency.name.as_str();
        let allowed = if name == "hublet" || name.starts_with("hublet-") {
            rule.ours.contains(&name)
        } else {
            let listed = rule.outside.is_none_or(|outside| outside.contains(&name));
            listed || (dependency.dev && INNER_DEV.contains(&name))
        };
        if !allowed {
            let what = format!("{} must not depend on {name}", rule.folder);
            problems.push(Problem::new(&file.path, dependency.line, what));
        }
    }
    problems
}

fn banned(lock: &File) -> Vec<Problem> {
    let named =
        lock.lines().filter_map(|(line, text)| Some((line, text.strip_prefix("name = ")?.trim_matches('"'))));
    let banned = named.filter(|(_, name)| BANNED.contains(name));
    banned
        .map(|(line, name)| Problem::new(&lock.path, line, format!("{name} is banned, see deny.toml")))
        .collect()
}

struct Dependency {
    line: usize,
    name: String,
    dev: bool,
}

/// The dependencies of a manifest, of every kind and target. Reads the part of TOML that Cargo.toml files are written
/// in: one key a line, or one table a dependency.
fn dependencies(file: &File) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut section = String::new();
    for (line, text) in file.lines() {
        let text = text.split(" #").next().unwrap_or_default().trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(header) = text.strip_prefix('[') {
            section = header.trim_matches(['[', ']']).to_owned();
            let parts = section.rsplit_once('.').filter(|(table, _)| table.ends_with("dependencies"));
            if let Some((table, name)) = parts {
                found.push(Dependency {
                    line,
                    name: unquoted(name),
                    dev: table.ends_with("dev-dependencies"),
                });
            }
            continue;
        }
        let Some((key, value)) = text.split_once('=') else { continue };
        let in_own_table = section.rsplit_once('.').is_some_and(|(table, _)| table.ends_with("dependencies"));
        if section.ends_with("dependencies") {
            let name = renamed(value).unwrap_or_else(|| unquoted(key.split('.').next().unwrap_or(key)));
            found.push(Dependency { line, name, dev: section.ends_with("dev-dependencies") });
        } else if in_own_table
            && key.trim() == "package"
            && let Some(last) = found.last_mut()
        {
            last.name = unquoted(value);
        }
    }
    found
}

/// The crate's own name, when an inline table gives the dependency another one.
fn renamed(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("package")?;
    rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned)
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&[file(path, text)]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn allowed_dependencies_pass() {
        let manifest = "[package]\nname = \"hublet-hub\"\n[dependencies]\nhublet-wire.workspace = true\n\
                        bytes = \"1\"\nslab = { version = \"0.4\" }\n[dev-dependencies]\nproptest.workspace = true\n";
        assert_eq!(problems("crates/hub/Cargo.toml", manifest), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_in_the_wrong_direction_is_found() {
        for line in [
            "[dependencies]\nhublet-hub.workspace = true",
            "[dependencies]\nhublet-hub = { path = \"../hub\" }",
            "[dependencies]\nrenamed = { path = \"../hub\", package = \"hublet-hub\" }",
            "[dev-dependencies]\nhublet-hub.workspace = true",
            "[dependencies.hublet-hub]\npath = \"../hub\"",
            "[dependencies.renamed]\npackage = \"hublet-hub\"",
            "[target.'cfg(unix)'.dependencies]\nhublet-hub.workspace = true",
            "[build-dependencies]\nhublet-hub.workspace = true",
        ] {
            let found =
                problems("crates/wire/Cargo.toml", &format!("[package]\nname = \"hublet-wire\"\n{line}\n"));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(found[0].ends_with("crates/wire must not depend on hublet-hub"), "{found:?}");
        }
    }

    #[test]
    fn runtimes_stay_out_of_the_inner_crates() {
        for folder in ["crates/wire", "crates/hub"] {
            for kind in ["dependencies", "dev-dependencies"] {
                let found =
                    problems(&format!("{folder}/Cargo.toml"), &format!("[{kind}]\ntokio.workspace = true\n"));
                assert_eq!(found, [format!("{folder}/Cargo.toml:2: {folder} must not depend on tokio")]);
            }
        }
        assert_eq!(
            problems("crates/server/Cargo.toml", "[dependencies]\ntokio = \"1\"\n"),
            Vec::<String>::new()
        );
        assert_eq!(problems("crates/hub/Cargo.toml", "[dependencies]\nproptest = \"1\"\n").len(), 1);
    }

    #[test]
    fn the_client_does_not_know_the_server() {
        let manifest = "[dependencies]\nhublet-server.workspace = true\n";
        assert_eq!(problems("crates/client/Cargo.toml", manifest).len(), 1);
    }

    #[test]
    fn a_crate_without_a_rule_is_found() {
        assert_eq!(problems("crates/new/Cargo.toml", "[package]\n").len(), 1);
    }

    #[test]
    fn banned_crates_are_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"openssl\"\n\n[[package]]\nname = \"openssl-probe\"\n";
        assert_eq!(problems("Cargo.lock", lock), ["Cargo.lock:2: openssl is banned, see deny.toml"]);
    }
}
