//! conmon, the process that stays with a container, and the OCI runtime that both it and CRI-O
//! execute.
//!
//! ```text
//! crio ──exec──► conmon -c ID …              forks a conmon that stays, and exits
//!                  └─► conmon                child of PID 1 from then on; writes the log
//!                        └─exec─► crun create
//! crio ──exec──► crun start | state | kill | delete
//! ```
//!
//! conmon is the container's parent, holds its standard streams and the log file, and leaves a
//! file behind when it has ended. CRI-O watches the directory of these files: neither needs the
//! other to be alive.

use super::{Crio, storage};
use crate::io::{ContainerIo, LogFile};
use crate::json::Json;
use crate::oci::{Created, Spec, Step, Steps};
use crate::server::store::Container;
use node::{Command, Declared, ProcessSpec, SIGKILL, Stdio};
use sim::{Ctx, Hop, Lock, SimError};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, EventId, Exit, Payload, Protocol};

/// conmon's program.
pub(super) const CONMON: &str = "/usr/bin/conmon";
/// Where conmon leaves the exit code of a container.
pub(super) const EXITS: &str = "/var/run/crio/exits";
/// Starting conmon until it has forked.
const FORK: Duration = Duration::from_millis(4);

/// crun, which does the same as runc in less time.
pub(super) const CRUN: Steps = Steps {
    pid_file: "pidfile",
    create: by_conmon("crun create", CREATE_SOURCE, 12),
    start: by_crio("crun start", START_SOURCE, 4),
    kill: by_crio("crun kill", KILL_SOURCE, 3),
    delete: by_crio("crun delete", DELETE_SOURCE, 5),
    exec: by_conmon("crun exec", EXEC_SOURCE, 8),
    update: by_crio("crun update", UPDATE_SOURCE, 4),
};

/// runc, CRI-O's default before crun was.
pub(super) const RUNC: Steps = Steps {
    pid_file: "pidfile",
    create: by_conmon("runc create", CREATE_SOURCE, 25),
    start: by_crio("runc start", START_SOURCE, 10),
    kill: by_crio("runc kill", KILL_SOURCE, 7),
    delete: by_crio("runc delete", DELETE_SOURCE, 10),
    exec: by_conmon("runc exec", EXEC_SOURCE, 20),
    update: by_crio("runc update", UPDATE_SOURCE, 8),
};

/// How the runtime says how a container stands.
const CRUN_STATE: Step = by_crio("crun state", STATE_SOURCE, 3);
const RUNC_STATE: Step = by_crio("runc state", STATE_SOURCE, 7);

const CREATE_SOURCE: &str = "conmon@v2.1.13 src/conmon.c main";
const START_SOURCE: &str = "cri-o@v1.37.0 internal/oci/runtime_oci.go StartContainer";
const KILL_SOURCE: &str = "cri-o@v1.37.0 internal/oci/runtime_oci.go StopLoopForContainer";
const DELETE_SOURCE: &str = "cri-o@v1.37.0 internal/oci/runtime_oci.go DeleteContainer";
const EXEC_SOURCE: &str = "conmon@v2.1.13 src/conmon.c main";
const UPDATE_SOURCE: &str = "cri-o@v1.37.0 internal/oci/runtime_oci.go UpdateContainer";
const STATE_SOURCE: &str = "cri-o@v1.37.0 internal/oci/runtime_oci.go UpdateContainerStatus";

const fn by_conmon(op: &'static str, source: &'static str, millis: u64) -> Step {
    Step { caller: Component::Conmon, op, source, takes: Duration::from_millis(millis) }
}

const fn by_crio(op: &'static str, source: &'static str, millis: u64) -> Step {
    Step { caller: Component::Crio, op, source, takes: Duration::from_millis(millis) }
}

/// What a container is created from.
pub(super) struct NewContainer {
    pub(super) id: Rc<str>,
    /// The name in CRI-O's storage.
    pub(super) name: Rc<str>,
    pub(super) log_path: Rc<str>,
    pub(super) rootfs: Rc<str>,
    pub(super) spec: Spec,
    /// What a scenario says about its first process.
    pub(super) declared: Declared,
    pub(super) stdin: bool,
}

