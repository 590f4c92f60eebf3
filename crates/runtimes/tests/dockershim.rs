//! The Docker stack from the CRI down to the kernel, on the modelled node.

use cri::{
    ContainerConfig, ContainerMetadata, CreateContainerRequest, DnsConfig, ImageSpec,
    LinuxContainerConfig, LinuxContainerSecurityContext, LinuxPodSandboxConfig,
    LinuxSandboxSecurityContext, NamespaceMode, NamespaceOption, PodSandboxConfig,
    PodSandboxMetadata, RunPodSandboxRequest, Status,
};
use expect_test::expect_file;
use node::{Node, Registry};
use runtimes::docker::{self, DockerOptions};
use sim::{CriClient, Ctx, Fault, Sim};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::{Component, Effect, Header, Level, Time, Trace, What};

/// A node with Docker, and somebody who speaks CRI to it.
struct World {
    sim: Sim,
    ctx: Ctx,
    node: Node,
    client: CriClient,
}

impl World {
    fn new() -> Self {
        Self::with(DockerOptions::default())
    }

    fn with(options: DockerOptions) -> Self {
        let sim = Sim::new(7);
        let ctx = sim.ctx();
        let node = Node::boot(&ctx, "node-1");
        userland::Linux::install(&node);
        let mut registry = Registry::default();
        registry.declare_present(options.shim.flavor.default_pause_image());
        registry.declare_present("busybox:1.36");
        let options = DockerOptions { registry: Rc::new(registry), ..options };
        let endpoint = docker::start(&ctx, &node, options);
        let client = CriClient::new(Component::CriClient, endpoint);
        // dockershim has started by then.
        sim.run_until(Time::from_millis(1000));
        Self { sim, ctx, node, client }
    }

    /// Makes a call and waits for its end, at most a minute.
    fn call<R: cri::Rpc>(&self, request: R) -> Result<R::Response, Status> {
        let answer = Rc::new(RefCell::new(None));
        let (client, ctx, put) = (self.client.clone(), self.ctx.clone(), Rc::clone(&answer));
        self.sim.spawn(async move {
            let result = client.call(&ctx, request).await;
            *put.borrow_mut() = Some(result);
        });
        let end = self.sim.now() + std::time::Duration::from_secs(60);
        self.sim.run_ready();
        while answer.borrow().is_none() && self.sim.now() < end {
            let next = self.sim.next_timer().unwrap_or(end);
            self.sim.run_until(next.min(end));
        }
        answer.take().expect("the call ends within a minute")
    }

    fn run_sandbox(&self) -> Result<String, Status> {
        let config = Some(sandbox_config());
        let request = RunPodSandboxRequest { config, ..RunPodSandboxRequest::default() };
        self.call(request).map(|answer| answer.pod_sandbox_id)
    }

    fn create(&self, sandbox: &str, args: &[&str]) -> Result<String, Status> {
        let config = ContainerConfig {
            metadata: Some(ContainerMetadata { name: "app".to_owned(), attempt: 0 }),
            image: Some(ImageSpec { image: "busybox:1.36".to_owned(), ..ImageSpec::default() }),
            command: args.iter().map(|&word| word.to_owned()).collect(),
            labels: pod_labels([("io.kubernetes.container.name", "app")]),
            log_path: "app/0.log".to_owned(),
            linux: Some(LinuxContainerConfig {
                security_context: Some(LinuxContainerSecurityContext {
                    namespace_options: Some(namespaces()),
                    ..LinuxContainerSecurityContext::default()
                }),
                ..LinuxContainerConfig::default()
            }),
            ..ContainerConfig::default()
        };
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox.to_owned(),
            config: Some(config),
            sandbox_config: Some(sandbox_config()),
        };
        self.call(request).map(|answer| answer.container_id)
    }

    fn start(&self, id: &str) -> Result<(), Status> {
        let container_id = id.to_owned();
        self.call(cri::StartContainerRequest { container_id }).map(drop)
    }

    fn stop(&self, id: &str, timeout: i64) -> Result<(), Status> {
        let container_id = id.to_owned();
        self.call(cri::StopContainerRequest { container_id, timeout }).map(drop)
    }

    fn stop_sandbox(&self, id: &str) -> Result<(), Status> {
        let pod_sandbox_id = id.to_owned();
        self.call(cri::StopPodSandboxRequest { pod_sandbox_id }).map(drop)
    }

    fn remove_sandbox(&self, id: &str) -> Result<(), Status> {
        let pod_sandbox_id = id.to_owned();
        self.call(cri::RemovePodSandboxRequest { pod_sandbox_id }).map(drop)
    }

    fn sandbox_status(&self, id: &str) -> Result<cri::PodSandboxStatus, Status> {
        let pod_sandbox_id = id.to_owned();
        let request = cri::PodSandboxStatusRequest { pod_sandbox_id, verbose: false };
        self.call(request).map(|answer| answer.status.unwrap_or_default())
    }

    fn container_status(&self, id: &str) -> Result<cri::ContainerStatus, Status> {
        let container_id = id.to_owned();
        let request = cri::ContainerStatusRequest { container_id, verbose: false };
        self.call(request).map(|answer| answer.status.unwrap_or_default())
    }

    fn pass(&self, millis: u64) {
        self.sim.run_until(self.sim.now() + std::time::Duration::from_millis(millis));
    }

    fn trace(&self) -> Trace {
        let mut topology = trace::Topology::default();
        docker::topology(&mut topology);
        let header = Header {
            format: Trace::FORMAT,
            scenario: String::new(),
            stack: "dockershim".to_owned(),
            kubernetes: "1.22".to_owned(),
            seed: 7,
            topology,
        };
        Trace { header, events: self.sim.take_events() }
    }
}

