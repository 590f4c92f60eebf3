//! How a kubelet starts, up to its first pod: which functions run, and what each of them builds.
//!
//! Upstream: `cmd/kubelet/app/server.go`, `pkg/kubelet/kubelet.go`,
//! `pkg/kubelet/kubelet_dockershim.go`.

use crate::{Kubelet, Version};
use cri::{RuntimeConfigRequest, VersionRequest};
use sim::{Ctx, Hop, SimError};
use std::rc::Rc;
use trace::{Component, Level, Payload, Protocol};

/// The version of the kubelet's own interface to runtimes, older than CRI's.
const KUBE_RUNTIME_API_VERSION: &str = "0.1.0";

const SERVER: &str = "cmd/kubelet/app/server.go";
const KUBELET: &str = "pkg/kubelet/kubelet.go";

/// What a kubelet is told about its runtime when it starts.
#[derive(Clone, Debug)]
pub struct StartUp {
    /// `--container-runtime`: `docker` or `remote`. There is no such flag since 1.24.
    pub container_runtime: Rc<str>,
    /// Whether it was built without Docker.
    pub dockerless: bool,
}

impl Kubelet {
    /// Starts the process as its `main` does, every function recorded. `serve_docker` is dockershim's
    /// part: it starts the CRI server inside the kubelet.
    ///
    /// # Errors
    /// What aborts the start, in the kubelet's words; the process does not run then.
    pub async fn start_up(
        &self,
        ctx: &Ctx,
        start: &StartUp,
        serve_docker: impl AsyncFnOnce(Ctx) -> Result<(), String>,
    ) -> Result<(), SimError> {
        let version = self.config().version;
        let flow = Flow { version, kubelet: self, start };
        let main = (
            "NewKubeletCommand",
            SERVER,
            "reads flags and the configuration file, and checks both",
        );
        flow.step(ctx, main, async |ctx| {
            let parts = if flow.has_docker_options() {
                "what the kubelet depends on, with DockerOptions"
            } else {
                "what the kubelet depends on"
            };
            flow.leaf(&ctx, ("UnsecuredDependencies", SERVER, parts)).await?;
            let run = ("run", SERVER, "clients of the API server, control groups, cAdvisor");
            let run = flow.step(&ctx, run, async |ctx| flow.run(&ctx, serve_docker).await).await;
            run.map_err(|error| {
                SimError::new(error.code, format!("failed to run Kubelet: {}", error.message))
            })
        })
        .await
    }
}

/// A function of upstream: its name, its file, and what it does.
type Function<'a> = (&'static str, &'a str, &'a str);

struct Flow<'a> {
    version: Version,
    kubelet: &'a Kubelet,
    start: &'a StartUp,
}

