//! Runs the checks of the fuzz targets over the saved corpora in `fuzz/corpus`, without a fuzzer.

use std::path::Path;

#[path = "../../../fuzz/fuzz_targets/checks/connect_body.rs"]
mod connect_body;
#[path = "../../../fuzz/fuzz_targets/checks/frame_decoder.rs"]
mod frame_decoder;
#[path = "../../../fuzz/fuzz_targets/checks/handler_answer.rs"]
mod handler_answer;
#[path = "../../../fuzz/fuzz_targets/checks/json_message.rs"]
mod json_message;
#[path = "../../../fuzz/fuzz_targets/checks/key_set.rs"]
mod key_set;
#[path = "../../../fuzz/fuzz_targets/checks/odata_filter.rs"]
mod odata_filter;
#[path = "../../../fuzz/fuzz_targets/checks/percent.rs"]
mod percent;
#[path = "../../../fuzz/fuzz_targets/checks/protobuf_message.rs"]
mod protobuf_message;
#[path = "../../../fuzz/fuzz_targets/checks/reconnection_token.rs"]
mod reconnection_token;
#[path = "../../../fuzz/fuzz_targets/checks/request.rs"]
mod request;
#[path = "../../../fuzz/fuzz_targets/checks/signalr_record.rs"]
mod signalr_record;
#[path = "../../../fuzz/fuzz_targets/checks/token.rs"]
mod token;

/// Calls `check` with every file of the corpus of `target`.
#[allow(clippy::print_stdout, reason = "the harness shows the last file when a check fails")]
fn run(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is part of the repository") {
        let path = entry.expect("a readable folder").path();
        println!("{}", path.display());
        check(&std::fs::read(&path).expect("a readable file"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn connect_body_corpus() {
    run("connect_body", connect_body::check);
}

#[test]
fn frame_decoder_corpus() {
    run("frame_decoder", frame_decoder::check);
}

#[test]
fn handler_answer_corpus() {
    run("handler_answer", handler_answer::check);
}

#[test]
fn json_message_corpus() {
    run("json_message", json_message::check);
}

#[test]
fn key_set_corpus() {
    run("key_set", key_set::check);
}

#[test]
fn odata_filter_corpus() {
    run("odata_filter", odata_filter::check);
}

#[test]
fn percent_corpus() {
    run("percent", percent::check);
}

#[test]
fn protobuf_message_corpus() {
    run("protobuf_message", protobuf_message::check);
}

#[test]
fn signalr_record_corpus() {
    run("signalr_record", signalr_record::check);
}

#[test]
fn token_corpus() {
    run("token", token::check);
}

#[test]
fn reconnection_token_corpus() {
    run("reconnection_token", reconnection_token::check);
}