fn namespaces() -> NamespaceOption {
    NamespaceOption { pid: NamespaceMode::Container.into(), ..NamespaceOption::default() }
}

fn pod_labels<const N: usize>(more: [(&str, &str); N]) -> BTreeMap<String, String> {
    let pod = [
        ("io.kubernetes.pod.name", "web"),
        ("io.kubernetes.pod.namespace", "default"),
        ("io.kubernetes.pod.uid", "uid-1"),
    ];
    let all = pod.into_iter().chain(more);
    all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn sandbox_config() -> PodSandboxConfig {
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: "web".to_owned(),
            uid: "uid-1".to_owned(),
            namespace: "default".to_owned(),
            attempt: 0,
        }),
        hostname: "web".to_owned(),
        log_directory: "/var/log/pods/default_web_uid-1".to_owned(),
        dns_config: Some(DnsConfig {
            servers: vec!["10.96.0.10".to_owned()],
            searches: vec!["default.svc.cluster.local".to_owned()],
            options: vec!["ndots:5".to_owned()],
        }),
        labels: pod_labels([]),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: "/kubepods/besteffort/poduid-1".to_owned(),
            security_context: Some(LinuxSandboxSecurityContext {
                namespace_options: Some(namespaces()),
                ..LinuxSandboxSecurityContext::default()
            }),
            ..LinuxPodSandboxConfig::default()
        }),
        ..PodSandboxConfig::default()
    }
}

fn fault(op: &str, code: &str, message: &str, times: Option<u32>) -> Fault {
    Fault {
        op: op.to_owned(),
        code: Some(code.to_owned()),
        message: message.to_owned(),
        times,
        ..Fault::default()
    }
}

/// What dockershim does in each CRI call, and the step that it is: the call, a part of the line, and
/// the step. Docker's and containerd's own steps below it are not numbered.
const STEPS: &[(&str, &str, &str)] = &[
    ("start-up", "HEAD /_ping", "0, build order 1"),
    ("start-up", "GET /version", "0, build order 4; then the container manager"),
    ("start-up", "GET /info", "0, build order 7"),
    ("RunPodSandbox", "GET /images/{name}/json", "2, step 1a: is the pause image there?"),
    ("RunPodSandbox", "POST /containers/create", "2, step 2b: created, without a network"),
    ("RunPodSandbox", "POST /containers/{id}/start", "2, step 4: only loopback so far"),
    ("RunPodSandbox", "glue: resolv-conf-rewrite", "2, step 4a, and 3: where is the file?"),
    ("RunPodSandbox", "GET /containers/{id}/json", "2, step 7, and 16: which process?"),
    ("RunPodSandbox", "CNI ADD", "2, step 7, and 16: loopback, then the list"),
    ("CreateContainer", "GET /version", "8, step 2: remembered for a minute"),
    ("CreateContainer", "POST /containers/create", "8, step 7"),
    ("StartContainer", "POST /containers/{id}/start", "9, step 1"),
    ("StartContainer", "GET /containers/{id}/json", "9, step 2: both ends of the log's link"),
    ("PodSandboxStatus", "glue: name-parsing", "6: state, and the name read back"),
    ("PodSandboxStatus", "GET /containers/{id}/json", "6: which network namespace?"),
    ("PodSandboxStatus", "nsenter", "6: the address, IPv4 and IPv6"),
    ("StopContainer", "POST /containers/{id}/stop", "10: asks, waits, kills"),
    ("ContainerStatus", "GET /containers/{id}/json", "11: state and times"),
    ("ContainerStatus", "GET /images/{name}/json", "11: the image's digest"),
    ("StopPodSandbox", "glue: name-parsing", "4, step 1: the pod's name and network"),
    ("StopPodSandbox", "GET /containers/{id}/json", "4, step 2, and 16: which process?"),
    ("StopPodSandbox", "CNI DEL", "4, step 2, and 16: loopback, then the list, last first"),
    ("StopPodSandbox", "POST /containers/{id}/stop", "4, step 3: ten seconds"),
    ("RemovePodSandbox", "GET /containers/json", "5, step 1: the containers, by label"),
    ("RemovePodSandbox", "GET /containers/{id}/json", "5, step 2, and 10: where is the link?"),
    ("RemovePodSandbox", "glue: infra-container", "5, step 3: the sandbox itself"),
    ("RemovePodSandbox", "DELETE /containers/{id}", "5, step 2, and 10: each container"),
];

