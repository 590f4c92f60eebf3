//! A runtime that answers from memory: it starts no processes, and its containers live and die by
//! a [`Script`].
//!
//! It stands for a runtime of which a recording says no more than how long its calls took and how
//! they ended, so that a kubelet can be compared with a recorded one.
//!
//! *What we simplify:* there is no node below it. A container runs, ends after the time that its
//! script says, and obeys signals as its script says.

mod script;
pub use script::{ContainerScript, Exec, ExecResult, Run, RuntimeEvent, Script, ScriptFault};
mod service;

use cri::ContainerEventType::{
    self, ContainerCreatedEvent, ContainerDeletedEvent, ContainerStartedEvent,
    ContainerStoppedEvent,
};
use cri::{ContainerConfig, ContainerEventResponse, ContainerState, PodSandboxConfig, Status};
use futures_channel::mpsc::UnboundedSender;
use sim::{Changes, Ctx, Endpoint, Signal, Sim, TaskHandle};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, ContainerView, Effect, ImageView, SandboxView, Text, Time};

/// The runtime. Cloning gives another handle.
#[derive(Clone)]
pub struct FakeRuntime(Rc<Inner>);

struct Inner {
    sim: Sim,
    script: Script,
    changes: Changes,
    state: RefCell<State>,
    /// How often each fault has been looked at by a matching call.
    faults_seen: RefCell<Vec<u32>>,
    /// How often each command was run in each container.
    execs: RefCell<BTreeMap<(String, usize), u32>>,
    frozen: Cell<bool>,
    thawed: Signal,
    events_set: Cell<bool>,
    /// Who follows the events of containers.
    followers: RefCell<Vec<UnboundedSender<Result<ContainerEventResponse, Status>>>>,
}

#[derive(Default)]
struct State {
    sandboxes: BTreeMap<u32, Sandbox>,
    containers: BTreeMap<u32, Container>,
    /// The sandboxes and containers of each pod, by the pod's UID.
    of_pod: BTreeMap<Rc<str>, (Vec<u32>, Vec<u32>)>,
    images: BTreeMap<Rc<str>, Rc<str>>,
    /// How often containers of each name have been started.
    starts: BTreeMap<Rc<str>, usize>,
    logs: BTreeMap<String, Rc<str>>,
    sandbox_count: u32,
    container_count: u32,
}

struct Sandbox {
    id: Rc<str>,
    uid: Rc<str>,
    config: PodSandboxConfig,
    ready: bool,
    created_at: Time,
    ip: Rc<str>,
}

struct Container {
    id: Rc<str>,
    uid: Rc<str>,
    name: Rc<str>,
    sandbox: u32,
    sandbox_id: Rc<str>,
    config: ContainerConfig,
    image_id: Rc<str>,
    log_path: String,
    state: ContainerState,
    created_at: Time,
    started_at: Time,
    finished_at: Time,
    exit_code: i32,
    reason: Text,
    ended: Signal,
    /// Ends it by itself.
    timer: Option<TaskHandle<()>>,
}

/// The number in an id of ours.
fn number(id: &str, prefix: &str) -> Option<u32> {
    id.strip_prefix(prefix)?.parse().ok()
}

/// The id of an image: its name as hexadecimal digits, filled up to the usual length.
fn image_id(name: &str) -> Rc<str> {
    let hex: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let digits = if hex.len() > 64 { &hex[hex.len() - 64..] } else { &hex };
    format!("sha256:{digits:0>64}").into()
}

impl FakeRuntime {
    /// A runtime that follows a script.
    #[must_use]
    pub fn new(sim: &Sim, script: Script) -> Self {
        let faults_seen = RefCell::new(vec![0; script.faults.len()]);
        let runtime = Self(Rc::new(Inner {
            sim: sim.clone(),
            changes: Changes::default(),
            state: RefCell::default(),
            faults_seen,
            execs: RefCell::default(),
            frozen: Cell::new(false),
            thawed: Signal::default(),
            events_set: Cell::new(false),
            followers: RefCell::default(),
            script,
        }));
        let ctx = sim.ctx();
        for image in runtime.0.script.images.clone() {
            runtime.0.add_image(&ctx, &image);
        }
        runtime
    }

