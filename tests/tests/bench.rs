//! `hublet bench` against the service: each mode runs and tells something. Its numbers are not judged here.

use hublet_tests::{Server, command};
use serde_json::Value;

const BRIEFLY: &[&str] = &["--warm-up", "0.05", "--seconds", "0.2"];

/// The rows of one run.
fn bench(server: &Server, arguments: &[&[&str]]) -> Vec<Value> {
    let mut bench = command(server.folder());
    bench.arg("bench").args(arguments.concat()).args(["--json", "--pid", &server.pid().to_string()]);
    bench.args(["--connection-string", server.connection_string()]);
    let output = bench.output().expect("the binary starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}\n{}", server.log());
    let rows = String::from_utf8(output.stdout).expect("text");
    rows.lines().map(|row| serde_json::from_str(row).expect("a row of JSON")).collect()
}

fn assert_positive(row: &Value, names: &[&str]) {
    for name in names {
        assert!(row[name].as_f64().is_some_and(|value| value > 0.0), "{name} in {row}");
    }
}

#[test]
fn fanout_reaches_all_receivers_of_all_kinds() {
    let server = Server::start();
    for clients in ["simple", "json", "json-reliable", "protobuf", "protobuf-reliable"] {
        let sizes = ["fanout", "--clients", clients, "--receivers", "20", "--windows", "1,16"];
        let rows = bench(&server, &[&sizes, BRIEFLY]);
        assert_eq!(rows.len(), 2);
        for (row, window) in rows.iter().zip([1, 16]) {
            assert_eq!((row["clients"].as_str(), row["window"].as_u64()), (Some(clients), Some(window)));
            assert_positive(row, &["deliveries_per_s", "p50_us", "p99_us"]);
        }
    }
}

/// The publisher has the shard read as much as it can, and the receiver's acknowledgements come between that.
#[test]
fn a_receiver_that_acknowledges_does_not_overflow_beside_a_loud_publisher() {
    let server = Server::start_with(&["--shards", "1"]);
    let sizes = ["fanout", "--clients", "json-reliable", "--receivers", "1", "--windows", "128"];
    let rows = bench(&server, &[&sizes, &["--payload", "2000", "--warm-up", "0.2", "--seconds", "0.8"]]);
    assert_positive(&rows[0], &["deliveries_per_s"]);
}

#[test]
fn groups_of_two_answer_each_other() {
    let server = Server::start();
    let rows = bench(&server, &[&["pairs", "--pairs", "5", "--in-flight", "2"], BRIEFLY]);
    assert_positive(&rows[0], &["messages_per_s", "p50_us"]);
}

#[test]
fn idle_connections_are_weighed_twice() {
    let server = Server::start();
    for clients in ["json", "json-reliable", "protobuf-reliable"] {
        let rows =
            bench(&server, &[&["idle", "--connections", "50", "--settle", "0.1", "--clients", clients]]);
        assert_eq!(rows[0]["clients"], clients);
        assert_positive(&rows[0], &["rss_before_mib", "rss_connected_mib", "rss_after_burst_mib"]);
    }
}

#[test]
fn messages_that_nobody_acknowledges_are_weighed() {
    let server = Server::start();
    for clients in ["json-reliable", "protobuf-reliable"] {
        let size =
            ["unacked", "--clients", clients, "--members", "20", "--messages", "1000", "--settle", "0.1"];
        let rows = bench(&server, &[&size]);
        assert_positive(&rows[0], &["deliveries_per_s", "rss_connected_mib", "rss_unacked_mib"]);
    }
}

#[test]
fn connections_are_counted() {
    let server = Server::start();
    let rows = bench(&server, &[&["connect", "--connections", "50", "--rounds", "2"]]);
    assert_eq!(rows.len(), 2);
    assert_positive(&rows[1], &["connections_per_s", "p50_us"]);
}

#[test]
fn every_rest_message_arrives() {
    let server = Server::start();
    for target in ["user", "group", "nobody"] {
        let rows = bench(&server, &[&["rest", "--connections", "3", "--target", target], BRIEFLY]);
        assert_eq!(rows[0]["target"], target);
        assert_positive(&rows[0], &["requests_per_s", "p50_us", "p99_us"]);
    }
}
