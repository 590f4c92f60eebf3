//! Processes: starting, signalling, ending, waiting.

use crate::{Node, Program, TermBehaviour};
use sim::{Ctx, Signal};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Component, Effect, Exit, NamespaceKind, Process};

/// The number of the signal that asks a process to end.
pub const SIGTERM: i32 = 15;
/// The number of the signal that ends a process without asking.
pub const SIGKILL: i32 = 9;

/// The process table.
pub(crate) struct Processes {
    next_pid: u32,
    live: BTreeMap<u32, Entry>,
    /// The processes that were waited for when they ended, until somebody has asked.
    exits: BTreeMap<u32, Exit>,
}

impl Default for Processes {
    fn default() -> Self {
        Self { next_pid: Node::INIT, live: BTreeMap::new(), exits: BTreeMap::new() }
    }
}

struct Entry {
    process: Rc<Process>,
    on_term: TermBehaviour,
    ended: Signal,
}

/// What a process is started with.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// The parent.
    pub ppid: u32,
    /// The arguments, the program first.
    pub argv: Vec<Rc<str>>,
    /// The component whose program it is.
    pub component: Option<Component>,
    /// The container or sandbox that it runs in; empty on the host.
    pub container_id: Rc<str>,
    /// The namespaces that differ from the host's.
    pub namespaces: Vec<(NamespaceKind, u32)>,
    /// The control group.
    pub cgroup: Rc<str>,
}

impl ProcessSpec {
    /// A process in the host's namespaces.
    pub fn host<'a>(ppid: u32, argv: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            ppid,
            argv: argv.into_iter().map(Rc::from).collect(),
            component: None,
            container_id: "".into(),
            namespaces: Vec::new(),
            cgroup: "".into(),
        }
    }

    /// The same as the program of a component.
    #[must_use]
    pub fn of(self, component: Component) -> Self {
        Self { component: Some(component), ..self }
    }
}

impl Node {
    /// Starts a process that runs until somebody ends it.
    pub fn start_process(&self, ctx: &Ctx, spec: ProcessSpec) -> u32 {
        self.insert_process(ctx, spec, TermBehaviour::default())
    }

    /// Starts a process that does what its program says, and ends by itself if that does.
    pub fn start_program(&self, ctx: &Ctx, spec: ProcessSpec, program: &Program) -> u32 {
        let pid = self.insert_process(ctx, spec, program.on_term);
        if let Some(run) = program.run {
            let (node, ctx) = (self.clone(), ctx.detached());
            ctx.clone().spawn(async move {
                ctx.sleep(run.exit_after).await;
                node.end_process(
                    &ctx,
                    pid,
                    Exit { code: run.exit_code, oom_killed: run.oom_killed },
                );
            });
        }
        pid
    }

    fn insert_process(&self, ctx: &Ctx, spec: ProcessSpec, on_term: TermBehaviour) -> u32 {
        let pid = {
            let mut processes = self.0.processes.borrow_mut();
            let pid = processes.next_pid;
            // Numbers below 300 belong to the kernel's threads and early services.
            processes.next_pid = (pid + 1).max(300);
            pid
        };
        for (_, namespace) in &spec.namespaces {
            self.enter_namespace(*namespace);
        }
        let process = Rc::new(Process {
            pid,
            ppid: spec.ppid,
            argv: spec.argv,
            component: spec.component,
            container_id: spec.container_id,
            namespaces: spec.namespaces,
            cgroup: spec.cgroup,
        });
        ctx.effect(Effect::Process(process.clone()));
        let entry = Entry { process, on_term, ended: Signal::default() };
        self.0.processes.borrow_mut().live.insert(pid, entry);
        pid
    }

    /// Gives a process to another parent, as the kernel does with orphans.
    pub fn reparent(&self, ctx: &Ctx, pid: u32, ppid: u32) {
        let changed = {
            let mut processes = self.0.processes.borrow_mut();
            processes.live.get_mut(&pid).map(|entry| {
                Rc::make_mut(&mut entry.process).ppid = ppid;
                entry.process.clone()
            })
        };
        if let Some(process) = changed {
            ctx.effect(Effect::Process(process));
        }
    }

    /// A live process.
    #[must_use]
    pub fn process(&self, pid: u32) -> Option<Rc<Process>> {
        self.0.processes.borrow().live.get(&pid).map(|entry| entry.process.clone())
    }

    /// Whether a process is alive.
    #[must_use]
    pub fn is_alive(&self, pid: u32) -> bool {
        self.0.processes.borrow().live.contains_key(&pid)
    }

    /// Sends a signal. [`SIGKILL`] ends the process at once; another ends it as its program says,
    /// which may be later or not at all. An unknown process is none's business.
    pub fn signal(&self, ctx: &Ctx, pid: u32, signal: i32) {
        if signal == SIGKILL {
            self.end_process(ctx, pid, Exit { code: 128 + SIGKILL, oom_killed: false });
            return;
        }
        let on_term = self.0.processes.borrow().live.get(&pid).map(|entry| entry.on_term);
        if let Some(TermBehaviour::Exits { after, code }) = on_term {
            let (node, ctx) = (self.clone(), ctx.detached());
            ctx.clone().spawn(async move {
                ctx.sleep(after).await;
                node.end_process(&ctx, pid, Exit { code, oom_killed: false });
            });
        }
    }

    /// Ends a process. Its orphans become systemd's children; it leaves its namespaces. Ending a
    /// process that has ended changes nothing.
    pub fn end_process(&self, ctx: &Ctx, pid: u32, exit: Exit) {
        let Some(entry) = self.0.processes.borrow_mut().live.remove(&pid) else { return };
        ctx.effect(Effect::ProcessExited { pid, exit });
        if entry.process.container_id.is_empty() {
            let orphans: Vec<u32> = {
                let processes = self.0.processes.borrow();
                let live = processes.live.values();
                live.filter(|other| other.process.ppid == pid)
                    .map(|other| other.process.pid)
                    .collect()
            };
            for orphan in orphans {
                self.reparent(ctx, orphan, Self::INIT);
            }
        }
        for (_, namespace) in &entry.process.namespaces {
            self.leave_namespace(ctx, *namespace);
        }
        self.0.processes.borrow_mut().exits.insert(pid, exit);
        entry.ended.notify();
    }

    /// Waits until a process has ended and says how; one that never was ended long ago, with
    /// exit code 255, as containerd reports what it does not know.
    pub async fn wait(&self, pid: u32) -> Exit {
        let ended = self.0.processes.borrow().live.get(&pid).map(|entry| entry.ended.clone());
        if let Some(ended) = ended {
            ended.wait().await;
        }
        let unknown = Exit { code: 255, oom_killed: false };
        self.0.processes.borrow().exits.get(&pid).copied().unwrap_or(unknown)
    }
}
