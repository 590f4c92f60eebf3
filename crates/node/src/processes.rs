//! Processes: starting, signalling, ending, waiting.

use crate::{Command, Declared, Node, Signals, TermBehaviour, UserProcess};
use sim::{Ctx, Signal, TaskHandle};
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
    /// The number in its own PID namespace.
    own_pid: u32,
    /// Whether it is a container's first process.
    is_first: bool,
    /// What it does when it is asked to end, where a scenario says so or it does nothing else.
    on_term: Option<TermBehaviour>,
    /// Whether it ends when a scenario says so, whatever its program does.
    ends_as_declared: bool,
    signals: Rc<Signals>,
    /// What it is doing.
    task: Option<TaskHandle<()>>,
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
        self.insert_process(ctx, spec)
    }

    /// Starts a process that executes a command. Whether there is such a program was asked before,
    /// with [`Node::find_program`].
    pub fn start_command(&self, ctx: &Ctx, spec: ProcessSpec, command: Command) -> u32 {
        let pid = self.insert_process(ctx, spec);
        self.run_command(ctx, pid, command, Declared::default());
        pid
    }

    /// Lets a process execute a command in place of what it does, as `execve` does. A process that
    /// has ended does nothing.
    pub fn exec(&self, ctx: &Ctx, pid: u32, command: Command, declared: Declared) {
        if let Some(entry) = self.0.processes.borrow_mut().live.get_mut(&pid) {
            entry.is_first = true;
        }
        if self.rename(ctx, pid, command.argv.clone()) {
            self.run_command(ctx, pid, command, declared);
        }
    }

    /// Gives a process the arguments of the program that it has turned into; false if it has ended.
    pub fn rename(&self, ctx: &Ctx, pid: u32, argv: Vec<Rc<str>>) -> bool {
        let changed = {
            let mut processes = self.0.processes.borrow_mut();
            processes.live.get_mut(&pid).map(|entry| {
                Rc::make_mut(&mut entry.process).argv = argv;
                entry.process.clone()
            })
        };
        let lives = changed.is_some();
        if let Some(process) = changed {
            ctx.effect(Effect::Process(process));
        }
        lives
    }

    /// Says what a process has written over its arguments (`setproctitle`), which the kernel hears
    /// nothing of: no trace shows it.
    pub fn set_title(&self, pid: u32, title: &str) {
        if let Some(entry) = self.0.processes.borrow_mut().live.get_mut(&pid) {
            Rc::make_mut(&mut entry.process).argv = vec![title.into()];
        }
    }

    /// Looks the program of a command up.
    ///
    /// # Errors
    /// In runc's words: `exec: "foo": executable file not found in $PATH`.
    pub fn find_program(&self, command: &Command) -> Result<(), String> {
        self.userland().map_or(Ok(()), |userland| userland.find(self, command))
    }

    /// Makes a child of a process that is in all respects like it and does nothing yet
    /// (`fork`); none if the parent has ended.
    pub fn fork(&self, ctx: &Ctx, parent: u32) -> Option<(u32, Rc<Signals>)> {
        let process = self.process(parent)?;
        let spec = ProcessSpec {
            ppid: parent,
            argv: process.argv.clone(),
            component: process.component,
            container_id: process.container_id.clone(),
            namespaces: process.namespaces.clone(),
            cgroup: process.cgroup.clone(),
        };
        let pid = self.insert_process(ctx, spec);
        let mut processes = self.0.processes.borrow_mut();
        let entry = processes.live.get_mut(&pid)?;
        entry.on_term = None;
        Some((pid, entry.signals.clone()))
    }

    /// Says what a process that was forked does, to its exit code.
    pub fn set_program(
        &self,
        ctx: &Ctx,
        pid: u32,
        program: std::pin::Pin<Box<dyn Future<Output = i32>>>,
    ) {
        let (node, ctx) = (self.clone(), ctx.detached());
        let task = ctx.clone().spawn(async move {
            let code = program.await;
            if !node.ends_as_declared(pid) {
                node.end_process(&ctx, pid, Exit { code, oom_killed: false });
            }
        });
        match self.0.processes.borrow_mut().live.get_mut(&pid) {
            Some(entry) => entry.task = Some(task),
            None => task.abort(),
        }
    }

    fn run_command(&self, ctx: &Ctx, pid: u32, command: Command, declared: Declared) {
        let ctx = ctx.detached();
        let signals = Rc::new(Signals::default());
        let is_first = self.0.processes.borrow().live.get(&pid).is_some_and(|entry| entry.is_first);
        let process =
            UserProcess { node: self.clone(), pid, is_first, command, signals: signals.clone() };
        let program = self.userland().and_then(|userland| userland.run(ctx.clone(), process));
        let serves = program.is_none().then(TermBehaviour::default);
        if let Some(entry) = self.0.processes.borrow_mut().live.get_mut(&pid) {
            entry.on_term = declared.on_term.or(serves);
            entry.ends_as_declared = declared.run.is_some();
            entry.signals = signals;
        }
        if let Some(program) = program {
            self.set_program(&ctx, pid, program);
        }
        if let Some(run) = declared.run {
            let node = self.clone();
            ctx.clone().spawn(async move {
                ctx.sleep(run.exit_after).await;
                let exit = Exit { code: run.exit_code, oom_killed: run.oom_killed };
                node.end_process(&ctx, pid, exit);
            });
        }
    }

    fn ends_as_declared(&self, pid: u32) -> bool {
        self.0.processes.borrow().live.get(&pid).is_some_and(|entry| entry.ends_as_declared)
    }

    fn insert_process(&self, ctx: &Ctx, spec: ProcessSpec) -> u32 {
        let pid = {
            let mut processes = self.0.processes.borrow_mut();
            let pid = processes.next_pid;
            // Numbers below 300 belong to the kernel's threads and early services.
            processes.next_pid = (pid + 1).max(300);
            pid
        };
        let mut own_pid = pid;
        for (kind, namespace) in &spec.namespaces {
            let number = self.enter_namespace(*namespace);
            if *kind == NamespaceKind::Pid {
                own_pid = number;
            }
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
        let entry = Entry {
            process,
            own_pid,
            is_first: false,
            on_term: Some(TermBehaviour::default()),
            ends_as_declared: false,
            signals: Rc::default(),
            task: None,
            subreaper: false,
            ended: None,
            on_exit: None,
        };
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

    /// The number that a process has in its own PID namespace: 1 for the namespace's first.
    #[must_use]
    pub fn own_pid(&self, pid: u32) -> Option<u32> {
        self.0.processes.borrow().live.get(&pid).map(|entry| entry.own_pid)
    }

    /// The live processes in a PID namespace, with their numbers there; none stands for the host's
    /// namespace, in which all are.
    #[must_use]
    pub fn processes_in(&self, namespace: Option<u32>) -> Vec<(u32, Rc<Process>)> {
        let processes = self.0.processes.borrow();
        let numbered = processes.live.iter().filter_map(|(&pid, entry)| match namespace {
            None => Some((pid, entry.process.clone())),
            Some(namespace) => {
                let inside = (NamespaceKind::Pid, namespace);
                let is_inside = entry.process.namespaces.contains(&inside);
                is_inside.then(|| (entry.own_pid, entry.process.clone()))
            }
        });
        numbered.collect()
    }

    /// The namespace of a kind that a process is in; none for the host's own.
    #[must_use]
    pub fn namespace_of(&self, pid: u32, kind: NamespaceKind) -> Option<u32> {
        let processes = self.0.processes.borrow();
        let namespaces = &processes.live.get(&pid)?.process.namespaces;
        namespaces.iter().find(|(other, _)| *other == kind).map(|&(_, id)| id)
    }

    /// Sends a signal. [`SIGKILL`] ends the process at once; another does what is declared, what
    /// the program does with it, or else what Linux does by default, which is nothing to the first
    /// process of a PID namespace. An unknown process is none's business.
    pub fn signal(&self, ctx: &Ctx, pid: u32, signal: i32) {
        let end = |ctx: &Ctx| {
            self.end_process(ctx, pid, Exit { code: 128 + signal, oom_killed: false });
        };
        if signal == SIGKILL {
            return end(ctx);
        }
        let found = self.0.processes.borrow().live.get(&pid).map(|entry| {
            let is_init = entry.own_pid == 1 && entry.process.pid != Self::INIT;
            (entry.on_term, entry.signals.clone(), is_init)
        });
        let Some((on_term, signals, is_init)) = found else { return };
        match on_term {
            Some(TermBehaviour::Exits { after, code }) if ends_by_default(signal) => {
                let (node, ctx) = (self.clone(), ctx.detached());
                ctx.clone().spawn(async move {
                    ctx.sleep(after).await;
                    node.end_process(&ctx, pid, Exit { code, oom_killed: false });
                });
            }
            Some(_) => {}
            None if signals.deliver(signal) || is_init || !ends_by_default(signal) => {}
            None => end(&ctx.detached()),
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
        if let Some(task) = entry.task {
            task.abort();
        }
        self.unlisten_all(pid);
        if entry.own_pid == 1 && pid != Self::INIT {
            self.kill_others_in_pid_namespace(ctx, &entry.process);
        }
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

    /// Ends what is left in a PID namespace whose first process ends (`zap_pid_ns_processes`).
    fn kill_others_in_pid_namespace(&self, ctx: &Ctx, init: &Process) {
        let mut namespaces = init.namespaces.iter();
        let Some(&(kind, id)) = namespaces.find(|(kind, _)| *kind == NamespaceKind::Pid) else {
            return;
        };
        if self.processes_entered(id) <= 1 {
            return;
        }
        let inside = |process: &Process| process.namespaces.contains(&(kind, id));
        self.kill_all(ctx, inside);
    }

    /// Ends all processes of a container (`runc kill --all`).
    pub fn kill_container(&self, ctx: &Ctx, container_id: &str) {
        self.kill_all(ctx, |process| *process.container_id == *container_id);
    }

    fn kill_all(&self, ctx: &Ctx, which: impl Fn(&Process) -> bool) {
        let found: Vec<u32> = {
            let processes = self.0.processes.borrow();
            let entries = processes.live.iter().filter(|(_, entry)| which(&entry.process));
            entries.map(|(&pid, _)| pid).collect()
        };
        for pid in found {
            self.signal(ctx, pid, SIGKILL);
        }
    }

    /// Ends a process because its control group has used more memory than it may.
    pub fn kill_for_memory(&self, ctx: &Ctx, pid: u32) {
        self.end_process(ctx, pid, Exit { code: 128 + SIGKILL, oom_killed: true });
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

/// Whether a signal that nobody handles ends a process (`signal(7)`).
const fn ends_by_default(signal: i32) -> bool {
    // 0 only asks; SIGCHLD, SIGCONT to SIGTTOU, SIGURG and SIGWINCH do not.
    !matches!(signal, i32::MIN..=0 | 17..=23 | 28 | 65..)
}

impl Processes {
    /// The nearest live subreaper from a process upwards; systemd, if there is none.
    fn reaper_above(&self, pid: u32) -> u32 {
        let up = std::iter::successors(self.live.get(&pid), |entry| {
            self.live
                .get(&entry.process.ppid)
                .filter(|parent| parent.process.pid != entry.process.pid)
        });
        up.filter(|entry| entry.subreaper || entry.own_pid == 1)
            .map(|entry| entry.process.pid)
            .next()
            .unwrap_or(Node::INIT)
    }
}
