//! CRI-O: a daemon that does what the CRI asks for and nothing else.
//!
//! ```text
//! kubelet ──CRI, gRPC──► crio
//!                          ├─ exec ──► pinns               the pod's namespaces, as files
//!                          ├─ exec, CNI ──► network plugins
//!                          ├─ HTTPS ──► registry           containers/image, containers/storage
//!                          ├─ exec ──► conmon ──exec──► crun create
//!                          └─ exec ──► crun start | state | kill | delete
//! ```
//!
//! # Operations, as faults name them
//! Those of CRI under their own names; `pinns`; `conmon`, `conmon exec`; those of the OCI runtime,
//! `crun create`, `crun start`, `crun state`, `crun kill`, `crun delete`, `crun exec`,
//! `crun update`, or the same of runc; `Storage.CreatePodSandbox`, `Storage.CreateContainer`,
//! `Storage.StartContainer`, `Storage.DeleteContainer`, `Storage.PutLayer`, `Storage.CreateImage`,
//! `Storage.DeleteImage`; `GET manifest`, `GET config`, `GET layer`; those of [`crate::cni`].
//!
//! # What we simplify
//! A registry answers without a token, and names are completed with `docker.io` only. Short names,
//! signatures, artifacts, NRI, hooks, SELinux and checkpoints are left out. The limits of a
//! container's control group are not modelled.

mod conmon;
mod container;
mod container_stop;
mod exec;
mod sandbox_run;
mod sandbox_stop;
mod status;
mod storage;
mod streaming;
mod validate;

use crate::cni::{Cni, CniOptions};
use crate::oci::{NamespaceRequest, Runc};
use crate::server::images::ImageStore;
use crate::server::store::{Container, Names, Sandbox, Store};
use crate::server::{images, list};
use async_trait::async_trait;
use conmon::Monitored;
use container_stop::Stopping;
use cri::*;
use node::{Node, ProcessSpec, Programs, Registry};
use sim::{Changes, Ctx, Endpoint};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Effect, NamespaceKind, Protocol, Topology};

/// CRI-O's socket.
pub const ADDRESS: &str = "unix:///var/run/crio/crio.sock";

/// A CRI call, one way and back.
const CRI_LATENCY: Duration = Duration::from_millis(1);

/// How long a container may take to stop where the request does not say, in seconds: what is left
/// of the two minutes that a kubelet waits.
const STOP_TIMEOUT: i64 = 119;

/// What CRI-O is started with.
#[derive(Clone, Debug)]
pub struct CrioOptions {
    /// Its version.
    pub version: Rc<str>,
    /// The OCI runtime: crun, or runc, which was the default in the days of 1.22.
    pub runtime: Component,
    /// Where images come from, and which are there from the beginning.
    pub registry: Rc<Registry>,
    /// What containers do.
    pub programs: Rc<Programs>,
    /// The image of the infra container.
    pub pause_image: Rc<str>,
    /// `drop_infra_ctr`: no infra container where nothing needs one.
    pub drops_infra: bool,
    /// Whether somebody has put a network configuration in place.
    pub network_configured: bool,
}

impl Default for CrioOptions {
    fn default() -> Self {
        Self {
            version: "1.37.0".into(),
            runtime: Component::Crun,
            registry: Rc::default(),
            programs: Rc::default(),
            pause_image: "registry.k8s.io/pause:3.10.1".into(),
            drops_infra: true,
            network_configured: true,
        }
    }
}

impl CrioOptions {
    /// CRI-O as it comes with a minor version of Kubernetes, which its own follow.
    #[must_use]
    pub fn for_kubernetes(minor: u16) -> Self {
        let (pause_image, runtime) = (default_pause_image(minor), default_runtime(minor));
        let version = format!("1.{minor}.0").into();
        Self { version, runtime, pause_image: pause_image.into(), ..Self::default() }
    }
}

/// runc until 1.30, crun from 1.31 on.
#[must_use]
pub const fn default_runtime(minor: u16) -> Component {
    if minor <= 30 { Component::Runc } else { Component::Crun }
}

const fn default_pause_image(minor: u16) -> &'static str {
    match minor {
        ..=24 => "k8s.gcr.io/pause:3.5",
        25..=32 => "registry.k8s.io/pause:3.9",
        _ => "registry.k8s.io/pause:3.10.1",
    }
}