/// A container that a conmon stays with.
pub(super) struct Monitored {
    pub(super) id: Rc<str>,
    pub(super) conmon: u32,
    /// The container's first process.
    pub(super) pid: u32,
    pub(super) cgroup: Rc<str>,
    /// As `config.json` in the bundle has it.
    pub(super) spec: Spec,
    rootfs: Rc<str>,
    /// What will run; once it does, without its arguments and streams: what every process has.
    pub(super) command: RefCell<Command>,
    declared: Declared,
    /// The streams of its first process.
    pub(super) io: Rc<ContainerIo>,
    /// One runtime command at a time (`opLock`).
    pub(super) lock: Lock,
    /// What conmon's file says once the container has ended.
    pub(super) exit: Cell<Option<Exit>>,
    /// Whether CRI-O has taken note of that.
    ended: Cell<bool>,
}

impl Crio {
    fn conmon_process(&self, parent: u32, id: &Rc<str>) -> ProcessSpec {
        let argv = [CONMON, "-c", id];
        let process = ProcessSpec::host(parent, argv).of(Component::Conmon);
        ProcessSpec { cgroup: conmon_cgroup(id).into(), ..process }
    }

    /// Starts a conmon, which has the runtime create the container. Its first process waits.
    pub(super) async fn create_in_runtime(
        &self,
        ctx: &Ctx,
        new: NewContainer,
    ) -> Result<Rc<Monitored>, SimError> {
        let bundle: Rc<str> = storage::run_dir(&new.id).into();
        let (id, name, log, shown_bundle) =
            (new.id.clone(), new.name.clone(), new.log_path.clone(), bundle.clone());
        let runtime = self.runtime_path();
        let root = self.0.runtime.options[1].clone();
        let hop = Hop::new(Component::Crio, Component::Conmon, Protocol::Exec, "conmon")
            .source("cri-o@v1.37.0 internal/oci/runtime_oci.go CreateContainer")
            .request(move || {
                let persist = storage::dir(&id);
                let pidfile = format!("{shown_bundle}/pidfile");
                let conmon_pidfile = format!("{shown_bundle}/conmon-pidfile");
                let root = format!("--root={root}");
                let argv = [
                    CONMON,
                    "-b",
                    &shown_bundle,
                    "-c",
                    &id,
                    "--exit-dir",
                    EXITS,
                    "-l",
                    &log,
                    "--log-level",
                    "info",
                    "-n",
                    &name,
                    "-P",
                    &conmon_pidfile,
                    "-p",
                    &pidfile,
                    "--persist-dir",
                    &persist,
                    "-r",
                    &runtime,
                    "--runtime-arg",
                    &root,
                    "--socket-dir-path",
                    "/var/run/crio",
                    "--syslog",
                    "-u",
                    &id,
                    "-s",
                ];
                Payload::Exec { argv: argv.map(str::to_owned).into(), env: Vec::new(), stdin: None }
            });
        // What conmon writes into the pipe.
        let answer = |created: &Rc<Monitored>| Json::object().num("pid", created.pid).payload();
        let created = ctx.call_answering(hop, answer, async |ctx| {
            let node = &self.0.node;
            let starter = node.start_process(&ctx, self.conmon_process(self.pid(), &new.id));
            node.create_cgroup(&ctx, &conmon_cgroup(&new.id));
            ctx.sleep(FORK).await;
            let conmon = node.start_process(&ctx, self.conmon_process(starter, &new.id));
            node.set_subreaper(conmon);
            node.end_process(&ctx, starter, Exit { code: 0, oom_killed: false });
            let log = LogFile::create(&ctx, node, &new.log_path);
            let (io, stdio) = ContainerIo::new(&ctx, log, new.stdin, new.spec.terminal);
            let command = new.spec.command(&new.rootfs, stdio);
            node.write_file(&ctx, &format!("{bundle}/config.json"), &new.spec.json());
            let created =
                self.0.runtime.create(&ctx, conmon, &new.id, &bundle, &new.spec, &command).await;
            let Created { pid, cgroup } = match created {
                Ok(created) => created,
                Err(error) => {
                    node.end_process(&ctx, conmon, Exit { code: 1, oom_killed: false });
                    node.remove_cgroup(&ctx, &conmon_cgroup(&new.id));
                    if !new.log_path.is_empty() {
                        node.remove_file(&ctx, &new.log_path);
                    }
                    return Err(error);
                }
            };
            node.write_file(&ctx, &format!("{bundle}/pidfile"), &pid.to_string());
            let monitored = Rc::new(Monitored {
                id: new.id.clone(),
                conmon,
                pid,
                cgroup,
                rootfs: new.rootfs,
                spec: new.spec,
                command: RefCell::new(command),
                declared: new.declared,
                io,
                lock: Lock::default(),
                exit: Cell::new(None),
                ended: Cell::new(false),
            });
            self.watch(&ctx, &monitored);
            Ok(monitored)
        });
        let created = created.await.map_err(|error| SimError {
            message: format!("container create failed: {}", error.message),
            ..error
        })?;
        self.0.monitored.borrow_mut().insert(created.id.clone(), created.clone());
        Ok(created)
    }

