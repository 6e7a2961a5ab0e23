//! Runs the checks of the fuzz targets over the saved corpora in `fuzz/corpus`, without a fuzzer.

use std::path::Path;

#[path = "../../../fuzz/fuzz_targets/checks/saved_sessions.rs"]
mod saved_sessions;

#[test]
#[allow(clippy::print_stdout, reason = "the harness shows the last file when a check fails")]
fn saved_sessions_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/saved_sessions");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).expect("the corpus is part of the repository") {
        let path = entry.expect("a readable folder").path();
        println!("{}", path.display());
        saved_sessions::check(&std::fs::read(&path).expect("a readable file"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}