/// Starts CRI-O on a node.
#[must_use]
pub fn start(ctx: &Ctx, node: &Node, options: CrioOptions) -> Endpoint {
    let CrioOptions {
        version,
        runtime,
        registry,
        programs,
        pause_image,
        drops_infra,
        network_configured,
    } = options;
    if network_configured {
        Cni::install_default(ctx, node);
    }
    let process = ProcessSpec::host(Node::INIT, ["/usr/bin/crio"]);
    let pid = node.start_process(ctx, process.of(Component::Crio));
    let cni = Cni::new(
        node,
        CniOptions {
            caller: Component::Crio,
            caller_pid: pid,
            bin_dir: "/opt/cni/bin".into(),
            conf_dir: "/etc/cni/net.d".into(),
            loopback: None,
            source: "cri-o@v1.37.0 server/sandbox_network.go networkStart",
            glue: None,
        },
    );
    let (root, steps) = match runtime {
        Component::Crun => ("/run/crun", &conmon::CRUN),
        _ => ("/run/runc", &conmon::RUNC),
    };
    let crio = Crio(Rc::new(Inner {
        node: node.clone(),
        pid: Cell::new(pid),
        version,
        registry,
        programs,
        pause_image,
        drops_infra,
        cni,
        runtime: Runc {
            node: node.clone(),
            program: runtime,
            options: ["--root", root, "--systemd-cgroup"].map(Rc::from).into(),
            steps,
        },
        changes: Changes::default(),
        images: ImageStore::default(),
        layers: RefCell::default(),
        sandboxes: Store::default(),
        containers: Store::default(),
        unclaimed: RefCell::default(),
        pods: RefCell::default(),
        monitored: RefCell::default(),
        stopping: RefCell::default(),
        pod_names: Names::default(),
        container_names: Names::default(),
        creations: sim::Signal::default(),
        pod_cidr: RefCell::default(),
    }));
    let present: Vec<_> = crio.0.registry.present().cloned().collect();
    for reference in present {
        crio.preload(ctx, &reference);
    }
    Endpoint {
        component: Component::Crio,
        address: ADDRESS.into(),
        changes: crio.0.changes.clone(),
        service: Rc::new(crio),
        latency: CRI_LATENCY,
    }
}

/// Adds the components of the stack below the kubelet, and who talks to whom.
pub fn topology(topology: &mut Topology, runtime: Component) {
    use Component::{Cni, Conmon, CriClient, Crio, Kernel, Pinns, Registry};
    topology
        .add(Crio)
        .add(Pinns)
        .add(Conmon)
        .add(runtime)
        .add(Cni)
        .add(Kernel)
        .add(Registry)
        .link_at(CriClient, Crio, Protocol::Cri, ADDRESS.trim_start_matches("unix://"))
        .link(Crio, Pinns, Protocol::Exec)
        .link_at(Crio, Cni, Protocol::Cni, "/opt/cni/bin")
        .link_at(Crio, Conmon, Protocol::Exec, conmon::EXITS)
        .link(Crio, runtime, Protocol::Exec)
        .link(Crio, Registry, Protocol::Https)
        .link(Conmon, runtime, Protocol::Exec)
        .link(Pinns, Kernel, Protocol::Syscall)
        .link(runtime, Kernel, Protocol::Syscall)
        .link(Cni, Kernel, Protocol::Syscall);
}

/// The daemon. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Crio(Rc<Inner>);

struct Inner {
    node: Node,
    pid: Cell<u32>,
    version: Rc<str>,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
    pause_image: Rc<str>,
    drops_infra: bool,
    cni: Cni,
    runtime: Runc,
    changes: Changes,
    images: ImageStore,
    /// The layers of containers, by the container's id.
    layers: RefCell<BTreeMap<Rc<str>, Rc<str>>>,
    sandboxes: Store<Sandbox>,
    containers: Store<Container>,
    /// Sandboxes that were made for somebody who did not wait: the resource store.
    unclaimed: RefCell<BTreeMap<Rc<str>, Rc<Sandbox>>>,
    pods: RefCell<BTreeMap<Rc<str>, Rc<Pod>>>,
    /// Containers and infra containers that a conmon stays with, by id.
    monitored: RefCell<BTreeMap<Rc<str>, Rc<Monitored>>>,
    stopping: RefCell<BTreeMap<Rc<str>, Rc<Stopping>>>,
    pod_names: Names,
    container_names: Names,
    /// Heard whenever a sandbox has been made, or could not be.
    creations: sim::Signal,
    pod_cidr: RefCell<String>,
}

/// What CRI-O knows of a sandbox besides what every server does.
struct Pod {
    sandbox: Rc<Sandbox>,
    /// Kind, file and namespace, until the sandbox is stopped.
    namespaces: RefCell<Vec<(NamespaceKind, Rc<str>, u32)>>,
    /// Whether a process holds the sandbox: only where the pod shares a PID namespace.
    has_infra: bool,
    /// The control group in place of such a process.
    cgroup: Option<String>,
}