    /// Where it is dialled.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            component: Component::FakeRuntime,
            address: "unix:///run/fake.sock".into(),
            service: Rc::new(service::Service(self.0.clone())),
            changes: self.0.changes.clone(),
            latency: Duration::ZERO,
        }
    }

    /// Stops answering until [`FakeRuntime::thaw`]. Containers go on.
    pub fn freeze(&self) {
        self.0.frozen.set(true);
    }

    /// Makes something happen now that a script would make happen later.
    pub fn happen(&self, event: &RuntimeEvent) {
        self.0.happen(event);
    }

    /// Breaks off the streams of events; they can be opened again.
    pub fn break_off_events(&self) {
        self.0.followers.borrow_mut().clear();
    }

    /// Answers again.
    pub fn thaw(&self) {
        self.0.frozen.set(false);
        self.0.thawed.notify();
    }

    /// The text of a container's log.
    #[must_use]
    pub fn log(&self, path: &str) -> Option<Rc<str>> {
        self.0.state.borrow().logs.get(path).cloned()
    }

    /// The names of the logs in a directory.
    #[must_use]
    pub fn logs_in(&self, directory: &str) -> Vec<String> {
        let prefix = format!("{directory}/");
        let state = self.0.state.borrow();
        let below = state.logs.range(prefix.clone()..).map(|(path, _)| path);
        let below = below.map_while(|path| path.strip_prefix(prefix.as_str()));
        let mut names: Vec<String> =
            below.filter_map(|rest| rest.split('/').next()).map(str::to_owned).collect();
        names.dedup();
        names
    }

    /// Removes a log, or all logs below a directory.
    pub fn remove_logs(&self, path: &str) {
        let directory = format!("{path}/");
        let mut state = self.0.state.borrow_mut();
        state.logs.retain(|log, _| log != path && !log.starts_with(&directory));
    }

    /// The ids of sandboxes and containers that there are.
    #[must_use]
    pub fn leftovers(&self) -> (Vec<Rc<str>>, Vec<Rc<str>>) {
        let state = self.0.state.borrow();
        let sandboxes = state.sandboxes.values().map(|it| it.id.clone()).collect();
        (sandboxes, state.containers.values().map(|it| it.id.clone()).collect())
    }
}

impl Inner {
    fn add_image(&self, ctx: &Ctx, name: &str) {
        let id = image_id(name);
        if self.state.borrow_mut().images.insert(name.into(), id.clone()).is_none() {
            self.changes.mark();
            let view = ImageView {
                id,
                references: vec![name.into()],
                size: service::IMAGE_SIZE,
                store: Component::FakeRuntime,
            };
            ctx.effect(Effect::ImageAdded(Rc::new(view)));
        }
    }

    /// Tells whoever follows what has happened to a container or sandbox, and what its sandbox is
    /// like now.
    fn publish(&self, kind: ContainerEventType, id: &str, sandbox: u32) {
        let mut followers = self.followers.borrow_mut();
        if followers.is_empty() {
            return;
        }
        let numbers = self.containers_of(sandbox);
        let state = self.state.borrow();
        let containers = numbers.iter().filter_map(|number| state.containers.get(number));
        let event = ContainerEventResponse {
            container_id: id.to_owned(),
            container_event_type: kind as i32,
            created_at: self.sim.now().unix_nanos(),
            pod_sandbox_status: state.sandboxes.get(&sandbox).map(Sandbox::status),
            containers_statuses: containers.map(Container::status).collect(),
        };
        followers.retain(|follower| follower.unbounded_send(Ok(event.clone())).is_ok());
    }

    fn show_sandbox(&self, ctx: &Ctx, number: u32) {
        self.changes.mark();
        let (id, ready) = {
            let state = self.state.borrow();
            let Some(sandbox) = state.sandboxes.get(&number) else { return };
            (sandbox.id.clone(), sandbox.ready)
        };
        let kinds: &[ContainerEventType] = match ready {
            true => &[ContainerCreatedEvent, ContainerStartedEvent],
            false => &[ContainerStoppedEvent],
        };
        for &kind in kinds {
            self.publish(kind, &id, number);
        }
        if !self.sim.is_recording() {
            return;
        }
        let state = self.state.borrow();
        let Some(sandbox) = state.sandboxes.get(&number) else { return };
        let attempt = sandbox.config.metadata.as_ref().map_or(0, |metadata| metadata.attempt);
        ctx.effect(Effect::Sandbox(Rc::new(SandboxView {
            id: sandbox.id.clone(),
            pod_uid: sandbox.uid.clone(),
            attempt,
            ready: sandbox.ready,
            ip: sandbox.ip.clone(),
            pid: 0,
        })));
    }

