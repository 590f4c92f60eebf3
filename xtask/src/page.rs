//! The page as it is published.

use std::path::PathBuf;

use anyhow::Result;

use crate::setup::Tools;
use crate::shell;

/// What makes trunk build for publication: wasm-opt, minification, and the profile `wasm-release`,
/// which `web/index.html` asks for.
pub(crate) const RELEASE: &str = "--release";

/// Builds the page into a folder that nothing else writes to, and says which.
pub(crate) fn build(tools: &Tools) -> Result<PathBuf> {
    let dist = shell::target_dir().join("page");
    let mut trunk = tools.command("trunk");
    let step = shell::Step::start("the page", "about 3 minutes the first time");
    shell::run(trunk.args(["build", "--offline", RELEASE, "--dist"]).arg(&dist))?;
    step.done();
    Ok(dist)
}
