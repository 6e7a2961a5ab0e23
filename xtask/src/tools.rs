//! Installs what the tests need beyond Rust, Node.js, Python, a JDK and Maven: a browser and a NATS server from Debian's
//! packages, and pinned packages of npm, PyPI and Maven's central repository into the working copy. What is there already is used again: each set of packages has a
//! stamp with the text of the file that pins it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::run;

/// Folders with a package-lock.json that tests run programs from.
const NPM_FOLDERS: &[&str] = &[
    "examples/app-server/node",
    "examples/chat",
    "examples/node",
    "tests/dotnet",
    "tests/sdk",
    "tests/signalr",
    "tests/upstream",
    "tests/upstream/amqp",
];

/// Programs that must be there, and where they come from.
const REQUIRED: &[(&str, &str)] = &[
    ("node", "install Node.js 20 or newer"),
    ("npm", "install npm, which comes with Node.js"),
    ("python3", "install Python 3.10 or newer"),
    ("java", "install a JDK, 17 or newer"),
    ("mvn", "install Apache Maven, 3.6 or newer"),
    ("git", "install git"),
];

/// Maven's own way to fetch jars, pinned as well.
const COPY_DEPENDENCIES: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";

pub(crate) fn run_tools(root: &Path) -> Result<()> {
    let tools = root.join(".tools");
    fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    for (program, hint) in REQUIRED {
        if !exists(program) {
            bail!("`{program}` is missing: {hint}");
        }
    }
    chromium()?;
    nats(root)?;
    for folder in NPM_FOLDERS {
        npm(root, folder)?;
    }
    python(root)?;
    java(root)?;
    openssl(root)
}

fn chromium() -> Result<()> {
    if exists("chromium") {
        return Ok(());
    }
    let hint =
        "install Chromium so that `chromium` is in the PATH; `cargo xtask tools` does it as root on Debian";
    run(apt_get().args(["update", "-qq"])).context(hint)?;
    run(apt_get().args(["install", "-y", "-qq", "--no-install-recommends", "chromium"])).context(hint)
}

/// The program alone, out of its package: installed, it would run as a service from then on.
fn nats(root: &Path) -> Result<()> {
    let folder = root.join(".tools/nats");
    if exists("nats-server") || folder.join("usr/sbin/nats-server").is_file() {
        return Ok(());
    }
    empty(&folder)?;
    let hint = "install NATS so that `nats-server` is in the PATH; `cargo xtask tools` does it on Debian";
    if run(apt_get().args(["download", "-qq", "nats-server"]).current_dir(&folder)).is_err() {
        run(apt_get().args(["update", "-qq"])).context(hint)?;
        run(apt_get().args(["download", "-qq", "nats-server"]).current_dir(&folder)).context(hint)?;
    }
    let package = only_file(&folder, |name| name.ends_with(".deb"))?;
    run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&folder)).context(hint)
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    command
}

/// `npm ci` in a folder, without the packages' own scripts: none of ours needs any.
pub(crate) fn npm(root: &Path, folder: &str) -> Result<()> {
    let folder = root.join(folder);
    let lock = folder.join("package-lock.json");
    once(&folder.join("node_modules/.hublet-stamp"), &[&lock], || {
        let mut command = Command::new("npm");
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        run(command.current_dir(&folder)).with_context(|| format!("in {}", folder.display()))
    })
}

/// A virtual environment with the packages of tests/requirements.txt, which also has those of the examples.
fn python(root: &Path) -> Result<()> {
    let venv = root.join(".tools/venv");
    let requirements = root.join("tests/requirements.txt");
    once(&venv.join(".hublet-stamp"), &[&requirements], || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        run(pip(&venv).args(["install", "-r"]).arg(&requirements))
    })
}

/// The official Java SDK and what it needs, as tests/java/pom.xml pins it.
fn java(root: &Path) -> Result<()> {
    let folder = root.join(".tools/java");
    let pom = root.join("tests/java/pom.xml");
    once(&folder.join(".hublet-stamp"), &[&pom], || {
        empty(&folder)?;
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "--file"]).arg(&pom).arg(COPY_DEPENDENCIES);
        run(maven.arg(format!("-DoutputDirectory={}", folder.display())))
    })
}

fn pip(venv: &Path) -> Command {
    let mut command = Command::new(venv.join("bin/python"));
    command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    command
}

/// .NET Core 3.1 loads OpenSSL 1.1 at the first hash it computes, and a WebSocket handshake has one. Current
/// distributions have OpenSSL 3 only, so its libraries are taken out of a Python package that carries them.
fn openssl(root: &Path) -> Result<()> {
    let folder = root.join(".tools/openssl");
    let pinned = root.join("tests/dotnet/openssl.txt");
    once(&folder.join(".hublet-stamp"), &[&pinned], || {
        empty(&folder)?;
        let mut pip = pip(&root.join(".tools/venv"));
        pip.args(["download", "--no-deps", "--only-binary=:all:", "--platform=manylinux2014_x86_64"]);
        pip.args(["--python-version=3.11", "--require-hashes", "--dest"]).arg(&folder).arg("-r").arg(&pinned);
        run(&mut pip)?;
        let wheel = only_file(&folder, |name| name.ends_with(".whl"))?;
        run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder))?;
        fs::remove_file(&wheel)?;
        let libraries = folder.join("lib");
        fs::rename(only_file(&folder, |name| name.ends_with(".libs"))?, &libraries)?;
        for (prefix, plain) in [("libssl-", "libssl.so.1.1"), ("libcrypto-", "libcrypto.so.1.1")] {
            let library = only_file(&libraries, |name| name.starts_with(prefix))?;
            std::os::unix::fs::symlink(library.file_name().unwrap_or_default(), libraries.join(plain))?;
        }
        Ok(())
    })
}

/// Does `work` unless `stamp` says that it was done for these very `inputs`.
fn once(stamp: &Path, inputs: &[&Path], work: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut wanted = String::new();
    for input in inputs {
        wanted += &fs::read_to_string(input).with_context(|| format!("cannot read {}", input.display()))?;
    }
    if fs::read_to_string(stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    work()?;
    fs::write(stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn only_file(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let mut found = None;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&wanted) && found.replace(entry.path()).is_some() {
            bail!("more than one file of this kind in {}", folder.display());
        }
    }
    found.with_context(|| format!("a file is missing in {}", folder.display()))
}

pub(crate) fn exists(program: impl AsRef<OsStr>) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program.as_ref()).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_once_for_the_same_input() {
        let folder = std::env::temp_dir().join(format!("hublet-xtask-once-{}", std::process::id()));
        empty(&folder).unwrap();
        let (stamp, input) = (folder.join("stamp"), folder.join("input"));
        let mut runs = 0;
        for text in ["a", "a", "b", "b"] {
            fs::write(&input, text).unwrap();
            once(&stamp, &[&input], || {
                runs += 1;
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(runs, 2);

        fs::write(&input, "c").unwrap();
        assert!(once(&stamp, &[&input], || bail!("no")).is_err());
        once(&stamp, &[&input], || {
            runs += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(runs, 3, "failed work is done again");
        fs::remove_dir_all(&folder).unwrap();
    }
}
