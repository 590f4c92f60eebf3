//! `containerd-shim-runc-v2`: the process that stays with the containers of a pod.

use super::Spec;
use super::runc::{Created, Runc, SHIM, SHIM_V1, Steps};
use crate::json::Json;
use node::{Command, Declared, Node, ProcessSpec, SIGKILL, Stdio};
use sim::{Ctx, Hop, SimError};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Exit, Mount, Payload, Protocol, Time};

/// A ttrpc call on a unix socket, one way and back. Calls that only look something up, and events,
/// take a small part of that, which is not modelled: every wait costs a simulation time.
const TTRPC: Duration = Duration::from_micros(500);
/// Executing the shim's binary until it has printed its address.
const SHIM_START: Duration = Duration::from_millis(28);
/// How long the shim waits before it sends an event again, and how often it tries.
const REQUEUE_AFTER: Duration = Duration::from_secs(1);
const REQUEUES_MAX: u32 = 5;

/// The socket of containerd that the shim is told of.
const CONTAINERD_ADDRESS: &str = "/run/containerd/containerd.sock";

/// Something that happened to a task, as containerd passes it on to whoever subscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskEvent {
    /// containerd's namespace: `k8s.io`, `moby`.
    pub namespace: &'static str,
    /// The container.
    pub container_id: Rc<str>,
    /// What happened.
    pub kind: TaskEventKind,
}

/// What can happen to a task. For one container they come in the order of this list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEventKind {
    /// `/tasks/create`.
    Create {
        /// The process that waits to become the container's first.
        pid: u32,
    },
    /// `/tasks/start`.
    Start {
        /// The container's first process.
        pid: u32,
    },
    /// `/tasks/exec-added`.
    ExecAdded {
        /// The additional process's id.
        exec_id: Rc<str>,
    },
    /// `/tasks/exec-started`.
    ExecStarted {
        /// The additional process's id.
        exec_id: Rc<str>,
        /// Its number.
        pid: u32,
    },
    /// `/tasks/oom`.
    Oom,
    /// `/tasks/exit`.
    Exit {
        /// The container's id, or that of an additional process.
        id: Rc<str>,
        /// The process.
        pid: u32,
        /// How it ended.
        exit: Exit,
        /// When.
        at: Time,
    },
    /// `/tasks/delete`.
    Delete {
        /// The process that was the container's first.
        pid: u32,
        /// How it had ended.
        exit: Exit,
    },
}

impl TaskEventKind {
    /// The name of the call that carries it.
    const fn op(&self) -> &'static str {
        match self {
            Self::Create { .. } => "Forward /tasks/create",
            Self::Start { .. } => "Forward /tasks/start",
            Self::ExecAdded { .. } => "Forward /tasks/exec-added",
            Self::ExecStarted { .. } => "Forward /tasks/exec-started",
            Self::Oom => "Forward /tasks/oom",
            Self::Exit { .. } => "Forward /tasks/exit",
            Self::Delete { .. } => "Forward /tasks/delete",
        }
    }
}

impl TaskEvent {
    fn payload(&self) -> Payload {
        let event = Json::object().str("container_id", &self.container_id);
        let event = match &self.kind {
            TaskEventKind::Create { pid } | TaskEventKind::Start { pid } => event.num("pid", *pid),
            TaskEventKind::ExecAdded { exec_id } => event.str("exec_id", exec_id),
            TaskEventKind::ExecStarted { exec_id, pid } => {
                event.str("exec_id", exec_id).num("pid", *pid)
            }
            TaskEventKind::Oom => event,
            TaskEventKind::Exit { id, pid, exit, at } => event
                .str("id", id)
                .num("pid", *pid)
                .num("exit_status", exit.code)
                .str("exited_at", &at.rfc3339_nanos()),
            TaskEventKind::Delete { pid, exit } => {
                event.num("pid", *pid).num("exit_status", exit.code)
            }
        };
        let topic = self.kind.op().trim_start_matches("Forward ");
        Json::object()
            .str("namespace", self.namespace)
            .str("topic", topic)
            .object_in("event", event)
            .payload()
    }
}

