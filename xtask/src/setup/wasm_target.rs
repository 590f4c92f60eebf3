//! A compiler and a standard library for `wasm32-unknown-unknown`.
//!
//! With rustup this is one command. Where rustup cannot download (behind a mirror that only carries
//! package registries, for instance), Debian still has a recent compiler with the sources of its
//! standard library; we build that library for wasm once and give the compiler a sysroot of our
//! own, so that nothing below `/usr` is touched.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt::Packages;
use crate::{cache, shell};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN: Packages = Packages {
    what: "a Rust compiler for wasm",
    expectation: "Debian's, about 1 minute",
    names: &["rustc-web", "cargo-web", "rust-web-src", "gcc", "libc6-dev"],
    otherwise: "Elsewhere: rustup target add wasm32-unknown-unknown, with a toolchain from \
                https://rustup.rs",
};
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_STD_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
/// The oldest Rust that compiles this workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Which compiler builds for wasm.
#[derive(Debug, Clone)]
pub(crate) enum WasmTarget {
    /// The toolchain of this clone can do it.
    Own,
    /// Debian's compiler does it with the standard library that we built, and the linker of this
    /// clone's toolchain.
    Debian { sysroot: PathBuf, linker: PathBuf },
}

impl WasmTarget {
    /// The target that is there, installed now if need be.
    pub(super) fn ready() -> Result<Self> {
        if own_toolchain_has_it() {
            return Ok(Self::Own);
        }
        if let Some(found) = Self::find_debian() {
            return Ok(found);
        }
        let refused = match add_with_rustup() {
            Ok(()) => return Ok(Self::Own),
            Err(error) => error,
        };
        println!(
            "  {refused:#}\n  Debian's compiler and the sources of its standard library take its place."
        );
        install_debian()
    }

