//! An issuer of tokens for the REST API, as a program of its own (tests/auth/issuer.mjs).

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::Program;
use crate::tools;

/// A running issuer with an RSA and an EC key. It ends with the test.
pub struct Issuer {
    program: Program,
    url: String,
}

impl Issuer {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_at(0)
    }

    /// Starts one on this port of `127.0.0.1`.
    pub fn start_at(port: u16) -> Self {
        Self::run(&mut command(port))
    }

    /// Starts one on a free port that speaks TLS with a certificate for `localhost`.
    pub fn start_secure(certificate: &Path, key: &Path) -> Self {
        Self::run(command(0).args([certificate, key]))
    }

    fn run(command: &mut Command) -> Self {
        let mut program = Program::start("issuer.mjs", command);
        let url = program.next_line();
        Self { program, url }
    }

    /// The `iss` of its tokens, where its discovery document is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The configuration that makes a service accept its tokens.
    pub fn configuration(&self) -> String {
        format!("[[auth.issuers]]\nissuer = \"{}\"\n", self.url)
    }

    /// A token, good but for what the members `key`, `alg`, `header` and `claims` of `how` say.
    pub fn token(&mut self, how: &Value) -> String {
        self.program.type_line(&format!("token {how}"));
        self.program.next_line()
    }

    /// Replaces the RSA key by one of another name.
    pub fn rotate(&mut self) {
        self.program.type_line("rotate");
        self.program.next_line();
    }

    /// How often its keys were fetched.
    ///
    /// # Panics
    /// When it does not tell.
    pub fn fetches(&mut self) -> u32 {
        self.program.type_line("fetches");
        self.program.next_line().parse().expect("a number")
    }
}

fn command(port: u16) -> Command {
    let mut command = Command::new("node");
    command.arg(tools::root().join("tests/auth/issuer.mjs")).arg(port.to_string());
    command
}
