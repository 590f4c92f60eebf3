//! Processes: starting, signalling, ending, waiting.

use crate::{Node, Program, TermBehaviour};
use sim::{Ctx, Signal};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use trace::{Component, Effect, EventId, Exit, NamespaceKind, Process};

/// The number of the signal that asks a process to end.
pub const SIGTERM: i32 = 15;
/// The number of the signal that ends a process without asking.
pub const SIGKILL: i32 = 9;

/// The process table.
pub(crate) struct Processes {
    next_pid: u32,
    live: BTreeMap<u32, Entry>,
    /// Parent and child, for every live process that has a parent.
    children: BTreeSet<(u32, u32)>,
    /// The processes of containers that have ended and whom nobody has reaped yet.
    zombies: BTreeMap<u32, Exit>,
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            next_pid: Node::INIT,
            live: BTreeMap::new(),
            children: BTreeSet::new(),
            zombies: BTreeMap::new(),
        }
    }
}

struct Entry {
    process: Rc<Process>,
    on_term: TermBehaviour,
    /// Adopts the orphans among its descendants, in place of systemd.
    subreaper: bool,
    /// How it ended, for those who wait; made when the first does.
    ended: Option<Rc<Ended>>,
    on_exit: Option<OnExit>,
}

/// What to do when a process has ended: how, and the event that says so.
type OnExit = Box<dyn FnOnce(Exit, EventId)>;

#[derive(Default)]
struct Ended {
    signal: Signal,
    exit: Cell<Option<Exit>>,
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
        self.run_program(ctx, pid, program);
        pid
    }

    /// Lets a process run another program in place of its own, as `execve` does. A process that
    /// has ended does nothing.
    pub fn exec(&self, ctx: &Ctx, pid: u32, argv: Vec<Rc<str>>, program: &Program) {
        let changed = {
            let mut processes = self.0.processes.borrow_mut();
            processes.live.get_mut(&pid).map(|entry| {
                entry.on_term = program.on_term;
                Rc::make_mut(&mut entry.process).argv = argv;
                entry.process.clone()
            })
        };
        if let Some(process) = changed {
            ctx.effect(Effect::Process(process));
            self.run_program(ctx, pid, program);
        }
    }

    fn run_program(&self, ctx: &Ctx, pid: u32, program: &Program) {
        if let Some(run) = program.run {
            let (node, ctx) = (self.clone(), ctx.detached());
            ctx.clone().spawn(async move {
                ctx.sleep(run.exit_after).await;
                let exit = Exit { code: run.exit_code, oom_killed: run.oom_killed };
                node.end_process(&ctx, pid, exit);
            });
        }
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
        let mut processes = self.0.processes.borrow_mut();
        processes.children.insert((process.ppid, pid));
        let entry = Entry { process, on_term, subreaper: false, ended: None, on_exit: None };
        processes.live.insert(pid, entry);
        pid
    }

    /// Makes a process adopt the orphans among its descendants
    /// (`prctl(PR_SET_CHILD_SUBREAPER)`).
    pub fn set_subreaper(&self, pid: u32) {
        if let Some(entry) = self.0.processes.borrow_mut().live.get_mut(&pid) {
            entry.subreaper = true;
        }
    }

    /// Says what to do when a process has ended. It is called at that very moment and should only
    /// start what follows. False, and never called, if the process has ended already.
    pub fn on_exit(&self, pid: u32, then: impl FnOnce(Exit, EventId) + 'static) -> bool {
        let mut processes = self.0.processes.borrow_mut();
        let entry = processes.live.get_mut(&pid);
        let alive = entry.is_some();
        if let Some(entry) = entry {
            entry.on_exit = Some(Box::new(then));
        }
        alive
    }

    /// Takes the exit of a container's process that has ended, as its parent does with `wait4`;
    /// none if it runs, or was reaped before.
    pub fn reap(&self, pid: u32) -> Option<Exit> {
        self.0.processes.borrow_mut().zombies.remove(&pid)
    }

    /// Gives a process to another parent, as the kernel does with orphans.
    pub fn reparent(&self, ctx: &Ctx, pid: u32, ppid: u32) {
        let changed = {
            let mut processes = self.0.processes.borrow_mut();
            let Processes { live, children, .. } = &mut *processes;
            live.get_mut(&pid).map(|entry| {
                let process = Rc::make_mut(&mut entry.process);
                children.remove(&(process.ppid, pid));
                children.insert((ppid, pid));
                process.ppid = ppid;
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

    /// Ends a process. Its orphans become the children of the nearest subreaper above it, or
    /// else of systemd; it leaves its namespaces. Ending a process that has ended changes nothing.
    pub fn end_process(&self, ctx: &Ctx, pid: u32, exit: Exit) {
        let (entry, orphans, reaper) = {
            let mut processes = self.0.processes.borrow_mut();
            let Some(entry) = processes.live.remove(&pid) else { return };
            processes.children.remove(&(entry.process.ppid, pid));
            let orphans: Vec<u32> = processes
                .children
                .range((pid, 0)..=(pid, u32::MAX))
                .map(|&(_, child)| child)
                .collect();
            let reaper = if orphans.is_empty() {
                Self::INIT
            } else {
                processes.reaper_above(entry.process.ppid)
            };
            if !entry.process.container_id.is_empty() {
                processes.zombies.insert(pid, exit);
            }
            (entry, orphans, reaper)
        };
        let event = ctx.effect(Effect::ProcessExited { pid, exit });
        for orphan in orphans {
            self.reparent(ctx, orphan, reaper);
        }
        for (_, namespace) in &entry.process.namespaces {
            self.leave_namespace(ctx, *namespace);
        }
        if let Some(ended) = entry.ended {
            ended.exit.set(Some(exit));
            ended.signal.notify();
        }
        if let Some(then) = entry.on_exit {
            then(exit, event);
        }
    }

    /// Waits until a process has ended and says how; one that ended before and is no zombie, with
    /// exit code 255, as containerd reports what it does not know. Does not reap.
    pub async fn wait(&self, pid: u32) -> Exit {
        let ended = {
            let mut processes = self.0.processes.borrow_mut();
            let entry = processes.live.get_mut(&pid);
            entry.map(|entry| entry.ended.get_or_insert_default().clone())
        };
        let unknown = Exit { code: 255, oom_killed: false };
        match ended {
            Some(ended) => {
                ended.signal.wait().await;
                ended.exit.get().unwrap_or(unknown)
            }
            None => self.0.processes.borrow().zombies.get(&pid).copied().unwrap_or(unknown),
        }
    }

    /// How many processes live.
    #[must_use]
    pub fn process_count(&self) -> usize {
        self.0.processes.borrow().live.len()
    }
}

impl Processes {
    /// The nearest live subreaper from a process upwards; systemd, if there is none.
    fn reaper_above(&self, pid: u32) -> u32 {
        let up = std::iter::successors(self.live.get(&pid), |entry| {
            self.live
                .get(&entry.process.ppid)
                .filter(|parent| parent.process.pid != entry.process.pid)
        });
        up.filter(|entry| entry.subreaper)
            .map(|entry| entry.process.pid)
            .next()
            .unwrap_or(Node::INIT)
    }
}
