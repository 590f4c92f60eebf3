//! The simulator alone as wasm, without a page.

use std::path::PathBuf;

use anyhow::Result;

use crate::setup::{Tools, wasm_target_dir};
use crate::shell;

/// Who is to load it.
#[derive(Clone, Copy)]
pub(crate) enum For {
    Node,
    Web,
}

/// Builds it as it is published and says which file to load.
pub(crate) fn build(tools: &Tools, who: For) -> Result<PathBuf> {
    let mut cargo = tools.command("cargo");
    shell::run(cargo.args([
        "build",
        "-p",
        "engine",
        "--target",
        "wasm32-unknown-unknown",
        "--profile",
        "wasm-release",
    ]))?;
    let wasm = wasm_target_dir().join("wasm32-unknown-unknown/wasm-release/engine.wasm");
    let (target, folder) = match who {
        For::Node => ("nodejs", "engine-node"),
        For::Web => ("web", "engine-web"),
    };
    let out = wasm_target_dir().join(folder);
    let mut bindgen = tools.command("wasm-bindgen");
    shell::run(bindgen.args(["--target", target, "--out-dir"]).arg(&out).arg(wasm))?;
    Ok(out.join("engine.js"))
}
