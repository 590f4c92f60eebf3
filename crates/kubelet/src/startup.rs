//! How a kubelet starts, up to its first pod: which functions run, and what each of them builds.
//!
//! Upstream: `cmd/kubelet/app/server.go`, `pkg/kubelet/kubelet.go`,
//! `pkg/kubelet/kubelet_dockershim.go`.

use crate::Version;
use sim::{Ctx, Hop, SimError};
use trace::{Component, Level, Payload, Protocol};

/// What a kubelet is told about its runtime when it starts.
#[derive(Clone, Debug)]
pub struct StartUp {
    /// Which kubelet.
    pub version: Version,
    /// `--container-runtime`: `docker` or `remote`. There is no such flag since 1.24.
    pub container_runtime: String,
    /// `--container-runtime-endpoint`.
    pub runtime_endpoint: String,
    /// `--image-service-endpoint`; empty for the same as the runtime's.
    pub image_endpoint: String,
    /// Whether it was built without Docker.
    pub dockerless: bool,
}

/// Records the start-up of a kubelet.
///
/// # Errors
/// What aborts the start, in the kubelet's words.
pub async fn start_up(ctx: &Ctx, start: &StartUp) -> Result<(), SimError> {
    let flow = Flow { version: start.version };
    let docker = start.container_runtime == "docker" && start.version.minor < 24;
    flow.step(ctx, "NewKubeletCommand", "cmd/kubelet/app/server.go", "parses flags and the configuration file, and validates both", async |ctx| {
        let built = if docker {
            "TLS options, mounter, OOM adjuster, volume plugins, DockerOptions"
        } else {
            "TLS options, mounter, OOM adjuster, volume plugins"
        };
        flow.leaf(&ctx, "UnsecuredDependencies", "cmd/kubelet/app/server.go", built).await?;
        flow.step(&ctx, "Run", "cmd/kubelet/app/server.go", "API clients, control groups, cAdvisor, container manager", async |ctx| {
            pre_init_runtime_service(&flow, &ctx, start).await?;
            flow.step(&ctx, "RunKubelet", "cmd/kubelet/app/server.go", "host name, node addresses, capabilities", async |ctx| {
                flow.step(&ctx, "createAndInitKubelet", "cmd/kubelet/app/server.go", "NewMainKubelet, BirthCry, StartGarbageCollection", async |ctx| {
                    new_main_kubelet(&flow, &ctx).await
                }).await?;
                let loops = "volume manager, node status, updateRuntimeUp every 5 s, PLEG, syncLoop";
                flow.leaf(&ctx, "startKubelet", "cmd/kubelet/app/server.go", loops).await
            }).await
        }).await
    })
    .await
}

async fn pre_init_runtime_service(flow: &Flow, ctx: &Ctx, start: &StartUp) -> Result<(), SimError> {
    let image = if start.image_endpoint.is_empty() {
        start.runtime_endpoint.as_str()
    } else {
        start.image_endpoint.as_str()
    };
    let file = "pkg/kubelet/kubelet.go";
    let does = format!("runtime endpoint {}, image endpoint {image}", start.runtime_endpoint);
    flow.step(ctx, "PreInitRuntimeService", file, &does, async |ctx| {
        if start.version.minor < 24 {
            match start.container_runtime.as_str() {
                "docker" => run_dockershim(flow, &ctx, start).await?,
                "remote" => {}
                other => {
                    let text = format!("unsupported CRI runtime: {other:?}");
                    return Err(SimError::new("Error", text));
                }
            }
        }
        let file = "pkg/kubelet/cri/remote/remote_runtime.go";
        let text = "dials the socket without waiting for it";
        flow.leaf(&ctx, "NewRemoteRuntimeService", file, text).await?;
        let file = "pkg/kubelet/cri/remote/remote_image.go";
        flow.leaf(&ctx, "NewRemoteImageService", file, text).await
    })
    .await
}

async fn run_dockershim(flow: &Flow, ctx: &Ctx, start: &StartUp) -> Result<(), SimError> {
    let file = "pkg/kubelet/kubelet_dockershim.go";
    if start.dockerless {
        let text = "trying to use docker runtime when Kubelet was compiled without docker support";
        return Err(SimError::new("Error", text));
    }
    let settings = "network plugin settings, streaming configuration, Docker client configuration";
    flow.step(ctx, "runDockershim", file, settings, async |ctx| {
        let file = "pkg/kubelet/dockershim/docker_service.go";
        flow.leaf(&ctx, "NewDockerService", file, "Docker client, CNI, checkpoints").await?;
        let file = "pkg/kubelet/dockershim/remote/docker_server.go";
        flow.leaf(&ctx, "NewDockerServer", file, "a CRI server inside the kubelet").await?;
        let text = "listens on the socket and serves RuntimeService and ImageService";
        flow.leaf(&ctx, "Start", file, text).await
    })
    .await
}

async fn new_main_kubelet(flow: &Flow, ctx: &Ctx) -> Result<(), SimError> {
    let file = "pkg/kubelet/kubelet.go";
    flow.step(ctx, "NewMainKubelet", file, "the kubelet's parts", async |ctx| {
        let parts = [
            ("NewCache", "pkg/kubelet/container/cache.go", "the pod cache"),
            ("NewBasicWorkQueue", "pkg/kubelet/util/queue/work_queue.go", "the work queue"),
            ("newPodWorkers", "pkg/kubelet/pod_workers.go", "a worker for each pod"),
            (
                "NewKubeGenericRuntimeManager",
                "pkg/kubelet/kuberuntime/kuberuntime_manager.go",
                "asks the runtime for its version; image manager, container GC",
            ),
            ("NewGenericPLEG", "pkg/kubelet/pleg/generic.go", "relists each second"),
            ("NewManager", "pkg/kubelet/prober/prober_manager.go", "the probe manager"),
        ];
        for (function, file, text) in parts {
            flow.leaf(&ctx, function, file, text).await?;
        }
        Ok(())
    })
    .await
}

struct Flow {
    version: Version,
}

impl Flow {
    /// A function that calls others.
    async fn step(
        &self,
        ctx: &Ctx,
        function: &'static str,
        file: &str,
        does: &str,
        inside: impl AsyncFnOnce(Ctx) -> Result<(), SimError>,
    ) -> Result<(), SimError> {
        let text: std::rc::Rc<str> = does.into();
        let source = format!("{} {file} {function}", self.version.source());
        let hop = Hop::new(Component::Kubelet, Component::Kubelet, Protocol::Function, function)
            .level(Level::Steps)
            .request(move || Payload::Text(text.clone()))
            .source(source)
            .takes_ms(1);
        Box::pin(ctx.call(hop, inside)).await
    }

    /// A function that calls nothing worth showing.
    async fn leaf(
        &self,
        ctx: &Ctx,
        function: &'static str,
        file: &str,
        does: &str,
    ) -> Result<(), SimError> {
        self.step(ctx, function, file, does, async |_| Ok(())).await
    }
}
