//! rustfmt and clippy, which rustup's minimal profile leaves out.

use anyhow::{Context, Result};

use crate::shell;

/// Both, installed now if need be.
pub(super) fn ready() -> Result<()> {
    if works("fmt") && works("clippy") {
        return Ok(());
    }
    let step = shell::Step::start("rustfmt and clippy, by rustup", "a few seconds");
    shell::run(shell::command("rustup").args(["component", "add", "rustfmt", "clippy"]))
        .context("rustfmt or clippy is missing. Run: rustup component add rustfmt clippy")?;
    step.done();
    Ok(())
}

fn works(subcommand: &str) -> bool {
    shell::output(shell::cargo().args([subcommand, "--version"])).is_ok()
}
