//! Every recording of the real dockershim, replayed with ours.

use shimscope::golden_docker::{check_docker, is_recording};
use std::path::{Path, PathBuf};

/// The recordings of a directory, by name, and what differs.
fn check_all(directory: &Path) -> (usize, Vec<String>) {
    let entries = std::fs::read_dir(directory).expect("the recordings are there");
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    folders.retain(|folder| is_recording(folder));
    folders.sort();
    let differences = folders.iter().filter_map(|folder| check_docker(folder).err());
    (folders.len(), differences.map(|difference| difference.to_string()).collect())
}

#[test]
fn every_recording_of_dockershim_is_equal() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden-dockershim");
    let (count, differences) = check_all(&data);
    assert!(count >= 42, "{count} recordings");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