/// A function that hears of events. It should only start what follows.
type Subscriber = Rc<dyn Fn(&Ctx, &TaskEvent)>;

/// containerd's event service: what shims publish, subscribers hear.
#[derive(Clone, Default)]
pub struct TaskEvents(Rc<RefCell<Vec<Subscriber>>>);

impl TaskEvents {
    /// Calls a function for every event from now on, during the call that brought it.
    pub fn subscribe(&self, subscriber: impl Fn(&Ctx, &TaskEvent) + 'static) {
        self.0.borrow_mut().push(Rc::new(subscriber));
    }

    pub(crate) fn publish(&self, ctx: &Ctx, event: &TaskEvent) {
        let subscribers = self.0.borrow().clone();
        for subscriber in &subscribers {
            subscriber(ctx, event);
        }
    }
}

/// A generation of shims: which program it is, and how containerd and it talk.
pub struct ShimVersion {
    component: Component,
    binary: &'static str,
    /// The operation that starts it, and where upstream does.
    start: (&'static str, &'static str),
    /// Whether what is started leaves the shim behind and exits, or is the shim itself.
    forks: bool,
    /// How containerd asks it.
    protocol: Protocol,
    service: &'static str,
    /// How it tells containerd.
    events: (Protocol, &'static str),
    steps: &'static Steps,
}

impl ShimVersion {
    /// One for each pod, from containerd 1.2 on.
    pub const V2: Self = Self {
        component: Component::ContainerdShim,
        binary: "/usr/bin/containerd-shim-runc-v2",
        start: (
            "containerd-shim-runc-v2 start",
            "containerd@v2.3.4 cmd/containerd-shim-runc-v2/manager/manager_linux.go Start",
        ),
        forks: true,
        protocol: Protocol::Ttrpc,
        service: "containerd@v2.3.4 cmd/containerd-shim-runc-v2/task/service.go",
        events: (Protocol::Ttrpc, "containerd@v2.3.4 pkg/shim/publisher.go forwardRequest"),
        steps: &SHIM,
    };

    /// One for each container, in the days of containerd 1.0. It executes containerd's program to
    /// publish an event.
    pub const V1: Self = Self {
        component: Component::ContainerdShimV1,
        binary: "/usr/bin/containerd-shim",
        start: ("containerd-shim", "containerd@v1.0.0 linux/shim/client.go WithStart"),
        forks: false,
        protocol: Protocol::Grpc,
        service: "containerd@v1.0.0 linux/shim/service.go",
        events: (Protocol::Exec, "containerd@v1.0.0 cmd/containerd-shim/main_unix.go Publish"),
        steps: &SHIM_V1,
    };
}

/// The words that all shims of one of containerd's namespaces have in common on their command
/// lines, kept once.
pub struct ShimWords {
    version: &'static ShimVersion,
    namespace: &'static str,
    words: [Rc<str>; 6],
    start: Rc<str>,
    /// What go-runc puts before runc's subcommands.
    runc_options: Rc<[Rc<str>]>,
}

impl ShimWords {
    /// Those of a namespace.
    #[must_use]
    pub fn new(version: &'static ShimVersion, namespace: &'static str) -> Self {
        let words =
            [version.binary, "-namespace", namespace, "-address", CONTAINERD_ADDRESS, "-id"];
        let root = format!("/run/containerd/runc/{namespace}");
        let runc_options = ["--root", &root, "--log-format", "json"].map(Rc::from).into();
        Self { version, namespace, words: words.map(Rc::from), start: "start".into(), runc_options }
    }