impl Pod {
    /// What containers ask of the OCI runtime to be in the pod's namespaces.
    fn namespace_requests(&self) -> Vec<(NamespaceKind, NamespaceRequest)> {
        let namespaces = self.namespaces.borrow();
        let requests =
            namespaces.iter().map(|(kind, path, _)| (*kind, NamespaceRequest::Path(path.clone())));
        requests.collect()
    }
}

impl Crio {
    fn pid(&self) -> u32 {
        self.0.pid.get()
    }

    fn sandbox_changed(&self, ctx: &Ctx, sandbox: &Sandbox) {
        ctx.effect(Effect::Sandbox(sandbox.view()));
        self.0.changes.mark();
    }

    fn container_changed(&self, ctx: &Ctx, container: &Container) {
        ctx.effect(Effect::Container(container.view()));
        self.0.changes.mark();
    }

    /// A new id: 64 hexadecimal digits.
    fn generate_id(ctx: &Ctx) -> Rc<str> {
        ctx.sim().random_hex("crio/ids", 64).into()
    }

    /// Does the work of a call in a task of its own, so that it comes to its end even if the
    /// client has gone away. The work can ask whether it has.
    fn to_the_end<'r, T: 'static, F>(
        &self,
        ctx: &Ctx,
        work: impl FnOnce(Self, Ctx, Rc<Cell<bool>>) -> F,
    ) -> Reply<'r, T>
    where
        F: Future<Output = Result<T, Status>> + 'static,
    {
        let wanted = Rc::new(Cell::new(true));
        let answer = ctx.spawn(work(self.clone(), ctx.clone(), wanted.clone())).join();
        let waiting = Waiting(wanted);
        Box::pin(async move {
            let answer = answer.await;
            drop(waiting);
            answer
        })
    }
}

