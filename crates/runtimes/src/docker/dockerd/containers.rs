//! Containers: their life, by name and id.
//!
//! Models: moby@v20.10.7 `daemon/{create,start,stop,kill,delete,inspect,list,monitor,exec}.go`,
//! `daemon/oci_linux.go`, `libcontainerd/remote/client.go`.

use super::{Dockerd, ROOT};
use crate::containerd::{ContainerSpec, Rootfs};
use crate::docker::dockershim::naming::{Identity, identify};
use crate::docker::engine::{
    ApiFields, ContainerJson, ContainerState, ContainerSummary, CreateBody, EngineError, ExecState,
    Filters, Resources, Response,
};
use crate::io::{ContainerIo, Log, captured};
use crate::json::Json;
use crate::oci::{ExecProcess, NamespaceRequest, Spec, capabilities, seccomp};
use futures_util::future::{Either, select};
use node::{Bind, Credentials, ImageSpec, Node, SIGKILL, SIGTERM, Stdio};
use sim::{Ctx, Signal, SimError};
use std::cell::{Cell, RefCell};
use std::ops::Bound;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{Exit, Mount, NamespaceKind, Time};

/// Making a layer, and writing the configuration with `fsync`.
const CREATE: Duration = Duration::from_millis(22);
/// Mounting the layers, and writing files.
const PREPARE: Duration = Duration::from_millis(9);
/// libnetwork: an address, a pair of interfaces, rules of the packet filter.
const CONNECT_TO_BRIDGE: Duration = Duration::from_millis(45);
/// Removing a layer and a directory.
const REMOVE: Duration = Duration::from_millis(11);
/// How long a killed process may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// A container.
pub(super) struct Container {
    id: Rc<str>,
    /// With a `/` before it.
    name: Rc<str>,
    number: u64,
    created: Time,
    body: Rc<CreateBody>,
    image_id: Rc<str>,
    pub(super) state: RefCell<ContainerState>,
    ip: RefCell<String>,
    out_of_memory: Cell<bool>,
    ended: Signal,
    /// Its streams, once it was started.
    pub(super) io: RefCell<Option<Rc<ContainerIo>>>,
}

/// A command in a container.
pub(super) struct Exec {
    container: Rc<Container>,
    command: Vec<String>,
    running: bool,
    exit_code: Option<i32>,
}

impl Container {
    fn directory(&self) -> String {
        format!("{ROOT}/containers/{}", self.id)
    }

    fn merged(&self) -> String {
        format!("{ROOT}/overlay2/{}/merged", self.id)
    }

    /// The container that this one shares a namespace with, by one of its modes.
    fn shares_with(mode: &str) -> Option<&str> {
        mode.strip_prefix("container:")
    }
}

impl Dockerd {
    /// A container by id, the beginning of its id, or name.
    pub(super) fn container(&self, reference: &str) -> Result<Rc<Container>, EngineError> {
        let containers = self.0.containers.borrow();
        if let Some(container) = containers.get(reference) {
            return Ok(Rc::clone(container));
        }
        let name = reference.strip_prefix('/').unwrap_or(reference);
        let named = self.0.names.borrow().get(name).and_then(|id| containers.get(id)).cloned();
        let by_prefix = || {
            let mut matching = containers
                .range::<str, _>((Bound::Included(reference), Bound::Unbounded))
                .take_while(|(id, _)| !reference.is_empty() && id.starts_with(reference));
            matching.next().map(|(_, container)| Rc::clone(container))
        };
        named.or_else(by_prefix).ok_or_else(|| EngineError::no_such_container(reference))
    }

    fn publish(&self, ctx: &Ctx, container: &Container) {
        let state = container.state.borrow();
        self.0.views.changed(ctx, &container.id, &container.name, &container.body, &state);
    }

    /// The container that uses an image, if one does.
    pub(super) fn user_of_image(&self, image: &str) -> Option<Rc<str>> {
        let containers = self.0.containers.borrow();
        let user = containers.values().find(|container| *container.image_id == *image);
        user.map(|container| Rc::clone(&container.id))
    }

