//! Recordings of the real dockershim and cri-dockerd, and our own beside them.
//!
//! A folder holds one recording: the CRI calls (`calls.json`), the requests to Docker with their
//! answers (`docker.jsonl`), the executions of CNI plugins (`cni.jsonl`) and the files that changed
//! (`files.json`). [`check_docker`] makes the same CRI calls to our dockershim. Docker and the
//! plugins are played from the recording, which says how they answered.
//!
//! Two runs are equal when for each CRI call the answer or error is the same, the requests to
//! Docker are the same in the same order, with method, path, query and body, the plugins are
//! executed with the same environment and input, and the same files are there afterwards. Times,
//! random suffixes and the streaming server's addresses are compared by what they are, not by
//! their value.
//!
//! # What a recording leaves out
//! Docker's answers are abridged. What they lack is taken from the request that created a
//! container, or else from the answers to the CRI that follow from it: an image's size, a
//! container's address on Docker's network.

mod calls;
mod docker;
mod recording;

use anyhow::Result;
use recording::Recording;
use std::fmt;
use std::path::Path;

/// The first difference between a recording and our run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The recording.
    pub folder: String,
    /// During which CRI call: `3:StopPodSandbox`.
    pub place: String,
    /// What differs.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {}", self.folder, self.place, self.what)
    }
}

impl std::error::Error for Difference {}

/// Whether a folder holds a recording of this kind.
#[must_use]
pub fn is_recording(folder: &Path) -> bool {
    folder.join("calls.json").is_file()
}

/// Replays a folder.
///
/// # Errors
/// The first difference; a folder that cannot be read counts as one.
pub fn check_docker(folder: &Path) -> Result<(), Difference> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let different = |place: String, what: String| Difference { folder: name.clone(), place, what };
    let recording = Recording::read(folder)
        .map_err(|error| different("reading".to_owned(), format!("{error:#}")))?;
    calls::replay(&recording).map_err(|(place, what)| different(place, what))
}
