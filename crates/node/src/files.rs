//! Files, control groups, mounts.

use crate::{FileKind, Node};
use sim::Ctx;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;
use trace::{Effect, FileContent, Mount};

#[derive(Default)]
pub(crate) struct Files {
    files: BTreeMap<Rc<str>, Content>,
    /// Directories that nobody lists, control groups and mounts: that they are there is all that
    /// has to be known, so that a few bytes for each will do.
    directories: Marks,
    cgroups: Marks,
    mounts: Marks,
}

/// What stands at a path. A text to which something was added is kept so that more can be added.
enum Content {
    Fixed(FileContent),
    Growing(String),
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

    fn contains(&self, path: &str) -> bool {
        self.0.contains(&Self::of(path))
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
    /// Where a path leads once links are followed.
    fn target(&self, path: &str) -> Rc<str> {
        let mut path: Rc<str> = path.into();
        // As many links as Linux follows.
        for _ in 0..40 {
            match self.files.get(&path) {
                Some(Content::Fixed(FileContent::Symlink(target))) => path = target.clone(),
                _ => break,
            }
        }
        path
    }

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

    /// Adds to the end of a file, which is made if there is none.
    pub fn append_file(&self, ctx: &Ctx, path: &str, text: &str) {
        if let Some(disk) = self.disk(path) {
            // Whoever writes keeps the file open: one that was taken away gets no more.
            if disk.append(path, text) {
                ctx.effect(Effect::FileAppended { path: path.into(), text: text.into() });
            }
            return;
        }
        {
            let mut files = self.0.files.borrow_mut();
            let path = files.target(path);
            if let Some(content) = files.files.get_mut(&*path) {
                if let Content::Fixed(FileContent::Text(start)) = content {
                    *content = Content::Growing(start.to_string());
                }
                if let Content::Growing(whole) = content {
                    whole.push_str(text);
                    drop(files);
                    ctx.effect(Effect::FileAppended { path, text: text.into() });
                }
                return;
            }
        }
        self.write_file(ctx, path, text);
    }

    /// Writes a file of a program's own, such as the one with its number: no trace shows it.
    pub fn write_own_file(&self, ctx: &Ctx, path: &str, text: &str) {
        if self.disk(path).is_some() {
            self.write_file(ctx, path, text);
            return;
        }
        let content = Content::Fixed(FileContent::Text(text.into()));
        self.0.files.borrow_mut().files.insert(path.into(), content);
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
        if let Some(disk) = self.disk(&path) {
            let written = match &content {
                FileContent::Text(text) => disk.write(&path, text),
                FileContent::Symlink(target) => disk.symlink(target, &path),
                FileContent::Directory => disk.make_dir(&path),
            };
            if written {
                ctx.effect(Effect::FileWritten { path, content });
            }
            return;
        }
        self.0.files.borrow_mut().files.insert(path.clone(), Content::Fixed(content.clone()));
        ctx.effect(Effect::FileWritten { path, content });
    }

    /// Removes a file; false if there is none.
    pub fn remove_file(&self, ctx: &Ctx, path: &str) -> bool {
        if let Some(disk) = self.disk(path) {
            let existed = disk.remove(path);
            if existed {
                ctx.effect(Effect::FileRemoved { path: path.into() });
            }
            return existed;
        }
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
        if let Some(disk) = self.disk(path) {
            return disk.kind(path).is_some();
        }
        self.0.files.borrow().files.contains_key(path)
    }

    /// Whether a directory stands at a path, or things below it.
    #[must_use]
    pub fn is_dir(&self, path: &str) -> bool {
        if let Some(disk) = self.disk(path) {
            return disk.kind(path) == Some(FileKind::Directory);
        }
        let files = self.0.files.borrow();
        matches!(files.files.get(path), Some(Content::Fixed(FileContent::Directory)))
            || files.directories.contains(path)
            || files.below(&format!("{path}/")).next().is_some()
    }

    /// The text of a file; links are followed.
    #[must_use]
    pub fn read_file(&self, path: &str) -> Option<Rc<str>> {
        if let Some(disk) = self.disk(path) {
            return disk.read(path);
        }
        let files = self.0.files.borrow();
        match files.files.get(&*files.target(path))? {
            Content::Fixed(FileContent::Text(text)) => Some(text.clone()),
            Content::Growing(text) => Some(text.as_str().into()),
            Content::Fixed(_) => None,
        }
    }

    /// The length of a file's text in bytes; links are followed.
    #[must_use]
    pub fn file_len(&self, path: &str) -> Option<usize> {
        if let Some(disk) = self.disk(path) {
            return match disk.kind(path)? {
                FileKind::File(length) => Some(length),
                FileKind::Directory => None,
            };
        }
        let files = self.0.files.borrow();
        match files.files.get(&*files.target(path))? {
            Content::Fixed(FileContent::Text(text)) => Some(text.len()),
            Content::Growing(text) => Some(text.len()),
            Content::Fixed(_) => None,
        }
    }

    /// Where a symbolic link points; none if there is none.
    #[must_use]
    pub fn read_link(&self, path: &str) -> Option<Rc<str>> {
        match self.0.files.borrow().files.get(path)? {
            Content::Fixed(FileContent::Symlink(target)) => Some(target.clone()),
            _ => None,
        }
    }

    /// The files in a directory, by name.
    #[must_use]
    pub fn list_dir(&self, path: &str) -> Vec<Rc<str>> {
        if let Some(disk) = self.disk(path) {
            return disk.list(path);
        }
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
        if let Some(disk) = self.disk(path) {
            return !disk.list(path).is_empty();
        }
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
