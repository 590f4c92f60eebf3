//! `cargo xtask serve`: the page on this machine, as a visitor gets it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Child;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use pico_args::Arguments;

use crate::setup::{Need, Tools};
use crate::{finish, page, shell};

pub(crate) const SUMMARY: &str = "build the page and serve it on 127.0.0.1:8080";

const HELP: &str = "
Sets up what is missing, builds the page and serves it; builds again when a source file changes.

  --port PORT   listen on another port than 8080
  --dev         build quickly, with debug information, and reload the tab after each build
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
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        bail!("port {port} is not free ({error}); name another one with --port");
    }

    let tools = Tools::ready(Need::PAGE)?;
    let mut trunk = tools.command("trunk");
    trunk.args(["serve", "--offline", "--address", "127.0.0.1", "--port", &port.to_string()]);
    if dev {
        trunk.args(["--dist", "dist/dev"]);
    } else {
        trunk.args([page::RELEASE, "--dist", "dist/release", "--no-autoreload"]);
    }
    let step = shell::Step::start("the page", "about 3 minutes the first time");
    let mut server = shell::spawn(&mut trunk)?;
    wait_for_page(&mut server, port)?;
    step.done();
    println!("\n✓ open http://127.0.0.1:{port}/ (Ctrl-C ends)");
    let status = server.wait()?;
    if !status.success() {
        bail!("trunk ended: {status}");
    }
    Ok(())
}

/// Returns when the server answers with the page, or fails when it has ended.
fn wait_for_page(server: &mut Child, port: u16) -> Result<()> {
    while !answers(port) {
        if let Some(status) = server.try_wait()? {
            bail!("trunk could not serve the page ({status})");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn answers(port: u16) -> bool {
    let ask = || -> Result<bool> {
        let mut stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("no server yet")?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
