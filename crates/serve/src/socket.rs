//! The socket's file: made for its owner alone, never taken from somebody who uses it, removed at
//! the end.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// A socket that is listened on.
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// The number of the file, by which it is known again.
    inode: u64,
}

impl Socket {
    /// Listens on `unix:///run/x.sock` or `/run/x.sock`. A socket that nobody listens on any more
    /// is replaced.
    pub(crate) fn bind(address: &str) -> Result<Self> {
        let path = path_of(address)?;
        let shown = path.display();
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.file_type().is_socket() => {
                bail!("{shown} exists and is no socket; choose another path")
            }
            Ok(_) => match std::os::unix::net::UnixStream::connect(&path) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    fs::remove_file(&path)
                        .with_context(|| format!("removing {shown}, which nobody listens on"))?;
                }
                _ => bail!("somebody listens on {shown} already; stop it or choose another path"),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("looking at {shown}")),
        }
        // Bound under a name that nobody looks for, so that nobody connects before the mode is
        // right; renaming a socket keeps it bound.
        let hidden = hidden_name(&path)?;
        let listener =
            UnixListener::bind(&hidden).with_context(|| format!("listening on {shown}"))?;
        let placed = fs::set_permissions(&hidden, fs::Permissions::from_mode(0o600))
            .and_then(|()| fs::hard_link(&hidden, &path));
        let inode = fs::metadata(&hidden).map_or(0, |found| found.ino());
        let _ = fs::remove_file(&hidden);
        placed.with_context(|| format!("listening on {shown}"))?;
        Ok(Self { listener, path, inode })
    }

    /// The address as a client writes it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// Waits for a client.
    pub(crate) async fn accept(&self) -> std::io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Somebody may have put another file in its place meanwhile.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The path that an address names.
pub(crate) fn path_of(address: &str) -> Result<PathBuf> {
    let path = Path::new(address.strip_prefix("unix://").unwrap_or(address));
    if !path.is_absolute() {
        bail!("{address:?} is no address of a socket; write unix:///run/shimscope.sock");
    }
    Ok(path.to_owned())
}

/// A name beside a path's own, for this process alone.
fn hidden_name(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    Ok(path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id())))
}
