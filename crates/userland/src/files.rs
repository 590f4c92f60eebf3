//! Files as a container sees them: its image's, its root file system's, what is mounted, and those
//! that the kernel makes up.
//!
//! # What we simplify
//! Files have no owners, modes or times of their own. An image's files are those that programs
//! here look at. A file of an image that is removed leaves a whiteout beside it, as in AUFS.

use crate::image;
use crate::process::{FILE_MAX, Process};
use crate::procfs;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Why something could not be done to a file, in the words of `strerror`.
pub(crate) type Errno = &'static str;

pub(crate) const ENOENT: Errno = "No such file or directory";
pub(crate) const EISDIR: Errno = "Is a directory";
pub(crate) const ENOTDIR: Errno = "Not a directory";
pub(crate) const EROFS: Errno = "Read-only file system";
pub(crate) const EEXIST: Errno = "File exists";
pub(crate) const ENOTEMPTY: Errno = "Directory not empty";
pub(crate) const ENOSPC: Errno = "No space left on device";
pub(crate) const EACCES: Errno = "Permission denied";
pub(crate) const ELOOP: Errno = "Too many levels of symbolic links";

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file of so many bytes.
    File(usize),
    /// A program.
    Program,
    Directory,
    Device,
}

/// Where a real path of the container leads.
enum Place {
    /// A path of the node; whether it is inside a mount, and whether nothing can be written.
    Node { path: String, mounted: bool, readonly: bool },
    /// A path of an image that is mounted.
    Image { image: Rc<str>, path: String },
    /// Something that the kernel makes up.
    Kernel,
}