    fn process(&self, parent: u32, id: &Rc<str>, start: bool) -> ProcessSpec {
        let words = self.words.iter().chain([id]).chain(start.then_some(&self.start));
        let argv = words.cloned().collect();
        ProcessSpec { argv, ..ProcessSpec::host(parent, []) }.of(self.version.component)
    }
}

/// What a container is created with.
pub struct NewTask {
    /// The container.
    pub id: Rc<str>,
    /// Its bundle's directory.
    pub bundle: Rc<str>,
    /// What to mount at `rootfs` in the bundle; none where the root file system is mounted
    /// already, at `rootfs`.
    pub rootfs_mount: Option<Mount>,
    /// Where the root file system is.
    pub rootfs: Rc<str>,
    /// Its specification.
    pub spec: Rc<Spec>,
    /// What a scenario says about its first process.
    pub declared: Declared,
    /// The streams of its first process.
    pub stdio: Stdio,
}

/// What an additional process is started with; the rest is as for the container's first.
pub struct ExecProcess {
    /// The arguments, the program first.
    pub argv: Vec<Rc<str>>,
    /// Its streams.
    pub stdio: Stdio,
}

/// The process, and what it knows of its containers.
pub struct Shim {
    node: Node,
    version: &'static ShimVersion,
    /// containerd's.
    namespace: &'static str,
    runc: Runc,
    pid: u32,
    address: Rc<str>,
    events: TaskEvents,
    tasks: RefCell<BTreeMap<Rc<str>, Rc<Task>>>,
    queue: RefCell<VecDeque<(Ctx, TaskEvent)>>,
    publishing: Cell<bool>,
}

/// A container in a shim.
struct Task {
    pid: u32,
    cgroup: Rc<str>,
    rootfs: Rc<str>,
    mounted: bool,
    /// Where in the container something of the host's is mounted.
    destinations: Box<[Rc<str>]>,
    /// Whether it shares its PID namespace, so that its processes do not end with the first.
    shares_pids: bool,
    /// What will run; once it does, without its arguments and streams: what every process has.
    command: RefCell<Command>,
    declared: Declared,
    state: Cell<State>,
    execs: RefCell<Vec<(Rc<str>, Rc<Exec>)>>,
}

/// An additional process in a container.
struct Exec {
    process: RefCell<Option<ExecProcess>>,
    state: Cell<State>,
}

/// How far a process has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Created,
    Running(u32),
    Stopped(u32, Exit),
}

impl Shim {
    /// Executes the shim's binary: it leaves a process behind and prints the address to dial.
    ///
    /// # Errors
    /// Injected ones.
    pub async fn start(
        ctx: &Ctx,
        node: &Node,
        events: &TaskEvents,
        containerd: u32,
        words: &ShimWords,
        id: &Rc<str>,
    ) -> Result<Rc<Self>, SimError> {
        let (version, namespace) = (words.version, words.namespace);
        let shown = id.clone();
        let (op, source) = version.start;
        let hop = Hop::new(Component::Containerd, version.component, Protocol::Exec, op)
            .source(source)
            .request(move || {
                let argv = [
                    version.binary,
                    "-namespace",
                    namespace,
                    "-address",
                    CONTAINERD_ADDRESS,
                    "-publish-binary",
                    "/usr/bin/containerd",
                    "-id",
                    &shown,
                ];
                let start = version.forks.then_some("start");
                let argv = argv.into_iter().chain(start).map(str::to_owned).collect();
                let socket = "TTRPC_ADDRESS=/run/containerd/containerd.sock.ttrpc".to_owned();
                let env = if version.forks { vec![socket] } else { Vec::new() };
                Payload::Exec { argv, env, stdin: None }
            });
        let bootstrap = |shim: &Rc<Self>| Payload::Text(shim.bootstrap().into());
        ctx.call_answering(hop, bootstrap, async |ctx| {
            let started = words.process(containerd, id, version.forks);
            let started = node.start_process(&ctx, started);
            ctx.sleep(SHIM_START).await;
            let pid = match version.forks {
                true => node.start_process(&ctx, words.process(started, id, false)),
                false => started,
            };
            node.set_subreaper(pid);
            if version.forks {
                node.end_process(&ctx, started, Exit { code: 0, oom_killed: false });
            }
            let socket = ctx.sim().random_hex("containerd-shim", 64);
            Ok(Rc::new(Self {
                node: node.clone(),
                version,
                namespace,
                runc: Runc {
                    node: node.clone(),
                    program: Component::Runc,
                    options: words.runc_options.clone(),
                    steps: version.steps,
                },
                pid,
                address: format!("unix:///run/containerd/s/{socket}").into(),
                events: events.clone(),
                tasks: RefCell::default(),
                queue: RefCell::default(),
                publishing: Cell::new(false),
            }))
        })
        .await
    }

