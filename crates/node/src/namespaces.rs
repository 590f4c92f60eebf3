//! Namespaces and the addresses in network namespaces.

use crate::Node;
use sim::Ctx;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Effect, Namespace, NamespaceKind, Text};

/// The first inode number that a namespace gets, as on a freshly booted machine.
const FIRST_INODE: u32 = 4_026_532_200;

#[derive(Default)]
pub(crate) struct Namespaces {
    made: u32,
    live: BTreeMap<u32, Entry>,
    /// The namespaces that are bound to files, by the file's path.
    bound: BTreeMap<Rc<str>, u32>,
    /// Bridges in the host's own network namespace.
    host_bridges: Vec<Rc<str>>,
}

impl Namespaces {
    fn bridges(&mut self, network: u32) -> &mut Vec<Rc<str>> {
        match self.live.get_mut(&network) {
            Some(entry) => &mut entry.bridges,
            None => &mut self.host_bridges,
        }
    }
}

struct Entry {
    namespace: Rc<Namespace>,
    processes: u32,
    /// How many processes have been in it, which is also how a PID namespace numbers them.
    entered: u32,
    /// What `sethostname` was told, in a UTS namespace.
    hostname: Rc<str>,
    /// What was written below `/proc/sys`, by name.
    sysctls: Vec<(Rc<str>, Rc<str>)>,
    /// By interface; there are few.
    addresses: Vec<(Text, Rc<str>)>,
    /// The bridges that somebody made inside.
    bridges: Vec<Rc<str>>,
}

impl Node {
    /// Makes a namespace. It is gone when its last process leaves, unless it is bound to a file.
    pub fn new_namespace(&self, ctx: &Ctx, kind: NamespaceKind) -> u32 {
        let namespace = {
            let mut namespaces = self.0.namespaces.borrow_mut();
            let id = FIRST_INODE + namespaces.made;
            namespaces.made += 1;
            let namespace = Rc::new(Namespace { id, kind, path: "".into() });
            let entry = Entry {
                namespace: namespace.clone(),
                processes: 0,
                entered: 0,
                hostname: "".into(),
                sysctls: Vec::new(),
                addresses: Vec::new(),
                bridges: Vec::new(),
            };
            namespaces.live.insert(id, entry);
            namespace
        };
        let id = namespace.id;
        ctx.effect(Effect::Namespace(namespace));
        id
    }

    /// Binds a namespace to a file, which keeps it alive without a process.
    pub fn bind_namespace(&self, ctx: &Ctx, id: u32, path: &str) {
        self.change_path(ctx, id, path);
    }

    /// Removes the file that a namespace is bound to.
    pub fn unbind_namespace(&self, ctx: &Ctx, id: u32) {
        self.change_path(ctx, id, "");
        self.drop_if_unused(ctx, id);
    }

    fn change_path(&self, ctx: &Ctx, id: u32, path: &str) {
        let changed = {
            let mut namespaces = self.0.namespaces.borrow_mut();
            let Namespaces { live, bound, .. } = &mut *namespaces;
            live.get_mut(&id).map(|entry| {
                let namespace = Rc::make_mut(&mut entry.namespace);
                bound.remove(&namespace.path);
                namespace.path = path.into();
                if !path.is_empty() {
                    bound.insert(namespace.path.clone(), id);
                }
                entry.namespace.clone()
            })
        };
        if let Some(namespace) = changed {
            ctx.effect(Effect::Namespace(namespace));
        }
    }

    /// Whether a namespace exists.
    #[must_use]
    pub fn has_namespace(&self, id: u32) -> bool {
        self.0.namespaces.borrow().live.contains_key(&id)
    }

    /// How many namespaces there are besides the host's own.
    #[must_use]
    pub fn namespace_count(&self) -> usize {
        self.0.namespaces.borrow().live.len()
    }

    /// The namespace that a path leads to: a file that one is bound to, or `/proc/PID/ns/KIND` of
    /// a live process. None on the host's own.
    #[must_use]
    pub fn namespace_at(&self, path: &str) -> Option<u32> {
        if let Some(&id) = self.0.namespaces.borrow().bound.get(path) {
            return Some(id);
        }
        let (pid, kind) = path.strip_prefix("/proc/")?.split_once("/ns/")?;
        let process = self.process(pid.parse().ok()?)?;
        let found = process.namespaces.iter().find(|(other, _)| other.as_str() == kind);
        found.map(|&(_, id)| id)
    }

    /// How many processes had been in it before, and one more.
    pub(crate) fn enter_namespace(&self, id: u32) -> u32 {
        self.0.namespaces.borrow_mut().live.get_mut(&id).map_or(0, |entry| {
            entry.processes += 1;
            entry.entered += 1;
            entry.entered
        })
    }

    /// Sets the host name of a UTS namespace.
    pub fn set_hostname(&self, id: u32, hostname: &str) {
        if let Some(entry) = self.0.namespaces.borrow_mut().live.get_mut(&id) {
            entry.hostname = hostname.into();
        }
    }

