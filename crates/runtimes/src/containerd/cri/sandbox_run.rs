//! RunPodSandbox.
//!
//! Models: containerd v2.3.4 `internal/cri/server/sandbox_run.go` `RunPodSandbox` and
//! `internal/cri/server/podsandbox/sandbox_run.go` `Controller.Start`.

use super::store::{Network, Sandbox, SandboxState};
use super::{CriPlugin, Inner, ROOT, STATE, failed, prefixed, validate};
use crate::containerd::Flavor;
use crate::containerd::core::{ContainerSpec, Rootfs};
use crate::oci::{NamespaceRequest, Spec};
use crate::server::config::{namespace_options, new_sandbox, resolv_conf_text};
use cri::{
    ContainerEventType, NamespaceMode, PodSandboxConfig, PodSandboxMetadata, RunPodSandboxRequest,
    RunPodSandboxResponse, Status,
};
use node::{Bind, Declared, SIGKILL, Stdio};
use sim::{Ctx, Hop, SimError};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Mount, NamespaceKind, Protocol};

/// A new network namespace and its bind mount.
const NEW_NETNS: Duration = Duration::from_millis(2);

/// Which of the steps that have to be undone have been done, in order.
#[derive(Default)]
struct Done {
    lease: bool,
    record: bool,
    netns: bool,
    network: bool,
}

/// The steps of starting the sandbox's container that have to be undone.
#[derive(Default)]
struct Started {
    container: bool,
    files: bool,
    task: bool,
}

