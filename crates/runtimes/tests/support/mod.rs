//! A node with one runtime, and requests as a kubelet makes them.

use cri::*;
use node::{Behaviour, Node, Programs, Registry, Run, TermBehaviour};
use sim::{CriClient, Ctx, Endpoint, Sim};
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Time, Trace};

/// The image that is on the node from the beginning.
pub const IMAGE: &str = "docker.io/library/nginx:1.25";

/// How to start a runtime.
pub type Start = fn(&Ctx, &Node, Rc<Registry>, Rc<Programs>) -> Endpoint;

/// containerd with its CRI plugin.
pub fn containerd(
    ctx: &Ctx,
    node: &Node,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
) -> Endpoint {
    let options = runtimes::containerd::ContainerdOptions {
        registry,
        programs,
        ..runtimes::containerd::ContainerdOptions::default()
    };
    runtimes::containerd::start(ctx, node, options)
}

/// containerd with cri-containerd beside it.
pub fn cri_containerd(
    ctx: &Ctx,
    node: &Node,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
) -> Endpoint {
    use runtimes::containerd::{ContainerdOptions, Flavor, start};
    let flavor = Flavor::Daemon;
    start(ctx, node, ContainerdOptions { registry, programs, flavor, ..Default::default() })
}

/// dockershim, and Docker below it.
pub fn dockershim(
    ctx: &Ctx,
    node: &Node,
    registry: Rc<Registry>,
    programs: Rc<Programs>,
) -> Endpoint {
    use runtimes::docker::{DockerOptions, start};
    start(ctx, node, DockerOptions { registry, programs, ..DockerOptions::default() })
}

/// CRI-O with crun.
pub fn crio(ctx: &Ctx, node: &Node, registry: Rc<Registry>, programs: Rc<Programs>) -> Endpoint {
    use runtimes::crio::{CrioOptions, start};
    start(ctx, node, CrioOptions { registry, programs, ..CrioOptions::default() })
}

/// A node, and a client of its runtime.
#[derive(Clone)]
pub struct World {
    pub ctx: Ctx,
    pub node: Node,
    pub client: CriClient,
}

/// Runs a scene on a fresh node to its end.
///
/// # Panics
/// If the scene does not come to its end in an hour of virtual time.
pub fn play<F: Future<Output = ()> + 'static>(
    start: Start,
    prepare: impl FnOnce(&Sim),
    scene: impl FnOnce(World) -> F,
) -> Trace {
    let sim = Sim::new(1);
    prepare(&sim);
    let ctx = sim.ctx();
    let node = Node::boot(&ctx, "node-1");
    userland::Linux::install(&node);
    let endpoint = start(&ctx, &node, Rc::new(registry()), Rc::new(programs()));
    let client = CriClient::new(Component::CriClient, endpoint);
    let ended = Rc::new(Cell::new(false));
    let future = scene(World { ctx, node, client });
    let flag = ended.clone();
    sim.spawn(async move {
        future.await;
        flag.set(true);
    });
    sim.run_until(Time::from_millis(3_600_000));
    assert!(ended.get(), "the scene waits for ever");
    Trace { events: sim.take_events(), ..Trace::default() }
}

/// The listing of a trace at the level of hops from a cursor on, each line with the step that it
/// is, so that a reader can compare. A line that nobody can place fails the test.
pub fn annotated(trace: &Trace, from: usize, steps: &[(&str, &str)]) -> String {
    use trace::{Level, listing::listing};
    // The listing is cut, not the trace: events name each other by their place.
    let before = Trace { events: trace.events[..from].to_vec(), ..Trace::default() };
    let skipped = listing(&before, Level::Hops).lines().count();
    let whole = listing(trace, Level::Hops);
    let mut text = String::new();
    for line in whole.lines().skip(skipped) {
        let step = steps.iter().find(|(part, _)| line.contains(part)).map(|(_, step)| *step);
        if line.contains('←') {
            text.push_str(line.trim_end());
        } else {
            assert!(step.is_some(), "which step is this? {line}");
            text.push_str(&format!("{line:100}  # {}", step.unwrap_or_default()));
        }
        text.push('\n');
    }
    text
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.declare_present(IMAGE);
    registry.declare_missing("missing:1");
    registry
}

/// Containers that behave as their names say; all others serve until they are asked to end.
fn programs() -> Programs {
    let ends = |exit_after, exit_code, oom_killed| Behaviour {
        runs: vec![Run { exit_after: Duration::from_millis(exit_after), exit_code, oom_killed }],
        ..Behaviour::default()
    };
    let mut programs = Programs::default();
    programs.declare("", "completes", ends(1000, 0, false));
    programs.declare("", "at-once", ends(0, 3, false));
    programs.declare("", "fails", ends(1000, 7, false));
    programs.declare("", "eats-memory", ends(1000, 137, true));
    let stubborn = Behaviour { on_term: Some(TermBehaviour::Ignores), ..Behaviour::default() };
    programs.declare("", "stubborn", stubborn);
    programs
}

impl World {
    /// Makes a call.
    pub async fn call<R: Rpc>(&self, request: R) -> Result<R::Response, Status> {
        self.client.call(&self.ctx, request).await
    }

    /// Waits.
    pub async fn sleep(&self, millis: u64) {
        self.ctx.sleep(Duration::from_millis(millis)).await;
    }