    /// The host name that a process sees: that of its UTS namespace, or else the machine's.
    #[must_use]
    pub fn hostname_of(&self, pid: u32) -> Rc<str> {
        let namespace = self.namespace_of(pid, NamespaceKind::Uts);
        let namespaces = self.0.namespaces.borrow();
        let entry = namespace.and_then(|id| namespaces.live.get(&id));
        let own = entry.map(|entry| &entry.hostname).filter(|name| !name.is_empty());
        own.unwrap_or(self.name()).clone()
    }

    /// Makes a bridge in a network namespace; false if it has one of that name.
    pub fn add_bridge(&self, network: u32, name: &str) -> bool {
        let mut namespaces = self.0.namespaces.borrow_mut();
        let bridges = namespaces.bridges(network);
        let new = bridges.iter().all(|bridge| **bridge != *name);
        if new {
            bridges.push(name.into());
        }
        new
    }

    /// Removes a bridge from a network namespace; false if it has none of that name.
    pub fn remove_bridge(&self, network: u32, name: &str) -> bool {
        let mut namespaces = self.0.namespaces.borrow_mut();
        let bridges = namespaces.bridges(network);
        let before = bridges.len();
        bridges.retain(|bridge| **bridge != *name);
        bridges.len() < before
    }

    /// The bridges of a network namespace, in the order in which they were made.
    #[must_use]
    pub fn bridges(&self, network: u32) -> Vec<Rc<str>> {
        self.0.namespaces.borrow_mut().bridges(network).clone()
    }

    /// Sets a sysctl in a namespace that has it.
    pub fn set_sysctl(&self, id: u32, name: &str, value: &str) {
        if let Some(entry) = self.0.namespaces.borrow_mut().live.get_mut(&id) {
            entry.sysctls.retain(|(other, _)| **other != *name);
            entry.sysctls.push((name.into(), value.into()));
        }
    }

    /// The sysctls that have been set in the namespaces of a process.
    #[must_use]
    pub fn sysctls_of(&self, pid: u32) -> Vec<(Rc<str>, Rc<str>)> {
        let Some(process) = self.process(pid) else { return Vec::new() };
        let namespaces = self.0.namespaces.borrow();
        let own = process.namespaces.iter().filter_map(|(_, id)| namespaces.live.get(id));
        own.flat_map(|entry| entry.sysctls.iter().cloned()).collect()
    }

    /// The network namespace that has an address on one of its interfaces.
    pub(crate) fn network_at(&self, address: &str) -> Option<u32> {
        if address == crate::NODE_ADDRESS {
            return Some(crate::HOST_NETWORK);
        }
        let namespaces = self.0.namespaces.borrow();
        let mut nets = namespaces.live.iter();
        let found = nets.find(|(_, entry)| {
            let mut addresses = entry.addresses.iter();
            addresses.any(|(_, own)| own.split('/').next() == Some(address))
        });
        found.map(|(&id, _)| id)
    }

    /// How many processes are in a namespace.
    pub(crate) fn processes_entered(&self, id: u32) -> u32 {
        self.0.namespaces.borrow().live.get(&id).map_or(0, |entry| entry.processes)
    }

    pub(crate) fn leave_namespace(&self, ctx: &Ctx, id: u32) {
        if let Some(entry) = self.0.namespaces.borrow_mut().live.get_mut(&id) {
            entry.processes = entry.processes.saturating_sub(1);
        }
        self.drop_if_unused(ctx, id);
    }

    fn drop_if_unused(&self, ctx: &Ctx, id: u32) {
        let unused = {
            let namespaces = self.0.namespaces.borrow();
            namespaces
                .live
                .get(&id)
                .is_some_and(|entry| entry.processes == 0 && entry.namespace.path.is_empty())
        };
        if unused {
            self.0.namespaces.borrow_mut().live.remove(&id);
            ctx.effect(Effect::NamespaceRemoved { id });
        }
    }

    /// Gives an interface of a network namespace an address such as `10.244.1.5/24`.
    pub fn add_address(&self, ctx: &Ctx, namespace: u32, interface: &'static str, address: &str) {
        let address: Rc<str> = address.into();
        if let Some(entry) = self.0.namespaces.borrow_mut().live.get_mut(&namespace) {
            entry.addresses.retain(|(other, _)| other != interface);
            entry.addresses.push((interface.into(), address.clone()));
        }
        ctx.effect(Effect::AddressAdded { namespace, interface: interface.into(), address });
    }

    /// Takes an interface's address away; false if it had none.
    pub fn remove_address(&self, ctx: &Ctx, namespace: u32, interface: &'static str) -> bool {
        let had = {
            let mut namespaces = self.0.namespaces.borrow_mut();
            namespaces.live.get_mut(&namespace).is_some_and(|entry| {
                let before = entry.addresses.len();
                entry.addresses.retain(|(other, _)| other != interface);
                entry.addresses.len() < before
            })
        };
        if had {
            ctx.effect(Effect::AddressRemoved { namespace, interface: interface.into() });
        }
        had
    }

    /// An interface's address with its prefix length.
    #[must_use]
    pub fn address(&self, namespace: u32, interface: &str) -> Option<Rc<str>> {
        self.0
            .namespaces
            .borrow()
            .live
            .get(&namespace)?
            .addresses
            .iter()
            .find(|(other, _)| other == interface)
            .map(|(_, address)| address.clone())
    }
}
