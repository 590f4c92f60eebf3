//! The programs that turn compiled wasm into a page, and those that judge it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::node;
use crate::{cache, shell};

/// What the npm package `binaryen` calls it; `wasm-opt --version` says the first number.
const BINARYEN: &str = "132.0.0";
/// Older ones do not know the names of all wasm features that today's compilers write down.
const BINARYEN_OLDEST: u32 = 121;
/// For the time before Cargo.lock names one.
const WASM_BINDGEN: &str = "0.2.130";

/// The wasm-bindgen program in exactly the version of the crate: the two share an unstable format.
pub(super) fn wasm_bindgen() -> Result<Option<PathBuf>> {
    let version = locked_version("wasm-bindgen").unwrap_or_else(|| WASM_BINDGEN.to_owned());
    let program = FromCratesIo {
        krate: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: &version,
        // No --locked: its lock file asks for versions that not every mirror of crates.io has.
        options: &["--no-default-features"],
        opt_level: "1",
        expectation: "about 2 minutes",
    };
    program.ready()
}

/// The last trunk that compiles with the oldest Rust that we support, without its update check and
/// without TLS: it never goes to the network here.
pub(super) fn trunk() -> Result<Option<PathBuf>> {
    let program = FromCratesIo {
        krate: "trunk",
        program: "trunk",
        version: "0.21.14",
        options: &["--locked", "--no-default-features"],
        opt_level: "0",
        expectation: "about 4 minutes",
    };
    program.ready()
}

/// The judge of licences and sources.
pub(super) fn cargo_deny() -> Result<Option<PathBuf>> {
    let program = FromCratesIo {
        krate: "cargo-deny",
        program: "cargo-deny",
        version: "0.20.2",
        options: &["--locked"],
        opt_level: "0",
        expectation: "about 1 minute",
    };
    program.ready()
}

/// wasm-opt: the one on the machine when it is recent, else from npm.
pub(super) fn wasm_opt() -> Result<Option<PathBuf>> {
    let major = |version: String| version.split('.').next().and_then(|major| major.parse().ok());
    let found = version_on_path("wasm-opt").and_then(major);
    if found.is_some_and(|found: u32| found >= BINARYEN_OLDEST) {
        return Ok(None);
    }
    node::node().context("wasm-opt, which npm or a recent binaryen brings")?;
    let name = format!("binaryen-{BINARYEN}");
    let what = format!("wasm-opt (binaryen {BINARYEN})");
    let dir = cache::install(&name, &what, "about 10 seconds", |dir| {
        let package = format!("binaryen@{BINARYEN}");
        shell::run(node::npm().current_dir(dir).args(["install", "--prefix", ".", &package]))
    })?;
    Ok(Some(dir.join("node_modules/.bin")))
}

/// A program that `cargo install` compiles, in a folder of its own.
struct FromCratesIo<'a> {
    krate: &'a str,
    program: &'a str,
    version: &'a str,
    options: &'a [&'a str],
    /// As little as is bearable: these programs wait for files more than they compute, and whoever
    /// installs them waits for the compiler.
    opt_level: &'a str,
    expectation: &'a str,
}

impl FromCratesIo<'_> {
    /// The folder to put on the path; none when the right version is on the path already.
    fn ready(&self) -> Result<Option<PathBuf>> {
        let Self { krate, program, version, expectation, .. } = *self;
        if version_on_path(program).is_some_and(|found| found == version) {
            return Ok(None);
        }
        let name = format!("{krate}-{version}");
        let what = format!("{program} {version}");
        let dir = cache::install(&name, &what, expectation, |dir| self.compile(dir))?;
        Ok(Some(dir.join("bin")))
    }

    fn compile(&self, dir: &Path) -> Result<()> {
        let build = dir.join("build");
        let mut cargo = shell::cargo();
        cargo.args(["install", self.krate, "--version", self.version]).args(self.options);
        cargo.arg("--root").arg(dir).env("CARGO_TARGET_DIR", &build);
        cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", self.opt_level);
        cargo.env("CARGO_PROFILE_RELEASE_LTO", "off");
        cargo.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        cargo.env("CARGO_PROFILE_RELEASE_STRIP", "true");
        cargo.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
        shell::run(&mut cargo)?;
        shell::remove_dir(&build)
    }
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