    /// The process's number.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The socket that it listens on.
    #[must_use]
    pub const fn address(&self) -> &Rc<str> {
        &self.address
    }

    /// What the start command prints and the bundle keeps, so that a containerd that was restarted
    /// finds the shim again.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        Json::object()
            .num("version", 3)
            .str("address", &self.address)
            .str("protocol", "ttrpc")
            .text()
    }

    /// A call of the Task service.
    fn hop(&self, op: &'static str) -> Hop {
        let ShimVersion { component, protocol, service, .. } = self.version;
        Hop::new(Component::Containerd, *component, *protocol, op).source(*service)
    }

    /// A call of the Task service that names a container and nothing else.
    fn hop_for(&self, op: &'static str, id: &Rc<str>) -> Hop {
        let id = id.clone();
        self.hop(op).request(move || Json::object().str("id", &id).payload())
    }

    fn check_alive(&self) -> Result<(), SimError> {
        if self.node.is_alive(self.pid) {
            Ok(())
        } else {
            Err(SimError::new("Unavailable", "ttrpc: closed"))
        }
    }

    fn task(&self, id: &str) -> Result<Rc<Task>, SimError> {
        self.check_alive()?;
        let found = self.tasks.borrow().get(id).cloned();
        found.ok_or_else(|| SimError::new("NotFound", "container not created: not found"))
    }

    /// `Task.Create`: mounts the root file system and has runc create the container. Its first
    /// process waits; the number of that process is the answer.
    ///
    /// # Errors
    /// Those of runc, and injected ones.
    pub async fn create(self: &Rc<Self>, ctx: &Ctx, new: NewTask) -> Result<u32, SimError> {
        let (id, bundle, rootfs) = (new.id.clone(), new.bundle.clone(), new.rootfs_mount.clone());
        let (stdin, terminal) = (new.stdio.stdin.is_some(), new.stdio.tty);
        let hop = self.hop("Task.Create").takes(TTRPC).request(move || {
            let rootfs = rootfs.iter().map(|mount| {
                Json::object()
                    .str("type", &mount.fs_type)
                    .str("source", &mount.source)
                    .strs("options", mount.options.split(','))
            });
            let fifo = |name: &str| format!("/run/containerd/fifo/{id}-{name}");
            let json = Json::object()
                .str("id", &id)
                .str("bundle", &bundle)
                .objects("rootfs", rootfs)
                .bool("terminal", terminal);
            let json = if stdin { json.str("stdin", &fifo("stdin")) } else { json };
            let json = json.str("stdout", &fifo("stdout"));
            let json = if terminal { json } else { json.str("stderr", &fifo("stderr")) };
            json.payload()
        });
        let pid = |pid: &u32| Json::object().num("pid", *pid).payload();
        ctx.call_answering(hop, pid, async |ctx| {
            self.check_alive()?;
            let mounted = new.rootfs_mount.is_some();
            if let Some(mount) = new.rootfs_mount {
                self.node.mount(&ctx, mount);
            }
            let command = new.spec.command(&new.rootfs, new.stdio);
            let created =
                self.runc.create(&ctx, self.pid, &new.id, &new.bundle, &new.spec, &command).await;
            let Created { pid, cgroup } = match created {
                Ok(created) => created,
                Err(error) => {
                    if mounted {
                        self.node.unmount(&ctx, &new.rootfs);
                    }
                    return Err(oci_failed("create", &error));
                }
            };
            let task = Task {
                pid,
                cgroup,
                rootfs: new.rootfs,
                mounted,
                destinations: new.spec.mounts.iter().map(|bind| bind.destination.clone()).collect(),
                shares_pids: !new.spec.has_own_pids(),
                command: RefCell::new(command),
                declared: new.declared,
                state: Cell::new(State::Created),
                execs: RefCell::default(),
            };
            self.tasks.borrow_mut().insert(new.id.clone(), Rc::new(task));
            self.watch(&ctx, pid, new.id.clone(), None);
            self.publish(&ctx, &new.id, TaskEventKind::Create { pid });
            Ok(pid)
        })
        .await
    }

    /// `Task.Connect`: the number of the container's first process.
    ///
    /// # Errors
    /// No such container, and injected ones.
    pub async fn connect(&self, ctx: &Ctx, id: &Rc<str>) -> Result<u32, SimError> {
        let shim = self.pid;
        let answer =
            move |pid: &u32| Json::object().num("shim_pid", shim).num("task_pid", *pid).payload();
        ctx.call_answering(self.hop_for("Task.Connect", id), answer, async |_| {
            self.task(id).map(|task| task.pid)
        })
        .await
    }

    /// `Task.Start`: the waiting process becomes the user's program.
    ///
    /// # Errors
    /// No such container, already started, those of runc, and injected ones.
    pub async fn start_task(self: &Rc<Self>, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        ctx.call(self.hop_for("Task.Start", id).takes(TTRPC), async |ctx| {
            let task = self.task(id)?;
            if task.state.get() != State::Created {
                return Err(SimError::new(
                    "FailedPrecondition",
                    "cannot start a container that is not in the created state",
                ));
            }
            let command = task.command.borrow().clone();
            {
                let mut common = task.command.borrow_mut();
                common.argv = Vec::new();
                common.stdio = Stdio::default();
            }
            self.runc
                .start(&ctx, self.pid, id, task.pid, command, task.declared)
                .await
                .map_err(|error| oci_failed("start", &error))?;
            // It may have ended while runc was on its way.
            if task.state.get() == State::Created {
                task.state.set(State::Running(task.pid));
            }
            self.publish(&ctx, id, TaskEventKind::Start { pid: task.pid });
            Ok(())
        })
        .await
    }

    /// `Task.State`: the container's first process, or an additional one, and how it stands.
    ///
    /// # Errors
    /// No such container or process, and injected ones.
    pub async fn state(&self, ctx: &Ctx, id: &Rc<str>, exec: &str) -> Result<u32, SimError> {
        let (shown, exec_id) = (id.clone(), exec.to_owned());
        let hop = self.hop("Task.State").request(move || {
            Json::object().str("id", &shown).str_if("exec_id", &exec_id).payload()
        });
        let answer = |state: &(u32, &'static str)| {
            Json::object().num("pid", state.0).str("status", state.1).payload()
        };
        let state = ctx
            .call_answering(hop, answer, async |_| {
                let task = self.task(id)?;
                let state = match exec {
                    "" => task.state.get(),
                    exec => task.exec(exec)?.state.get(),
                };
                Ok(match state {
                    State::Created => (task.pid, "CREATED"),
                    State::Running(pid) => (pid, "RUNNING"),
                    State::Stopped(pid, _) => (pid, "STOPPED"),
                })
            })
            .await?;
        Ok(state.0)
    }

    /// `Task.Kill`: sends a signal to the container's first process, or to an additional one.
    ///
    /// # Errors
    /// No such container or process, one that has ended (`NotFound`), and injected ones.
    pub async fn kill(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        exec: &str,
        signal: i32,
    ) -> Result<(), SimError> {
        let (shown, exec_id) = (id.clone(), exec.to_owned());
        let hop = self.hop("Task.Kill").takes(TTRPC).request(move || {
            Json::object()
                .str("id", &shown)
                .str_if("exec_id", &exec_id)
                .num("signal", signal)
                .payload()
        });
        ctx.call(hop, async |ctx| {
            let task = self.task(id)?;
            if exec.is_empty() {
                if let State::Stopped(..) = task.state.get() {
                    return Err(already_finished());
                }
                return self.runc.kill(&ctx, self.pid, id, task.pid, signal).await;
            }
            // An additional process gets its signal from the shim itself.
            match task.exec(exec)?.state.get() {
                State::Running(pid) => {
                    self.node.signal(&ctx, pid, signal);
                    Ok(())
                }
                _ => Err(already_finished()),
            }
        })
        .await
    }

    /// `Task.Exec`: prepares an additional process.
    ///
    /// # Errors
    /// No such container, an id that is taken, and injected ones.
    pub async fn exec(
        self: &Rc<Self>,
        ctx: &Ctx,
        id: &Rc<str>,
        exec_id: &Rc<str>,
        process: ExecProcess,
    ) -> Result<(), SimError> {
        let (shown, exec, words) = (id.clone(), exec_id.clone(), process.argv.clone());
        let hop = self.hop("Task.Exec").takes(TTRPC).request(move || {
            Json::object()
                .str("id", &shown)
                .str("exec_id", &exec)
                .object_in("spec", Json::object().strs("args", &words).str("cwd", "/"))
                .payload()
        });
        ctx.call(hop, async |ctx| {
            let task = self.task(id)?;
            if task.exec(exec_id).is_ok() {
                return Err(SimError::new(
                    "AlreadyExists",
                    format!("id {exec_id}: already exists"),
                ));
            }
            let exec =
                Exec { process: RefCell::new(Some(process)), state: Cell::new(State::Created) };
            let exec = Rc::new(exec);
            task.execs.borrow_mut().push((exec_id.clone(), exec));
            self.publish(&ctx, id, TaskEventKind::ExecAdded { exec_id: exec_id.clone() });
            Ok(())
        })
        .await
    }

    /// `Task.Start` of an additional process; its number is the answer.
    ///
    /// # Errors
    /// No such container or process, those of runc, and injected ones.
    pub async fn start_exec(
        self: &Rc<Self>,
        ctx: &Ctx,
        id: &Rc<str>,
        exec_id: &Rc<str>,
    ) -> Result<u32, SimError> {
        let (shown, exec) = (id.clone(), exec_id.clone());
        let hop = self
            .hop("Task.Start")
            .takes(TTRPC)
            .request(move || Json::object().str("id", &shown).str("exec_id", &exec).payload());
        let answer = |pid: &u32| Json::object().num("pid", *pid).payload();
        ctx.call_answering(hop, answer, async |ctx| {
            let task = self.task(id)?;
            let exec = task.exec(exec_id)?;
            let Some(ExecProcess { argv, stdio }) = exec.process.take() else {
                return Err(SimError::new("FailedPrecondition", "process already started"));
            };
            let command = Command { argv, stdio, ..task.command.borrow().clone() };
            let pid = self
                .runc
                .exec(&ctx, self.pid, id, task.pid, command)
                .await
                .map_err(|error| oci_failed("exec", &error))?;
            exec.state.set(State::Running(pid));
            self.watch(&ctx, pid, id.clone(), Some((exec_id.clone(), exec)));
            let started = TaskEventKind::ExecStarted { exec_id: exec_id.clone(), pid };
            self.publish(&ctx, id, started);
            Ok(pid)
        })
        .await
    }

    /// `Task.Update`: other resource limits.
    ///
    /// # Errors
    /// No such container, those of runc, and injected ones.
    pub async fn update(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        resources: Rc<str>,
    ) -> Result<(), SimError> {
        let shown = id.clone();
        let hop = self.hop("Task.Update").takes(TTRPC).request(move || {
            Json::object().str("id", &shown).raw("resources", &resources).payload()
        });
        ctx.call(hop, async |ctx| {
            self.task(id)?;
            self.runc.update(&ctx, self.pid, id).await
        })
        .await
    }

    /// `Task.Delete`: what is left of a container that has ended, or of an additional process.
    /// How it had ended is the answer.
    ///
    /// # Errors
    /// No such container or process, one that still runs (`FailedPrecondition`), and injected ones.
    pub async fn delete(
        self: &Rc<Self>,
        ctx: &Ctx,
        id: &Rc<str>,
        exec: &str,
    ) -> Result<Exit, SimError> {
        let (shown, exec_id) = (id.clone(), exec.to_owned());
        let hop = self.hop("Task.Delete").takes(TTRPC).request(move || {
            Json::object().str("id", &shown).str_if("exec_id", &exec_id).payload()
        });
        let answer = |deleted: &(u32, Exit)| {
            Json::object().num("pid", deleted.0).num("exit_status", deleted.1.code).payload()
        };
        let (_, exit) = ctx
            .call_answering(hop, answer, async |ctx| {
                let task = self.task(id)?;
                if exec.is_empty() {
                    self.delete_init(&ctx, id, &task).await
                } else {
                    task.delete_exec(exec)
                }
            })
            .await?;
        Ok(exit)
    }

    async fn delete_init(
        self: &Rc<Self>,
        ctx: &Ctx,
        id: &Rc<str>,
        task: &Task,
    ) -> Result<(u32, Exit), SimError> {
        let (pid, exit) = match task.state.get() {
            State::Stopped(pid, exit) => (pid, exit),
            // Created, never started: runc delete kills what waits.
            State::Created => {
                self.node.signal(ctx, task.pid, SIGKILL);
                (task.pid, Exit { code: 128 + SIGKILL, oom_killed: false })
            }
            State::Running(_) => {
                return Err(SimError::new(
                    "FailedPrecondition",
                    "cannot delete a running process: failed precondition",
                ));
            }
        };
        self.runc
            .delete(ctx, self.pid, id, &task.cgroup)
            .await
            .map_err(|error| oci_failed("delete", &error))?;
        if task.mounted {
            self.node.unmount(ctx, &task.rootfs);
        }
        self.tasks.borrow_mut().remove(id);
        self.publish(ctx, id, TaskEventKind::Delete { pid, exit });
        Ok((pid, exit))
    }

    /// `Task.Shutdown`: ends the shim, unless it still has containers. True if it ended.
    ///
    /// # Errors
    /// Injected ones.
    pub async fn shutdown(&self, ctx: &Ctx, id: &Rc<str>) -> Result<bool, SimError> {
        ctx.call_answering(
            self.hop_for("Task.Shutdown", id),
            |_| Payload::None,
            async |ctx| {
                let last = self.tasks.borrow().is_empty();
                if last {
                    self.node.end_process(&ctx, self.pid, Exit { code: 0, oom_killed: false });
                }
                Ok(last)
            },
        )
        .await
    }

    /// Reaps a process when it has ended, whoever and whatever ended it.
    fn watch(self: &Rc<Self>, ctx: &Ctx, pid: u32, id: Rc<str>, exec: Option<(Rc<str>, Rc<Exec>)>) {
        let (shim, ctx) = (Rc::downgrade(self), ctx.detached());
        self.node.on_exit(pid, move |exit, event| {
            if let Some(shim) = shim.upgrade() {
                shim.reaped(&ctx.woken_by(Some(event)), pid, exit, id, exec);
            }
        });
    }

    /// Handles the exit of a process (`processExits`, `handleProcessExit`).
    fn reaped(
        self: &Rc<Self>,
        ctx: &Ctx,
        pid: u32,
        exit: Exit,
        id: Rc<str>,
        exec: Option<(Rc<str>, Rc<Exec>)>,
    ) {
        self.node.reap(pid);
        let exit_id = match exec {
            Some((exec_id, exec)) => {
                exec.state.set(State::Stopped(pid, exit));
                exec_id
            }
            None => {
                let Some(task) = self.tasks.borrow().get(&id).cloned() else { return };
                task.state.set(State::Stopped(pid, exit));
                if task.shares_pids {
                    self.node.kill_container(ctx, &id);
                }
                for destination in task.destinations.iter().rev() {
                    self.node.unmount(ctx, &format!("{}{destination}", task.rootfs));
                }
                if exit.oom_killed {
                    self.publish(ctx, &id, TaskEventKind::Oom);
                }
                id.clone()
            }
        };
        let at = ctx.now();
        self.publish(ctx, &id, TaskEventKind::Exit { id: exit_id, pid, exit, at });
    }

    /// Queues an event. Events reach containerd one after the other, in the order of queueing.
    fn publish(self: &Rc<Self>, ctx: &Ctx, id: &Rc<str>, kind: TaskEventKind) {
        let namespace = self.namespace;
        let event = TaskEvent { namespace, container_id: id.clone(), kind };
        // An exit is caused by the end of a process, everything else by the call in progress.
        let ctx = if ctx.call_id().is_some() { ctx.detached() } else { ctx.clone() };
        self.queue.borrow_mut().push_back((ctx.clone(), event));
        if !self.publishing.replace(true) {
            let shim = Rc::clone(self);
            ctx.spawn(async move {
                loop {
                    let next = shim.queue.borrow_mut().pop_front();
                    let Some((ctx, event)) = next else { break };
                    shim.forward(&ctx, &event).await;
                }
                // Most shims have nothing more to say for a long time.
                shim.queue.take();
                shim.publishing.set(false);
            });
        }
    }

    /// Sends an event to containerd, again and again if need be (`RemoteEventsPublisher`).
    async fn forward(&self, ctx: &Ctx, event: &TaskEvent) {
        for attempt in 1..=REQUEUES_MAX {
            let shown = event.clone();
            let (protocol, source) = self.version.events;
            let from = self.version.component;
            let hop = Hop::new(from, Component::Containerd, protocol, event.kind.op())
                .source(source)
                .request(move || shown.payload());
            let sent: Result<(), SimError> = ctx
                .call(hop, async |ctx| {
                    self.events.publish(&ctx, event);
                    Ok(())
                })
                .await;
            if sent.is_ok() {
                return;
            }
            ctx.sleep(REQUEUE_AFTER * attempt).await;
        }
    }
}