    /// conmon's part of a container's end, whoever and whatever ended it.
    fn watch(&self, ctx: &Ctx, monitored: &Rc<Monitored>) {
        let (weak, held, ctx) = (Rc::downgrade(&self.0), Rc::downgrade(monitored), ctx.detached());
        self.0.node.on_exit(monitored.pid, move |exit, event| {
            if let (Some(inner), Some(held)) = (weak.upgrade(), held.upgrade()) {
                Self(inner).container_ended(&ctx, &held, exit, event);
            }
        });
    }

    fn container_ended(&self, ctx: &Ctx, held: &Rc<Monitored>, exit: Exit, event: EventId) {
        let node = &self.0.node;
        node.reap(held.pid);
        // What shares its PID namespace with others does not end with its first process.
        if !held.spec.has_own_pids() {
            node.kill_container(ctx, &held.id);
        }
        for bind in held.spec.mounts.iter().rev() {
            node.unmount(ctx, &format!("{}{}", held.rootfs, bind.destination));
        }
        if !node.is_alive(held.conmon) {
            return;
        }
        if exit.oom_killed {
            node.write_file(ctx, &format!("{}/oom", storage::run_dir(&held.id)), "");
        }
        let code = exit.code.to_string();
        node.write_file(ctx, &format!("{}/exit", storage::dir(&held.id)), &code);
        node.write_file(ctx, &format!("{EXITS}/{}", held.id), &code);
        held.exit.set(Some(exit));
        node.end_process(ctx, held.conmon, Exit { code: 0, oom_killed: false });
        node.remove_cgroup(ctx, &conmon_cgroup(&held.id));
        self.handle_exit(&ctx.woken_by(Some(event)), &held.id);
    }

    /// `crun start`: the waiting process becomes the user's program.
    pub(super) async fn start_in_runtime(
        &self,
        ctx: &Ctx,
        held: &Rc<Monitored>,
        container: Option<&Container>,
    ) -> Result<(), SimError> {
        let guard = held.lock.acquire().await;
        let command = {
            let mut common = held.command.borrow_mut();
            let command = common.clone();
            common.argv = Vec::new();
            common.stdio = Stdio::default();
            command
        };
        let (pid, declared) = (held.pid, held.declared);
        let started = self.0.runtime.start(ctx, self.pid(), &held.id, pid, command, declared).await;
        if let (Ok(()), Some(container)) = (&started, container) {
            let mut status = container.status.borrow_mut();
            status.pid = held.pid;
            status.started_at = ctx.now().unix_nanos();
        }
        drop(guard);
        started.map_err(|error| self.command_failed("start", &held.id, error))
    }

    /// `crun kill`.
    pub(super) async fn kill_in_runtime(
        &self,
        ctx: &Ctx,
        held: &Monitored,
        signal: i32,
    ) -> Result<(), SimError> {
        self.0.runtime.kill(ctx, self.pid(), &held.id, held.pid, signal).await
    }

