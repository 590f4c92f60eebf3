//! CONTRIBUTING.md gives the reason for each dependency: the tables and the manifests must name the
//! same crates, or one of the two is out of date.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_dependency_has_a_reason_and_every_reason_a_dependency() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    let folders = member_folders(root);
    let ours: BTreeSet<String> = folders
        .iter()
        .map(|folder| folder.file_name().expect("a member has a name").to_string_lossy().into())
        .collect();
    let manifests = folders.iter().map(|folder| read(&folder.join("Cargo.toml")));
    let used: BTreeSet<String> = manifests
        .flat_map(|text| dependencies(&text))
        .filter(|name| !ours.contains(name))
        .collect();
    assert_eq!(explained(&read(&root.join("CONTRIBUTING.md"))), used);
}

fn member_folders(root: &Path) -> Vec<PathBuf> {
    let crates = fs::read_dir(root.join("crates")).expect("the workspace has crates");
    let crates = crates.flatten().map(|entry| entry.path());
    let members = crates.chain([root.join("web"), root.join("xtask")]);
    members.filter(|folder| folder.join("Cargo.toml").is_file()).collect()
}

/// The names in all tables of dependencies, in whichever of TOML's ways they are written.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = table.ends_with("dependencies");
            names.extend(table.split_once("dependencies.").map(|(_, name)| name.to_owned()));
        } else if inside
            && let Some((name, _)) = line.split_once('=')
            && !line.starts_with([' ', '#'])
        {
            names.insert(name.trim().trim_end_matches(".workspace").to_owned());
        }
    }
    names
}

/// The first cells of the tables that have a column "used in".
fn explained(contributing: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in contributing.lines() {
        inside = line.starts_with("| crate | used in |") || (inside && line.starts_with('|'));
        let first_cell = line.split('|').nth(1).unwrap_or_default().trim();
        if inside && first_cell != "crate" && first_cell != "---" {
            names.extend(first_cell.split(", ").map(str::to_owned));
        }
    }
    names
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
