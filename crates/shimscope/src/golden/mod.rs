//! Recordings of a real kubelet against an in-memory runtime, and our own kubelet beside them.
//!
//! A folder holds one recording: a static pod, the runtime's behaviour, a timeline of actions, and
//! what was seen of calls, statuses and events. [`check`] replays folders and compares;
//! [`record`] writes our own run in the same format.
//!
//! Two runs are equal when
//! 1. the calls of each container and of the sandbox are equal in order, method, attempt, image,
//!    command, timeout and kind of error, and calls of different containers keep their order,
//!    except those that happen at the same time: stops at a pod's end, removals, probes;
//! 2. the requests are equal but for UIDs, ids, times, and names made at random;
//! 3. waits agree to a relist's period, long ones to the kubelet's own jitter besides;
//! 4. the statuses that last appear in the same order, and the last one is equal;
//! 5. the events of each container agree in type, reason, message and order.
//!
//! The kubelet's jitter is random, so a recording is equal if ours is for one of a few seeds.

mod compare;
mod folder;
mod replay;
mod rows;

pub use folder::Folder;

use crate::golden_docker;
use anyhow::{Context, Result};
use std::fmt;
use std::path::{Path, PathBuf};

/// How many seeds are tried before a folder counts as different.
const SEEDS: u64 = 120;

/// The outcome of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// Folder by folder.
    pub folders: Vec<FolderReport>,
}

/// The outcome for one folder.
#[derive(Debug)]
pub struct FolderReport {
    /// The folder's name.
    pub name: String,
    /// The first difference; none if equal.
    pub difference: Option<String>,
    /// The seed with which it is equal, or that came closest; none where nothing is random.
    pub seed: Option<u64>,
}

impl Report {
    /// Whether every folder is equal.
    #[must_use]
    pub fn all_equal(&self) -> bool {
        self.folders.iter().all(|folder| folder.difference.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for folder in &self.folders {
            let verdict = if folder.difference.is_none() { "equal" } else { "different" };
            write!(f, "{}: {verdict}", folder.name)?;
            if let Some(seed) = folder.seed {
                write!(f, " (seed {seed})")?;
            }
            writeln!(f)?;
            if let Some(difference) = &folder.difference {
                writeln!(f, "{difference}")?;
            }
        }
        let equal = self.folders.iter().filter(|folder| folder.difference.is_none()).count();
        writeln!(f, "{equal} of {} equal", self.folders.len())
    }
}

/// Replays folders and compares each with its recording, be it of a kubelet or of Docker's shim
/// ([`golden_docker`]). A folder without a recording stands for those below it.
///
/// # Errors
/// If a folder cannot be read.
pub fn check(directories: &[PathBuf]) -> Result<Report> {
    let mut report = Report::default();
    for directory in folders(directories)? {
        report.folders.push(check_folder(&directory)?);
    }
    Ok(report)
}

/// Runs a folder's scenario and writes what our kubelet does into another folder.
///
/// # Errors
/// If the one cannot be read or the other not be written.
pub fn record(directory: &Path, to: &Path, seed: u64) -> Result<()> {
    let folder = Folder::read(directory)?;
    let run = replay::replay(&folder, seed);
    std::fs::create_dir_all(to)?;
    for name in ["pod.yaml", "pod2.yaml", "script.json", "timeline.json"] {
        let (from, to) = (directory.join(name), to.join(name));
        if from.exists() && from != to {
            std::fs::copy(&from, &to)?;
        }
    }
    folder::write(&folder, &run, to)
}

fn folders(directories: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for directory in directories {
        if is_recording(directory) {
            found.push(directory.clone());
            continue;
        }
        let mut below: Vec<PathBuf> = std::fs::read_dir(directory)
            .with_context(|| format!("{} is not a folder that can be read", directory.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_recording(path))
            .collect();
        below.sort();
        if below.is_empty() {
            anyhow::bail!("{} holds no recording", directory.display());
        }
        found.extend(below);
    }
    Ok(found)
}

/// Whether a folder holds a recording, of a kubelet or of Docker's shim.
fn is_recording(directory: &Path) -> bool {
    directory.join("pod.yaml").exists() || golden_docker::is_recording(directory)
}

fn check_folder(directory: &Path) -> Result<FolderReport> {
    if golden_docker::is_recording(directory) {
        let difference = golden_docker::check_docker(directory).err();
        return Ok(FolderReport {
            name: directory.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            difference: difference.map(|it| it.to_string()),
            seed: None,
        });
    }
    let folder = Folder::read(directory)?;
    let mut closest: Option<(compare::Difference, u64)> = None;
    for seed in 0..SEEDS {
        let run = replay::replay(&folder, seed);
        match compare::first_difference(&folder.recorded, &run, folder.duration_millis()) {
            None => {
                return Ok(FolderReport { name: folder.name, difference: None, seed: Some(seed) });
            }
            Some(difference) => {
                // The one that agrees for longest tells most.
                if closest.as_ref().is_none_or(|(best, _)| best.rank() < difference.rank()) {
                    closest = Some((difference, seed));
                }
            }
        }
    }
    let seed = closest.as_ref().map(|(_, seed)| *seed);
    let difference = closest.map(|(difference, _)| difference.to_string());
    Ok(FolderReport { name: folder.name, difference, seed })
}