/// The listing, with the step beside each line of dockershim's own.
fn annotated(listing: &str) -> String {
    let mut method = "start-up";
    let mut text = String::new();
    for line in listing.lines() {
        if let Some((_, rest)) = line.split_once("CRI client → dockershim · ") {
            method = rest.split(' ').next().unwrap_or_default();
        }
        let step = STEPS.iter().find(|(call, part, _)| {
            *call == method && line.contains("dockershim → ") && line.contains(part)
        });
        let line = line.split("&filters=").next().unwrap_or(line);
        let own = line.contains("  dockershim → ");
        assert!(step.is_some() || !own, "{method} has no step for {line}");
        text.push_str(line);
        if let Some((_, _, step)) = step {
            text.push_str("   # dockershim, section ");
            text.push_str(step);
        }
        text.push('\n');
    }
    text
}

/// The life of a pod with one container, call by call, against the listing that was reviewed.
#[test]
fn a_pod_with_one_container_starts_and_stops() {
    let world = World::new();
    let sandbox = world.run_sandbox().unwrap();
    let app = world.create(&sandbox, &["sleep", "3600"]).unwrap();
    world.start(&app).unwrap();
    assert_eq!(world.sandbox_status(&sandbox).unwrap().network.unwrap().ip, "10.244.0.2");
    assert_eq!(
        &*world
            .node
            .read_file(&format!("/var/lib/docker/containers/{sandbox}/resolv.conf"))
            .unwrap(),
        "nameserver 10.96.0.10\nsearch default.svc.cluster.local\noptions ndots:5\n"
    );
    let log = "/var/log/pods/default_web_uid-1/app/0.log";
    assert!(world.node.exists(log));
    world.stop(&app, 1).unwrap();
    let status = world.container_status(&app).unwrap();
    assert_eq!((status.state(), status.exit_code), (cri::ContainerState::ContainerExited, 137));
    world.stop_sandbox(&sandbox).unwrap();
    world.remove_sandbox(&sandbox).unwrap();
    assert!(!world.node.exists(log));
    assert!(world.node.list_below("/var/lib/docker/containers").is_empty());
    assert!(world.node.list_below("/var/lib/dockershim/sandbox").is_empty());
    let trace = world.trace();
    let listing = annotated(&trace::listing::listing(&trace, Level::Hops));
    expect_file!["data/dockershim-pod.trace"].assert_eq(&listing);
}

/// Nothing is left of a pod that is gone: no process, namespace, mount or control group.
#[test]
fn nothing_is_left_on_the_node() {
    let world = World::new();
    world.pass(1000);
    let before = world.node.process_count();
    let sandbox = world.run_sandbox().unwrap();
    let app = world.create(&sandbox, &["sleep", "3600"]).unwrap();
    world.start(&app).unwrap();
    // dockershim does not stop the sandbox's containers; removing the sandbox kills them.
    world.stop_sandbox(&sandbox).unwrap();
    assert_eq!(
        world.container_status(&app).unwrap().state(),
        cri::ContainerState::ContainerRunning
    );
    world.remove_sandbox(&sandbox).unwrap();
    world.pass(5000);
    assert_eq!(world.node.process_count(), before);
    let (mut namespaces, mut mounts, mut cgroups) = (0, 0, 0);
    for event in &world.trace().events {
        match &event.what {
            What::Effect(effect) => match &**effect {
                Effect::Namespace(_) => namespaces += 1,
                Effect::NamespaceRemoved { .. } => namespaces -= 1,
                Effect::Mounted(_) => mounts += 1,
                Effect::Unmounted { .. } => mounts -= 1,
                Effect::CgroupCreated { .. } => cgroups += 1,
                Effect::CgroupRemoved { .. } => cgroups -= 1,
                _ => {}
            },
            _ => continue,
        }
    }
    assert_eq!((namespaces, mounts, cgroups), (0, 0, 0));
}

