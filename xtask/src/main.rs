//! `cargo xtask …`: every command of the project, the same on a laptop and in CI.
//!
//! * [`shell`] runs programs and shows them at work.
//! * [`cache`] is the folder outside the clone in which tools are installed.
//! * [`setup`] makes sure that a tool is there, installing it when it can.
//! * [`serve`] and [`test`] are the commands themselves.

#![allow(clippy::print_stdout, reason = "a command-line program talks on standard output")]

mod bench;
mod cache;
mod engine;
mod page;
mod serve;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};
use pico_args::Arguments;

/// One subcommand. A new one is a line in [`COMMANDS`].
struct Command {
    name: &'static str,
    summary: &'static str,
    run: fn(Arguments) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command { name: "serve", summary: serve::SUMMARY, run: serve::run },
    Command { name: "test", summary: test::SUMMARY, run: test::run },
    Command { name: "bench", summary: bench::SUMMARY, run: bench::run },
    Command { name: "setup", summary: setup::SUMMARY, run: setup::run },
    Command { name: "with", summary: setup::WITH_SUMMARY, run: setup::with },
];

fn main() -> ExitCode {
    match dispatch(Arguments::from_env()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut args: Arguments) -> Result<()> {
    let Some(name) = args.subcommand()? else {
        print_usage();
        return Ok(());
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => (command.run)(args),
        None => {
            print_usage();
            bail!("there is no command `{name}`")
        }
    }
}

fn print_usage() {
    println!("Usage: cargo xtask COMMAND [OPTIONS]\n");
    for command in COMMANDS {
        println!("  {:<8} {}", command.name, command.summary);
    }
    println!("\n`cargo xtask COMMAND --help` lists the options of one command.");
}

/// Refuses what no option has claimed, so that a typo is never silently ignored.
fn finish(args: Arguments) -> Result<()> {
    let unclaimed = args.finish();
    if !unclaimed.is_empty() {
        bail!("I do not understand {unclaimed:?}; --help lists the options");
    }
    Ok(())
}
