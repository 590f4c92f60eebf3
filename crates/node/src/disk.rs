//! Real files in place of modelled ones: the seam to the machine that a simulation runs on.
//!
//! A node has none unless it is given one; then it is not deterministic any more, which is right for
//! a node that real clients share files with.

use crate::Node;
use std::rc::Rc;

/// Some directories of a real machine.
pub trait Disk {
    /// Whether a path lies in one of them.
    fn has(&self, path: &str) -> bool;

    /// The text of a file; links are followed.
    fn read(&self, path: &str) -> Option<Rc<str>>;

    /// What stands at a path; links are followed.
    fn kind(&self, path: &str) -> Option<FileKind>;

    /// The paths of what is in a directory, by name.
    fn list(&self, path: &str) -> Vec<Rc<str>>;

    /// Writes a file, in place of whatever stood there; false if that cannot be done.
    fn write(&self, path: &str, text: &str) -> bool;

    /// Adds to the end of a file; false if there is none.
    fn append(&self, path: &str, text: &str) -> bool;

    /// Makes a directory; false if that cannot be done.
    fn make_dir(&self, path: &str) -> bool;

    /// Makes a symbolic link; false if that cannot be done.
    fn symlink(&self, target: &str, path: &str) -> bool;

    /// Removes a file, a link, or a directory with all that is in it; false if there is none.
    fn remove(&self, path: &str) -> bool;

    /// The file system that a path is on, or that its nearest directory is on if nothing stands
    /// there.
    fn file_system(&self, path: &str) -> Option<u64>;

    /// What the machine's kernel says in a file below `/proc` about what the host's namespaces
    /// have: ports, shared memory.
    fn kernel(&self, path: &str) -> Option<String>;
}

/// What can stand at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file, of so many bytes.
    File(usize),
    /// A directory.
    Directory,
}

impl Node {
    /// Gives the node some real directories.
    pub fn set_disk(&self, disk: Rc<dyn Disk>) {
        *self.0.disk.borrow_mut() = Some(disk);
    }

    /// Whether something is mounted between a directory and a path below it. What the simulation
    /// mounts itself it never mounts below a volume.
    #[must_use]
    pub fn crosses_mount(&self, directory: &str, path: &str) -> bool {
        let Some(disk) = self.disk(path) else { return false };
        disk.file_system(path) != disk.file_system(directory)
    }

    /// The text of a file below `/proc` of the real machine, if the node has one.
    #[must_use]
    pub fn kernel_file(&self, path: &str) -> Option<String> {
        self.0.disk.borrow().as_ref()?.kernel(path)
    }

    /// The real directories, if a path lies in one of them.
    pub(crate) fn disk(&self, path: &str) -> Option<Rc<dyn Disk>> {
        self.0.disk.borrow().as_ref().filter(|disk| disk.has(path)).cloned()
    }
}