/// A container that ends by itself is seen without anybody asking, and its changes are counted.
#[test]
fn an_exit_is_noticed() {
    let world = World::new();
    let sandbox = world.run_sandbox().unwrap();
    let app = world.create(&sandbox, &["sh", "-c", "sleep 2; exit 3"]).unwrap();
    world.start(&app).unwrap();
    let changes = world.client.endpoint().changes.count();
    world.pass(3000);
    assert!(world.client.endpoint().changes.count() > changes);
    let status = world.container_status(&app).unwrap();
    assert_eq!((status.exit_code, status.reason.as_str()), (3, "Error"));
    assert!(status.finished_at > status.started_at);
}

/// The three ways out of a name conflict, each from a real state of the daemon.
#[test]
fn name_conflicts_are_recovered_from() {
    // A create call whose answer was lost: the container exists, has never run, and is removed.
    let world = World::new();
    let lost = Fault { after: true, ..fault("POST /containers/create", "Timeout", "", Some(1)) };
    world.sim.arm(lost);
    let first = world.run_sandbox().unwrap_err().message;
    assert_eq!(
        first,
        "failed to create a sandbox for pod \"web\": operation timeout: context deadline exceeded"
    );
    let second = world.run_sandbox().unwrap_err().message;
    assert!(second.contains("Conflict. The container name \"/k8s_POD_web_default_uid-1_0\""));
    let third = world.run_sandbox().unwrap();

    // It runs: nothing is removed.
    assert!(world.run_sandbox().unwrap_err().message.contains("is already in use by container"));
    assert_eq!(world.sandbox_status(&third).unwrap().state(), cri::PodSandboxState::SandboxReady);

    // The name is known, the container is not: another name is taken.
    let world = World::new();
    let stale = "Conflict. The container name \"/k8s_POD_web_default_uid-1_0\" is already in use \
                 by container \"0123abcd\". You have to remove (or rename) that container to be \
                 able to reuse that name.";
    world.sim.arm(fault("POST /containers/create", "409", stale, Some(1)));
    let sandbox = world.run_sandbox().unwrap();
    assert_eq!(world.sandbox_status(&sandbox).unwrap().metadata.unwrap().name, "web");
}

/// A network that cannot be set up: the plugins are called to clean up, the container is stopped,
/// and yet the network counts as ready, so that the next stop cleans up once more.
#[test]
fn a_failed_network_is_torn_down_twice() {
    let world = World::new();
    world.sim.arm(Fault { skip: 1, ..fault("CNI ADD", "11", "no addresses left", Some(1)) });
    let error = world.run_sandbox().unwrap_err().message;
    assert!(error.ends_with(
        "network for pod \"web\": networkPlugin cni failed to set up pod \"web_default\" network: \
         no addresses left"
    ));
    let items = world.call(cri::ListPodSandboxRequest::default()).unwrap().items;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].state(), cri::PodSandboxState::SandboxNotready);
    let deletes = |events: &[trace::Event]| {
        let calls = events.iter().filter_map(trace::Event::as_call);
        calls.filter(|call| call.op == "CNI DEL").count()
    };
    let before = deletes(&world.sim.take_events());
    world.stop_sandbox(&items[0].id).unwrap();
    let after = deletes(&world.sim.take_events());
    // The loopback network, and both plugins of the other.
    assert_eq!((before, after), (3, 3));
}

/// An error while resolv.conf is rewritten leaves a sandbox that counts as ready.
#[test]
fn a_failed_rewrite_leaves_a_ready_sandbox() {
    let world = World::new();
    world.pass(500);
    world.sim.arm(fault("GET /containers/{id}/json", "500", "daemon is busy", Some(1)));
    let error = world.run_sandbox().unwrap_err().message;
    assert_eq!(
        error,
        "failed to inspect sandbox container for pod \"web\": Error response from daemon: daemon \
         is busy"
    );
    let items = world.call(cri::ListPodSandboxRequest::default()).unwrap().items;
    assert_eq!(items[0].state(), cri::PodSandboxState::SandboxReady);
}

/// cri-dockerd walks the same way in a process of its own.
#[test]
fn cri_dockerd_runs_a_pod() {
    let world = World::with(DockerOptions::cri_dockerd());
    let sandbox = world.run_sandbox().unwrap();
    let app = world.create(&sandbox, &["sleep", "5"]).unwrap();
    world.start(&app).unwrap();
    assert_eq!(
        world.container_status(&app).unwrap().state(),
        cri::ContainerState::ContainerRunning
    );
    assert_eq!(world.stop("0123", 1).unwrap_err().code, cri::Code::NotFound);
    world.remove_sandbox(&sandbox).unwrap();
    assert!(world.sim.now() > Time::ZERO);
}
