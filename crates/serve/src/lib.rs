//! The CRI on a real socket: a simulated node that real clients talk to, in real time.
//!
//! One thread does everything. A call that arrives becomes a task of the simulation; virtual time
//! follows real time, and sleeps in between until a timer is due or a client has something new.
//! Whoever connects takes the kubelet's place: none runs here.

mod client;
pub use client::Client;

mod disk;
mod grpc;
mod machine;

mod ports;

mod proxy;
pub use proxy::{ProxyOptions, proxy};

mod record;
mod socket;
mod streaming;

use anyhow::{Context, Result};
use machine::Machine;
use scenario::{Scenario, Stack};
use socket::Socket;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::net::TcpListener;
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
    /// Directories of this machine that containers' logs are written to and volumes are in.
    pub shared: Vec<PathBuf>,
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
    block_on(async {
        let socket = Socket::bind(&options.listen)?;
        let machine = Rc::new(Machine::boot(options)?);
        let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let streams = streams.context("listening for exec, attach and port-forward")?;
        machine.set_stream_url(&format!("http://{}", streams.local_addr()?));
        eprintln!("{} on {}", options.stack.key(), socket.address());
        until_signal(async {
            tokio::select! {
                result = machine.drive() => result.context("writing the trace"),
                result = grpc::accept(&socket, machine.clone()) => {
                    result.context("accepting a connection")
                }
                () = ports::follow(machine.clone()) => Ok(()),
                result = streaming::accept(streams, machine.clone()) => {
                    result.context("accepting a stream")
                }
            }
        })
        .await?;
        machine.finish()
    })
}

/// Runs on this thread alone.
fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// Works until a signal asks to end.
async fn until_signal(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        result = work => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