impl Task {
    fn exec(&self, exec_id: &str) -> Result<Rc<Exec>, SimError> {
        let execs = self.execs.borrow();
        let found = execs.iter().find(|(id, _)| **id == *exec_id);
        found.map(|(_, exec)| exec.clone()).ok_or_else(|| {
            SimError::new("NotFound", format!("process does not exist {exec_id}: not found"))
        })
    }

    fn delete_exec(&self, exec_id: &str) -> Result<(u32, Exit), SimError> {
        let stopped = match self.exec(exec_id)?.state.get() {
            State::Running(_) => {
                return Err(SimError::new(
                    "FailedPrecondition",
                    "cannot delete a running process: failed precondition",
                ));
            }
            State::Stopped(pid, exit) => (pid, exit),
            State::Created => (0, Exit { code: 0, oom_killed: false }),
        };
        self.execs.borrow_mut().retain(|(id, _)| **id != *exec_id);
        Ok(stopped)
    }
}

fn already_finished() -> SimError {
    SimError::new("NotFound", "process already finished: not found")
}

/// runc's error in the shim's words.
fn oci_failed(step: &str, error: &SimError) -> SimError {
    let message = &error.message;
    SimError::new("Unknown", format!("OCI runtime {step} failed: {message}: unknown"))
}
