//! dockershim: the CRI server inside the kubelet that speaks to Docker, and its successor
//! cri-dockerd, which is the same code in a process of its own.
//!
//! ```text
//! kubelet ──CRI──► unix:///var/run/dockershim.sock ──► dockershim (the same process)
//!                    ├─ Docker Engine API ──► unix:///var/run/docker.sock ──► dockerd
//!                    ├─ exec ──► /opt/cni/bin/*, nsenter
//!                    └─ files: /var/lib/dockershim/sandbox/*, resolv.conf, log links
//! ```
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim`; cri-dockerd@v0.4.3 `core`.
//!
//! # What we simplify
//! The kubenet plugin and everything of Windows are left out. The streaming server gives out
//! addresses and does not listen at them.

mod bandwidth;
mod checkpoint;
mod client;
mod container;
mod exec;
mod glue;
mod image;
pub(crate) mod naming;
mod network;
mod resolv;
mod sandbox;
mod security;

pub use glue::GLUE;
pub use network::{BIN_DIR, HostPrograms, NetworkPluginKind, PluginRun, nsenter_arguments};

use super::engine::{ApiFields, AuthConfig, DockerEngine};
use super::views::Views;
use async_trait::async_trait;
use checkpoint::CheckpointManager;
use client::Docker;
use cri::{ImageService, RuntimeService, Status};
use glue::{at, step};
use network::{Host, PluginManager};
use node::Node;
use sim::{Changes, Ctx, Signal};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Time};

/// What dockershim calls its own interface, whatever the CRI's version.
const KUBE_API_VERSION: &str = "0.1.0";
/// How long the daemon's version is remembered.
const VERSION_TTL: Duration = Duration::from_secs(60);
/// How often the container manager looks at the daemon.
const CONTAINER_MANAGER_PERIOD: Duration = Duration::from_secs(5 * 60);
/// How long a pull may be silent, unless said otherwise.
const PROGRESS_DEADLINE: Duration = Duration::from_secs(60);

/// Which of the two it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// Inside the kubelet of Kubernetes 1.22.
    #[default]
    Dockershim,
    /// A process of its own, from Kubernetes 1.24 on.
    CriDockerd,
}

impl Flavor {
    /// Its component.
    #[must_use]
    pub const fn component(self) -> Component {
        match self {
            Self::Dockershim => Component::Dockershim,
            Self::CriDockerd => Component::CriDockerd,
        }
    }

    /// Where the kubelet dials it.
    #[must_use]
    pub const fn socket(self) -> &'static str {
        match self {
            Self::Dockershim => "unix:///var/run/dockershim.sock",
            Self::CriDockerd => "unix:///var/run/cri-dockerd.sock",
        }
    }

    /// The image of sandboxes, unless said otherwise.
    #[must_use]
    pub const fn default_pause_image(self) -> &'static str {
        match self {
            Self::Dockershim => "k8s.gcr.io/pause:3.5",
            Self::CriDockerd => "registry.k8s.io/pause:3.10",
        }
    }

    /// The oldest API version of Docker's that it accepts, as Go's semantic versions print.
    const fn minimum_api_version(self) -> (&'static str, u32) {
        match self {
            Self::Dockershim => ("1.26.0", 26),
            Self::CriDockerd => ("1.42.0", 42),
        }
    }

    /// The Go packages of its checkpoints and of the ports in them, which are part of what their
    /// checksums cover.
    const fn go_packages(self) -> (&'static str, &'static str) {
        match self {
            Self::Dockershim => ("dockershim", "dockershim"),
            Self::CriDockerd => ("core", "config"),
        }
    }

    const fn checkpoint_directory(self) -> &'static str {
        match self {
            Self::Dockershim => "/var/lib/dockershim/sandbox",
            Self::CriDockerd => "/var/lib/cri-dockerd/sandbox",
        }
    }

    const fn api(self) -> ApiFields {
        match self {
            Self::Dockershim => ApiFields::V1_41,
            Self::CriDockerd => ApiFields::V1_44,
        }
    }
}

/// How dockershim is configured.
#[derive(Clone, Debug, Default)]
pub struct ShimOptions {
    /// dockershim or cri-dockerd.
    pub flavor: Flavor,
    /// `--network-plugin`.
    pub network_plugin: NetworkPluginKind,
    /// `--pod-infra-container-image`; empty: the default.
    pub pause_image: String,
    /// The kubelet's `--cgroup-driver`: `cgroupfs`, `systemd`; empty: whatever Docker has.
    pub cgroup_driver: String,
    /// The node's credentials: the beginning of the images that they are for, and the credentials.
    /// The longest beginning comes first.
    pub credentials: Vec<(String, AuthConfig)>,
    /// `--image-pull-progress-deadline`; none: one minute.
    pub progress_deadline: Option<Duration>,
}

impl ShimOptions {
    /// The node's credentials for an image, the most specific first.
    fn credentials_for(&self, image: &str) -> Vec<AuthConfig> {
        let image = node::image::normalize(image);
        let mut found: Vec<&(String, AuthConfig)> = self
            .credentials
            .iter()
            .filter(|(prefix, _)| image.starts_with(prefix.as_str()))
            .collect();
        found.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        found.into_iter().map(|(_, auth)| auth.clone()).collect()
    }
}

/// dockershim.
pub struct Dockershim {
    options: ShimOptions,
    node: Node,
    docker: Docker,
    network: PluginManager,
    checkpoints: CheckpointManager,
    views: Views,
    changes: Changes,
    /// Of the sandboxes that this process has made or stopped: whether they have their network.
    network_ready: RefCell<BTreeMap<Rc<str>, bool>>,
    version: RefCell<Option<(Time, String)>>,
    systemd_cgroups: Cell<bool>,
    docker_root_dir: RefCell<String>,
    /// What the daemon said of itself when dockershim started.
    engine: RefCell<(String, Vec<String>)>,
    streaming_port: u16,
    /// How the start-up went; none while it goes on.
    started: RefCell<Option<bool>>,
    starting: Signal,
}

impl Dockershim {
    /// A dockershim that has not started yet; whoever calls it waits for [`Dockershim::boot`].
    #[must_use]
    pub fn new(
        ctx: &Ctx,
        node: &Node,
        engine: Rc<dyn DockerEngine>,
        programs: Rc<dyn HostPrograms>,
        options: ShimOptions,
        views: Views,
        changes: Changes,
    ) -> Rc<Self> {
        let deadline = options.progress_deadline.unwrap_or(PROGRESS_DEADLINE);
        let (flavor, plugin) = (options.flavor, options.network_plugin);
        let streaming_port = 32_768 + ctx.sim().random_below("dockershim/port", 28_000) as u16;
        Rc::new(Self {
            options,
            node: node.clone(),
            docker: Docker::new(engine, flavor, deadline),
            network: PluginManager::new(node, flavor, plugin, programs, changes.clone()),
            checkpoints: CheckpointManager::new(ctx, node, flavor),
            views,
            changes,
            network_ready: RefCell::default(),
            version: RefCell::default(),
            systemd_cgroups: Cell::new(false),
            docker_root_dir: RefCell::default(),
            engine: RefCell::default(),
            streaming_port,
            started: RefCell::default(),
            starting: Signal::default(),
        })
    }

    /// Starts: speaks to Docker, probes the network plugins, checks what must fit together.
    ///
    /// # Errors
    /// A daemon that does not answer, is too old, or uses another cgroup driver: the kubelet exits.
    pub async fn boot(self: &Rc<Self>, ctx: &Ctx) -> Result<(), String> {
        let result = self.start_up(ctx).await;
        self.serve(result.is_ok());
        result
    }

    /// Nobody has started it yet: whoever dials is told so.
    pub fn refuse(&self) {
        self.serve(false);
    }

    fn serve(&self, started: bool) {
        *self.started.borrow_mut() = Some(started);
        self.changes.mark();
        self.starting.notify();
    }

    /// Models: kubernetes@v1.22.6 `docker_service.go` `NewDockerService`, `Start`.
    async fn start_up(self: &Rc<Self>, ctx: &Ctx) -> Result<(), String> {
        let docker = &self.docker;
        docker.negotiate(ctx, step(at!("libdocker/client.go ConnectToDockerOrDie"))).await;

        let check = step(at!("docker_service.go checkVersionCompatibility"));
        let version = docker.version(ctx, check).await;
        let version = version.map_err(|error| format!("failed to get docker version: {error}"))?;
        let (minimum, minor) = self.options.flavor.minimum_api_version();
        let found = version.api_version.split('.').nth(1).and_then(|minor| minor.parse().ok());
        if found.is_none_or(|found: u32| found < minor) {
            return Err(format!("docker API version is older than {minimum}"));
        }

        self.network.probe(ctx).await;
        let info = docker.info(ctx, step(at!("docker_service.go NewDockerService"))).await;
        let info = info.map_err(|error| {
            format!("failed to execute Info() call to the Docker client: {error}")
        })?;
        let driver = if info.cgroup_driver.is_empty() { "cgroupfs" } else { &info.cgroup_driver };
        let wanted = &self.options.cgroup_driver;
        if !wanted.is_empty() && wanted != driver {
            return Err(format!(
                "misconfiguration: kubelet cgroup driver: {wanted:?} is different from docker \
                 cgroup driver: {driver:?}"
            ));
        }
        self.systemd_cgroups.set(driver == "systemd");
        *self.docker_root_dir.borrow_mut() = info.docker_root_dir;
        *self.engine.borrow_mut() = (version.version, info.runtimes);

        // The container manager keeps Docker's processes where they belong.
        let look = step(at!("cm/container_manager_linux.go doWork"));
        // It only logs what it cannot do.
        let _ = docker.version(ctx, look).await;
        let (weak, detached) = (Rc::downgrade(self), ctx.detached());
        ctx.spawn(async move {
            loop {
                detached.sleep(CONTAINER_MANAGER_PERIOD).await;
                let Some(shim) = weak.upgrade() else { return };
                let _ = shim.docker.version(&detached, look).await;
            }
        });
        Ok(())
    }

    /// Waits for the end of the start-up.
    async fn up(&self) -> Result<(), Status> {
        while self.started.borrow().is_none() {
            self.starting.wait().await;
        }
        if *self.started.borrow() == Some(true) {
            return Ok(());
        }
        let socket = self.options.flavor.socket().trim_start_matches("unix://");
        Err(Status::unavailable(format!(
            "connection error: desc = \"transport: Error while dialing dial unix {socket}: connect: \
             no such file or directory\""
        )))
    }

    fn host(&self) -> Host<'_> {
        Host { docker: &self.docker, checkpoints: &self.checkpoints }
    }

    /// Whether a sandbox has its network; none if this process does not know.
    fn network_ready(&self, id: &str) -> Option<bool> {
        self.network_ready.borrow().get(id).copied()
    }

    fn set_network_ready(&self, id: &str, ready: Option<bool>) {
        let mut known = self.network_ready.borrow_mut();
        match ready {
            Some(ready) => known.insert(id.into(), ready),
            None => known.remove(id),
        };
        self.changes.mark();
    }

    /// The daemon's API version, at most a minute old.
    async fn api_version(&self, ctx: &Ctx) -> Result<String, Status> {
        let cached = self.version.borrow().clone();
        if let Some((at, version)) = cached
            && ctx.now().since(at) < VERSION_TTL
        {
            return Ok(version);
        }
        let ask = glue::glue("api-version", at!("docker_service.go getDockerAPIVersion"));
        let version = self.docker.version(ctx, ask).await.map_err(|error| {
            failed(format!(
                "unable to get the docker API version: failed to get docker version: {error}"
            ))
        })?;
        *self.version.borrow_mut() = Some((ctx.now(), version.api_version.clone()));
        Ok(version.api_version)
    }

    async fn runtime_status(&self, ctx: &Ctx) -> cri::RuntimeStatus {
        let condition = |kind: &str, reason: &str, problem: Option<String>| cri::RuntimeCondition {
            r#type: kind.to_owned(),
            status: problem.is_none(),
            reason: if problem.is_some() { reason.to_owned() } else { String::new() },
            message: problem.unwrap_or_default(),
        };
        let docker = match self.options.flavor {
            Flavor::Dockershim => {
                let ask = step(at!("docker_service.go Status"));
                let version = self.docker.version(ctx, ask).await;
                version.err().map(|error| format!("docker: failed to get docker version: {error}"))
            }
            Flavor::CriDockerd => None,
        };
        let network = self.network.status().err();
        let network = network.map(|error| format!("docker: network plugin is not ready: {error}"));
        cri::RuntimeStatus {
            conditions: vec![
                condition("RuntimeReady", "DockerDaemonNotReady", docker),
                condition("NetworkReady", "NetworkPluginNotReady", network),
            ],
        }
    }
}

/// A Go error as gRPC sends it.
fn failed(text: impl Into<String>) -> Status {
    Status::unknown(text)
}

/// Several errors in one, as `utilerrors.NewAggregate` prints them: one alone as it is, more in
/// brackets, each text once.
fn aggregate(errors: Vec<String>) -> String {
    let mut seen = BTreeSet::new();
    let mut errors: Vec<String> =
        errors.into_iter().filter(|error| seen.insert(error.clone())).collect();
    if errors.len() == 1 { errors.remove(0) } else { format!("[{}]", errors.join(", ")) }
}

#[async_trait(?Send)]
impl RuntimeService<Ctx> for Dockershim {
    async fn version(
        &self,
        ctx: &Ctx,
        _request: cri::VersionRequest,
    ) -> Result<cri::VersionResponse, Status> {
        self.up().await?;
        if self.options.flavor == Flavor::CriDockerd {
            // The successor remembers what Docker said when it started.
            return Ok(cri::VersionResponse {
                version: KUBE_API_VERSION.to_owned(),
                runtime_name: sandbox::RUNTIME_NAME.to_owned(),
                runtime_version: self.engine.borrow().0.clone(),
                runtime_api_version: "v1".to_owned(),
            });
        }
        let ask = step(at!("docker_service.go Version"));
        let version = self.docker.version(ctx, ask).await;
        let version =
            version.map_err(|error| failed(format!("failed to get docker version: {error}")))?;
        Ok(cri::VersionResponse {
            version: KUBE_API_VERSION.to_owned(),
            runtime_name: sandbox::RUNTIME_NAME.to_owned(),
            runtime_version: version.version,
            // Docker's versions have two parts, semantic ones three.
            runtime_api_version: format!("{}.0", version.api_version),
        })
    }

    async fn run_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: cri::RunPodSandboxRequest,
    ) -> Result<cri::RunPodSandboxResponse, Status> {
        self.up().await?;
        let pod_sandbox_id = self.run_sandbox(ctx, request).await?;
        Ok(cri::RunPodSandboxResponse { pod_sandbox_id })
    }

    async fn stop_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: cri::StopPodSandboxRequest,
    ) -> Result<cri::StopPodSandboxResponse, Status> {
        self.up().await?;
        self.stop_sandbox(ctx, &request.pod_sandbox_id).await?;
        Ok(cri::StopPodSandboxResponse {})
    }

    async fn remove_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: cri::RemovePodSandboxRequest,
    ) -> Result<cri::RemovePodSandboxResponse, Status> {
        self.up().await?;
        self.remove_sandbox(ctx, &request.pod_sandbox_id).await?;
        Ok(cri::RemovePodSandboxResponse {})
    }

    async fn pod_sandbox_status(
        &self,
        ctx: &Ctx,
        request: cri::PodSandboxStatusRequest,
    ) -> Result<cri::PodSandboxStatusResponse, Status> {
        self.up().await?;
        let status = self.sandbox_status(ctx, &request.pod_sandbox_id).await?;
        let status = Some(status);
        Ok(cri::PodSandboxStatusResponse { status, ..cri::PodSandboxStatusResponse::default() })
    }

    async fn list_pod_sandbox(
        &self,
        ctx: &Ctx,
        request: cri::ListPodSandboxRequest,
    ) -> Result<cri::ListPodSandboxResponse, Status> {
        self.up().await?;
        let items = self.list_sandboxes(ctx, request.filter).await?;
        Ok(cri::ListPodSandboxResponse { items })
    }

    async fn create_container(
        &self,
        ctx: &Ctx,
        request: cri::CreateContainerRequest,
    ) -> Result<cri::CreateContainerResponse, Status> {
        self.up().await?;
        let container_id = self.create(ctx, request).await?;
        Ok(cri::CreateContainerResponse { container_id })
    }

    async fn start_container(
        &self,
        ctx: &Ctx,
        request: cri::StartContainerRequest,
    ) -> Result<cri::StartContainerResponse, Status> {
        self.up().await?;
        self.start(ctx, &request.container_id).await?;
        Ok(cri::StartContainerResponse {})
    }

    async fn stop_container(
        &self,
        ctx: &Ctx,
        request: cri::StopContainerRequest,
    ) -> Result<cri::StopContainerResponse, Status> {
        self.up().await?;
        self.stop(ctx, &request.container_id, request.timeout).await?;
        Ok(cri::StopContainerResponse {})
    }

    async fn remove_container(
        &self,
        ctx: &Ctx,
        request: cri::RemoveContainerRequest,
    ) -> Result<cri::RemoveContainerResponse, Status> {
        self.up().await?;
        self.remove(ctx, &request.container_id).await?;
        Ok(cri::RemoveContainerResponse {})
    }

    async fn list_containers(
        &self,
        ctx: &Ctx,
        request: cri::ListContainersRequest,
    ) -> Result<cri::ListContainersResponse, Status> {
        self.up().await?;
        let containers = self.list(ctx, request.filter).await?;
        Ok(cri::ListContainersResponse { containers })
    }

    async fn container_status(
        &self,
        ctx: &Ctx,
        request: cri::ContainerStatusRequest,
    ) -> Result<cri::ContainerStatusResponse, Status> {
        self.up().await?;
        let status = Dockershim::container_status(self, ctx, &request.container_id).await?;
        let status = Some(status);
        Ok(cri::ContainerStatusResponse { status, ..cri::ContainerStatusResponse::default() })
    }

    async fn update_container_resources(
        &self,
        ctx: &Ctx,
        request: cri::UpdateContainerResourcesRequest,
    ) -> Result<cri::UpdateContainerResourcesResponse, Status> {
        self.up().await?;
        self.update(ctx, request).await?;
        Ok(cri::UpdateContainerResourcesResponse {})
    }

    async fn reopen_container_log(
        &self,
        _ctx: &Ctx,
        _request: cri::ReopenContainerLogRequest,
    ) -> Result<cri::ReopenContainerLogResponse, Status> {
        self.up().await?;
        Err(failed("docker does not support reopening container log files"))
    }

    async fn exec_sync(
        &self,
        ctx: &Ctx,
        request: cri::ExecSyncRequest,
    ) -> Result<cri::ExecSyncResponse, Status> {
        self.up().await?;
        self.exec_sync_in(ctx, request).await
    }

    async fn exec(
        &self,
        ctx: &Ctx,
        request: cri::ExecRequest,
    ) -> Result<cri::ExecResponse, Status> {
        self.up().await?;
        let streams = [request.tty, request.stdin, request.stdout, request.stderr];
        let url = self.stream_url(ctx, &request.container_id, "exec", Some(streams)).await?;
        Ok(cri::ExecResponse { url })
    }

    async fn attach(
        &self,
        ctx: &Ctx,
        request: cri::AttachRequest,
    ) -> Result<cri::AttachResponse, Status> {
        self.up().await?;
        let streams = [request.tty, request.stdin, request.stdout, request.stderr];
        let url = self.stream_url(ctx, &request.container_id, "attach", Some(streams)).await?;
        Ok(cri::AttachResponse { url })
    }

    async fn port_forward(
        &self,
        ctx: &Ctx,
        request: cri::PortForwardRequest,
    ) -> Result<cri::PortForwardResponse, Status> {
        self.up().await?;
        let url = self.stream_url(ctx, &request.pod_sandbox_id, "portforward", None).await?;
        Ok(cri::PortForwardResponse { url })
    }

    async fn container_stats(
        &self,
        ctx: &Ctx,
        request: cri::ContainerStatsRequest,
    ) -> Result<cri::ContainerStatsResponse, Status> {
        self.up().await?;
        let stats = Some(self.stats(ctx, &request.container_id).await?);
        Ok(cri::ContainerStatsResponse { stats })
    }

    async fn list_container_stats(
        &self,
        ctx: &Ctx,
        request: cri::ListContainerStatsRequest,
    ) -> Result<cri::ListContainerStatsResponse, Status> {
        self.up().await?;
        let stats = self.list_stats(ctx, request.filter).await?;
        Ok(cri::ListContainerStatsResponse { stats })
    }

    async fn update_runtime_config(
        &self,
        _ctx: &Ctx,
        request: cri::UpdateRuntimeConfigRequest,
    ) -> Result<cri::UpdateRuntimeConfigResponse, Status> {
        self.up().await?;
        let network = request.runtime_config.and_then(|config| config.network_config);
        let cidr = network.unwrap_or_default().pod_cidr;
        if !cidr.is_empty() {
            self.network.pod_cidr(&cidr);
        }
        Ok(cri::UpdateRuntimeConfigResponse {})
    }

    async fn status(
        &self,
        ctx: &Ctx,
        request: cri::StatusRequest,
    ) -> Result<cri::StatusResponse, Status> {
        self.up().await?;
        let status = Some(self.runtime_status(ctx).await);
        let mut info = BTreeMap::new();
        if request.verbose && self.options.flavor == Flavor::CriDockerd {
            let config = crate::json::Json::object().str("sandboxImage", &self.sandbox_image());
            info.insert("config".to_owned(), config.text());
        }
        Ok(cri::StatusResponse { status, info, ..cri::StatusResponse::default() })
    }
}

#[async_trait(?Send)]
impl ImageService<Ctx> for Dockershim {
    async fn list_images(
        &self,
        ctx: &Ctx,
        request: cri::ListImagesRequest,
    ) -> Result<cri::ListImagesResponse, Status> {
        self.up().await?;
        let images = self.images(ctx, request.filter).await?;
        Ok(cri::ListImagesResponse { images })
    }

    async fn image_status(
        &self,
        ctx: &Ctx,
        request: cri::ImageStatusRequest,
    ) -> Result<cri::ImageStatusResponse, Status> {
        self.up().await?;
        let reference = request.image.unwrap_or_default().image;
        let image = Dockershim::image_status(self, ctx, &reference).await?;
        let mut info = BTreeMap::new();
        if let Some(image) = image.as_ref().filter(|_| request.verbose) {
            info = self.image_info(ctx, image, &reference).await?;
        }
        Ok(cri::ImageStatusResponse { image, info })
    }

    async fn pull_image(
        &self,
        ctx: &Ctx,
        request: cri::PullImageRequest,
    ) -> Result<cri::PullImageResponse, Status> {
        self.up().await?;
        let image_ref = self.pull(ctx, request).await?;
        Ok(cri::PullImageResponse { image_ref })
    }

    async fn remove_image(
        &self,
        ctx: &Ctx,
        request: cri::RemoveImageRequest,
    ) -> Result<cri::RemoveImageResponse, Status> {
        self.up().await?;
        self.remove_image_of(ctx, &request.image.unwrap_or_default().image).await?;
        Ok(cri::RemoveImageResponse {})
    }

    async fn image_fs_info(
        &self,
        ctx: &Ctx,
        _request: cri::ImageFsInfoRequest,
    ) -> Result<cri::ImageFsInfoResponse, Status> {
        self.up().await?;
        let usage = self.image_fs(ctx).await?;
        let mut containers = Vec::new();
        if self.options.flavor == Flavor::CriDockerd {
            containers.push(cri::FilesystemUsage {
                used_bytes: Some(cri::UInt64Value::default()),
                inodes_used: None,
                ..usage.clone()
            });
        }
        Ok(cri::ImageFsInfoResponse {
            image_filesystems: vec![usage],
            container_filesystems: containers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_joined_as_in_go() {
        let join = |errors: &[&str]| aggregate(errors.iter().map(|&e| e.to_owned()).collect());
        assert_eq!(join(&["a"]), "a");
        assert_eq!(join(&["a", "b", "a"]), "[a, b]");
        assert_eq!(join(&["a", "a"]), "a");
    }
}