    fn show_container(&self, ctx: &Ctx, number: u32) {
        self.changes.mark();
        let (id, kind, sandbox) = {
            let state = self.state.borrow();
            let Some(container) = state.containers.get(&number) else { return };
            let kind = match container.state {
                ContainerState::ContainerRunning => ContainerStartedEvent,
                ContainerState::ContainerExited => ContainerStoppedEvent,
                _ => ContainerCreatedEvent,
            };
            (container.id.clone(), kind, container.sandbox)
        };
        self.publish(kind, &id, sandbox);
        if !self.sim.is_recording() {
            return;
        }
        let state = self.state.borrow();
        let Some(container) = state.containers.get(&number) else { return };
        let exited = container.state == ContainerState::ContainerExited;
        ctx.effect(Effect::Container(Rc::new(ContainerView {
            id: container.id.clone(),
            sandbox_id: container.sandbox_id.clone(),
            pod_uid: container.uid.clone(),
            name: container.name.clone(),
            attempt: container.config.metadata.as_ref().map_or(0, |metadata| metadata.attempt),
            state: match container.state {
                ContainerState::ContainerCreated => trace::ContainerState::Created,
                ContainerState::ContainerRunning => trace::ContainerState::Running,
                ContainerState::ContainerExited => trace::ContainerState::Exited,
                ContainerState::ContainerUnknown => trace::ContainerState::Unknown,
            },
            image: container.config.image.as_ref().map_or("", |it| it.image.as_str()).into(),
            pid: 0,
            exit_code: exited.then_some(container.exit_code),
            reason: container.reason.clone(),
        })));
    }

    /// A container's process ends.
    fn end(&self, ctx: &Ctx, number: u32, exit_code: i32, reason: Option<&str>) {
        {
            let mut state = self.state.borrow_mut();
            let Some(container) = state.containers.get_mut(&number) else { return };
            if container.state != ContainerState::ContainerRunning {
                return;
            }
            container.state = ContainerState::ContainerExited;
            container.finished_at = self.sim.now();
            container.exit_code = exit_code;
            let usual = if exit_code == 0 { "Completed" } else { "Error" };
            container.reason =
                reason.map_or(Text::Borrowed(usual), |reason| Text::Owned(reason.to_owned()));
            // A timer that ends its own container is at its end anyway.
            drop(container.timer.take());
            container.ended.notify();
        }
        self.show_container(ctx, number);
    }

    fn remove_container_now(&self, ctx: &Ctx, number: u32) {
        let removed = {
            let mut state = self.state.borrow_mut();
            let removed = state.containers.remove(&number);
            if let Some(container) = &removed
                && let Some((_, containers)) = state.of_pod.get_mut(&container.uid)
            {
                containers.retain(|&other| other != number);
            }
            removed
        };
        if let Some(mut container) = removed {
            if let Some(timer) = container.timer.take() {
                timer.abort();
            }
            container.ended.notify();
            self.changes.mark();
            self.publish(ContainerDeletedEvent, &container.id, container.sandbox);
            ctx.effect(Effect::ContainerRemoved { id: container.id });
        }
    }

    fn remove_log_of(&self, number: u32) {
        let mut state = self.state.borrow_mut();
        let path = state.containers.get(&number).map(|container| container.log_path.clone());
        if let Some(path) = path {
            state.logs.remove(&path);
        }
    }

    fn containers_of(&self, sandbox: u32) -> Vec<u32> {
        let state = self.state.borrow();
        let Some(uid) = state.sandboxes.get(&sandbox).map(|it| &it.uid) else { return Vec::new() };
        let Some((_, containers)) = state.of_pod.get(uid) else { return Vec::new() };
        let inside = |number: &&u32| {
            state.containers.get(number).is_some_and(|container| container.sandbox == sandbox)
        };
        containers.iter().filter(inside).copied().collect()
    }

