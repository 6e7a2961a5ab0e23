//! The official SDKs with a credential of Entra, and behind a proxy.

use hublet_tests::issuer::Issuer;
use hublet_tests::token::OWN_KEY;
use hublet_tests::{Server, new_folder, program, tools};
use serde_json::json;

#[test]
fn sdks_with_a_credential_of_an_issuer() {
    let mut issuer = Issuer::start();
    let folder = new_folder();
    std::fs::write(folder.join("hublet.toml"), issuer.configuration()).expect("a file in a new folder");
    // With such a credential they insist on TLS.
    let listen = ["--listen", "127.0.0.1:0", "--tls-listen", "127.0.0.1:0", "--disable-local-auth"];
    let server = Server::start_in(folder, &listen, &[]);
    let endpoint = server.facts("endpoint").find(|url| url.starts_with("https://")).expect("a TLS endpoint");
    let token = issuer.token(&json!({}));
    let mut node = tools::node("tests/sdk/entra.mjs");
    program::run("entra.mjs", node.args([endpoint, &token]).env("NODE_EXTRA_CA_CERTS", server.ca_file()));
    let mut python = tools::python("tests/sdk/entra.py");
    python.env("REQUESTS_CA_BUNDLE", server.ca_file()).env("SSL_CERT_FILE", server.ca_file());
    python.env("WEBSOCKET_CLIENT_CA_BUNDLE", server.ca_file());
    program::run("entra.py", python.args([endpoint, &token]));
}

#[test]
fn sdks_behind_a_proxy() {
    // What the SDKs sign for is the first one; where they connect to, the proxy, is this process in disguise.
    let endpoints = "http://original.example.com,http://proxy.example.com/some/prefix";
    let arguments = ["--listen", "127.0.0.1:0", "--public-endpoint", endpoints];
    let server = Server::start_in(new_folder(), &arguments, &[("HUBLET_ACCESS_KEYS", OWN_KEY)]);
    let service = format!("Endpoint=http://original.example.com;AccessKey={OWN_KEY};Version=1.0;");
    let proxy = format!("http://{}", server.authority());
    program::run("proxy.mjs", tools::node("tests/sdk/proxy.mjs").args([&service, &proxy]));
    let proxy = format!("{proxy}/some/prefix");
    program::run("proxy.py", tools::python("tests/sdk/proxy.py").args([&service, &proxy]));
}