impl Process {
    /// A path from the root, without `.` and `..`; links are not followed.
    pub(crate) fn absolute(&self, path: &str) -> String {
        let whole =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.cwd) };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    /// The same with links followed.
    pub(crate) fn real(&self, path: &str) -> Result<String, Errno> {
        let whole = self.absolute(path);
        let mut left: Vec<String> =
            whole.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let mut real = String::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                let end = real.rfind('/').unwrap_or_default();
                real.truncate(end);
                continue;
            }
            let next = format!("{real}/{part}");
            let link = match self.place(&next) {
                Place::Node { path, .. } => self.node.read_link(&path),
                Place::Image { .. } => None,
                Place::Kernel => procfs::read_link(self, &next),
            };
            let Some(link) = link else {
                real = next;
                continue;
            };
            links += 1;
            if links > 40 {
                return Err(ELOOP);
            }
            if link.starts_with('/') {
                real.clear();
            }
            left.extend(
                link.split('/').rev().filter(|part| !matches!(*part, "" | ".")).map(str::to_owned),
            );
        }
        Ok(if real.is_empty() { "/".to_owned() } else { real })
    }

    fn place(&self, real: &str) -> Place {
        let around = &self.surroundings;
        let covers = |destination: &str| {
            let rest = real.strip_prefix(destination.trim_end_matches('/'));
            rest.filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mount = around
            .mounts
            .iter()
            .filter_map(|mount| covers(&mount.destination).map(|rest| (mount, rest)))
            .max_by_key(|(mount, _)| mount.destination.len());
        if let Some((mount, rest)) = mount {
            if let Some((image, start)) = &mount.image {
                let path = format!("{}{rest}", start.trim_end_matches('/'));
                let path = if path.is_empty() { "/".to_owned() } else { path };
                return Place::Image { image: image.clone(), path };
            }
            let path = format!("{}{rest}", mount.source.trim_end_matches('/'));
            // `ro` is that of one mount, not of those below it.
            let readonly = mount.readonly
                && (mount.recursive || !self.node.crosses_mount(&mount.source, &path));
            return Place::Node { path, mounted: true, readonly };
        }
        if ["/proc", "/sys", "/dev"].iter().any(|&root| covers(root).is_some()) {
            return Place::Kernel;
        }
        let path = format!("{}{}", around.rootfs, if real == "/" { "" } else { real });
        Place::Node { path, mounted: false, readonly: around.readonly_rootfs }
    }

    /// What stands at a path; links are followed.
    pub(crate) fn stat(&self, path: &str) -> Option<Kind> {
        let real = self.real(path).ok()?;
        let found = self.stat_real(&real)?;
        // `FILE/` is no file.
        (found == Kind::Directory || !path.ends_with('/')).then_some(found)
    }

    fn stat_real(&self, real: &str) -> Option<Kind> {
        if real == "/" {
            return Some(Kind::Directory);
        }
        let (path, mounted) = match self.place(real) {
            Place::Node { path, mounted, .. } => (path, mounted),
            Place::Image { path, .. } if path == "/" => return Some(Kind::Directory),
            Place::Image { image, path } => return image::stat(&image, &path),
            Place::Kernel => return procfs::stat(self, real),
        };
        if let Some(length) = self.node.file_len(&path) {
            return Some(Kind::File(length));
        }
        if self.node.is_dir(&path) {
            return Some(Kind::Directory);
        }
        let mounts = &self.surroundings.mounts;
        let leads_to_mount = |mount: &node::Bind| {
            mount
                .destination
                .strip_prefix(real)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if mounts.iter().any(leads_to_mount) {
            return Some(Kind::Directory);
        }
        if mounted || self.node.exists(&whiteout(&path)) {
            return None;
        }
        image::stat(&self.surroundings.image, real)
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.stat(path).is_some() || self.link_at(path).is_some()
    }

    pub(crate) fn is_dir(&self, path: &str) -> bool {
        self.stat(path) == Some(Kind::Directory)
    }

    /// Where the link at a path points, if one stands there.
    pub(crate) fn link_at(&self, path: &str) -> Option<Rc<str>> {
        let absolute = self.absolute(path);
        let (parent, name) = absolute.rsplit_once('/')?;
        let parent = self.real(if parent.is_empty() { "/" } else { parent }).ok()?;
        let own = format!("{}/{name}", parent.trim_end_matches('/'));
        match self.place(&own) {
            Place::Node { path, .. } => self.node.read_link(&path),
            Place::Image { .. } => None,
            Place::Kernel => procfs::read_link(self, &own),
        }
    }

    /// The text of a file.
    pub(crate) fn read_file(&self, path: &str) -> Result<Rc<str>, Errno> {
        let real = self.real(path)?;
        self.read_real(&real)
    }

    pub(crate) fn read_real(&self, real: &str) -> Result<Rc<str>, Errno> {
        if is_below_any(real, &self.surroundings.masked_paths) {
            return Ok("".into());
        }
        let (path, mounted) = match self.place(real) {
            Place::Node { path, mounted, .. } => (path, mounted),
            Place::Image { image, path } => {
                let is_there = image::stat(&image, &path).is_some();
                let text = image::read(&image, &path).map(Rc::from);
                return text.ok_or(if is_there { EISDIR } else { ENOENT });
            }
            Place::Kernel => return procfs::read(self, real),
        };
        if let Some(text) = self.node.read_file(&path) {
            return Ok(text);
        }
        match self.stat_real(real) {
            Some(Kind::Directory) => Err(EISDIR),
            Some(_) if !mounted => {
                image::read(&self.surroundings.image, real).ok_or(ENOENT).map(Rc::from)
            }
            _ => Err(ENOENT),
        }
    }

    /// Where something can be written, as a path of the node.
    fn writable(&self, real: &str) -> Result<String, Errno> {
        if is_below_any(real, &self.surroundings.readonly_paths) {
            return Err(EROFS);
        }
        match self.place(real) {
            Place::Node { readonly: true, .. } | Place::Image { .. } => Err(EROFS),
            Place::Node { path, .. } => {
                let parent = real.rsplit_once('/').map_or("/", |(parent, _)| parent);
                match self.stat_real(if parent.is_empty() { "/" } else { parent }) {
                    Some(Kind::Directory) => Ok(path),
                    Some(_) => Err(ENOTDIR),
                    None => Err(ENOENT),
                }
            }
            Place::Kernel => Err(EACCES),
        }
    }

    /// Writes a file, in place of what it was.
    pub(crate) fn write_file(&self, path: &str, text: &str) -> Result<(), Errno> {
        let real = self.real(path)?;
        if matches!(self.place(&real), Place::Kernel) {
            return procfs::write(self, &real, text);
        }
        if self.stat_real(&real) == Some(Kind::Directory) {
            return Err(EISDIR);
        }
        let path = self.writable(&real)?;
        if text.len() > FILE_MAX {
            return Err(ENOSPC);
        }
        self.node.write_file(&self.ctx, &path, text);
        Ok(())
    }

    /// Writes a file that belongs to the program itself.
    pub(crate) fn write_own_file(&self, path: &str, text: &str) -> Result<(), Errno> {
        let path = self.writable(&self.real(path)?)?;
        self.node.write_own_file(&self.ctx, &path, text);
        Ok(())
    }

    /// Adds to the end of a file.
    pub(crate) fn append_real(&self, real: &str, text: &str) -> Result<(), Errno> {
        if matches!(self.place(real), Place::Kernel) {
            return procfs::write(self, real, text);
        }
        let path = self.writable(real)?;
        let mut length = self.node.file_len(&path);
        if length.is_none()
            && let Some(text) = self.read_real(real).ok().filter(|text| !text.is_empty())
        {
            // A file of the image: copied up before it is changed.
            self.node.write_file(&self.ctx, &path, &text);
            length = Some(text.len());
        }
        if length.unwrap_or_default() + text.len() > FILE_MAX {
            return Err(ENOSPC);
        }
        self.node.append_file(&self.ctx, &path, text);
        Ok(())
    }

    /// Opens a file for writing: made if it is not there, empty unless something is to be added.
    pub(crate) fn create(&self, path: &str, append: bool) -> Result<Rc<str>, Errno> {
        let real = self.real(path)?;
        if matches!(self.place(&real), Place::Kernel) {
            return match procfs::stat(self, &real) {
                Some(Kind::Directory) => Err(EISDIR),
                Some(_) => Ok(real.into()),
                None => Err(ENOENT),
            };
        }
        let kind = self.stat_real(&real);
        if kind == Some(Kind::Directory) {
            return Err(EISDIR);
        }
        self.writable(&real)?;
        if kind.is_none() || !append {
            self.write_file(&real, "")?;
        }
        Ok(real.into())
    }

    /// Makes a directory.
    pub(crate) fn make_dir(&self, path: &str) -> Result<(), Errno> {
        if self.exists(path) {
            return Err(EEXIST);
        }
        let real = self.real(path)?;
        let path = self.writable(&real)?;
        self.node.make_dir(&self.ctx, &path);
        Ok(())
    }

    /// Makes a symbolic link.
    pub(crate) fn make_link(&self, target: &str, path: &str) -> Result<(), Errno> {
        if self.exists(path) {
            return Err(EEXIST);
        }
        let real = self.real(path)?;
        let path = self.writable(&real)?;
        self.node.symlink(&self.ctx, target, &path);
        Ok(())
    }

    /// Removes a file, a link, or with `recursive` a directory and all in it.
    pub(crate) fn remove(&self, path: &str, recursive: bool) -> Result<(), Errno> {
        let absolute = self.absolute(path);
        let link = self.link_at(path).is_some();
        let real = if link { absolute } else { self.real(path)? };
        let kind = if link { Some(Kind::File(0)) } else { self.stat_real(&real) };
        let Some(kind) = kind else { return Err(ENOENT) };
        if kind == Kind::Directory && !recursive {
            return Err(EISDIR);
        }
        if self.surroundings.mounts.iter().any(|mount| *mount.destination == *real) {
            return Err("Device or resource busy");
        }
        let on_node = self.writable(&real)?;
        if kind == Kind::Directory {
            self.node.remove_dir_all(&self.ctx, &on_node);
        } else {
            self.node.remove_file(&self.ctx, &on_node);
        }
        if self.stat_real(&real).is_some() {
            self.node.write_file(&self.ctx, &whiteout(&on_node), "");
        }
        Ok(())
    }

    /// Removes an empty directory.
    pub(crate) fn remove_dir(&self, path: &str) -> Result<(), Errno> {
        match self.list(path) {
            Ok(names) if names.is_empty() => self.remove(path, true),
            Ok(_) => Err(ENOTEMPTY),
            Err(error) => Err(error),
        }
    }

    /// The names in a directory, in order.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<String>, Errno> {
        let real = self.real(path)?;
        match self.stat_real(&real) {
            Some(Kind::Directory) => {}
            Some(_) => return Err(ENOTDIR),
            None => return Err(ENOENT),
        }
        let mut names = BTreeSet::new();
        let (path, mounted) = match self.place(&real) {
            Place::Node { path, mounted, .. } => (path, mounted),
            Place::Image { image, path } => return Ok(image::list(&image, &path)),
            Place::Kernel => return Ok(procfs::list(self, &real)),
        };
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let directory = prefix.trim_end_matches('/');
        for path in self.node.list_below(directory).iter().chain(&self.node.list_dir(directory)) {
            if let Some(name) = path[prefix.len()..].split('/').next() {
                names.insert(name.to_owned());
            }
        }
        if !mounted {
            names.extend(image::list(&self.surroundings.image, &real));
        }
        let inside = if real == "/" { "/".to_owned() } else { format!("{real}/") };
        for mount in &self.surroundings.mounts {
            if let Some(rest) = mount.destination.strip_prefix(&*inside)
                && let Some(name) = rest.split('/').next()
            {
                names.insert(name.to_owned());
            }
        }
        if real == "/" {
            names.extend(["proc", "sys", "dev"].map(str::to_owned));
        }
        let gone: Vec<String> =
            names.iter().filter_map(|name| name.strip_prefix(".wh.")).map(str::to_owned).collect();
        names.retain(|name| !name.starts_with(".wh.") && !gone.contains(name));
        Ok(names.into_iter().collect())
    }
}

/// Whether a path is one of some, or below it.
pub(crate) fn is_below_any(path: &str, roots: &[Rc<str>]) -> bool {
    roots.iter().any(|root| {
        path.strip_prefix(&**root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The file that says that one of the image's is gone.
fn whiteout(path: &str) -> String {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{parent}/.wh.{name}")
}
