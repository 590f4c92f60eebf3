//! Files, control groups, mounts.

use crate::Node;
use sim::Ctx;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;
use trace::{Effect, FileContent, Mount};

#[derive(Default)]
pub(crate) struct Files {
    files: BTreeMap<Rc<str>, FileContent>,
    /// Directories that nobody lists, control groups and mounts: that they are there is all that
    /// has to be known, so that a few bytes for each will do.
    directories: Marks,
    cgroups: Marks,
    mounts: Marks,
}

/// A set of paths that can only be asked about paths. It keeps 64 bits of each.
#[derive(Default)]
struct Marks(BTreeSet<u64>);

impl Marks {
    /// True if it was not there.
    fn insert(&mut self, path: &str) -> bool {
        self.0.insert(Self::of(path))
    }

    /// True if it was there.
    fn remove(&mut self, path: &str) -> bool {
        self.0.remove(&Self::of(path))
    }

    /// Mixes eight bytes at a time, as FNV does with one.
    fn of(path: &str) -> u64 {
        path.as_bytes().chunks(8).fold(0xcbf2_9ce4_8422_2325, |hash: u64, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^ (hash >> 32)
        })
    }
}

impl Files {
    /// The paths that begin with a prefix.
    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Rc<str>> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let paths = self.files.range::<str, _>(from).map(|(path, _)| path);
        paths.take_while(move |path| path.starts_with(prefix))
    }
}

impl Node {
    /// Writes a file, in place of whatever stood there.
    pub fn write_file(&self, ctx: &Ctx, path: &str, text: &str) {
        self.put(ctx, path, FileContent::Text(text.into()));
    }

    /// Copies a file's text; false if there is no such file.
    pub fn copy_file(&self, ctx: &Ctx, from: &str, to: &str) -> bool {
        let text = self.read_file(from);
        let copied = text.is_some();
        if let Some(text) = text {
            self.put(ctx, to, FileContent::Text(text));
        }
        copied
    }

    /// Makes a symbolic link, in place of whatever stood there.
    pub fn symlink(&self, ctx: &Ctx, target: &str, path: &str) {
        self.put(ctx, path, FileContent::Symlink(target.into()));
    }

    /// Makes a directory; one that exists stays.
    pub fn make_dir(&self, ctx: &Ctx, path: &str) {
        if !self.exists(path) {
            self.put(ctx, path, FileContent::Directory);
        }
    }

    /// Makes a directory that nobody will list or ask for: one of a daemon's own.
    pub fn make_private_dir(&self, ctx: &Ctx, path: &str) {
        if self.0.files.borrow_mut().directories.insert(path) {
            ctx.effect(Effect::FileWritten { path: path.into(), content: FileContent::Directory });
        }
    }

    fn put(&self, ctx: &Ctx, path: &str, content: FileContent) {
        let path: Rc<str> = path.into();
        self.0.files.borrow_mut().files.insert(path.clone(), content.clone());
        ctx.effect(Effect::FileWritten { path, content });
    }

    /// Removes a file; false if there is none.
    pub fn remove_file(&self, ctx: &Ctx, path: &str) -> bool {
        let removed = self.0.files.borrow_mut().files.remove_entry(path);
        let existed = removed.is_some();
        if let Some((path, _)) = removed {
            ctx.effect(Effect::FileRemoved { path });
        }
        existed
    }

    /// Removes a directory with everything below it.
    pub fn remove_dir_all(&self, ctx: &Ctx, path: &str) {
        let below = format!("{path}/");
        let mut found: Vec<Rc<str>> = {
            let files = self.0.files.borrow();
            files.below(&below).cloned().collect()
        };
        found.push(path.into());
        for path in found {
            self.remove_file(ctx, &path);
        }
        if self.0.files.borrow_mut().directories.remove(path) {
            ctx.effect(Effect::FileRemoved { path: path.into() });
        }
    }

    /// Whether something stands at a path.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        self.0.files.borrow().files.contains_key(path)
    }

    /// The text of a file; links are followed.
    #[must_use]
    pub fn read_file(&self, path: &str) -> Option<Rc<str>> {
        let files = self.0.files.borrow();
        let mut path = path;
        // As many links as Linux follows.
        for _ in 0..40 {
            match files.files.get(path)? {
                FileContent::Text(text) => return Some(text.clone()),
                FileContent::Symlink(target) => path = target,
                FileContent::Directory => return None,
            }
        }
        None
    }

    /// Where a symbolic link points; none if there is none.
    #[must_use]
    pub fn read_link(&self, path: &str) -> Option<Rc<str>> {
        match self.0.files.borrow().files.get(path)? {
            FileContent::Symlink(target) => Some(target.clone()),
            _ => None,
        }
    }

    /// The files in a directory, by name.
    #[must_use]
    pub fn list_dir(&self, path: &str) -> Vec<Rc<str>> {
        let below = format!("{path}/");
        let files = self.0.files.borrow();
        let direct = files.below(&below).filter(|path| !path[below.len()..].contains('/'));
        direct.cloned().collect()
    }

    /// Everything below a directory, however deep.
    #[must_use]
    pub fn list_below(&self, path: &str) -> Vec<Rc<str>> {
        let below = format!("{path}/");
        self.0.files.borrow().below(&below).cloned().collect()
    }

    /// Whether a path is a directory with something in it.
    #[must_use]
    pub fn has_entries(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.0.files.borrow().below(&below).next().is_some()
    }

    /// Makes a control group; one that exists stays.
    pub fn create_cgroup(&self, ctx: &Ctx, path: &str) {
        if self.0.files.borrow_mut().cgroups.insert(path) {
            ctx.effect(Effect::CgroupCreated { path: path.into() });
        }
    }

    /// Removes a control group, if it is there.
    pub fn remove_cgroup(&self, ctx: &Ctx, path: &str) {
        if self.0.files.borrow_mut().cgroups.remove(path) {
            ctx.effect(Effect::CgroupRemoved { path: path.into() });
        }
    }

    /// Mounts something.
    pub fn mount(&self, ctx: &Ctx, mount: Mount) {
        self.0.files.borrow_mut().mounts.insert(&mount.target);
        ctx.effect(Effect::Mounted(Rc::new(mount)));
    }

    /// Unmounts what is mounted at a path, if anything is.
    pub fn unmount(&self, ctx: &Ctx, target: &str) {
        if self.0.files.borrow_mut().mounts.remove(target) {
            ctx.effect(Effect::Unmounted { target: target.into() });
        }
    }
}