impl CriPlugin {
    pub(super) async fn do_run_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: &RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        // 1. An id, and a name that nobody else has.
        let id = Self::generate_id(ctx);
        let config = request.config.as_ref();
        let Some((config, metadata)) = config.and_then(|c| Some((c, c.metadata.as_ref()?))) else {
            return Err(Status::unknown("sandbox config must include metadata"));
        };
        let PodSandboxMetadata { name, namespace, uid, attempt } = metadata;
        let unique: Rc<str> = format!("{name}_{namespace}_{uid}_{attempt}").into();
        self.0.sandbox_names.reserve(&unique, &id).map_err(|error| {
            Status::unknown(format!("failed to reserve sandbox name {unique:?}: {error}"))
        })?;
        let netns = || format!("/var/run/netns/cni-{}", ctx.sim().random_uuid("containerd/netns"));
        let handler = &request.runtime_handler;
        let sandbox = Rc::new(new_sandbox(ctx, &id, &unique, metadata, config, handler, &netns));
        let mut done = Done::default();
        match self.set_up_sandbox(ctx, &sandbox, config, handler, &mut done).await {
            Ok(()) => Ok(RunPodSandboxResponse { pod_sandbox_id: id.to_string() }),
            Err(error) => {
                Box::pin(self.undo_sandbox(ctx, &sandbox, &done)).await;
                Err(error)
            }
        }
    }

    async fn set_up_sandbox(
        &self,
        ctx: &Ctx,
        sandbox: &Rc<Sandbox>,
        config: &PodSandboxConfig,
        handler: &str,
        done: &mut Done,
    ) -> Result<(), Status> {
        let client = &self.0.client;
        let id = &sandbox.id;
        // The daemon knew neither leases nor a store of sandboxes, and had the image first.
        let daemon = self.0.flavor == Flavor::Daemon;
        if daemon {
            self.ensure_pause_image(ctx).await?;
        } else {
            // 2. A lease keeps what belongs to the sandbox from the garbage collector.
            let leased = client.create_lease(ctx, id).await;
            leased.map_err(|error| {
                failed(
                    format_args!("failed to create lease for sandbox name {:?}", &*sandbox.name),
                    error,
                )
            })?;
            done.lease = true;
        }
        // 3. The OCI runtime.
        if !["", "runc"].contains(&handler) {
            return Err(Status::unknown(format!(
                "unable to get OCI runtime for sandbox {:?}: no runtime for {handler:?} is configured",
                &**id
            )));
        }
        // 4. The sandbox is written down, its state unknown.
        if !daemon {
            let recorded = client.create_sandbox(ctx, id).await;
            recorded.map_err(|error| failed("failed to save sandbox metadata", error))?;
            done.record = true;
        }
        // 5. and 6. The network is ready before any process exists.
        if let Some(network) = &sandbox.network {
            done.netns = true;
            self.new_netns(ctx, network).await.map_err(|error| {
                failed(
                    format_args!("failed to create network namespace for sandbox {:?}", &**id),
                    error,
                )
            })?;
            self.save_sandbox(ctx, id).await?;
            done.network = true;
            self.setup_pod_network(ctx, sandbox, network).await?;
            self.save_sandbox(ctx, id).await?;
        }
        // 7. and 8. The controller gets to know the sandbox; the pause image is made sure of.
        if !daemon {
            self.ensure_pause_image(ctx).await?;
        }
        // 9. The pause container.
        let mut started = Started::default();
        if let Err(error) = self.start_sandbox(ctx, sandbox, config, &mut started).await {
            Box::pin(self.undo_start(ctx, sandbox, &started)).await;
            return Err(prefixed(format_args!("failed to start sandbox {:?}", &**id), error));
        }
        // 10. Ready, and known to everybody.
        self.save_sandbox(ctx, id).await?;
        sandbox.state.set(SandboxState::Ready);
        self.0.sandboxes.insert(id, sandbox);
        self.sandbox_changed(ctx, sandbox);
        self.publish(ctx, id, id, ContainerEventType::ContainerCreatedEvent);
        self.publish(ctx, id, id, ContainerEventType::ContainerStartedEvent);
        // Its process may have ended in the meantime, before anybody could hear of it.
        if !self.0.node.is_alive(sandbox.pid.get()) {
            self.sandbox_exited(&ctx.detached(), sandbox);
        }
        Ok(())
    }

    async fn save_sandbox(&self, ctx: &Ctx, id: &Rc<str>) -> Result<(), Status> {
        if self.0.flavor == Flavor::Daemon {
            return Ok(());
        }
        self.0.client.update_sandbox(ctx, id).await.map_err(|error| {
            failed(format_args!("unable to save sandbox {:?} to sandbox store", &**id), error)
        })
    }

    /// Undoes what was done, the last thing first. What cannot be cleaned up leaves the sandbox in
    /// the store, not ready, so that a later StopPodSandbox can finish.
    async fn undo_sandbox(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>, done: &Done) {
        let Inner { client, sandbox_names, sandboxes, .. } = &*self.0;
        let mut clean = true;
        if let Some(network) = &sandbox.network {
            if done.network {
                // An error counts only where the network had been set up.
                let torn_down = self.teardown_pod_network(ctx, network).await;
                clean = torn_down.is_ok() || !network.set_up.get();
            }
            if done.netns && clean {
                self.remove_netns(ctx, network);
            }
        }
        if !clean {
            sandboxes.insert(&sandbox.id, sandbox);
            self.sandbox_changed(ctx, sandbox);
        }
        if done.record && clean {
            clean = client.delete_sandbox(ctx, &sandbox.id).await.is_ok();
        }
        if done.lease {
            // Upstream only logs that this failed.
            let _ = client.delete_lease(ctx, &sandbox.id).await;
        }
        if clean {
            sandbox_names.release(&sandbox.name);
        }
    }

    /// A new network namespace, bound to a file: `netns.NewNetNS`.
    async fn new_netns(&self, ctx: &Ctx, network: &Network) -> Result<(), SimError> {
        let hop = Hop::new(
            self.0.flavor.component(),
            Component::Kernel,
            Protocol::Syscall,
            "unshare(CLONE_NEWNET)",
        )
        .source("containerd@v2.3.4 pkg/netns/netns_linux.go newNS")
        .takes(NEW_NETNS);
        ctx.call(hop, async |ctx| {
            let namespace = self.0.node.new_namespace(&ctx, NamespaceKind::Net);
            self.0.node.bind_namespace(&ctx, namespace, &network.path);
            network.namespace.set(Some(namespace));
            Ok(())
        })
        .await
    }

    pub(super) fn remove_netns(&self, ctx: &Ctx, network: &Network) {
        if let Some(namespace) = network.namespace.take() {
            self.0.node.unbind_namespace(ctx, namespace);
            network.forget_path();
        }
    }

    async fn setup_pod_network(
        &self,
        ctx: &Ctx,
        sandbox: &Sandbox,
        network: &Network,
    ) -> Result<(), Status> {
        let request = network.request.borrow().clone();
        let result = match self.0.cni.ready() {
            Ok(()) => self.0.cni.add(ctx, &request).await,
            Err(_) => Err(SimError::new("Unknown", "cni config not initialized")),
        };
        let result = result.and_then(|result| match result.ip {
            Some(ip) => Ok(ip),
            None => {
                let message = format!("failed to find network info for sandbox {:?}", &*sandbox.id);
                Err(SimError::new("Unknown", message))
            }
        });
        let ip = result.map_err(|error| {
            failed(format_args!("failed to setup network for sandbox {:?}", &*sandbox.id), error)
        })?;
        *network.ip.borrow_mut() = ip;
        network.set_up.set(true);
        Ok(())
    }

    pub(super) async fn teardown_pod_network(
        &self,
        ctx: &Ctx,
        network: &Network,
    ) -> Result<(), SimError> {
        let request = network.request.borrow().clone();
        match self.0.cni.ready() {
            Ok(()) => self.0.cni.del(ctx, &request).await,
            Err(_) => Err(SimError::new("Unknown", "cni config not initialized")),
        }
    }

    async fn ensure_pause_image(&self, ctx: &Ctx) -> Result<(), Status> {
        let Inner { client, pause_image, .. } = &*self.0;
        if client.images().resolve(pause_image).is_some() {
            return Ok(());
        }
        let pulled = Box::pin(client.pull(ctx, pause_image, true)).await;
        pulled.map_err(|error| {
            failed(format_args!("failed to pull image {:?}", &**pause_image), error)
        })?;
        self.0.changes.mark();
        Ok(())
    }

    /// The controller's part: `Controller.Start`.
    async fn start_sandbox(
        &self,
        ctx: &Ctx,
        sandbox: &Sandbox,
        config: &PodSandboxConfig,
        started: &mut Started,
    ) -> Result<(), Status> {
        let Inner { client, node, pause_image, .. } = &*self.0;
        let id = &sandbox.id;
        node.make_private_dir(ctx, &sandbox_dir(ROOT, id));
        node.make_private_dir(ctx, &sandbox_dir(STATE, id));
        let options = namespace_options(config);
        let user_namespace = validate::user_namespace(options.userns_options.as_ref());
        let user_namespace = user_namespace.map_err(|error| {
            self.remove_sandbox_dirs(ctx, id);
            let doing = "failed to generate sandbox container spec: user namespace configuration";
            prefixed(doing, error)
        })?;
        if let Err(error) = validate::maps_root(options.userns_options.as_ref()) {
            self.remove_sandbox_dirs(ctx, id);
            return Err(prefixed("failed to create containerd container", error));
        }
        let mut spec = self.sandbox_container_spec(sandbox, config);
        if user_namespace {
            spec.namespaces.push((NamespaceKind::User, NamespaceRequest::New));
        }
        let new = ContainerSpec {
            id: id.clone(),
            image: pause_image.clone(),
            labels: super::container_create::labels_for(ctx, &config.labels, "sandbox"),
            spec,
            rootfs: Rootfs::Snapshot,
            declared: Declared::default(),
            shim_group: id.clone(),
            in_sandbox: false,
        };
        let created = client.create_container(ctx, new).await;
        created.map_err(|error| failed("failed to create containerd container", error))?;
        started.container = true;
        self.setup_sandbox_files(ctx, sandbox, config);
        started.files = true;
        let pid = client.new_task(ctx, id, Stdio::default()).await;
        let pid = pid.map_err(|error| failed("failed to create containerd task", error))?;
        started.task = true;
        let pid = client.start_task(ctx, id).await.map(|_| pid).map_err(|error| {
            failed(format_args!("failed to start sandbox container task {:?}", &**id), error)
        })?;
        sandbox.pid.set(pid);
        Ok(())
    }

    async fn undo_start(&self, ctx: &Ctx, sandbox: &Sandbox, started: &Started) {
        let Inner { client, node, .. } = &*self.0;
        // Upstream logs what goes wrong here and goes on.
        if started.task || client.has_task(&sandbox.id) {
            self.kill_and_delete_task(ctx, &sandbox.id).await;
        }
        if started.files {
            node.unmount(ctx, &shm(&sandbox.id));
        }
        if started.container {
            let _ = client.delete_container(ctx, &sandbox.id).await;
        }
        self.remove_sandbox_dirs(ctx, &sandbox.id);
    }

    /// `task.Delete` with `WithProcessKill`.
    pub(super) async fn kill_and_delete_task(&self, ctx: &Ctx, id: &Rc<str>) {
        // The process may be gone already, and then so may be the task.
        let _ = self.0.client.kill_task(ctx, id, SIGKILL).await;
        let _ = self.0.client.delete_task(ctx, id).await;
    }

    pub(super) fn remove_sandbox_dirs(&self, ctx: &Ctx, id: &str) {
        self.0.node.remove_dir_all(ctx, &sandbox_dir(STATE, id));
        self.0.node.remove_dir_all(ctx, &sandbox_dir(ROOT, id));
    }

    /// Models: `podsandbox/sandbox_run_linux.go` `sandboxContainerSpec`.
    fn sandbox_container_spec(&self, sandbox: &Sandbox, config: &PodSandboxConfig) -> Spec {
        let id = &sandbox.id;
        let options = namespace_options(config);
        let mut namespaces = Vec::with_capacity(5);
        if let Some(network) = &sandbox.network {
            namespaces.push((NamespaceKind::Net, NamespaceRequest::Path(network.path.clone())));
            namespaces.push((NamespaceKind::Uts, NamespaceRequest::New));
        }
        if options.ipc() != NamespaceMode::Node {
            namespaces.push((NamespaceKind::Ipc, NamespaceRequest::New));
        }
        if options.pid() != NamespaceMode::Node {
            namespaces.push((NamespaceKind::Pid, NamespaceRequest::New));
        }
        namespaces.push((NamespaceKind::Mnt, NamespaceRequest::New));
        let shm: Rc<str> = if sandbox.host_ipc { "/dev/shm".into() } else { shm(id).into() };
        Spec {
            args: vec!["/pause".into()],
            hostname: if sandbox.network.is_some() {
                config.hostname.as_str().into()
            } else {
                "".into()
            },
            namespaces,
            cgroups_path: cgroups_path(config, id),
            mounts: vec![
                Bind { destination: "/dev/shm".into(), source: shm, ..Bind::default() },
                Bind {
                    destination: "/etc/resolv.conf".into(),
                    source: resolv_conf(id).into(),
                    readonly: true,
                    ..Bind::default()
                },
            ],
            readonly_rootfs: true,
            image: self.0.pause_image.clone(),
            sysctls: config
                .linux
                .iter()
                .flat_map(|linux| &linux.sysctls)
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            annotations: vec![
                ("io.kubernetes.cri.container-type", "sandbox".into()),
                ("io.kubernetes.cri.sandbox-id", id.clone()),
                ("io.kubernetes.cri.sandbox-name", sandbox.pod_name.clone()),
                ("io.kubernetes.cri.sandbox-uid", sandbox.pod_uid.clone()),
            ],
            ..Spec::default()
        }
    }

    /// The files that every container of the pod will see.
    ///
    /// Models: `podsandbox/sandbox_run_linux.go` `setupSandboxFiles`.
    fn setup_sandbox_files(&self, ctx: &Ctx, sandbox: &Sandbox, config: &PodSandboxConfig) {
        let Inner { node, .. } = &*self.0;
        let id = &sandbox.id;
        let hostname =
            if config.hostname.is_empty() { node.name() } else { config.hostname.as_str() };
        node.write_file(ctx, &hostname_file(id), &format!("{hostname}\n"));
        node.copy_file(ctx, "/etc/hosts", &hosts(id));
        match &config.dns_config {
            Some(dns) => node.write_file(ctx, &resolv_conf(id), &resolv_conf_text(dns)),
            None => {
                node.copy_file(ctx, "/etc/resolv.conf", &resolv_conf(id));
            }
        }
        if !sandbox.host_ipc {
            node.mount(
                ctx,
                Mount {
                    target: shm(id).into(),
                    source: "shm".into(),
                    fs_type: "tmpfs".into(),
                    options: "mode=1777,size=67108864".into(),
                },
            );
        }
    }
}

/// Models: `internal/cri/util` `GetCgroupsPath`: below a slice, in systemd's form.
pub(super) fn cgroups_path(config: &PodSandboxConfig, id: &str) -> Rc<str> {
    let parent = config.linux.as_ref().map_or("", |linux| linux.cgroup_parent.as_str());
    let base = parent.rsplit('/').next().unwrap_or(parent);
    if base.ends_with(".slice") {
        return format!("{base}:cri-containerd:{id}").into();
    }
    match parent.trim_matches('/') {
        "" => format!("/k8s.io/{id}").into(),
        parent => format!("/{parent}/{id}").into(),
    }
}

fn sandbox_dir(root: &str, id: &str) -> String {
    format!("{root}/sandboxes/{id}")
}

pub(super) fn hostname_file(id: &str) -> String {
    format!("{ROOT}/sandboxes/{id}/hostname")
}

pub(super) fn hosts(id: &str) -> String {
    format!("{ROOT}/sandboxes/{id}/hosts")
}

pub(super) fn resolv_conf(id: &str) -> String {
    format!("{ROOT}/sandboxes/{id}/resolv.conf")
}

pub(super) fn shm(id: &str) -> String {
    format!("{STATE}/sandboxes/{id}/shm")
}
