//! Every recording of the real dockershim and cri-dockerd, replayed with ours.

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

#[test]
fn every_recording_of_cri_dockerd_is_equal() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden-cri-dockerd");
    let (count, differences) = check_all(&data);
    assert!(count >= 41, "{count} recordings");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A recording that was changed is not equal: the check sees requests, files, answers and plugins.
#[test]
fn a_changed_recording_differs() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden-dockershim/cni-life");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden-docker");
    for (file, from, to) in [
        ("docker.jsonl", "\"OomScoreAdj\": -998", "\"OomScoreAdj\": -997"),
        ("files.json", "ndots:5", "ndots:4"),
        ("calls.json", "\"ip\": \"10.244.1.5\"", "\"ip\": \"\""),
        ("cni.jsonl", "\"CNI_IFNAME\": \"eth0\"", "\"CNI_IFNAME\": \"eth1\""),
    ] {
        std::fs::create_dir_all(&scratch).expect("a directory");
        for name in ["calls.json", "docker.jsonl", "cni.jsonl", "files.json"] {
            let mut text = std::fs::read_to_string(data.join(name)).expect("a file");
            if name == file {
                assert!(text.contains(from), "{file} has {from}");
                text = text.replace(from, to);
            }
            std::fs::write(scratch.join(name), text).expect("a copy");
        }
        assert!(check_docker(&scratch).is_err(), "{file} was changed");
    }
}
