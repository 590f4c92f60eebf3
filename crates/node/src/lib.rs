//! The machine: processes, namespaces, control groups, files, mounts, addresses, and what the
//! programs in containers do. The ground truth that every runtime changes, and the only writer of
//! effects on it.
//!
//! # What we simplify
//! A process has no memory and no descriptors; what it does is said by its [`Program`]. Files hold
//! text or point elsewhere. A namespace lives while a process is in it or a file is bound to it,
//! as in Linux. Nothing here fails for lack of space or permission unless a fault says so.

mod files;
mod namespaces;
mod processes;
pub use processes::{ProcessSpec, SIGKILL, SIGTERM};

mod program;
pub use program::{Behaviour, Program, Programs, Run, TermBehaviour};

pub mod image;
pub use image::{ImageSpec, Registry};

use files::Files;
use namespaces::Namespaces;
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

    /// The host name.
    #[must_use]
    pub fn name(&self) -> &Rc<str> {
        &self.0.name
    }
}
