//! The lessons that come with the program. The page fetches them when they are opened; they are
//! no part of its wasm, which names neither of these functions.

use super::{Index, Lesson};

/// Declares the lessons: the files.
macro_rules! lessons {
    ($($id:literal,)*) => {
        const FILES: &[(&str, &str)] =
            &[$(($id, include_str!(concat!("../../../../lessons/", $id, ".yaml"))),)*];
    };
}

lessons! {
    "before-cri",
    "cri-arrives",
    "kubelet-start",
    "worker-to-syncpod",
    "run-pod-sandbox",
    "resolv-conf",
    "containerd-and-shim",
    "shim-layers",
    "docker-to-crictl",
    "timeline",
    "count-it",
}

/// The order of the menu.
///
/// # Panics
/// Never: a test reads it.
#[must_use]
pub fn index() -> Index {
    Index::parse(include_str!("../../../../lessons/index.yaml")).expect("the index is tested")
}

/// The lessons by key.
///
/// # Panics
/// Never: a test reads every file.
#[must_use]
pub fn lessons() -> Vec<(&'static str, Lesson)> {
    let read = |(id, text): &(&'static str, &str)| {
        (*id, Lesson::parse(text).unwrap_or_else(|problem| panic!("{id}: {problem}")))
    };
    FILES.iter().map(read).collect()
}