    /// Runs a sandbox and gives its id.
    pub async fn run(&self, config: &PodSandboxConfig) -> Result<String, Status> {
        let request = RunPodSandboxRequest { config: Some(config.clone()), ..Default::default() };
        self.call(request).await.map(|response| response.pod_sandbox_id)
    }

    /// Creates a container and gives its id.
    pub async fn create(
        &self,
        sandbox: &str,
        pod: &PodSandboxConfig,
        config: ContainerConfig,
    ) -> Result<String, Status> {
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox.to_owned(),
            config: Some(config),
            sandbox_config: Some(pod.clone()),
        };
        self.call(request).await.map(|response| response.container_id)
    }

    /// Starts a container.
    pub async fn start(&self, id: &str) -> Result<(), Status> {
        self.call(StartContainerRequest { container_id: id.to_owned() }).await.map(|_| ())
    }

    /// A running container in a sandbox of its own: sandbox, container.
    pub async fn running(&self, name: &str) -> (String, String) {
        let pod = pod(name);
        let sandbox = self.run(&pod).await.unwrap();
        let container = self.create(&sandbox, &pod, container(name)).await.unwrap();
        self.start(&container).await.unwrap();
        (sandbox, container)
    }

    /// Stops a container.
    pub async fn stop(&self, id: &str, timeout: i64) -> Result<(), Status> {
        let request = StopContainerRequest { container_id: id.to_owned(), timeout };
        self.call(request).await.map(|_| ())
    }

    /// Removes a container.
    pub async fn remove(&self, id: &str) -> Result<(), Status> {
        self.call(RemoveContainerRequest { container_id: id.to_owned() }).await.map(|_| ())
    }

    /// Stops a sandbox.
    pub async fn stop_sandbox(&self, id: &str) -> Result<(), Status> {
        self.call(StopPodSandboxRequest { pod_sandbox_id: id.to_owned() }).await.map(|_| ())
    }

    /// Removes a sandbox.
    pub async fn remove_sandbox(&self, id: &str) -> Result<(), Status> {
        self.call(RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() }).await.map(|_| ())
    }

    /// A container's status.
    pub async fn container_status(&self, id: &str) -> Result<ContainerStatus, Status> {
        let request = ContainerStatusRequest { container_id: id.to_owned(), verbose: false };
        self.call(request).await.map(|response| response.status.unwrap_or_default())
    }

    /// A sandbox's status.
    pub async fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus, Status> {
        let request = PodSandboxStatusRequest { pod_sandbox_id: id.to_owned(), verbose: false };
        self.call(request).await.map(|response| response.status.unwrap_or_default())
    }

    /// The ids of the containers that a filter lets through.
    pub async fn containers(&self, filter: ContainerFilter) -> Vec<String> {
        let response = self.call(ListContainersRequest { filter: Some(filter) }).await.unwrap();
        response.containers.into_iter().map(|container| container.id).collect()
    }

    /// The ids of the sandboxes that a filter lets through.
    pub async fn sandboxes(&self, filter: PodSandboxFilter) -> Vec<String> {
        let response = self.call(ListPodSandboxRequest { filter: Some(filter) }).await.unwrap();
        response.items.into_iter().map(|sandbox| sandbox.id).collect()
    }
}

/// A pod's sandbox as a kubelet asks for it.
pub fn pod(name: &str) -> PodSandboxConfig {
    let uid = format!("uid-of-{name}");
    let labels = [
        ("io.kubernetes.pod.name", name),
        ("io.kubernetes.pod.namespace", "default"),
        ("io.kubernetes.pod.uid", &uid),
        ("app", "web"),
    ];
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: name.to_owned(),
            uid: uid.clone(),
            namespace: "default".to_owned(),
            attempt: 0,
        }),
        hostname: name.to_owned(),
        log_directory: format!("/var/log/pods/default_{name}_{uid}"),
        dns_config: Some(DnsConfig {
            servers: vec!["10.96.0.10".to_owned()],
            searches: vec!["default.svc.cluster.local".to_owned(), "svc.cluster.local".to_owned()],
            options: vec!["ndots:5".to_owned()],
        }),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        annotations: [("example.org/note".to_owned(), "kept \"as is\"".to_owned())].into(),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: "/kubepods/besteffort/pod1".to_owned(),
            security_context: Some(LinuxSandboxSecurityContext {
                namespace_options: Some(private_pid()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A container as a kubelet asks for it.
pub fn container(name: &str) -> ContainerConfig {
    ContainerConfig {
        metadata: Some(ContainerMetadata { name: name.to_owned(), attempt: 0 }),
        image: Some(ImageSpec { image: IMAGE.to_owned(), ..Default::default() }),
        log_path: format!("{name}/0.log"),
        labels: [("io.kubernetes.container.name".to_owned(), name.to_owned())].into(),
        annotations: [("io.kubernetes.container.restartCount".to_owned(), "0".to_owned())].into(),
        mounts: vec![Mount {
            container_path: "/etc/hosts".to_owned(),
            host_path: "/var/lib/kubelet/pods/1/etc-hosts".to_owned(),
            ..Default::default()
        }],
        linux: Some(LinuxContainerConfig {
            security_context: Some(LinuxContainerSecurityContext {
                namespace_options: Some(private_pid()),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn private_pid() -> NamespaceOption {
    NamespaceOption { pid: NamespaceMode::Container.into(), ..Default::default() }
}
