//! Connections: who listens where, and how others get there.
//!
//! # What we simplify
//! A connection is two streams of bytes and takes no time of its own; whoever connects spends the
//! time. There are no packets, no routes and no Services: an address belongs to the network
//! namespace that has it on an interface, or to the outside, which [`Node::set_outside`] supplies.

use crate::{Input, Node, Output, pipe};
use sim::{Changes, Ctx};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::NamespaceKind;

/// The number that stands for the host's own network namespace.
pub const HOST_NETWORK: u32 = 0;

/// Stands for every port at which nobody else listens.
pub const ANY_PORT: u16 = 0;

/// The node's address on its own network.
pub const NODE_ADDRESS: &str = "192.0.2.10";

/// One end of a connection.
pub struct Connection {
    /// What the other end sends.
    pub input: Input,
    /// What is sent to the other end; dropping it ends that stream.
    pub output: Output,
    /// The other end's address.
    pub peer: Rc<str>,
}

/// Whoever accepts connections.
pub trait Service {
    /// Somebody has connected. The method should only start what follows.
    fn connected(&self, ctx: &Ctx, connection: Connection);
}

/// Why a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// Nobody listens there.
    Refused,
    /// Nobody has the address: packets are lost, and whoever waits runs into a timeout.
    Unreachable,
}

#[derive(Default)]
pub(crate) struct Network {
    listeners: RefCell<BTreeMap<(u32, u16), Listener>>,
    mappings: RefCell<Vec<PortMapping>>,
    changes: Changes,
    outside: RefCell<Option<Rc<dyn Service>>>,
    next_port: Cell<u16>,
}

/// A port of the machine that leads into a network namespace (`portmap` of the CNI plugins).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// Whose it is: the sandbox.
    pub owner: Rc<str>,
    /// The machine's address that it holds for; empty for all.
    pub host_ip: Rc<str>,
    /// The port of the machine.
    pub host_port: u16,
    /// The namespace.
    pub namespace: u32,
    /// The port there.
    pub port: u16,
}

/// A port that can be connected to from outside of its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenPort {
    /// The address: a pod's, or for the machine's own ports what they are restricted to, which may
    /// be nothing.
    pub address: Rc<str>,
    /// The port.
    pub port: u16,
    /// Whether it is a port of the machine.
    pub host: bool,
}

struct Listener {
    pid: u32,
    /// Only for connections over the loopback interface.
    local: bool,
    service: Rc<dyn Service>,
}

impl Node {
    /// The network namespace of a process; [`HOST_NETWORK`] for the host's own.
    #[must_use]
    pub fn network_of(&self, pid: u32) -> u32 {
        self.namespace_of(pid, NamespaceKind::Net).unwrap_or(HOST_NETWORK)
    }

    /// Lets a process accept connections at a port of its network namespace until it ends; with
    /// `local` only those over the loopback interface. False if the port is taken (`EADDRINUSE`).
    pub fn listen(&self, pid: u32, port: u16, local: bool, service: Rc<dyn Service>) -> bool {
        let key = (self.network_of(pid), port);
        let mut listeners = self.0.network.listeners.borrow_mut();
        if listeners.contains_key(&key) {
            return false;
        }
        listeners.insert(key, Listener { pid, local, service });
        self.0.network.changes.mark();
        true
    }

    /// Ends what a process has begun with [`Node::listen`] at a port.
    pub fn unlisten(&self, pid: u32, port: u16) {
        let key = (self.network_of(pid), port);
        self.0.network.listeners.borrow_mut().remove(&key);
        self.0.network.changes.mark();
    }

    /// Ends all that a process has begun with [`Node::listen`].
    pub(crate) fn unlisten_all(&self, pid: u32) {
        let mut listeners = self.0.network.listeners.borrow_mut();
        if !listeners.is_empty() {
            let before = listeners.len();
            listeners.retain(|_, listener| listener.pid != pid);
            if listeners.len() != before {
                self.0.network.changes.mark();
            }
        }
    }

    /// The ports of a network namespace that somebody listens at, with the processes.
    #[must_use]
    pub fn listening(&self, namespace: u32) -> Vec<(u16, u32)> {
        let listeners = self.0.network.listeners.borrow();
        let own = listeners.range((namespace, 0)..=(namespace, u16::MAX));
        own.map(|(&(_, port), listener)| (port, listener.pid)).collect()
    }

    /// Lets a port of the machine lead into a namespace.
    pub fn map_port(&self, mapping: PortMapping) {
        self.0.network.mappings.borrow_mut().push(mapping);
        self.0.network.changes.mark();
    }

