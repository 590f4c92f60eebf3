//! RunPodSandbox.
//!
//! Models: cri-o@v1.37.0 `server/sandbox_run_linux.go` `runPodSandbox`.

use super::conmon::NewContainer;
use super::storage::run_dir;
use super::{Crio, Pod, STOP_TIMEOUT, validate};
use crate::oci::{NamespaceRequest, Spec, cgroup_directory};
use crate::server::config::{namespace_options, new_sandbox, resolv_conf_text};
use crate::server::store::{Network, Sandbox, SandboxState};
use crate::server::{failed, prefixed, status};
use cri::{
    NamespaceMode, PodSandboxConfig, PodSandboxMetadata, RunPodSandboxRequest,
    RunPodSandboxResponse, Status,
};
use node::{Bind, Declared, ProcessSpec};
use sim::{Ctx, Hop, SimError};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Exit, Mount, NamespaceKind, Payload, Protocol};

/// Making namespaces and binding each to a file.
const PINNS: Duration = Duration::from_millis(5);
/// How long a sandbox is kept that nobody waits for.
const UNCLAIMED_FOR: Duration = Duration::from_secs(120);
/// How often it is looked whether there is a network configuration.
const CNI_WAIT: Duration = Duration::from_secs(1);

/// Which of the steps that have to be undone have been done, in order.
#[derive(Default)]
struct Done {
    storage: bool,
    shm: bool,
    network: bool,
    mounted: bool,
    infra: bool,
}

