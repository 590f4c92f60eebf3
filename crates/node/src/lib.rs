//! The machine: processes, namespaces, control groups, files, mounts, addresses, and what the
//! programs in containers do. The ground truth that every runtime changes, and the only writer of
//! effects on it.
//!
//! # What we simplify
//! A process has no memory; what it does is said by a [`Userland`]. Files hold text or point
//! elsewhere. A namespace lives while a process is in it or a file is bound to it,
//! as in Linux. Nothing here fails for lack of space or permission unless a fault says so.

mod disk;
pub use disk::{Disk, FileKind};

mod files;
mod namespaces;
mod processes;
pub use processes::{ProcessSpec, SIGKILL, SIGTERM};

mod stream_server;
pub use stream_server::{StreamReply, StreamRequest, StreamRuntime, Wanted};

mod stream;
pub use stream::{Buffer, Input, Null, Output, Sink, Stdio, pipe};

mod program;
pub use program::{
    Behaviour, Bind, Command, Credentials, Declared, IdMap, Programs, Run, Signals, Surroundings,
    SyscallFilter, TermBehaviour, UserProcess, Userland,
};

mod network;
pub use network::{
    ANY_PORT, ConnectError, Connection, HOST_NETWORK, NODE_ADDRESS, OpenPort, PortMapping, Service,
};

pub mod image;
pub use image::{ImageSpec, Registry};

use files::Files;
use namespaces::Namespaces;
use network::Network;
use processes::Processes;
use std::cell::RefCell;
use std::rc::Rc;

/// One machine. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Node(Rc<Inner>);

struct Inner {
    name: Rc<str>,
    processes: RefCell<Processes>,
    namespaces: RefCell<Namespaces>,
    files: RefCell<Files>,
    disk: RefCell<Option<Rc<dyn Disk>>>,
    network: Network,
    stream_server: stream_server::StreamServer,
    userland: RefCell<Option<Rc<dyn Userland>>>,
}

impl Node {
    /// The process number of systemd.
    pub const INIT: u32 = 1;

    /// A machine that has just booted: systemd is running and nothing else.
    #[must_use]
    pub fn boot(ctx: &sim::Ctx, name: &str) -> Self {
        let node = Self(Rc::new(Inner {
            name: name.into(),
            processes: RefCell::default(),
            namespaces: RefCell::default(),
            files: RefCell::default(),
            disk: RefCell::default(),
            network: Network::default(),
            stream_server: stream_server::StreamServer::default(),
            userland: RefCell::default(),
        }));
        node.start_process(ctx, ProcessSpec::host(0, ["/sbin/init"]));
        node.write_file(ctx, "/etc/hosts", "127.0.0.1 localhost\n");
        node.write_file(
            ctx,
            "/etc/resolv.conf",
            "nameserver 192.0.2.53\nsearch example.internal\n",
        );
        node
    }

    /// Says what programs do; until then they serve until they are asked to end.
    pub fn set_userland(&self, userland: Rc<dyn Userland>) {
        *self.0.userland.borrow_mut() = Some(userland);
    }

    /// What programs do.
    #[must_use]
    pub fn userland(&self) -> Option<Rc<dyn Userland>> {
        self.0.userland.borrow().clone()
    }

    /// The host name.
    #[must_use]
    pub fn name(&self) -> &Rc<str> {
        &self.0.name
    }
}
