//! Directories of this machine that the node shares with its clients: logs are written there, and
//! volumes are read and written there. Nothing outside of them is ever touched.

use node::{Disk, FileKind};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// The directories.
pub(crate) struct SharedDisk {
    roots: Vec<PathBuf>,
}

impl SharedDisk {
    /// Shares some directories, given as absolute paths.
    pub(crate) const fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots }
    }

    /// Where a path really leads, if that is below one of the directories.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        let real = path.canonicalize().ok()?;
        let roots = self.roots.iter().filter_map(|root| root.canonicalize().ok());
        roots.into_iter().any(|root| real.starts_with(root)).then_some(real)
    }

    /// The place for something new, or for what will be replaced: its directory lies inside.
    fn place(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        Some(self.inside(path.parent()?)?.join(path.file_name()?))
    }

    /// The same where the file may exist, and then has to lie inside as well.
    fn file(&self, path: &str) -> Option<PathBuf> {
        let place = self.place(path)?;
        if fs::symlink_metadata(&place).is_ok_and(|found| found.is_symlink()) {
            return self.inside(&place);
        }
        Some(place)
    }
}

impl Disk for SharedDisk {
    fn has(&self, path: &str) -> bool {
        let path = Path::new(path);
        let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
        path.components().all(plain) && self.roots.iter().any(|root| path.starts_with(root))
    }

    fn read(&self, path: &str) -> Option<Rc<str>> {
        let bytes = fs::read(self.inside(Path::new(path))?).ok()?;
        Some(String::from_utf8_lossy(&bytes).into())
    }

    fn kind(&self, path: &str) -> Option<FileKind> {
        let found = fs::metadata(self.inside(Path::new(path))?).ok()?;
        Some(if found.is_dir() {
            FileKind::Directory
        } else {
            FileKind::File(usize::try_from(found.len()).unwrap_or(usize::MAX))
        })
    }

    fn list(&self, path: &str) -> Vec<Rc<str>> {
        let Some(real) = self.inside(Path::new(path)) else { return Vec::new() };
        let entries = fs::read_dir(real).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names.into_iter().map(|name| format!("{path}/{name}").into()).collect()
    }

    fn write(&self, path: &str, text: &str) -> bool {
        // As containerd does for a container's log.
        if let Some(parent) = Path::new(path).parent()
            && !parent.exists()
        {
            self.make_dir(&parent.to_string_lossy());
        }
        self.file(path).is_some_and(|path| fs::write(path, text).is_ok())
    }

    fn append(&self, path: &str, text: &str) -> bool {
        let Some(path) = self.file(path) else { return false };
        let file = OpenOptions::new().append(true).open(path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).is_ok()
    }

    fn make_dir(&self, path: &str) -> bool {
        // The part that exists decides where the rest will be.
        let path = Path::new(path);
        let existing = path.ancestors().find(|part| part.exists());
        existing.is_some_and(|part| self.inside(part).is_some()) && fs::create_dir_all(path).is_ok()
    }

    fn symlink(&self, target: &str, path: &str) -> bool {
        let Some(place) = self.place(path) else { return false };
        // In place of whatever stood there.
        let _ = fs::remove_file(&place);
        symlink(target, place).is_ok()
    }

    fn remove(&self, path: &str) -> bool {
        let Some(place) = self.place(path) else { return false };
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(place).is_ok(),
            Ok(_) => fs::remove_file(place).is_ok(),
            Err(_) => false,
        }
    }

    fn file_system(&self, path: &str) -> Option<u64> {
        let existing = Path::new(path).ancestors().find(|part| part.exists())?;
        Some(fs::metadata(self.inside(existing)?).ok()?.dev())
    }

    fn kernel(&self, path: &str) -> Option<String> {
        // These say nothing but what a container in the host's namespaces would see.
        const SHARED: [&str; 3] = ["/proc/net/tcp", "/proc/net/tcp6", "/proc/sysvipc/shm"];
        SHARED.contains(&path).then(|| fs::read_to_string(path).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_is_touched() {
        let base = std::env::temp_dir().join(format!("shimscope-disk-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        let (shared, secret) = (base.join("shared"), base.join("secret"));
        fs::create_dir_all(shared.join("logs")).unwrap();
        fs::create_dir_all(&secret).unwrap();
        fs::write(secret.join("key"), "secret").unwrap();
        symlink(&secret, shared.join("out")).unwrap();
        symlink(secret.join("key"), shared.join("file")).unwrap();
        symlink(shared.join("logs"), shared.join("in")).unwrap();
        let disk = SharedDisk::new(vec![shared.clone()]);
        let path = |rest: &str| format!("{}/{rest}", shared.display());

        assert!(!disk.has(&path("../secret/key")));
        assert!(!disk.has(&format!("{}ly/x", shared.display())));
        for outside in ["out/key", "file"] {
            assert!(disk.has(&path(outside)));
            assert_eq!(disk.read(&path(outside)), None);
            assert_eq!(disk.kind(&path(outside)), None);
            assert!(!disk.write(&path(outside), "changed"));
            assert!(!disk.append(&path(outside), "changed"));
        }
        assert!(disk.list(&path("out")).is_empty());
        assert!(!disk.make_dir(&path("out/deep/er")));
        assert!(!disk.symlink("/etc", &path("out/link")));
        assert!(!disk.remove(&path("out/key")));
        assert_eq!(fs::read_to_string(secret.join("key")).unwrap(), "secret");
        assert_eq!(fs::read_dir(&secret).unwrap().count(), 1);

        assert!(disk.write(&path("new/folder/0.log"), "a\n"));
        assert!(disk.append(&path("new/folder/0.log"), "b\n"));
        assert_eq!(disk.read(&path("new/folder/0.log")).as_deref(), Some("a\nb\n"));
        assert!(!disk.append(&path("new/folder/1.log"), "b\n"));
        assert!(disk.write(&path("in/x"), "x"));
        assert_eq!(disk.kind(&path("logs/x")), Some(FileKind::File(1)));
        assert_eq!(disk.list(&path("in")), [path("in/x").into()]);
        assert!(disk.remove(&path("new")));
        assert!(!disk.remove(&path("new")));
        fs::remove_dir_all(&base).unwrap();
    }
}