    /// Takes away all ports that somebody has mapped.
    pub fn unmap_ports(&self, owner: &str) {
        self.0.network.mappings.borrow_mut().retain(|mapping| *mapping.owner != *owner);
        self.0.network.changes.mark();
    }

    /// Counts the changes of what [`Node::open_ports`] gives.
    #[must_use]
    pub fn port_changes(&self) -> &Changes {
        &self.0.network.changes
    }

    /// The ports that can be connected to from outside of their namespaces, in order.
    #[must_use]
    pub fn open_ports(&self) -> Vec<OpenPort> {
        let network = &self.0.network;
        let listeners = network.listeners.borrow();
        let listening = listeners.iter().filter(|(_, listener)| !listener.local);
        let listening = listening.map(|(&(namespace, port), _)| {
            let host = namespace == HOST_NETWORK;
            let address = if host { "".into() } else { self.own_address(namespace) };
            OpenPort { address, port, host }
        });
        let mappings = network.mappings.borrow();
        let mapped = mappings.iter().map(|mapping| OpenPort {
            address: mapping.host_ip.clone(),
            port: mapping.host_port,
            host: true,
        });
        let mut ports: Vec<OpenPort> = listening.chain(mapped).collect();
        ports.sort();
        ports.dedup();
        ports
    }

    /// Says who answers at addresses that are not the machine's: the rest of the world.
    pub fn set_outside(&self, service: Rc<dyn Service>) {
        *self.0.network.outside.borrow_mut() = Some(service);
    }

    /// Connects from a network namespace to an address.
    ///
    /// # Errors
    /// Nobody listens there, or nobody has the address.
    pub fn connect(
        &self,
        ctx: &Ctx,
        from: u32,
        address: &str,
        port: u16,
    ) -> Result<Connection, ConnectError> {
        // A pod's address may be any, also one that would otherwise be everybody's own.
        let owner = if is_own(address) { None } else { self.network_at(address) };
        let loopback = owner.is_none() && is_loopback(address);
        let target = if loopback { Some(from) } else { owner };
        let network = &self.0.network;
        let service = match target {
            Some(target) => {
                let listeners = network.listeners.borrow();
                let own = listeners.get(&(target, port));
                let listener = own.or_else(|| listeners.get(&(target, ANY_PORT)));
                let open = listener.filter(|listener| loopback || !listener.local);
                let mappings = network.mappings.borrow();
                let mapped = mappings
                    .iter()
                    .filter(|mapping| target == HOST_NETWORK && mapping.host_port == port)
                    .find_map(|mapping| listeners.get(&(mapping.namespace, mapping.port)));
                let open = open.or(mapped);
                open.ok_or(ConnectError::Refused)?.service.clone()
            }
            None if is_outside(address) => {
                let outside = network.outside.borrow();
                outside.clone().ok_or(ConnectError::Unreachable)?
            }
            None => return Err(ConnectError::Unreachable),
        };
        // The range that Linux takes the ports of clients from.
        let ephemeral = 32_768 + network.next_port.get() % 28_232;
        network.next_port.set(network.next_port.get().wrapping_add(1));
        let own = if loopback { address.into() } else { self.own_address(from) };
        let (output, their_input) = pipe();
        let (their_output, input) = pipe();
        service.connected(
            ctx,
            Connection {
                input: their_input,
                output: their_output,
                peer: format!("{own}:{ephemeral}").into(),
            },
        );
        Ok(Connection { input, output, peer: format!("{address}:{port}").into() })
    }

    /// The address of a network namespace by which others reach it.
    #[must_use]
    pub fn own_address(&self, namespace: u32) -> Rc<str> {
        if namespace == HOST_NETWORK {
            return NODE_ADDRESS.into();
        }
        let address = self.address(namespace, "eth0");
        address.map_or_else(
            || "127.0.0.1".into(),
            |address| address.split('/').next().unwrap_or_default().into(),
        )
    }
}

/// The addresses that every network namespace has.
fn is_own(address: &str) -> bool {
    matches!(address, "127.0.0.1" | "::1" | "localhost")
}

fn is_loopback(address: &str) -> bool {
    address.starts_with("127.") || address == "::1" || address == "localhost"
}

/// Whether an address is one of the world's, not of the pods' or of a private network.
fn is_outside(address: &str) -> bool {
    match address.parse() {
        Ok(std::net::Ipv4Addr::BROADCAST | std::net::Ipv4Addr::UNSPECIFIED) | Err(_) => false,
        Ok(address) => !address.is_private() && !address.is_link_local(),
    }
}