    /// Makes a cargo, or a program that starts cargo, build for wasm with this target.
    pub(crate) fn configure(&self, command: &mut Command) {
        if let Self::Debian { sysroot, linker } = self {
            command.env("RUSTC", sysroot.join("bin/rustc"));
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
    }

    fn find_debian() -> Option<Self> {
        let name = debian_cache_name()?;
        if !cache::has(&name) {
            return None;
        }
        Some(Self::Debian { sysroot: cache::dir(&name).ok()?, linker: find_linker()? })
    }

    /// Cargo cannot see that a standard library of the same version was built again, so what was
    /// compiled against the former one has to go.
    pub(super) fn discard_stale(&self, target_dir: &Path) -> Result<()> {
        let identity = match self {
            Self::Own => "own".to_owned(),
            Self::Debian { sysroot, .. } => fs::read_to_string(sysroot.join("identity"))?,
        };
        let stamp = target_dir.join(".standard-library");
        let previous = fs::read_to_string(&stamp).unwrap_or_else(|_| "own".to_owned());
        if previous == identity {
            return Ok(());
        }
        shell::remove_dir(target_dir)?;
        fs::create_dir_all(target_dir)?;
        Ok(fs::write(stamp, identity)?)
    }
}

fn own_toolchain_has_it() -> bool {
    let libdir = shell::output(shell::command("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]));
    libdir.is_ok_and(|dir| has_std(Path::new(&dir)))
}

fn has_std(libdir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(libdir) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("libstd-") && name.ends_with(".rlib")
    })
}

fn add_with_rustup() -> Result<()> {
    if shell::which("rustup").is_none() {
        bail!(
            "the Rust toolchain cannot build for {TARGET} and rustup (https://rustup.rs) is not installed"
        );
    }
    let step = shell::Step::start(&format!("the {TARGET} target, by rustup"), "a few seconds");
    shell::run(shell::command("rustup").args(["target", "add", TARGET]))?;
    if !own_toolchain_has_it() {
        bail!("rustup says that {TARGET} is there, and the compiler does not find it");
    }
    step.done();
    Ok(())
}

fn install_debian() -> Result<WasmTarget> {
    let linker = find_linker().context(
        "a linker for wasm: the Rust toolchain has no rust-lld; the one of https://rustup.rs does",
    )?;
    if !debian_compiler_will_do() {
        DEBIAN.install()?;
    }
    if !debian_compiler_will_do() {
        bail!("{}: Debian's is older than {OLDEST}. {}", DEBIAN.what, DEBIAN.otherwise);
    }
    let name = debian_cache_name().context("Debian's rustc does not run")?;
    let what = format!("the standard library for {TARGET}");
    let sysroot = cache::install(&name, &what, "about 1 minute", build_std)?;
    Ok(WasmTarget::Debian { sysroot, linker })
}

/// Whether it is all there and recent enough for this workspace.
fn debian_compiler_will_do() -> bool {
    let all_there = [DEBIAN_CARGO, DEBIAN_STD_SOURCES].iter().all(|file| Path::new(file).is_file());
    all_there && debian_rustc("release").is_some_and(|release| minor(&release) >= minor(OLDEST))
}

/// The second number of a Rust version; the first is 1 for good.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

/// One folder per compiler version and host, since libraries of another compiler cannot be read.
fn debian_cache_name() -> Option<String> {
    Some(format!("rust-{}-{}", debian_rustc("release")?, debian_rustc("host")?))
}

/// A field of `rustc -vV`.
fn debian_rustc(field: &str) -> Option<String> {
    let verbose = shell::output(shell::command(DEBIAN_RUSTC).arg("-vV")).ok()?;
    let prefix = format!("{field}: ");
    verbose.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
}

/// The linker for wasm comes with every rustup toolchain.
fn find_linker() -> Option<PathBuf> {
    let sysroot = shell::output(shell::command("rustc").args(["--print", "sysroot"])).ok()?;
    let hosts = fs::read_dir(Path::new(&sysroot).join("lib/rustlib")).ok()?;
    let mut candidates = hosts.flatten().map(|host| host.path().join("bin/rust-lld"));
    candidates.find(|file| file.is_file())
}

/// Fills `sysroot` with a compiler that knows wasm: Debian's rustc behind a script, its native
/// libraries by link, and the standard library for wasm, compiled here.
fn build_std(sysroot: &Path) -> Result<()> {
    let project = sysroot.join("build");
    fs::create_dir_all(project.join("src"))?;
    fs::write(
        project.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nedition = \"2021\"\n\n[workspace]\n",
    )?;
    fs::write(project.join("src/lib.rs"), "#![no_std]\n")?;
    let mut cargo = Command::new(DEBIAN_CARGO);
    cargo.current_dir(&project).args(["build", "--release", "--target", TARGET]);
    cargo.arg("-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test");
    for inherited in
        ["RUSTUP_TOOLCHAIN", "RUSTC", "CARGO", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS"]
    {
        cargo.env_remove(inherited);
    }
    // The flag lets link-time optimization reach into the standard library; the variable allows
    // `-Z` on a compiler that is not a nightly.
    cargo
        .env("PATH", "/usr/bin:/bin")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("RUSTC_BOOTSTRAP", "1");
    shell::run(&mut cargo)?;

    let rustlib = sysroot.join("lib/rustlib");
    let libdir = rustlib.join(TARGET).join("lib");
    fs::create_dir_all(&libdir)?;
    for entry in fs::read_dir(project.join("target").join(TARGET).join("release/deps"))? {
        let file = entry?.path();
        let name =
            file.file_name().expect("a folder's entry has a name").to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty") {
            fs::copy(&file, libdir.join(&name))?;
        }
    }
    if !has_std(&libdir) {
        bail!("the build left no libstd in {}", libdir.display());
    }
    for entry in fs::read_dir("/usr/lib/rustlib")? {
        let entry = entry?;
        if entry.file_name() != TARGET {
            symlink(entry.path(), rustlib.join(entry.file_name()))?;
        }
    }
    let rustc = sysroot.join("bin/rustc");
    fs::create_dir_all(sysroot.join("bin"))?;
    fs::write(
        &rustc,
        format!("#!/bin/sh\nexec {DEBIAN_RUSTC} --sysroot '{}' \"$@\"\n", sysroot.display()),
    )?;
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755))?;
    let built = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    fs::write(sysroot.join("identity"), format!("{} {}", sysroot.display(), built.as_nanos()))?;
    shell::remove_dir(&project)
}
