//! The CRI on a real socket: a simulated node that real clients talk to, in real time.
//!
//! One thread does everything. A call that arrives becomes a task of the simulation; virtual time
//! follows real time, and sleeps in between until a timer is due or a client has something new.
//! Whoever connects takes the kubelet's place: none runs here.

mod client;
pub use client::Client;

mod grpc;
mod machine;
mod record;
mod socket;

use anyhow::{Context, Result};
use grpc::Server;
use machine::Machine;
use scenario::{Scenario, Stack};
use socket::Socket;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

/// What is served, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The stack that answers.
    pub stack: Stack,
    /// Images, behaviours of containers, and faults.
    pub scenario: Scenario,
    /// The socket: `unix:///run/shimscope.sock`, or a path.
    pub listen: String,
    /// Where the trace is written to as it happens.
    pub record: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT, then removes the socket. Says on standard error where it
/// listens.
///
/// # Errors
/// A socket that somebody listens on already, or that cannot be made; a file that cannot be
/// written.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(options))
}

async fn serve(options: &Options) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let socket = Socket::bind(&options.listen)?;
    let machine = Rc::new(Machine::boot(options)?);
    let server = Server::new(machine.clone());
    eprintln!("{} on {}", options.stack.key(), socket.address());
    tokio::select! {
        result = machine.drive() => result.context("writing the trace")?,
        result = server.accept(&socket) => result.context("accepting a connection")?,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    machine.finish()
}