impl Flow<'_> {
    /// Whether there still is a choice of the runtime (until 1.23).
    const fn chooses_runtime(&self) -> bool {
        self.version.minor < 24
    }

    fn has_docker_options(&self) -> bool {
        self.chooses_runtime() && &*self.start.container_runtime == "docker"
    }

    async fn run(
        &self,
        ctx: &Ctx,
        serve_docker: impl AsyncFnOnce(Ctx) -> Result<(), String>,
    ) -> Result<(), SimError> {
        let address = &self.kubelet.endpoint().address;
        let endpoints = format!("runtime endpoint {address}, image endpoint {address}");
        let pre_init = ("PreInitRuntimeService", KUBELET, &*endpoints);
        self.step(ctx, pre_init, async |ctx| self.pre_init(&ctx, serve_docker).await).await?;
        if self.version.minor >= 31 {
            // KubeletCgroupDriverFromCRI: a runtime that does not know leaves it to the configuration.
            let ask = ("getCgroupDriverFromCRI", SERVER, "asks the runtime for its cgroup driver");
            self.step(ctx, ask, async |ctx| {
                let asked = self.kubelet.cri().call(&ctx, RuntimeConfigRequest {}).await;
                match asked {
                    Err(error) if error.code != cri::Code::Unimplemented => Err(failed(&error)),
                    _ => Ok(()),
                }
            })
            .await?;
        }
        let run_kubelet = ("RunKubelet", SERVER, "host name, node addresses, capabilities");
        self.step(ctx, run_kubelet, async |ctx| {
            let create = (
                "createAndInitKubelet",
                SERVER,
                "NewMainKubelet, BirthCry, StartGarbageCollection",
            );
            self.step(&ctx, create, async |ctx| self.new_main_kubelet(&ctx).await).await?;
            let loops = "updateRuntimeUp every 5 s, PLEG, syncLoop";
            self.step(&ctx, ("startKubelet", SERVER, loops), async |_| {
                self.kubelet.restart();
                Ok(())
            })
            .await
        })
        .await
    }

    async fn pre_init(
        &self,
        ctx: &Ctx,
        serve_docker: impl AsyncFnOnce(Ctx) -> Result<(), String>,
    ) -> Result<(), SimError> {
        if self.chooses_runtime() {
            match &*self.start.container_runtime {
                "docker" => self.run_dockershim(ctx, serve_docker).await?,
                "remote" => {}
                other => return Err(error(format!("unsupported CRI runtime: {other:?}"))),
            }
        }
        let folder = match self.version.minor {
            ..=22 => "pkg/kubelet/cri/remote",
            _ => "staging/src/k8s.io/cri-client/pkg",
        };
        for (function, file) in [
            ("NewRemoteRuntimeService", "remote_runtime.go"),
            ("NewRemoteImageService", "remote_image.go"),
        ] {
            let text = "a gRPC client; dialling does not wait for the server";
            self.leaf(ctx, (function, &format!("{folder}/{file}"), text)).await?;
        }
        Ok(())
    }

    async fn run_dockershim(
        &self,
        ctx: &Ctx,
        serve_docker: impl AsyncFnOnce(Ctx) -> Result<(), String>,
    ) -> Result<(), SimError> {
        const FILE: &str = "pkg/kubelet/kubelet_dockershim.go";
        let settings = "settings of the network plugin, of streaming and of the Docker client";
        self.step(ctx, ("runDockershim", FILE, settings), async |ctx| {
            if self.start.dockerless {
                return Err(error(
                    "trying to use docker runtime when Kubelet was compiled without docker support",
                ));
            }
            let file = "pkg/kubelet/dockershim/docker_service.go";
            let service = ("NewDockerService", file, "Docker client, network plugin, checkpoints");
            self.step(&ctx, service, async |ctx| serve_docker(ctx).await.map_err(error)).await?;
            let file = "pkg/kubelet/dockershim/remote/docker_server.go";
            self.leaf(&ctx, ("NewDockerServer", file, "a CRI server inside the kubelet")).await?;
            let text = "listens on the socket and serves RuntimeService and ImageService";
            self.leaf(&ctx, ("Start", file, text)).await
        })
        .await
    }

    async fn new_main_kubelet(&self, ctx: &Ctx) -> Result<(), SimError> {
        self.step(ctx, ("NewMainKubelet", KUBELET, "the kubelet's parts"), async |ctx| {
            for part in [
                ("NewCache", "pkg/kubelet/container/cache.go", "the pod cache"),
                ("NewBasicWorkQueue", "pkg/kubelet/util/queue/work_queue.go", "the work queue"),
                ("newPodWorkers", "pkg/kubelet/pod_workers.go", "a worker for each pod"),
            ] {
                self.leaf(&ctx, part).await?;
            }
            let file = "pkg/kubelet/kuberuntime/kuberuntime_manager.go";
            let manager =
                ("NewKubeGenericRuntimeManager", file, "asks the runtime for its version");
            self.step(&ctx, manager, async |ctx| self.check_version(&ctx).await).await?;
            for part in [
                ("NewGenericPLEG", "pkg/kubelet/pleg/generic.go", "relists each second"),
                ("NewManager", "pkg/kubelet/prober/prober_manager.go", "the probe manager"),
            ] {
                self.leaf(&ctx, part).await?;
            }
            Ok(())
        })
        .await
    }

    async fn check_version(&self, ctx: &Ctx) -> Result<(), SimError> {
        let request = VersionRequest { version: KUBE_RUNTIME_API_VERSION.to_owned() };
        let answer = self.kubelet.cri().call(ctx, request).await.map_err(|error| failed(&error))?;
        if answer.version == KUBE_RUNTIME_API_VERSION {
            return Ok(());
        }
        Err(error("runtime api version is not supported"))
    }

    /// A function that calls others.
    async fn step(
        &self,
        ctx: &Ctx,
        (function, file, does): Function<'_>,
        inside: impl AsyncFnOnce(Ctx) -> Result<(), SimError>,
    ) -> Result<(), SimError> {
        let does: Rc<str> = does.into();
        let hop = Hop::new(Component::Kubelet, Component::Kubelet, Protocol::Function, function)
            .level(Level::Steps)
            .request(move || Payload::Text(does))
            .source(format!("{} {file} {function}", self.version.source()))
            .takes_ms(1);
        Box::pin(ctx.call(hop, inside)).await
    }

    /// A function that calls nothing worth showing.
    async fn leaf(&self, ctx: &Ctx, function: Function<'_>) -> Result<(), SimError> {
        self.step(ctx, function, async |_| Ok(())).await
    }
}

fn error(message: impl Into<String>) -> SimError {
    SimError::new("Error", message)
}

fn failed(status: &cri::Status) -> SimError {
    SimError::new(status.code.as_str(), status.message.clone())
}