    fn stop_sandbox_now(&self, ctx: &Ctx, number: u32) {
        for container in self.containers_of(number) {
            self.end(ctx, container, 137, None);
        }
        self.set_not_ready(ctx, number);
    }

    fn set_not_ready(&self, ctx: &Ctx, number: u32) {
        let was = {
            let mut state = self.state.borrow_mut();
            state.sandboxes.get_mut(&number).is_some_and(|it| std::mem::take(&mut it.ready))
        };
        if was {
            self.show_sandbox(ctx, number);
        }
    }

    fn remove_sandbox_now(&self, ctx: &Ctx, number: u32) {
        for container in self.containers_of(number) {
            self.remove_container_now(ctx, container);
        }
        let removed = {
            let mut state = self.state.borrow_mut();
            let removed = state.sandboxes.remove(&number);
            if let Some(sandbox) = &removed
                && let Some((sandboxes, _)) = state.of_pod.get_mut(&sandbox.uid)
            {
                sandboxes.retain(|&other| other != number);
                let empty = state
                    .of_pod
                    .get(&sandbox.uid)
                    .is_some_and(|(a, b)| a.is_empty() && b.is_empty());
                if empty {
                    state.of_pod.remove(&sandbox.uid);
                }
            }
            removed
        };
        if let Some(sandbox) = removed {
            self.changes.mark();
            self.publish(ContainerDeletedEvent, &sandbox.id, number);
            ctx.effect(Effect::SandboxRemoved { id: sandbox.id });
        }
    }

    /// Waits while the runtime does not answer, and then for as long as a call takes. Gives the
    /// error that the call is to end with, if any.
    async fn enter(&self, ctx: &Ctx, method: &str, about: &str) -> Result<(), Status> {
        while self.frozen.get() {
            self.thawed.wait().await;
        }
        let (delay, error) = self.judge(method, about);
        let delay = Duration::from_millis(delay + self.script.delay_of(method));
        if !delay.is_zero() {
            ctx.sleep(delay).await;
        }
        error.map_or(Ok(()), Err)
    }

    fn judge(&self, method: &str, about: &str) -> (u64, Option<Status>) {
        let mut seen = self.faults_seen.borrow_mut();
        for (fault, seen) in self.script.faults.iter().zip(seen.iter_mut()) {
            if fault.method != method || !about.contains(&fault.about) {
                continue;
            }
            let count = *seen;
            *seen += 1;
            let works = count >= fault.skip
                && (fault.times < 0 || i64::from(count - fault.skip) < fault.times);
            if works {
                let code = cri::Code::from_name(&fault.code).unwrap_or(cri::Code::Unknown);
                let error = (!fault.ok).then(|| Status::new(code, fault.message.as_str()));
                return (fault.delay_ms, error);
            }
        }
        (0, None)
    }

    /// Sets the script's events off, with the first container that is started.
    fn set_events_off(self: &Rc<Self>) {
        if self.events_set.replace(true) {
            return;
        }
        for event in self.script.events.clone() {
            let this = self.clone();
            self.sim.spawn(async move {
                this.sim.sleep(Duration::from_millis(event.after_ms)).await;
                this.happen(&event);
            });
        }
    }

    fn happen(&self, event: &RuntimeEvent) {
        let ctx = self.sim.ctx();
        let newest = {
            let state = self.state.borrow();
            state.sandboxes.iter().rev().find(|(_, it)| it.ready).map(|(number, _)| *number)
        };
        let container = {
            let state = self.state.borrow();
            let named = |it: &Container| event.container.is_empty() || *it.name == *event.container;
            state.containers.iter().rev().find(|(_, it)| named(it)).map(|(number, _)| *number)
        };
        match (event.action.as_str(), newest, container) {
            ("sandboxNotReady", Some(sandbox), _) => self.stop_sandbox_now(&ctx, sandbox),
            ("sandboxNotReadyOnly", Some(sandbox), _) => self.set_not_ready(&ctx, sandbox),
            ("removeSandbox", Some(sandbox), _) => self.remove_sandbox_now(&ctx, sandbox),
            ("killContainer", _, Some(container)) => {
                self.end(&ctx, container, event.exit_code.unwrap_or(137), None);
            }
            ("removeContainer", _, Some(container)) => self.remove_container_now(&ctx, container),
            _ => {}
        }
    }
}
