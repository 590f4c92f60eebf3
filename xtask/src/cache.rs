//! The folder outside the clone in which tools are installed, shared by all clones of one person.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell;

/// A file with this name says that the folder around it holds a finished installation.
const COMPLETE: &str = ".complete";

/// `$SHIMSCOPE_CACHE`, else `$XDG_CACHE_HOME/shimscope`, else `~/.cache/shimscope`.
pub(crate) fn root() -> Result<PathBuf> {
    let variable =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = variable("SHIMSCOPE_CACHE") {
        return Ok(std::path::absolute(dir)?);
    }
    if let Some(dir) = variable("XDG_CACHE_HOME") {
        return Ok(dir.join("shimscope"));
    }
    let home = std::env::home_dir()
        .context("no home folder is known; set SHIMSCOPE_CACHE to a folder for tools")?;
    Ok(home.join(".cache/shimscope"))
}

/// The folder of one installation, whether it is there or not. The name carries the version, so
/// that a new version is a new folder and nothing is ever updated in place.
pub(crate) fn dir(name: &str) -> Result<PathBuf> {
    Ok(root()?.join(name))
}

/// Whether [`install`] has finished for this name.
pub(crate) fn has(name: &str) -> bool {
    dir(name).is_ok_and(|dir| dir.join(COMPLETE).is_file())
}

/// Runs `fill` on an empty folder unless an earlier run finished doing so. An interrupted
/// installation leaves no mark and starts afresh; two that run at the same time wait for each
/// other.
pub(crate) fn install(
    name: &str,
    what: &str,
    expectation: &str,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let dir = dir(name)?;
    if has(name) {
        return Ok(dir);
    }
    let root = root()?;
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let lock = File::create(root.join(".lock"))?;
    if lock.try_lock().is_err() {
        println!("▸ waiting for another set-up that uses {}", root.display());
        lock.lock()?;
    }
    if !has(name) {
        let step = shell::Step::start(what, expectation);
        shell::remove_dir(&dir)?;
        fs::create_dir_all(&dir)?;
        fill(&dir)?;
        fs::write(dir.join(COMPLETE), "")?;
        step.done();
    }
    Ok(dir)
}