impl Crio {
    pub(super) async fn do_run_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: &RunPodSandboxRequest,
        wanted: &Cell<bool>,
    ) -> Result<RunPodSandboxResponse, Status> {
        let config = request.config.as_ref();
        let Some((config, metadata)) = config.and_then(|c| Some((c, c.metadata.as_ref()?))) else {
            return Err(Status::unknown("setting sandbox config: metadata is nil"));
        };
        let PodSandboxMetadata { name, namespace, uid, attempt } = metadata;
        for (value, what) in
            [(namespace, "namespace"), (name, "name in metadata"), (uid, "uid in metadata")]
        {
            if value.is_empty() {
                return Err(Status::unknown(format!(
                    "setting pod sandbox name and id: cannot generate pod name without {what}"
                )));
            }
        }
        // 1. An id and a name. Who asks for the same again gets what was made for the first.
        let id = Self::generate_id(ctx);
        let unique: Rc<str> = format!("k8s_{name}_{namespace}_{uid}_{attempt}").into();
        if self.0.pod_names.reserve(&unique, &id).is_err() {
            let pod_sandbox_id = self.reserved_sandbox(ctx, &unique, &id).await?;
            return Ok(RunPodSandboxResponse { pod_sandbox_id });
        }
        let netns = || format!("/var/run/netns/{}", ctx.sim().random_uuid("crio/namespaces"));
        let handler = &request.runtime_handler;
        let sandbox = Rc::new(new_sandbox(ctx, &id, &unique, metadata, config, handler, &netns));
        let mut done = Done::default();
        let set_up = self.set_up_sandbox(ctx, &sandbox, config, handler, &mut done).await;
        if let Err(error) = set_up {
            Box::pin(self.undo_sandbox(ctx, &sandbox, &done)).await;
            self.0.creations.notify();
            return Err(error);
        }
        if wanted.get() {
            self.publish_sandbox(ctx, &sandbox);
        } else {
            // Whoever asked has gone away; the next one to ask for this name gets it.
            self.keep_unclaimed(ctx, sandbox, done);
        }
        self.0.creations.notify();
        Ok(RunPodSandboxResponse { pod_sandbox_id: id.to_string() })
    }

    /// The sandbox that has a name already (`reservePodNameOrGetExisting`). One that was made for
    /// somebody who has gone away becomes visible now. One that is still being made is waited for,
    /// and then the answer is an error all the same: the next request gets the sandbox.
    async fn reserved_sandbox(
        &self,
        ctx: &Ctx,
        name: &Rc<str>,
        id: &Rc<str>,
    ) -> Result<String, Status> {
        let holder = self.0.pod_names.holder(name).unwrap_or_default();
        let unclaimed = self.0.unclaimed.borrow_mut().remove(&holder);
        if let Some(sandbox) = unclaimed {
            self.publish_sandbox(ctx, &sandbox);
        }
        if let Ok(sandbox) = self.0.sandboxes.get(&holder) {
            return Ok(sandbox.id.to_string());
        }
        self.0.creations.wait().await;
        let ready = self.0.unclaimed.borrow().contains_key(&holder)
            || self.0.sandboxes.get(&holder).is_ok();
        let outcome = if ready {
            "is now ready and will be provided to the kubelet on next retry"
        } else {
            "is no longer found"
        };
        Err(Status::unknown(format!(
            "the requested pod sandbox {name} {outcome}: error reserving pod name {name} for id \
             {id}: name is reserved"
        )))
    }

    async fn set_up_sandbox(
        &self,
        ctx: &Ctx,
        sandbox: &Rc<Sandbox>,
        config: &PodSandboxConfig,
        handler: &str,
        done: &mut Done,
    ) -> Result<(), Status> {
        let id = &sandbox.id;
        validate::user_namespace(namespace_options(config).userns_options.as_ref())?;
        // 2. Without a network configuration, nothing happens until there is one.
        while sandbox.network.is_some() && self.0.cni.ready().is_err() {
            ctx.sleep(CNI_WAIT).await;
        }
        // 3. The OCI runtime.
        if !["", self.0.runtime.program.name()].contains(&handler) {
            return Err(Status::unknown(format!(
                "failed to find runtime handler {handler} from runtime list map[{}]",
                self.0.runtime.program.name()
            )));
        }
        // 4. A container in the storage, for which the pause image is made sure of.
        let image = self.ensure_pause_image(ctx).await?;
        let created =
            self.storage_create(ctx, "Storage.CreatePodSandbox", id, &sandbox.name, &image);
        created.await.map_err(|error| {
            failed(format_args!("creating pod sandbox with name {:?}", &*sandbox.name), error)
        })?;
        done.storage = true;
        // 5. Logs, and the files that every container of the pod will see.
        let log_directory = config.log_directory.as_str();
        if !log_directory.is_empty() && !log_directory.starts_with('/') {
            return Err(Status::unknown(format!(
                "requested logDir for sbuilder ID {id} is a relative path: {log_directory}"
            )));
        }
        self.write_resolv_conf(ctx, id, config);
        if !sandbox.host_ipc {
            done.shm = true;
            self.0.node.mount(
                ctx,
                Mount {
                    target: shm(id).into(),
                    source: "shm".into(),
                    fs_type: "tmpfs".into(),
                    options: "mode=1777,size=67108864".into(),
                },
            );
        }
        let options = namespace_options(config);
        let pod = Rc::new(Pod {
            sandbox: sandbox.clone(),
            namespaces: RefCell::default(),
            has_infra: !self.0.drops_infra || options.pid() == NamespaceMode::Pod,
            cgroup: sandbox_cgroup(config, id),
        });
        self.0.pods.borrow_mut().insert(id.clone(), pod.clone());
        // 6. The namespaces, as files; then the network, before any process exists.
        self.pin_namespaces(ctx, &pod).await?;
        if let Some(network) = &sandbox.network {
            done.network = true;
            self.start_network(ctx, sandbox, network).await?;
        }
        // 7. The root file system, mounted whether anything will run on it or not.
        let rootfs = self.storage_mount(ctx, id).await.map_err(|error| {
            let name = &sandbox.name;
            let infra = infra_name(config);
            failed(
                format_args!("failed to mount container {infra} in pod sandbox {name}({id})"),
                error,
            )
        })?;
        done.mounted = true;
        let hostname = self.hostname(sandbox, config);
        self.0.node.write_file(ctx, &hostname_file(id), &format!("{hostname}\n"));
        // 8. A process only where something needs one.
        if pod.has_infra {
            done.infra = true;
            self.start_infra(ctx, &pod, config, rootfs).await?;
        } else if let Some(cgroup) = &pod.cgroup {
            self.0.node.create_cgroup(ctx, cgroup);
        }
        Ok(())
    }

    /// The sandbox is known to everybody from now on.
    pub(super) fn publish_sandbox(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>) {
        sandbox.state.set(SandboxState::Ready);
        let pid = self.0.monitored.borrow().get(&sandbox.id).map_or(0, |held| held.pid);
        sandbox.pid.set(pid);
        self.0.sandboxes.insert(&sandbox.id, sandbox);
        self.sandbox_changed(ctx, sandbox);
        if pid != 0 && !self.0.node.is_alive(pid) {
            self.set_not_ready(ctx, sandbox);
        }
    }

    /// Undoes what was done, the last thing first. What fails is only logged.
    async fn undo_sandbox(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>, done: &Done) {
        let id = &sandbox.id;
        let pod = self.0.pods.borrow_mut().remove(id);
        if done.infra {
            let _ = self.stop_container(ctx, id, STOP_TIMEOUT).await;
            let _ = self.delete_in_runtime(ctx, id).await;
        }
        if let Some(cgroup) = pod.as_ref().and_then(|pod| pod.cgroup.as_ref()) {
            self.0.node.remove_cgroup(ctx, cgroup);
        }
        if done.mounted {
            self.storage_unmount(ctx, id);
        }
        if done.network {
            let _ = self.stop_network(ctx, sandbox).await;
        }
        if let Some(pod) = pod {
            self.remove_namespaces(ctx, &pod);
        }
        if done.shm {
            self.0.node.unmount(ctx, &shm(id));
        }
        if done.storage {
            let _ = self.storage_delete(ctx, id).await;
        }
        self.0.pod_names.release(&sandbox.name);
    }

    /// Keeps a sandbox for whoever asks for it next, for a while.
    ///
    /// Models: `internal/resourcestore/resourcestore.go`.
    fn keep_unclaimed(&self, ctx: &Ctx, sandbox: Rc<Sandbox>, done: Done) {
        self.0.unclaimed.borrow_mut().insert(sandbox.id.clone(), sandbox.clone());
        let (crio, ctx) = (self.clone(), ctx.detached());
        ctx.clone().spawn(async move {
            ctx.sleep(UNCLAIMED_FOR).await;
            let unclaimed = crio.0.unclaimed.borrow_mut().remove(&sandbox.id).is_some();
            if unclaimed {
                crio.undo_sandbox(&ctx, &sandbox, &done).await;
            }
        });
    }

    /// The pause image's id; pulled if it is not there.
    async fn ensure_pause_image(&self, ctx: &Ctx) -> Result<Rc<str>, Status> {
        let pause = &self.0.pause_image;
        if let Some(image) = self.0.images.resolve(pause) {
            return Ok(image.id.clone());
        }
        let id = Box::pin(self.pull(ctx, pause)).await.map_err(status)?;
        self.0.changes.mark();
        Ok(id)
    }

    /// pinns: makes the pod's namespaces and binds each to a file.
    ///
    /// Models: `internal/config/nsmgr/nsmgr_linux.go` `NewPodNamespaces`.
    async fn pin_namespaces(&self, ctx: &Ctx, pod: &Pod) -> Result<(), Status> {
        let sandbox = &pod.sandbox;
        let file = match &sandbox.network {
            Some(network) => network.path.rsplit('/').next().unwrap_or_default().to_owned(),
            None => ctx.sim().random_uuid("crio/namespaces"),
        };
        let host = |flag: &str, host: bool| if host { format!("{flag}=host") } else { flag.into() };
        let arguments = [
            host("--ipc", sandbox.host_ipc),
            host("--net", sandbox.network.is_none()),
            // There is no way to ask for the host's.
            "--uts".to_owned(),
        ];
        let shown = file.clone();
        let hop = Hop::new(Component::Crio, Component::Pinns, Protocol::Exec, "pinns")
            .source("cri-o@v1.37.0 internal/config/nsmgr/nsmgr_linux.go NewPodNamespaces")
            .request(move || {
                let argv = ["/usr/bin/pinns", "-d", "/var/run", "-f", &shown].map(str::to_owned);
                let argv = argv.into_iter().chain(arguments.clone()).collect();
                Payload::Exec { argv, env: Vec::new(), stdin: None }
            });
        let pinned = ctx.call::<(), SimError>(hop, async |ctx| {
            let node = &self.0.node;
            let process = ProcessSpec::host(self.pid(), ["/usr/bin/pinns", "-d", "/var/run"]);
            let pid = node.start_process(&ctx, process.of(Component::Pinns));
            ctx.sleep(PINNS).await;
            let kinds = [
                (NamespaceKind::Ipc, !sandbox.host_ipc),
                (NamespaceKind::Net, sandbox.network.is_some()),
                (NamespaceKind::Uts, true),
            ];
            for (kind, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
                let path: Rc<str> = format!("/var/run/{}ns/{file}", kind.as_str()).into();
                let namespace = node.new_namespace(&ctx, kind);
                node.bind_namespace(&ctx, namespace, &path);
                if let (NamespaceKind::Net, Some(network)) = (kind, &sandbox.network) {
                    network.namespace.set(Some(namespace));
                }
                pod.namespaces.borrow_mut().push((kind, path, namespace));
            }
            node.end_process(&ctx, pid, Exit { code: 0, oom_killed: false });
            Ok(())
        });
        pinned.await.map_err(|error| {
            failed("failed to pin namespaces", SimError { code: "Unknown".into(), ..error })
        })
    }

    /// Removes the files that namespaces are bound to.
    pub(super) fn remove_namespaces(&self, ctx: &Ctx, pod: &Pod) {
        for (_, _, namespace) in pod.namespaces.take() {
            self.0.node.unbind_namespace(ctx, namespace);
        }
        if let Some(network) = &pod.sandbox.network
            && network.namespace.take().is_some()
        {
            // From now on the plugins are asked without a path.
            network.forget_path();
        }
    }

    /// Models: `server/sandbox_network.go` `networkStart`; ocicni sets `lo` up itself.
    async fn start_network(
        &self,
        ctx: &Ctx,
        sandbox: &Sandbox,
        network: &Network,
    ) -> Result<(), Status> {
        let request = network.request.borrow().clone();
        if let Some(namespace) = network.namespace.get() {
            self.0.node.add_address(ctx, namespace, "lo", "127.0.0.1/8");
        }
        network.set_up.set(true);
        let added = self.0.cni.add(ctx, &request).await;
        let Sandbox { name, id, .. } = sandbox;
        let result = added.map_err(|error| {
            let pod = self.pod_of(&request.args);
            let network = self.0.cni.network_name();
            failed(
                format_args!(
                    "failed to create pod network sandbox {name}({id}): \
                     error adding pod {pod} to CNI network {network:?}"
                ),
                SimError { code: "Unknown".into(), ..error },
            )
        })?;
        let Some(ip) = result.ip else {
            return Err(Status::unknown(format!(
                "failed to get network JSON for pod sandbox {name}({id}): no addresses"
            )));
        };
        *network.ip.borrow_mut() = ip;
        Ok(())
    }

    /// The pod as ocicni calls it.
    pub(super) fn pod_of(&self, arguments: &[(&'static str, Rc<str>)]) -> String {
        let find = |name: &str| {
            let found = arguments.iter().find(|(other, _)| *other == name);
            found.map_or("", |(_, value)| value)
        };
        format!("{}_{}", find("K8S_POD_NAMESPACE"), find("K8S_POD_NAME"))
    }

    fn write_resolv_conf(&self, ctx: &Ctx, id: &str, config: &PodSandboxConfig) {
        let path = resolv_conf(id);
        match &config.dns_config {
            Some(dns) if !resolv_conf_text(dns).is_empty() => {
                self.0.node.write_file(ctx, &path, &resolv_conf_text(dns));
            }
            _ => {
                self.0.node.copy_file(ctx, "/etc/resolv.conf", &path);
            }
        }
    }

    fn hostname(&self, sandbox: &Sandbox, config: &PodSandboxConfig) -> String {
        match config.hostname.as_str() {
            "" if sandbox.network.is_none() => self.0.node.name().to_string(),
            "" => sandbox.id[..12].to_owned(),
            hostname => hostname.to_owned(),
        }
    }

    /// The pause container, where the pod shares a PID namespace.
    async fn start_infra(
        &self,
        ctx: &Ctx,
        pod: &Pod,
        config: &PodSandboxConfig,
        rootfs: Rc<str>,
    ) -> Result<(), Status> {
        let sandbox = &pod.sandbox;
        let id = &sandbox.id;
        let mut namespaces = pod.namespace_requests();
        if namespace_options(config).pid() != NamespaceMode::Node {
            namespaces.push((NamespaceKind::Pid, NamespaceRequest::New));
        }
        namespaces.push((NamespaceKind::Mnt, NamespaceRequest::New));
        let bind = |destination: &str, source: String, readonly| Bind {
            destination: destination.into(),
            source: source.into(),
            readonly,
            ..Bind::default()
        };
        let shm = if sandbox.host_ipc { "/dev/shm".to_owned() } else { shm(id) };
        let spec = Spec {
            args: vec!["/pause".into()],
            hostname: self.hostname(sandbox, config).into(),
            namespaces,
            cgroups_path: cgroups_path(config, id),
            mounts: vec![
                bind("/etc/resolv.conf", resolv_conf(id), true),
                bind("/dev/shm", shm, false),
                bind("/etc/hostname", hostname_file(id), true),
            ],
            readonly_rootfs: true,
            image: self.0.pause_image.clone(),
            sysctls: config
                .linux
                .iter()
                .flat_map(|linux| &linux.sysctls)
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            annotations: annotations(sandbox, "sandbox", &infra_name(config)),
            ..Spec::default()
        };
        let log_directory = config.log_directory.trim_end_matches('/');
        let log_path = if log_directory.is_empty() {
            format!("/var/log/crio/pods/{id}/{id}.log")
        } else {
            format!("{log_directory}/{id}.log")
        };
        let new = NewContainer {
            id: id.clone(),
            name: infra_name(config).into(),
            log_path: log_path.into(),
            rootfs,
            spec,
            declared: Declared::default(),
            stdin: false,
        };
        let held = self.create_in_runtime(ctx, new).await.map_err(status)?;
        self.start_in_runtime(ctx, &held, None).await.map_err(status)?;
        self.update_status(ctx, &held).await;
        Ok(())
    }

    /// The network goes; once is enough, whether it works or not.
    ///
    /// Models: `server/sandbox_network.go` `networkStop`.
    pub(super) async fn stop_network(&self, ctx: &Ctx, sandbox: &Sandbox) -> Result<(), Status> {
        let Some(network) = &sandbox.network else { return Ok(()) };
        if !network.set_up.replace(false) {
            return Ok(());
        }
        let request = network.request.borrow().clone();
        let Err(error) = self.0.cni.del(ctx, &request).await else { return Ok(()) };
        let Some(namespace) = network.namespace.take() else { return Ok(()) };
        // What the plugins could not do, the removal of the namespace does.
        self.0.node.unbind_namespace(ctx, namespace);
        network.forget_path();
        let (name, id) = (&sandbox.name, &sandbox.id);
        let pod = self.pod_of(&request.args);
        Err(prefixed(
            format_args!("network teardown failed for pod sandbox {name}({id})"),
            failed(
                format_args!(
                    "error removing pod {pod} from CNI network {:?}",
                    self.0.cni.network_name()
                ),
                SimError { code: "Unknown".into(), ..error },
            ),
        ))
    }
}

/// CRI-O keeps what it has to know again after a restart in annotations of the OCI configuration.
pub(super) fn annotations(
    sandbox: &Sandbox,
    kind: &'static str,
    name: &str,
) -> Vec<(&'static str, Rc<str>)> {
    vec![
        ("io.kubernetes.cri-o.ContainerType", kind.into()),
        ("io.kubernetes.cri-o.ContainerName", name.into()),
        ("io.kubernetes.cri-o.SandboxID", sandbox.id.clone()),
        ("io.kubernetes.cri-o.SandboxName", sandbox.name.clone()),
    ]
}

/// The name of a pod's infra container.
fn infra_name(config: &PodSandboxConfig) -> String {
    let metadata = config.metadata.clone().unwrap_or_default();
    let PodSandboxMetadata { name, namespace, uid, attempt } = metadata;
    format!("k8s_POD_{name}_{namespace}_{uid}_{attempt}")
}

/// Models: `internal/config/cgmgr` `ContainerCgroupPath`: below a slice, in systemd's form.
pub(super) fn cgroups_path(config: &PodSandboxConfig, id: &str) -> Rc<str> {
    let parent = config.linux.as_ref().map_or("", |linux| linux.cgroup_parent.as_str());
    let base = parent.rsplit('/').next().unwrap_or(parent);
    match base {
        "" => format!("system.slice:crio:{id}").into(),
        slice if slice.ends_with(".slice") => format!("{slice}:crio:{id}").into(),
        _ => format!("{parent}/crio-{id}").into(),
    }
}

/// The control group that stands for a sandbox without a process, so that cAdvisor finds it
/// (`CreateSandboxCgroup`).
pub(super) fn sandbox_cgroup(config: &PodSandboxConfig, id: &str) -> Option<String> {
    let parent = config.linux.as_ref().map_or("", |linux| linux.cgroup_parent.as_str());
    (!parent.is_empty()).then(|| {
        let path = cgroup_directory(&cgroups_path(config, id));
        path.strip_suffix(".scope").map_or(path.clone(), str::to_owned)
    })
}

pub(super) fn hostname_file(id: &str) -> String {
    format!("{}/hostname", run_dir(id))
}

pub(super) fn resolv_conf(id: &str) -> String {
    format!("{}/resolv.conf", run_dir(id))
}

pub(super) fn shm(id: &str) -> String {
    format!("{}/shm", run_dir(id))
}
