//! Every response conforms to its description, for requests that schemathesis makes up: see tests/sdk/conformance.py.

use std::path::PathBuf;

use hublet_tests::{Server, new_folder, program, tools};

/// The tool keeps what failed in the current folder and tries it again first; here each run is like the other.
fn check(document: Option<PathBuf>) {
    // Else settings of hubs that need tokens would be refused, which no description can say.
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), "[identity]\ntoken_file = \"token\"\n").expect("a new folder");
    let server = Server::start_in(folder, &["--listen", "127.0.0.1:0"], &[]);
    let mut script = tools::python("tests/sdk/conformance.py");
    script.current_dir(server.folder()).arg(server.connection_string()).args(document);
    program::run("conformance.py", &mut script);
}

#[test]
fn the_service_is_as_it_describes_itself() {
    check(None);
}

#[test]
fn responses_conform_to_the_description_of_the_original() {
    check(Some(tools::root().join("tests/openapi/wire.json")));
}
