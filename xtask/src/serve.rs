//! `cargo xtask serve`: the page on this machine, as a visitor gets it.

use anyhow::Result;
use pico_args::Arguments;

use crate::setup::{Need, Tools};
use crate::{finish, page, shell};

pub(crate) const SUMMARY: &str = "build the page and serve it on 127.0.0.1:8080";

const HELP: &str = "
Sets up what is missing, builds the page and serves it, building it again whenever a source file changes.

  --port PORT   listen on another port than 8080
  --dev         build quickly and with debug information, and reload the browser's tab after each build
  --release     build small and fast, as it is published (this is the default)";

pub(crate) fn run(mut args: Arguments) -> Result<()> {
    if args.contains("--help") {
        println!("cargo xtask serve: {SUMMARY}\n{HELP}");
        return Ok(());
    }
    let port: u16 = args.opt_value_from_str("--port")?.unwrap_or(8080);
    let dev = args.contains("--dev");
    let _default = args.contains("--release");
    finish(args)?;

    let tools = Tools::ready(Need::PAGE)?;
    println!("\n▸ building the page; then it is on http://127.0.0.1:{port}/ until Ctrl-C");
    let mut trunk = tools.command("trunk");
    trunk.args(["serve", "--offline", "--address", "127.0.0.1", "--port", &port.to_string()]);
    if dev {
        trunk.args(["--dist", "dist/dev"]);
    } else {
        trunk.args(page::RELEASE).arg("--no-autoreload");
    }
    shell::run(&mut trunk)
}