/// Somebody waits for an answer until this is dropped.
struct Waiting(Rc<Cell<bool>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[async_trait(?Send)]
impl RuntimeService<Ctx> for Crio {
    async fn version(&self, _: &Ctx, _: VersionRequest) -> Result<VersionResponse, Status> {
        Ok(VersionResponse {
            version: "0.1.0".to_owned(),
            runtime_name: "cri-o".to_owned(),
            runtime_version: self.0.version.to_string(),
            runtime_api_version: "v1".to_owned(),
        })
    }

    fn run_pod_sandbox<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: RunPodSandboxRequest,
    ) -> Reply<'r, RunPodSandboxResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        let request = Box::new(request);
        self.to_the_end(ctx, |crio, ctx, wanted| async move {
            crio.do_run_pod_sandbox(&ctx, &request, &wanted).await
        })
    }

    fn stop_pod_sandbox<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: StopPodSandboxRequest,
    ) -> Reply<'r, StopPodSandboxResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |crio, ctx, _| async move {
            crio.do_stop_pod_sandbox(&ctx, &request.pod_sandbox_id).await
        })
    }

    fn remove_pod_sandbox<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: RemovePodSandboxRequest,
    ) -> Reply<'r, RemovePodSandboxResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |crio, ctx, _| async move {
            crio.do_remove_pod_sandbox(&ctx, &request.pod_sandbox_id).await
        })
    }

    async fn pod_sandbox_status(
        &self,
        _: &Ctx,
        request: PodSandboxStatusRequest,
    ) -> Result<PodSandboxStatusResponse, Status> {
        self.do_pod_sandbox_status(&request)
    }

    async fn list_pod_sandbox(
        &self,
        _: &Ctx,
        request: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        Ok(ListPodSandboxResponse { items: list::sandboxes(&self.0.sandboxes, request.filter) })
    }

    fn create_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: CreateContainerRequest,
    ) -> Reply<'r, CreateContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        let request = Box::new(request);
        self.to_the_end(ctx, |crio, ctx, _| async move {
            crio.do_create_container(&ctx, &request).await
        })
    }

    fn start_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: StartContainerRequest,
    ) -> Reply<'r, StartContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |crio, ctx, _| async move {
            crio.do_start_container(&ctx, &request.container_id).await
        })
    }

    fn stop_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: StopContainerRequest,
    ) -> Reply<'r, StopContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(
            ctx,
            |crio, ctx, _| async move { crio.do_stop_container(&ctx, &request).await },
        )
    }

    fn remove_container<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: RemoveContainerRequest,
    ) -> Reply<'r, RemoveContainerResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |crio, ctx, _| async move {
            crio.do_remove_container(&ctx, &request.container_id).await
        })
    }

    async fn list_containers(
        &self,
        _: &Ctx,
        request: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        let Inner { sandboxes, containers, .. } = &*self.0;
        let containers = list::containers(sandboxes, containers, request.filter);
        Ok(ListContainersResponse { containers })
    }

    async fn container_status(
        &self,
        _: &Ctx,
        request: ContainerStatusRequest,
    ) -> Result<ContainerStatusResponse, Status> {
        self.do_container_status(&request)
    }

    async fn update_container_resources(
        &self,
        ctx: &Ctx,
        request: UpdateContainerResourcesRequest,
    ) -> Result<UpdateContainerResourcesResponse, Status> {
        self.do_update_container_resources(ctx, request).await
    }

    async fn reopen_container_log(
        &self,
        ctx: &Ctx,
        request: ReopenContainerLogRequest,
    ) -> Result<ReopenContainerLogResponse, Status> {
        self.do_reopen_container_log(ctx, &request.container_id)
    }

    fn exec_sync<'s, 'c, 'r>(
        &'s self,
        ctx: &'c Ctx,
        request: ExecSyncRequest,
    ) -> Reply<'r, ExecSyncResponse>
    where
        's: 'r,
        'c: 'r,
        Self: 'r,
    {
        self.to_the_end(ctx, |crio, ctx, _| async move { crio.do_exec_sync(&ctx, request).await })
    }

    async fn exec(&self, ctx: &Ctx, request: ExecRequest) -> Result<ExecResponse, Status> {
        self.do_exec(ctx, request)
    }

    async fn attach(&self, ctx: &Ctx, request: AttachRequest) -> Result<AttachResponse, Status> {
        self.do_attach(ctx, request)
    }

    async fn port_forward(
        &self,
        ctx: &Ctx,
        request: PortForwardRequest,
    ) -> Result<PortForwardResponse, Status> {
        self.do_port_forward(ctx, &request)
    }

    async fn update_runtime_config(
        &self,
        _: &Ctx,
        request: UpdateRuntimeConfigRequest,
    ) -> Result<UpdateRuntimeConfigResponse, Status> {
        let network = request.runtime_config.and_then(|config| config.network_config);
        *self.0.pod_cidr.borrow_mut() = network.unwrap_or_default().pod_cidr;
        Ok(UpdateRuntimeConfigResponse {})
    }

    async fn status(&self, _: &Ctx, request: StatusRequest) -> Result<StatusResponse, Status> {
        Ok(self.do_status(request.verbose))
    }

    async fn runtime_config(
        &self,
        _: &Ctx,
        _: RuntimeConfigRequest,
    ) -> Result<RuntimeConfigResponse, Status> {
        let linux = LinuxRuntimeConfiguration { cgroup_driver: CgroupDriver::Systemd.into() };
        Ok(RuntimeConfigResponse { linux: Some(linux) })
    }

    async fn container_stats(
        &self,
        ctx: &Ctx,
        request: ContainerStatsRequest,
    ) -> Result<ContainerStatsResponse, Status> {
        let container = self.find_container(&request.container_id)?;
        Ok(ContainerStatsResponse { stats: Some(container.stats(ctx.now(), storage::IMAGE_FS)) })
    }

    async fn list_container_stats(
        &self,
        ctx: &Ctx,
        request: ListContainerStatsRequest,
    ) -> Result<ListContainerStatsResponse, Status> {
        let Inner { sandboxes, containers, .. } = &*self.0;
        let (filter, now) = (request.filter, ctx.now());
        let stats = list::container_stats(sandboxes, containers, filter, now, storage::IMAGE_FS);
        Ok(ListContainerStatsResponse { stats })
    }
}

#[async_trait(?Send)]
impl ImageService<Ctx> for Crio {
    async fn list_images(
        &self,
        _: &Ctx,
        request: ListImagesRequest,
    ) -> Result<ListImagesResponse, Status> {
        Ok(images::list_images(&self.0.images, request.filter))
    }

    async fn image_status(
        &self,
        _: &Ctx,
        request: ImageStatusRequest,
    ) -> Result<ImageStatusResponse, Status> {
        self.do_image_status(&request)
    }

    async fn pull_image(
        &self,
        ctx: &Ctx,
        request: PullImageRequest,
    ) -> Result<PullImageResponse, Status> {
        let image = request.image.unwrap_or_default().image;
        let id = self.pull(ctx, &image).await.map_err(crate::server::status)?;
        self.0.changes.mark();
        Ok(PullImageResponse { image_ref: id.to_string() })
    }

    async fn remove_image(
        &self,
        ctx: &Ctx,
        request: RemoveImageRequest,
    ) -> Result<RemoveImageResponse, Status> {
        self.do_remove_image(ctx, &request.image.unwrap_or_default().image).await
    }

    async fn image_fs_info(
        &self,
        ctx: &Ctx,
        _: ImageFsInfoRequest,
    ) -> Result<ImageFsInfoResponse, Status> {
        Ok(images::image_fs_info(&self.0.images, ctx.now(), storage::IMAGE_FS))
    }
}