    /// `POST /containers/create`.
    pub(super) async fn create(
        &self,
        ctx: &Ctx,
        name: &str,
        body: &Rc<CreateBody>,
    ) -> Result<Rc<str>, EngineError> {
        let image = self.0.images.inspect(&body.image)?;
        let id: Rc<str> = ctx.sim().random_hex("dockerd/id", 64).into();
        if let Some(holder) = self.0.names.borrow().get(name) {
            return Err(EngineError::status(
                409,
                format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \
                     \"{holder}\". You have to remove (or rename) that container to be able to \
                     reuse that name."
                ),
            ));
        }
        self.0.names.borrow_mut().insert(name.to_owned(), Rc::clone(&id));
        ctx.sleep(CREATE).await;
        let number = self.0.created.get();
        self.0.created.set(number + 1);
        let container = Rc::new(Container {
            id: Rc::clone(&id),
            name: format!("/{name}").into(),
            number,
            created: ctx.now(),
            body: Rc::clone(body),
            image_id: Rc::clone(&image.id),
            state: RefCell::default(),
            ip: RefCell::default(),
            out_of_memory: Cell::new(false),
            ended: Signal::default(),
            io: RefCell::default(),
        });
        let directory = container.directory();
        self.0.node.make_dir(ctx, &directory);
        self.0.node.write_file(ctx, &format!("{directory}/config.v2.json"), "{}");
        self.0.containers.borrow_mut().insert(Rc::clone(&id), Rc::clone(&container));
        self.publish(ctx, &container);
        Ok(id)
    }

    /// `POST /containers/{id}/start`.
    pub(super) async fn start_container(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<Response, EngineError> {
        let container = self.container(id)?;
        if container.state.borrow().running {
            return Ok(Response::NotModified);
        }
        {
            let mut state = container.state.borrow_mut();
            *state = ContainerState { started_at: state.started_at, ..ContainerState::default() };
        }
        match self.run(ctx, &container).await {
            Ok(pid) => {
                // It may have ended while its start was still being answered.
                let ended = container.state.borrow().finished_at.is_some();
                if !ended {
                    *container.state.borrow_mut() = ContainerState {
                        running: true,
                        pid,
                        started_at: Some(ctx.now()),
                        ..ContainerState::default()
                    };
                    self.publish(ctx, &container);
                }
                Ok(Response::NoContent)
            }
            Err(error) => {
                let (status, exit_code, message) = start_error(error);
                self.disconnect(&container);
                {
                    let mut state = container.state.borrow_mut();
                    state.pid = 0;
                    state.exit_code = exit_code;
                    state.error.clone_from(&message);
                }
                self.publish(ctx, &container);
                Err(EngineError::status(status, message))
            }
        }
    }

    /// Gets a container to run; its first process.
    async fn run(&self, ctx: &Ctx, container: &Rc<Container>) -> Result<u32, StartError> {
        let node = &self.0.node;
        let directory = container.directory();
        ctx.sleep(PREPARE).await;
        let target = container.merged();
        let layers = format!("{ROOT}/overlay2/{}", container.id);
        node.mount(
            ctx,
            Mount {
                target: target.as_str().into(),
                source: "overlay".into(),
                fs_type: "overlay".into(),
                options: format!("upperdir={layers}/diff,workdir={layers}/work").into(),
            },
        );
        let host = &container.body.host_config;
        if Container::shares_with(&host.network_mode).is_none() {
            let of_host = node.read_file("/etc/resolv.conf").unwrap_or_default();
            node.write_file(ctx, &format!("{directory}/resolv.conf"), &of_host);
            node.write_file(ctx, &format!("{directory}/hosts"), "127.0.0.1\tlocalhost\n");
            let hostname = &container.body.hostname;
            node.write_file(ctx, &format!("{directory}/hostname"), &format!("{hostname}\n"));
        }
        let stdio = self.open_io(ctx, container);
        let on_bridge = matches!(host.network_mode.as_str(), "" | "default" | "bridge");
        if on_bridge {
            ctx.sleep(CONNECT_TO_BRIDGE).await;
            let ip = self.0.bridge.allocate(&container.id).ok_or_else(|| {
                StartError::Daemon(
                    500,
                    "no available IPv4 addresses on this network's address pools: bridge"
                        .to_owned(),
                )
            })?;
            *container.ip.borrow_mut() = ip.to_string();
        }
        let spec = self.spec(container)?;
        let (pod, name, attempt) = self.program_names(container);
        let client = &self.0.containerd;
        let new = ContainerSpec {
            id: Rc::clone(&container.id),
            image: "".into(),
            labels: vec![("com.docker/engine.bundle.path".into(), directory.as_str().into())],
            declared: self.0.programs.declared(&pod, &name, attempt),
            spec,
            rootfs: Rootfs::Directory(target.as_str().into()),
            shim_group: Rc::clone(&container.id),
            in_sandbox: false,
        };
        container.out_of_memory.set(false);
        client.create_container(ctx, new).await.map_err(StartError::Containerd)?;
        let started = self.start_in_containerd(ctx, container, stdio).await;
        if started.is_err() {
            // The error that counts is the first.
            let _ = client.delete_container(ctx, &container.id).await;
            node.unmount(ctx, &target);
        }
        started.map_err(StartError::Containerd)
    }

    async fn start_in_containerd(
        &self,
        ctx: &Ctx,
        container: &Rc<Container>,
        stdio: Stdio,
    ) -> Result<u32, SimError> {
        let client = &self.0.containerd;
        let pid = client.new_task(ctx, &container.id, stdio).await?;
        let ip = container.ip.borrow().clone();
        if !ip.is_empty() {
            // A hook that runc calls moves the interface into the new namespace.
            let namespace = self.0.node.namespace_at(&format!("/proc/{pid}/ns/net"));
            if let Some(namespace) = namespace {
                let address = format!("{ip}/{}", super::network::PREFIX);
                self.0.node.add_address(ctx, namespace, "eth0", &address);
            }
        }
        // The process may end before the answer to its start has come.
        container.state.borrow_mut().pid = pid;
        match client.start_task(ctx, &container.id).await {
            Ok(pid) => Ok(pid),
            Err(error) => {
                let _ = client.delete_task(ctx, &container.id).await;
                Err(error)
            }
        }
    }

    /// The container's streams, with its log file where the logging driver has one.
    fn open_io(&self, ctx: &Ctx, container: &Container) -> Stdio {
        let path = self.log_path(container);
        let log: Option<Box<dyn Log>> = if path.is_empty() {
            None
        } else {
            self.0.node.write_file(ctx, &path, "");
            Some(Box::new(JsonFile { node: self.0.node.clone(), path }))
        };
        let body = &container.body;
        let (io, stdio) = ContainerIo::new(ctx, log, body.open_stdin, body.tty);
        *container.io.borrow_mut() = Some(io);
        stdio
    }

    /// Whose program it is: the pod's and container's names where there are any.
    fn program_names(&self, container: &Container) -> (String, String, u32) {
        match identify(&container.name, &container.body.labels) {
            Some(Identity { name, .. }) => (name.pod, name.container, name.attempt),
            None => (String::new(), container.name.trim_start_matches('/').to_owned(), 0),
        }
    }

    /// The OCI specification of a container.
    fn spec(&self, container: &Container) -> Result<Spec, StartError> {
        let body = &container.body;
        let host = &body.host_config;
        let mut namespaces = vec![(NamespaceKind::Mnt, NamespaceRequest::New)];
        for (kind, mode) in [
            (NamespaceKind::Net, host.network_mode.as_str()),
            (NamespaceKind::Uts, host.uts_mode),
            (NamespaceKind::Pid, host.pid_mode.as_str()),
            (NamespaceKind::Ipc, host.ipc_mode.as_str()),
        ] {
            let request = match Container::shares_with(mode) {
                Some(other) => match self.namespace_of(other, kind)? {
                    Some(request) => request,
                    None => continue,
                },
                None if mode == "host" => continue,
                None => NamespaceRequest::New,
            };
            namespaces.push((kind, request));
        }
        let owner =
            Container::shares_with(&host.network_mode).and_then(|other| self.container(other).ok());
        let files = owner.as_ref().map_or_else(|| container.directory(), |o| o.directory());
        let mut mounts: Vec<Bind> = ["resolv.conf", "hostname", "hosts"]
            .iter()
            .map(|file| Bind {
                destination: format!("/etc/{file}").into(),
                source: format!("{files}/{file}").into(),
                ..Bind::default()
            })
            .collect();
        for (source, destination, writable) in bind_mounts(body) {
            mounts.retain(|mount| *mount.destination != *destination);
            mounts.push(Bind {
                destination: destination.into(),
                source: source.into(),
                readonly: !writable,
                ..Bind::default()
            });
        }
        let parent = &host.resources.cgroup_parent;
        let cgroups_path = if parent.ends_with(".slice") {
            format!("{parent}:docker:{}", container.id)
        } else if parent.is_empty() {
            format!("/docker/{}", container.id)
        } else {
            format!("{}/{}", parent.trim_end_matches('/'), container.id)
        };
        let image = self.0.images.spec(&container.image_id);
        let image = image.unwrap_or_else(|| ImageSpec::assume(&body.image));
        let words = |given: &Option<Vec<String>>| -> Vec<Rc<str>> {
            given.iter().flatten().map(|word| word.as_str().into()).collect()
        };
        let args = image.process_args(&body.image, &words(&body.entrypoint), &words(&body.cmd));
        let own_name: Rc<str> = if body.hostname.is_empty() {
            container.id.get(..12).unwrap_or_default().into()
        } else {
            body.hostname.as_str().into()
        };
        // One that shares another's network has its host name as well.
        let seen_name = match &owner {
            Some(owner) if !owner.body.hostname.is_empty() => owner.body.hostname.as_str().into(),
            _ => Rc::clone(&own_name),
        };
        let name = self.0.images.name(&container.image_id);
        Ok(Spec {
            args,
            cwd: if body.working_dir.is_empty() {
                image.working_dir.clone()
            } else {
                body.working_dir.as_str().into()
            },
            env: image.environment(&seen_name, words(&body.env)),
            hostname: if host.uts_mode == "host" { "".into() } else { own_name },
            namespaces,
            cgroups_path: cgroups_path.into(),
            mounts,
            readonly_rootfs: host.readonly_rootfs,
            credentials: Rc::new(credentials(body, &image, &name, &self.0.node)),
            terminal: body.tty,
            sysctls: pairs(&host.sysctls),
            memory_limit: u64::try_from(host.resources.memory).unwrap_or_default(),
            masked_paths: paths(host.masked_paths.as_ref()),
            readonly_paths: paths(host.readonly_paths.as_ref()),
            image: name,
            annotations: Vec::new(),
            ..Spec::default()
        })
    }

    /// The namespace of another container, which must run; none where it is the host's.
    fn namespace_of(
        &self,
        other: &str,
        kind: NamespaceKind,
    ) -> Result<Option<NamespaceRequest>, StartError> {
        let missing = |error: EngineError| match error {
            EngineError::Status { status, message } => StartError::Daemon(status, message),
            _ => StartError::Daemon(500, "the daemon is gone".to_owned()),
        };
        let other = self.container(other).map_err(missing)?;
        let state = other.state.borrow();
        if !state.running {
            let what = match kind {
                NamespaceKind::Net => "network",
                NamespaceKind::Pid => "PID",
                _ => "IPC",
            };
            return Err(StartError::Daemon(
                409,
                format!("cannot join {what} of a non running container: {}", other.id),
            ));
        }
        let request = NamespaceRequest::of_process(state.pid, kind);
        let path = format!("/proc/{}/ns/{}", state.pid, kind.as_str());
        Ok(self.0.node.namespace_at(&path).map(|_| request))
    }

    fn disconnect(&self, container: &Container) {
        self.0.bridge.release(&container.id);
        container.ip.borrow_mut().clear();
    }

    /// The kernel has killed something in a container for lack of memory.
    pub(super) fn container_is_out_of_memory(&self, id: &str) {
        if let Some(container) = self.0.containers.borrow().get(id) {
            container.out_of_memory.set(true);
        }
    }

    /// The first process of a container has ended.
    pub(super) async fn container_exited(&self, ctx: &Ctx, id: &Rc<str>, exit: Exit) {
        let client = &self.0.containerd;
        // What cannot be tidied up stays behind; the container has ended all the same.
        let _ = client.delete_task(ctx, id).await;
        let Some(container) = self.0.containers.borrow().get(id).cloned() else { return };
        let _ = client.delete_container(ctx, id).await;
        self.0.node.unmount(ctx, &container.merged());
        self.disconnect(&container);
        {
            let mut state = container.state.borrow_mut();
            let started_at = state.started_at.or(Some(ctx.now()));
            *state = ContainerState {
                oom_killed: exit.oom_killed || container.out_of_memory.get(),
                exit_code: exit.code,
                started_at,
                finished_at: Some(ctx.now()),
                ..ContainerState::default()
            };
        }
        self.publish(ctx, &container);
        container.ended.notify();
    }

    /// Waits until a container does not run any more; false if it still does.
    async fn wait(&self, ctx: &Ctx, container: &Container, patience: Duration) -> bool {
        let ended = pin!(async {
            while container.state.borrow().running {
                container.ended.wait().await;
            }
        });
        matches!(select(ended, ctx.sleep(patience)).await, Either::Left(_))
    }

    /// `POST /containers/{id}/stop`.
    pub(super) async fn stop(
        &self,
        ctx: &Ctx,
        id: &str,
        timeout: i64,
    ) -> Result<Response, EngineError> {
        let container = self.container(id)?;
        if !container.state.borrow().running {
            return Ok(Response::NotModified);
        }
        let client = &self.0.containerd;
        // A process that has just ended cannot be signalled any more: it will be waited for.
        let _ = client.kill_task(ctx, &container.id, SIGTERM).await;
        let patience = match u64::try_from(timeout) {
            Ok(seconds) => Duration::from_secs(seconds),
            // Less than nothing means for ever.
            Err(_) => Duration::from_secs(u64::from(u32::MAX)),
        };
        if self.wait(ctx, &container, patience).await {
            return Ok(Response::NoContent);
        }
        self.kill(ctx, &container).await?;
        Ok(Response::NoContent)
    }

    async fn kill(&self, ctx: &Ctx, container: &Container) -> Result<(), EngineError> {
        let _ = self.0.containerd.kill_task(ctx, &container.id, SIGKILL).await;
        if self.wait(ctx, container, KILL_PATIENCE).await {
            return Ok(());
        }
        Err(EngineError::status(
            500,
            format!(
                "cannot stop container: {}: tried to kill container, but did not receive an exit \
                 event",
                container.id
            ),
        ))
    }

    /// `DELETE /containers/{id}`.
    pub(super) async fn remove(
        &self,
        ctx: &Ctx,
        id: &str,
        force: bool,
    ) -> Result<Response, EngineError> {
        let container = self.container(id)?;
        if container.state.borrow().running {
            if !force {
                return Err(EngineError::status(
                    409,
                    format!(
                        "You cannot remove a running container {}. Stop the container before \
                         attempting removal or force remove",
                        container.id
                    ),
                ));
            }
            self.kill(ctx, &container).await?;
        }
        ctx.sleep(REMOVE).await;
        // Somebody else may have been quicker.
        if self.0.containers.borrow_mut().remove(&container.id).is_some() {
            let name = container.name.trim_start_matches('/');
            let mut names = self.0.names.borrow_mut();
            if names.get(name).is_some_and(|holder| *holder == container.id) {
                names.remove(name);
            }
            drop(names);
            self.0.node.remove_dir_all(ctx, &container.directory());
            self.0.execs.borrow_mut().retain(|_, exec| exec.container.id != container.id);
            self.0.views.removed(ctx, &container.id, &container.name, &container.body);
        }
        Ok(Response::NoContent)
    }

    /// `POST /containers/{id}/update`.
    pub(super) async fn update(
        &self,
        ctx: &Ctx,
        id: &str,
        resources: &Rc<Resources>,
        api: ApiFields,
    ) -> Result<Response, EngineError> {
        let container = self.container(id)?;
        if container.state.borrow().running {
            let limits: Rc<str> = resources.update_json(api).into();
            let updated = self.0.containerd.update_task(ctx, &container.id, limits).await;
            updated.map_err(|error| {
                let id = &container.id;
                EngineError::status(500, format!("Cannot update container {id}: {error}"))
            })?;
        }
        Ok(Response::Updated)
    }

    /// Where the log is; empty where the logging driver has no file.
    fn log_path(&self, container: &Container) -> String {
        if self.0.options.logging_driver == "json-file" {
            format!("{}/{}-json.log", container.directory(), container.id)
        } else {
            String::new()
        }
    }

    /// `GET /containers/{id}/json`.
    pub(super) fn inspect(&self, id: &str, size: bool) -> Result<ContainerJson, EngineError> {
        let container = self.container(id)?;
        let mode = &container.body.host_config.network_mode;
        let owner = Container::shares_with(mode).and_then(|other| self.container(other).ok());
        let directory = owner.as_ref().map_or_else(|| container.directory(), |o| o.directory());
        let resolv_conf_path = format!("{directory}/resolv.conf");
        let state = container.state.borrow().clone();
        Ok(ContainerJson {
            id: Rc::clone(&container.id),
            name: Rc::clone(&container.name),
            created: container.created,
            // Before its start the process number is nobody's business.
            state: ContainerState { pid: if state.running { state.pid } else { 0 }, ..state },
            image_id: Rc::clone(&container.image_id),
            resolv_conf_path,
            log_path: self.log_path(&container),
            config: Rc::clone(&container.body),
            mounts: bind_mounts(&container.body),
            ip_address: container.ip.borrow().clone(),
            size_rw: size.then_some(0),
        })
    }

    /// `GET /containers/json`, the newest first.
    pub(super) fn list(&self, ctx: &Ctx, all: bool, filters: &Filters) -> Vec<ContainerSummary> {
        let containers = self.0.containers.borrow();
        let matches = |container: &&Rc<Container>| {
            let state = container.state.borrow();
            let has_label = |label: &str| match label.split_once('=') {
                Some((key, value)) => {
                    container.body.labels.get(key).is_some_and(|found| found == value)
                }
                None => container.body.labels.contains_key(label),
            };
            let by_status = filters.values("status").next().is_some();
            (all || by_status || state.running)
                && filters.values("label").all(has_label)
                && filters.any("id", |id| container.id.starts_with(id))
                && filters.any("status", |status| state.status() == status)
        };
        let mut found: Vec<&Rc<Container>> = containers.values().filter(matches).collect();
        found.sort_by_key(|container| std::cmp::Reverse(container.number));
        found
            .into_iter()
            .map(|container| {
                let state = container.state.borrow();
                ContainerSummary {
                    id: Rc::clone(&container.id),
                    name: Rc::clone(&container.name),
                    image: container.body.image.clone(),
                    image_id: Rc::clone(&container.image_id),
                    created: container.created,
                    state: state.status(),
                    status: status_text(&state, ctx.now()),
                    config: Rc::clone(&container.body),
                }
            })
            .collect()
    }

    /// `POST /containers/{id}/exec`.
    pub(super) fn create_exec(
        &self,
        ctx: &Ctx,
        id: &str,
        command: &[String],
    ) -> Result<Response, EngineError> {
        let container = self.container(id)?;
        if !container.state.borrow().running {
            let id = &container.id;
            return Err(EngineError::status(409, format!("Container {id} is not running")));
        }
        let id: Rc<str> = ctx.sim().random_hex("dockerd/exec", 64).into();
        let exec = Exec { container, command: command.to_vec(), running: false, exit_code: None };
        self.0.execs.borrow_mut().insert(Rc::clone(&id), exec);
        Ok(Response::ExecCreated { id })
    }

    /// `POST /exec/{id}/start`.
    pub(super) async fn start_exec(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
    ) -> Result<Response, EngineError> {
        let unknown = || EngineError::status(404, format!("No such exec instance: {id}"));
        let (container, argv) = {
            let mut execs = self.0.execs.borrow_mut();
            let exec = execs.get_mut(id).ok_or_else(unknown)?;
            exec.running = true;
            let argv = exec.command.iter().map(|word| word.as_str().into()).collect();
            (Rc::clone(&exec.container), argv)
        };
        let (stdio, stdout, stderr) = captured();
        let client = &self.0.containerd;
        let process = ExecProcess { argv, stdio };
        let started = client.exec(ctx, &container.id, id, process).await;
        let done = |code: i32| {
            if let Some(exec) = self.0.execs.borrow_mut().get_mut(id) {
                exec.running = false;
                exec.exit_code = Some(code);
            }
        };
        let pid = match started {
            Ok(pid) => pid,
            Err(error) => {
                let (status, code, message) = start_error(StartError::Containerd(error));
                done(code);
                return Err(EngineError::status(status, message));
            }
        };
        let exit = client.wait_process(ctx, pid).await;
        // Its remains are containerd's own affair.
        let _ = client.delete_process(ctx, &container.id, id).await;
        done(exit.code);
        Ok(Response::ExecOutput { stdout: stdout.take(), stderr: stderr.take() })
    }

    /// `GET /exec/{id}/json`.
    pub(super) fn inspect_exec(&self, id: &Rc<str>) -> Result<Response, EngineError> {
        let execs = self.0.execs.borrow();
        let exec = execs
            .get(id)
            .ok_or_else(|| EngineError::status(404, format!("No such exec instance: {id}")))?;
        Ok(Response::Exec(ExecState {
            id: Rc::clone(id),
            container_id: Rc::clone(&exec.container.id),
            running: exec.running,
            exit_code: exec.exit_code,
        }))
    }
}

