//! Debian's packages, on machines that have them.

use std::path::Path;
use std::sync::Once;

use anyhow::{Result, bail};

use crate::shell;

/// Installs packages, or fails with the command that the reader can run instead.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get update && apt-get install -y {}", packages.join(" "));
    let Some(sudo) = privilege() else {
        bail!("not allowed to install Debian packages; run as root: {by_hand}");
    };
    static UPDATE: Once = Once::new();
    let mut updated = Ok(());
    UPDATE.call_once(|| updated = shell::run(apt_get(sudo).args(["update", "-q"])));
    updated?;
    shell::run(apt_get(sudo).args(["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

/// Whether this machine has apt at all.
pub(super) fn available() -> bool {
    Path::new("/usr/bin/apt-get").is_file()
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
    let words = [sudo, &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]].concat();
    let mut command = shell::command(words[0]);
    command.args(&words[1..]);
    command
}
