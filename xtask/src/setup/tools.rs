//! The programs that turn compiled wasm into a page.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::node;
use crate::{cache, shell};

/// The last trunk that compiles with the oldest Rust that we support.
const TRUNK: &str = "0.21.14";
/// What the npm package `binaryen` calls it; `wasm-opt --version` says the first number.
const BINARYEN: &str = "132.0.0";
/// Older ones do not know what today's compilers emit.
const BINARYEN_OLDEST: u32 = 118;
/// The Rust crate that carries wasm-opt's C++ sources, for machines without npm.
const WASM_OPT_CRATE: &str = "0.116.1";
/// For the time before Cargo.lock names one.
const WASM_BINDGEN: &str = "0.2.130";

/// The wasm-bindgen program in exactly the version of the crate: the two share an unstable format.
pub(super) fn wasm_bindgen() -> Result<Option<PathBuf>> {
    let version = locked_version("wasm-bindgen").unwrap_or_else(|| WASM_BINDGEN.to_owned());
    let runner_there = shell::which("wasm-bindgen-test-runner").is_some();
    if runner_there && version_on_path("wasm-bindgen").is_some_and(|found| found == version) {
        return Ok(None);
    }
    let name = format!("wasm-bindgen-{version}");
    let what = format!("wasm-bindgen {version}");
    // Without --locked: the lock file that the crate ships names dependencies that have been
    // withdrawn.
    let dir = cache::install(&name, &what, "about 2 minutes", |dir| {
        let features = ["--no-default-features"];
        shell::run(cargo_install(dir, "wasm-bindgen-cli", &version).args(features))
    })?;
    Ok(Some(dir.join("bin")))
}

/// Trunk, without its update check and without TLS: it never goes to the network here.
pub(super) fn trunk() -> Result<Option<PathBuf>> {
    if version_on_path("trunk").is_some_and(|found| found == TRUNK) {
        return Ok(None);
    }
    let dir = cache::install(
        &format!("trunk-{TRUNK}"),
        &format!("trunk {TRUNK}"),
        "about 4 minutes",
        |dir| {
            shell::run(
                cargo_install(dir, "trunk", TRUNK).args(["--locked", "--no-default-features"]),
            )
        },
    )?;
    Ok(Some(dir.join("bin")))
}

/// wasm-opt: the one on the machine when it is recent, else from npm, else compiled.
pub(super) fn wasm_opt() -> Result<Option<PathBuf>> {
    let number =
        |version: String| version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if version_on_path("wasm-opt").and_then(number).is_some_and(|found| found >= BINARYEN_OLDEST) {
        return Ok(None);
    }
    if shell::which("npm").is_some() {
        let what = format!("wasm-opt (binaryen {BINARYEN})");
        let dir =
            cache::install(&format!("binaryen-{BINARYEN}"), &what, "about 10 seconds", |dir| {
                let package = format!("binaryen@{BINARYEN}");
                shell::run(
                    node::npm().current_dir(dir).args(["install", "--prefix", ".", &package]),
                )
            })?;
        return Ok(Some(dir.join("node_modules/.bin")));
    }
    let name = format!("wasm-opt-{WASM_OPT_CRATE}");
    let dir = cache::install(
        &name,
        &name.replace("opt-", "opt "),
        "about 8 minutes, no npm here",
        |dir| {
            shell::run(cargo_install(dir, "wasm-opt", WASM_OPT_CRATE).arg("--locked"))
                .context("wasm-opt was not to be had; installing Node.js with npm is another way")
        },
    )?;
    Ok(Some(dir.join("bin")))
}

/// `cargo install` into a folder of its own. These programs wait for files more than they compute,
/// so they are compiled quickly rather than for speed: that halves the time a newcomer waits.
fn cargo_install(dir: &Path, krate: &str, version: &str) -> Command {
    let mut cargo = shell::cargo();
    cargo.args(["install", krate, "--version", version, "--root"]).arg(dir);
    cargo.env("CARGO_TARGET_DIR", dir.join("build"));
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
    cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
    cargo.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
    cargo
}

/// The number in `NAME --version`, the first word that starts with a digit.
fn version_on_path(program: &str) -> Option<String> {
    let path = shell::which(program)?;
    let line = shell::output(shell::command(path).arg("--version")).ok()?;
    line.split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// The version of a crate in Cargo.lock.
fn locked_version(krate: &str) -> Option<String> {
    let lock = std::fs::read_to_string(shell::workspace_root().join("Cargo.lock")).ok()?;
    version_in(&lock, krate)
}

fn version_in(lock: &str, krate: &str) -> Option<String> {
    let wanted = format!("name = \"{krate}\"");
    let mut lines = lock.lines().skip_while(|line| *line != wanted);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn lock_file_names_the_version() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(version_in(lock, "yew"), None);
    }
}
