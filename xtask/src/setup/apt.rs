//! Debian's packages, on machines that have them.

use std::path::Path;
use std::sync::Once;

use anyhow::{Result, bail};

use crate::shell;

const APT_GET: &str = "/usr/bin/apt-get";

/// Debian packages that bring one thing.
pub(super) struct Packages {
    pub(super) what: &'static str,
    pub(super) expectation: &'static str,
    pub(super) names: &'static [&'static str],
    /// What a reader without apt or without root can do.
    pub(super) otherwise: &'static str,
}

impl Packages {
    /// Installs them as one step, or fails with the commands that the reader can run instead.
    pub(super) fn install(&self) -> Result<()> {
        let Self { what, expectation, names, otherwise } = self;
        let by_hand = format!("apt-get update && apt-get install -y {}", names.join(" "));
        if !Path::new(APT_GET).is_file() {
            bail!("{what}: missing here. {otherwise}");
        }
        let Some(sudo) = privilege() else {
            bail!("{what}: missing here. As root: {by_hand}. {otherwise}");
        };
        let step = shell::Step::start(what, expectation);
        static UPDATE: Once = Once::new();
        let mut done = Ok(());
        UPDATE.call_once(|| done = shell::run(apt_get(sudo).args(["update", "-q"])));
        let options = ["install", "-y", "-q", "--no-install-recommends"];
        if let Err(error) = done.and_then(|()| shell::run(apt_get(sudo).args(options).args(*names)))
        {
            bail!("{what}: {error}. As root: {by_hand}. {otherwise}");
        }
        step.done();
        Ok(())
    }
}

/// How to become root without being asked anything: not needed, by sudo, or not possible.
fn privilege() -> Option<&'static [&'static str]> {
    if shell::output(shell::command("id").arg("-u")).is_ok_and(|id| id == "0") {
        return Some(&[]);
    }
    let sudo = shell::output(shell::command("sudo").args(["-n", "true"])).is_ok();
    sudo.then_some(&["sudo", "-n"])
}

fn apt_get(sudo: &[&str]) -> std::process::Command {
    let words = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", APT_GET]].concat();
    let mut command = shell::command(words[0]);
    // Another apt that is at work, the machine's own updater for instance, is waited for.
    command.args(&words[1..]).args(["-o", "DPkg::Lock::Timeout=300"]);
    command
}
