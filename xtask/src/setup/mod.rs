//! Makes sure that a machine has what a command needs, installing what it can and naming the rest.

mod apt;
mod browser;
mod node;
mod rust_components;
mod tools;
mod wasm_target;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use pico_args::Arguments;

pub(crate) use browser::Browser;
pub(crate) use node::tests_folder;
pub(crate) use wasm_target::WasmTarget;

use crate::{cache, finish, shell};

pub(crate) const SUMMARY: &str = "install everything that the other commands need";
pub(crate) const WITH_SUMMARY: &str =
    "run one program with the tools for wasm at hand: cargo xtask with trunk build";

/// Something that a command cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    RustComponents,
    WasmTarget,
    WasmBindgen,
    CargoDeny,
    Node,
    WasmOpt,
    Browser,
    BrowserTestModules,
    Trunk,
}

impl Need {
    /// In the order in which they are set up: the longest last, so that a machine that lacks
    /// something that we cannot install says so early.
    pub(crate) const ALL: &[Self] = &[
        Self::RustComponents,
        Self::Node,
        Self::Browser,
        Self::BrowserTestModules,
        Self::WasmTarget,
        Self::CargoDeny,
        Self::WasmOpt,
        Self::WasmBindgen,
        Self::Trunk,
    ];

    /// Whether setting it up is a matter of minutes.
    fn is_long(self) -> bool {
        matches!(self, Self::CargoDeny | Self::WasmOpt | Self::WasmBindgen | Self::Trunk)
    }

    /// What it takes to build the page.
    pub(crate) const PAGE: &[Self] =
        &[Self::WasmTarget, Self::WasmOpt, Self::WasmBindgen, Self::Trunk];
}

/// The machine's answer to a list of needs.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    wasm_target: Option<WasmTarget>,
    browser: Option<Browser>,
    /// Folders with programs that go before the rest of `PATH`.
    path: Vec<PathBuf>,
}

impl Tools {
    /// Sets up everything on the list that is missing; an error names all that could not be, and
    /// comes before the steps that take minutes.
    pub(crate) fn ready(needs: &[Need]) -> Result<Self> {
        let mut tools = Self::default();
        let mut missing = Vec::new();
        for need in Need::ALL.iter().filter(|need| needs.contains(need)) {
            if need.is_long() && !missing.is_empty() {
                break;
            }
            if let Err(error) = tools.satisfy(*need) {
                println!("✗ {error:#}");
                missing.push(format!("  • {error:#}"));
            }
        }
        if !missing.is_empty() {
            bail!("set-up could not install everything:\n{}", missing.join("\n"));
        }
        Ok(tools)
    }

    fn satisfy(&mut self, need: Need) -> Result<()> {
        match need {
            Need::WasmTarget => {
                let target = WasmTarget::ready()?;
                target.discard_stale(&wasm_target_dir())?;
                self.wasm_target = Some(target);
            }
            Need::WasmBindgen => self.path.extend(tools::wasm_bindgen()?),
            Need::Trunk => self.path.extend(tools::trunk()?),
            Need::CargoDeny => self.path.extend(tools::cargo_deny()?),
            Need::WasmOpt => self.path.extend(tools::wasm_opt()?),
            Need::RustComponents => rust_components::ready()?,
            Need::Node => node::node()?,
            Need::BrowserTestModules => node::browser_test_modules()?,
            Need::Browser => self.browser = Some(Browser::ready()?),
        }
        Ok(())
    }

    /// A program with the tools on its path, the browser in its variables, and cargo told how to
    /// build for wasm.
    pub(crate) fn command(&self, program: &str) -> Command {
        let path = shell::path_with(&self.path);
        let found =
            std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file());
        let mut command = shell::command(found.as_deref().unwrap_or(Path::new(program)));
        command.env("PATH", path).env("CARGO_TARGET_DIR", wasm_target_dir());
        if let Some(target) = &self.wasm_target {
            target.configure(&mut command);
        }
        if let Some(browser) = &self.browser {
            command.env("CHROMIUM", &browser.chromium).env("CHROMEDRIVER", &browser.chromedriver);
        }
        command
    }
}

/// Wasm has a folder of its own: its compiler may be another one than the native one, and the two
/// would throw away each other's work.
pub(crate) fn wasm_target_dir() -> PathBuf {
    shell::target_dir().join("wasm")
}

/// `cargo xtask setup`
pub(crate) fn run(mut args: Arguments) -> Result<()> {
    if args.contains("--help") {
        println!("cargo xtask setup: {SUMMARY}\n\nTools go to {}.", cache::root()?.display());
        return Ok(());
    }
    finish(args)?;
    Tools::ready(Need::ALL)?;
    println!("✓ everything is set up; tools are in {}", cache::root()?.display());
    Ok(())
}

/// `cargo xtask with PROGRAM …`
pub(crate) fn with(args: Arguments) -> Result<()> {
    let words = args.finish();
    let Some((program, arguments)) = words.split_first() else {
        bail!("name a program, as in: cargo xtask with trunk build");
    };
    let tools = Tools::ready(Need::PAGE)?;
    shell::run(tools.command(&program.to_string_lossy()).args(arguments))
}