/// A log of the driver `json-file`: an object for each line.
///
/// Models: moby@v20.10.7 `daemon/logger/jsonfilelog/jsonlog`.
struct JsonFile {
    node: Node,
    path: String,
}

impl Log for JsonFile {
    fn line(&self, ctx: &Ctx, stream: &'static str, line: &[u8], whole: bool) {
        let end = if whole { "\n" } else { "" };
        let entry = Json::object()
            .str("log", &format!("{}{end}", String::from_utf8_lossy(line)))
            .str("stream", stream)
            .str("time", &ctx.now().rfc3339_nanos());
        self.node.append_file(ctx, &self.path, &format!("{}\n", entry.text()));
    }
}

fn paths(given: Option<&Vec<String>>) -> Vec<Rc<str>> {
    given.into_iter().flatten().map(|path| path.as_str().into()).collect()
}

fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<(Rc<str>, Rc<str>)> {
    map.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()
}

/// Who the container runs as and what it may do.
///
/// Models: moby@v20.10.7 `daemon/oci_linux.go` `WithUser`, `WithCapabilities`, `WithSeccomp`.
fn credentials(body: &CreateBody, image: &ImageSpec, name: &str, node: &Node) -> Credentials {
    let host = &body.host_config;
    let user = if body.user.is_empty() { &*image.user } else { &body.user };
    let (uid, mut gid) = node::image::user_and_group(user);
    let account = node.userland().and_then(|userland| node::image::account(&*userland, name, uid));
    let of_user = account.as_ref().map_or(0, |account| account.gid);
    if !user.contains(':') && user.parse::<u32>().is_ok() {
        gid = of_user;
    }
    let mut groups = vec![gid];
    groups.extend(account.into_iter().flat_map(|account| account.groups));
    groups.extend(host.group_add.iter().flatten().filter_map(|group| group.parse::<u32>().ok()));
    let given = |names: &Option<Vec<String>>| names.clone().unwrap_or_default();
    let bounding = capabilities(&given(&host.cap_add), &given(&host.cap_drop), host.privileged);
    let has = |option: &str| host.security_opt.iter().flatten().any(|given| given == option);
    // Profiles come with the option, not as the name of a file.
    let profile = host.security_opt.iter().flatten().find_map(|o| o.strip_prefix("seccomp="));
    let syscalls = profile.filter(|_| !host.privileged);
    let syscalls = syscalls.and_then(|profile| seccomp::filter(profile).ok());
    Credentials {
        uid,
        gid,
        groups,
        bounding,
        // `execve` by somebody other than root leaves none in effect.
        effective: if uid == 0 { bounding } else { 0 },
        no_new_privs: has("no-new-privileges"),
        seccomp: !host.privileged && !has("seccomp=unconfined"),
        syscalls: syscalls.map(Rc::new),
        apparmor: "".into(),
    }
}

