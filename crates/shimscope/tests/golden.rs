//! Every recording of a real kubelet, replayed with ours.

use std::path::PathBuf;

#[test]
fn every_recording_is_equal() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let report = shimscope::golden::check(&[data]).expect("the recordings can be read");
    assert!(report.folders.len() >= 50);
    assert!(report.all_equal(), "{report}");
}
