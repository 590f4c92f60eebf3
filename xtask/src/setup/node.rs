//! Node.js, and the packages that the browser tests use.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use super::apt::Packages;
use crate::shell;

/// The oldest that Playwright and node's own test runner both support.
const NODE_OLDEST: u32 = 18;

const NODE: Packages = Packages {
    what: "Node.js and npm",
    expectation: "about 2 minutes",
    names: &["nodejs", "npm"],
    otherwise: "Elsewhere: https://nodejs.org, or brew install node",
};

/// Node.js and npm themselves.
pub(super) fn node() -> Result<()> {
    if shell::which("node").is_none() || shell::which("npm").is_none() {
        NODE.install()?;
    }
    let version = shell::output(shell::command("node").arg("--version"))?;
    let major =
        version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < NODE_OLDEST) {
        bail!(
            "Node.js: {version} is too old, {NODE_OLDEST} or newer is needed. {}",
            NODE.otherwise
        );
    }
    Ok(())
}

/// What `package-lock.json` of the browser tests lists, in the folder beside it.
pub(super) fn browser_test_modules() -> Result<()> {
    let folder = tests_folder();
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = folder.join("node_modules/.installed-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let step = shell::Step::start("node modules of the browser tests", "a few seconds");
    shell::run(npm().current_dir(&folder).arg("ci"))?;
    fs::write(stamp, lock)?;
    step.done();
    Ok(())
}

/// Where the browser tests are.
pub(crate) fn tests_folder() -> PathBuf {
    shell::workspace_root().join("web/tests-browser")
}

/// npm, which neither advertises nor downloads browsers.
pub(super) fn npm() -> Command {
    let mut npm = shell::command("npm");
    npm.env("npm_config_audit", "false").env("npm_config_fund", "false");
    npm.env("npm_config_update_notifier", "false").env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    npm
}