/// Why a container did not start.
enum StartError {
    /// The daemon refused: status and message.
    Daemon(u16, String),
    /// containerd or something below it failed.
    Containerd(SimError),
}

/// HTTP status, exit code and message of a start that failed.
///
/// Models: moby@v20.10.7 `daemon/errors.go` `translateContainerdStartErr`.
fn start_error(error: StartError) -> (u16, i32, String) {
    let message = match error {
        StartError::Daemon(status, message) => return (status, 128, message),
        StartError::Containerd(error) => error.message,
    };
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if says(&[
        "executable file not found",
        "no such file or directory",
        "system cannot find the file specified",
    ]) {
        (400, 127, message)
    } else if says(&["permission denied", "is a directory"]) {
        (400, 126, message)
    } else {
        (500, 128, message)
    }
}

/// Source, destination, writable: of either form of mount.
#[must_use]
pub fn bind_mounts(body: &CreateBody) -> Vec<(String, String, bool)> {
    let host = &body.host_config;
    let binds = host.binds.iter().flatten().filter_map(|bind| {
        let mut parts = bind.splitn(3, ':');
        let (source, destination) = (parts.next()?, parts.next()?);
        let readonly = parts.next().is_some_and(|options| options.split(',').any(|o| o == "ro"));
        Some((source.to_owned(), destination.to_owned(), !readonly))
    });
    let mounts = host
        .mounts
        .iter()
        .map(|mount| (mount.source.clone(), mount.target.clone(), !mount.readonly));
    binds.chain(mounts).collect()
}

/// `Up 2 seconds`, `Exited (1) 3 minutes ago`, `Created`.
fn status_text(state: &ContainerState, now: Time) -> String {
    let since = |at: Option<Time>| human(at.map(|at| now.since(at)).unwrap_or_default());
    match state {
        ContainerState { running: true, started_at, .. } => format!("Up {}", since(*started_at)),
        ContainerState { finished_at: Some(at), exit_code, .. } => {
            format!("Exited ({exit_code}) {} ago", since(Some(*at)))
        }
        _ => "Created".to_owned(),
    }
}

/// Models: go-units `HumanDuration`.
fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{} minutes", seconds / 60),
        _ => match (duration.as_secs_f64() / 3600.0).round() as u64 {
            1 => "About an hour".to_owned(),
            hours @ 2..48 => format!("{hours} hours"),
            hours => format!("{} days", hours / 24),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        let say = |seconds| human(Duration::from_secs(seconds));
        assert_eq!(say(0), "Less than a second");
        assert_eq!(say(59), "59 seconds");
        assert_eq!(say(61), "About a minute");
        assert_eq!(say(3600), "About an hour");
        assert_eq!(say(3 * 86_400), "3 days");
    }
}