    /// `crun delete --force`: what still runs is killed.
    pub(super) async fn delete_in_runtime(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), SimError> {
        let held = self.0.monitored.borrow().get(id).cloned();
        let Some(held) = held else { return Ok(()) };
        let guard = held.lock.acquire().await;
        let arguments = |id: &str| vec!["--force".to_owned(), id.to_owned()];
        let step = &self.0.runtime.steps.delete;
        let deleted = self.0.runtime.run(ctx, self.pid(), step, id, arguments, |ctx, _| {
            self.0.node.signal(ctx, held.pid, SIGKILL);
            self.0.node.remove_cgroup(ctx, &held.cgroup);
            Ok(())
        });
        deleted.await.map_err(|error| self.command_failed("delete --force", id, error))?;
        self.0.monitored.borrow_mut().remove(id);
        drop(guard);
        Ok(())
    }

    /// `crun state`, and what conmon's file says of one that has ended. What is known to have ended
    /// is not asked about again.
    pub(super) async fn update_status(&self, ctx: &Ctx, held: &Rc<Monitored>) {
        let container = self.0.containers.get(&held.id).ok();
        let guard = held.lock.acquire().await;
        let known = held.ended.get();
        let mut changed = false;
        if !known {
            let step = match self.0.runtime.program {
                Component::Crun => &CRUN_STATE,
                _ => &RUNC_STATE,
            };
            let only_id = |id: &str| vec![id.to_owned()];
            // An error counts as the end of a container that nobody can find.
            let asked =
                self.0.runtime.run(ctx, self.pid(), step, &held.id, only_id, |_, _| Ok(())).await;
            let exit = match (held.exit.get(), asked) {
                (None, Err(_)) => Some(Exit { code: 255, oom_killed: false }),
                (exit, _) => exit,
            };
            held.ended.set(exit.is_some());
            if let (Some(container), Some(exit)) = (&container, exit) {
                let mut status = container.status.borrow_mut();
                status.pid = 0;
                status.finished_at = ctx.now().unix_nanos();
                status.exit_code = exit.code;
                if exit.oom_killed {
                    status.reason = "OOMKilled";
                }
                changed = true;
            }
        }
        if let Some(container) = &container {
            let state = container.state().as_str_name().trim_start_matches("CONTAINER_");
            let state = Json::object()
                .str("id", &held.id)
                .str("status", &state.to_lowercase())
                .num("pid", held.pid)
                .num("exitCode", container.status.borrow().exit_code);
            let path = format!("{}/state.json", storage::dir(&held.id));
            self.0.node.write_file(ctx, &path, &state.text());
            if changed {
                self.container_changed(ctx, container);
            }
        }
        drop(guard);
    }

    /// The file of a container's end has appeared in the directory that CRI-O watches.
    ///
    /// Models: cri-o@v1.37.0 `server/server.go` `handleExit`, `server/container_stop.go`
    /// `postStopCleanup`.
    pub(super) fn handle_exit(&self, ctx: &Ctx, id: &Rc<str>) {
        let (crio, ctx, id) = (self.clone(), ctx.clone(), id.clone());
        let held = self.0.monitored.borrow().get(&id).cloned();
        let Some(held) = held else { return };
        ctx.clone().spawn(async move {
            if let Ok(sandbox) = crio.0.sandboxes.get(&id) {
                crio.set_not_ready(&ctx, &sandbox);
            }
            crio.storage_unmount(&ctx, &id);
            crio.update_status(&ctx, &held).await;
            crio.0.node.remove_file(&ctx, &format!("{EXITS}/{id}"));
            if let Ok(container) = crio.0.containers.get(&id) {
                container.stopped.notify();
            }
        });
    }

    pub(super) fn runtime_path(&self) -> String {
        format!("/usr/bin/{}", self.0.runtime.program.name())
    }

    /// What CRI-O makes of a runtime command that failed (`runtimeCmd`).
    fn command_failed(&self, command: &str, id: &str, error: SimError) -> SimError {
        let path = self.runtime_path();
        let options = self.0.runtime.options.join(" ");
        let SimError { code, message } = error;
        let status = if code.parse::<i32>().is_ok() { &*code } else { "1" };
        let message =
            format!("`{path} {options} {command} {id}` failed: {message}\n : exit status {status}");
        SimError { code: "Unknown".into(), message }
    }
}

/// conmon's own control group, which is not below the pod's.
fn conmon_cgroup(id: &str) -> String {
    format!("/system.slice/crio-conmon-{id}.scope")
}
