//! Every recording of a real kubelet, replayed with ours.

use std::path::PathBuf;

#[test]
fn every_recording_is_equal() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let report = shimscope::golden::check(&[data]).expect("the recordings can be read");
    assert!(report.folders.len() >= 50);
    assert!(report.all_equal(), "{report}");
}

/// What we record can be checked like what was recorded of the real one.
#[test]
fn our_own_recordings_are_equal_to_us() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden");
    let to = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("recorded");
    for name in ["sidecar-job-onfailure", "image-changed", "liveness-fail", "out-of-cpu"] {
        shimscope::golden::record(&data.join(name), &to.join(name), 0).expect("a recording");
    }
    let report = shimscope::golden::check(&[to]).expect("our recordings can be read");
    assert_eq!(report.folders.len(), 4);
    assert!(report.all_equal(), "{report}");
}
