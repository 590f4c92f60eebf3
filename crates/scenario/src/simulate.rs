//! From a scenario to a trace.

use crate::format::DEFAULT_UNTIL;
use crate::host::NodeHost;
use crate::{Action, ImageDeclaration, Scenario, Stack};
use api::Problem;
use kubelet::{Kubelet, KubeletConfig, StartUp, static_pod};
use node::{Behaviour, ImageSpec, Node, Programs, Registry, Run, TermBehaviour};
use runtimes::docker::Dockershim;
use sim::{Ctx, Endpoint, Sim};
use std::rc::Rc;
use std::time::Duration;
use trace::{Header, Time, Trace};

/// How long systemd waits before it starts a kubelet again (`RestartSec` of `kubelet.service`).
const KUBELET_RESTART: Duration = Duration::from_secs(10);

/// Runs a scenario on a stack and gives everything that happened. Pure: the same scenario gives
/// the same trace, byte for byte, everywhere.
///
/// # Errors
/// The problems of the scenario's manifests.
pub fn simulate(scenario: &Scenario, stack: Stack) -> Result<Trace, Vec<Problem>> {
    let mut simulation = Simulation::new(scenario, stack)?;
    simulation.run_until(Time::ZERO + scenario.until.map_or(DEFAULT_UNTIL, |until| until.0));
    Ok(simulation.into_trace())
}

/// A node on which a stack's daemons run, before anybody has asked anything of them.
pub struct Machine {
    /// The clockwork.
    pub sim: Sim,
    /// The node.
    pub node: Node,
    /// Where the stack answers.
    pub endpoint: Endpoint,
    /// What a trace of it begins with.
    pub header: Header,
}

impl Machine {
    /// Boots a node with what the scenario says about images, containers, faults and the seed, at
    /// a moment of virtual time.
    #[must_use]
    pub fn boot(scenario: &Scenario, stack: Stack, at: Time) -> Self {
        let version = scenario.kubernetes.unwrap_or(stack.kubernetes());
        Self::with_stack(scenario, stack, at, |ctx, node, registry, programs| {
            (stack.start(version, ctx, node, registry, programs), ())
        })
        .0
    }

    fn with_stack<T>(
        scenario: &Scenario,
        stack: Stack,
        at: Time,
        start: impl FnOnce(&Ctx, &Node, Rc<Registry>, Rc<Programs>) -> (Endpoint, T),
    ) -> (Self, T) {
        let sim = Sim::new(scenario.seed);
        sim.run_until(at);
        for fault in &scenario.faults {
            sim.arm(fault.clone());
        }
        let ctx = sim.ctx();
        let node = Node::boot(&ctx, "node-1");
        userland::Linux::install(&node);
        let registry = Rc::new(registry(scenario));
        let programs = Rc::new(programs(scenario));
        let (endpoint, started) = start(&ctx, &node, registry, programs);
        let version = scenario.kubernetes.unwrap_or(stack.kubernetes());
        let header = Header {
            format: Trace::FORMAT,
            scenario: scenario.title.en.clone(),
            stack: stack.key().to_owned(),
            kubernetes: version.to_string(),
            seed: scenario.seed,
            topology: stack.topology(version),
        };
        (Self { sim, node, endpoint, header }, started)
    }
}

/// A simulation in progress.
pub struct Simulation {
    sim: Sim,
    header: Header,
    kubelet: Agent,
    minor: u16,
}

/// Whoever works on the node's pods.
#[derive(Clone)]
enum Agent {
    /// A kubelet that speaks the CRI.
    Kubelet(Kubelet),
    /// The kubelet of 1.4, with its runtimes inside it.
    BeforeCri(precri::Kubelet),
}

impl Agent {
    fn add_pod(&self, pod: Rc<api::Pod>) {
        match self {
            Self::Kubelet(kubelet) => kubelet.add_pod(pod),
            Self::BeforeCri(kubelet) => kubelet.add_pod(pod),
        };
    }

    fn add_static_pod(&self, pod: Rc<api::Pod>) {
        match self {
            Self::Kubelet(kubelet) => kubelet.add_static_pod(pod),
            Self::BeforeCri(kubelet) => kubelet.add_pod(pod),
        };
    }

    fn remove_static_pod(&self, name: &str) {
        match self {
            Self::Kubelet(kubelet) => {
                if let Some(uid) = kubelet.uid_of("default", name) {
                    kubelet.remove_static_pod(&uid);
                }
            }
            Self::BeforeCri(kubelet) => kubelet.delete_pod(name, None),
        }
    }

    fn stop(&self) {
        if let Self::Kubelet(kubelet) = self {
            kubelet.stop();
        }
    }

    fn restart(&self) {
        if let Self::Kubelet(kubelet) = self {
            kubelet.restart();
        }
    }

    fn set_memory_available(&self, bytes: Option<u64>) {
        match self {
            Self::Kubelet(kubelet) => kubelet.set_memory_available(bytes),
            // It evicts nothing.
            Self::BeforeCri(_) => {}
        }
    }

    fn delete_pod(&self, name: &str, grace: Option<i64>) {
        match self {
            Self::Kubelet(kubelet) => {
                if let Some(uid) = kubelet.uid_of("default", name) {
                    kubelet.delete_pod(&uid, grace);
                }
            }
            Self::BeforeCri(kubelet) => kubelet.delete_pod(name, grace),
        }
    }

    fn running_pods(&self) -> usize {
        match self {
            Self::BeforeCri(kubelet) => kubelet.running_pods(),
            Self::Kubelet(kubelet) => {
                let pods = kubelet.pods();
                let statuses = pods.iter().filter_map(|pod| kubelet.pod_status(&pod.metadata.uid));
                statuses.filter(|status| status.phase == "Running").count()
            }
        }
    }
}

impl Simulation {
    /// A node on which the daemons and the kubelet have started, and the scenario's pods are
    /// about to arrive.
    ///
    /// # Errors
    /// The problems of the scenario's manifests.
    pub fn new(scenario: &Scenario, stack: Stack) -> Result<Self, Vec<Problem>> {
        let pods = pods_of(&scenario.manifest)?;
        let static_pods = pods_of(&scenario.static_pods)?;
        let mut later = Vec::new();
        for step in &scenario.timeline {
            if let Action::Apply { manifest } = &step.action {
                later.push((step.at, pods_of(manifest)?));
            }
        }

        let version = scenario.kubernetes.unwrap_or(stack.kubernetes());
        let start_up = scenario.kubelet.start_up.as_ref();
        let start = |ctx: &_, node: &_, registry: Rc<Registry>, programs: Rc<Programs>| {
            let inside = stack.start_before_cri(ctx, node, registry.clone(), programs.clone());
            let (endpoint, dockershim) = match start_up {
                Some(_) => stack.install(version, ctx, node, registry, programs),
                None => (stack.start(version, ctx, node, registry, programs), None),
            };
            (endpoint, (dockershim, inside))
        };
        let (machine, (dockershim, inside)) =
            Machine::with_stack(scenario, stack, Time::ZERO, start);
        let Machine { sim, node, endpoint, header } = machine;
        let ctx = sim.ctx();
        let config = KubeletConfig {
            version,
            evented_pleg: scenario.kubelet.evented_pleg,
            image_fs_bytes: scenario.kubelet.image_disk_mebibytes.map(|mebibytes| mebibytes << 20),
            ..KubeletConfig::default()
        };
        let kubelet = match inside {
            Some(runtime) => Agent::BeforeCri(precri::Kubelet::start(&sim, runtime)),
            None => {
                let host = NodeHost {
                    node: node.clone(),
                    ctx: ctx.clone(),
                    config_maps: scenario.config_maps.clone(),
                    secrets: scenario.secrets.clone(),
                };
                let kubelet = Kubelet::install(&sim, config.clone(), endpoint, Rc::new(host));
                match start_up {
                    None => kubelet.restart(),
                    Some(asked) => {
                        let own = if dockershim.is_some() { "docker" } else { "remote" };
                        let runtime = asked.container_runtime.as_deref().unwrap_or(own);
                        let dockerless = asked.dockerless;
                        let start = StartUp { container_runtime: runtime.into(), dockerless };
                        sim.spawn(start_up_with(kubelet.clone(), ctx.clone(), start, dockershim));
                    }
                }
                Agent::Kubelet(kubelet)
            }
        };
        let simulation = Self { sim, header, kubelet, minor: version.minor };
        simulation.apply(Duration::ZERO, pods);
        for (number, pod) in static_pods.iter().enumerate() {
            // A hash of the file upstream; as long as that, and another for each file, here.
            let uid = format!("{:032x}", scenario.seed.wrapping_add(number as u64 + 1));
            let pod = static_pod(pod, version.minor, &config.node_name, &uid, Time::ZERO);
            simulation.kubelet.add_static_pod(pod.into());
        }
        for (at, pods) in later {
            simulation.apply(at.0, pods);
        }
        for step in &scenario.timeline {
            match step.action.clone() {
                Action::Apply { .. } => {}
                Action::DeletePod { name, grace_period_seconds } => {
                    simulation.at(step.at.0, move |kubelet| {
                        kubelet.delete_pod(&name, grace_period_seconds);
                    });
                }
                Action::RemoveStaticPod { name } => {
                    let name = format!("{name}-{}", config.node_name);
                    simulation.at(step.at.0, move |kubelet| kubelet.remove_static_pod(&name));
                }
                Action::NodeMemory { available_mebibytes } => {
                    let bytes = available_mebibytes.map(|mebibytes| mebibytes << 20);
                    simulation.at(step.at.0, move |kubelet| kubelet.set_memory_available(bytes));
                }
                Action::RestartKubelet { down_for } => {
                    let down_for = down_for.map_or(KUBELET_RESTART, |down_for| down_for.0);
                    simulation.at(step.at.0, Agent::stop);
                    simulation.at(step.at.0 + down_for, Agent::restart);
                }
                Action::Kill { pid, signal } => {
                    let (node, ctx) = (node.clone(), ctx.clone());
                    simulation.at(step.at.0, move |_| node.signal(&ctx, pid, signal));
                }
            }
        }
        Ok(simulation)
    }

    /// Lets pods arrive at a moment, each with the defaults and the UID that the API server would
    /// give it.
    pub fn apply(&self, after: Duration, pods: Vec<api::Pod>) {
        let (sim, minor) = (self.sim.clone(), self.minor);
        self.at(after, move |kubelet| {
            for mut pod in pods {
                api::set_defaults(&mut pod, minor);
                if pod.metadata.uid.is_empty() {
                    pod.metadata.uid = sim.random_uuid("api-server/uid");
                }
                kubelet.add_pod(pod.into());
            }
        });
    }

    /// Does something to the kubelet's pods at a moment.
    fn at(&self, after: Duration, action: impl FnOnce(&Agent) + 'static) {
        let (sim, kubelet) = (self.sim.clone(), self.kubelet.clone());
        self.sim.spawn(async move {
            sim.sleep_until(Time::ZERO + after).await;
            action(&kubelet);
        });
    }

    /// The clockwork.
    #[must_use]
    pub const fn sim(&self) -> &Sim {
        &self.sim
    }

    /// How many pods are in phase `Running`.
    #[must_use]
    pub fn running_pods(&self) -> usize {
        self.kubelet.running_pods()
    }

    /// Goes on until so many pods are in phase `Running`, or up to an hour of virtual time; true if
    /// they are.
    pub fn run_until_running(&mut self, pods: usize) -> bool {
        const STEP: Duration = Duration::from_secs(5);
        const LIMIT: Time = Time::from_millis(3_600_000);
        while self.running_pods() < pods && self.sim.now() < LIMIT {
            self.run_until(self.sim.now() + STEP);
        }
        self.running_pods() >= pods
    }

    /// Goes on up to and including a moment.
    pub fn run_until(&mut self, end: Time) {
        self.sim.run_until(end);
    }

    /// Ends and gives the trace.
    #[must_use]
    pub fn into_trace(self) -> Trace {
        Trace { header: self.header, events: self.sim.take_events() }
    }
}

/// A simulation in which so many equal pods arrive at once; for benchmarks.
///
/// # Errors
/// None in practice: the manifest is fixed.
pub fn start_many_pods(pods: u32, stack: Stack) -> Result<Simulation, Vec<Problem>> {
    const IMAGE: &str = "nginx:1.25";
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: nginx, image: {IMAGE:?}}}]}}"
    );
    let present = ImageDeclaration { present: true, ..ImageDeclaration::default() };
    let images = [(IMAGE.to_owned(), present)].into();
    let simulation = Simulation::new(&Scenario { images, ..Scenario::default() }, stack)?;
    let template = pods_of(&manifest)?;
    let named = template.iter().cycle().take(pods as usize).enumerate().map(|(number, pod)| {
        let mut pod = pod.clone();
        pod.metadata.name = format!("web-{number}");
        pod
    });
    simulation.apply(Duration::ZERO, named.collect());
    Ok(simulation)
}

/// The kubelet's `main`; one that cannot start leaves the trace of its error.
async fn start_up_with(
    kubelet: Kubelet,
    ctx: Ctx,
    start: StartUp,
    dockershim: Option<Rc<Dockershim>>,
) {
    if let Some(dockershim) = &dockershim {
        dockershim.refuse();
    }
    let serve_docker = async |ctx: Ctx| match &dockershim {
        Some(dockershim) => dockershim.boot(&ctx).await,
        None => Err("there is no Docker on this node".to_owned()),
    };
    let _ = kubelet.start_up(&ctx, &start, serve_docker).await;
}

/// The pods of a manifest; none of an empty one.
fn pods_of(manifest: &str) -> Result<Vec<api::Pod>, Vec<Problem>> {
    if manifest.trim().is_empty() {
        return Ok(Vec::new());
    }
    let parsed = api::manifest::parse(manifest);
    if parsed.problems.iter().any(Problem::is_error) {
        return Err(parsed.problems);
    }
    Ok(parsed.pods)
}

fn registry(scenario: &Scenario) -> Registry {
    let mut registry = Registry::default();
    for (reference, declared) in &scenario.images {
        if declared.missing {
            registry.declare_missing(reference);
        } else {
            registry.declare(reference, image(reference, declared));
        }
        if declared.present {
            registry.declare_present(reference);
        }
    }
    registry
}

fn image(reference: &str, declared: &ImageDeclaration) -> ImageSpec {
    let mut image = ImageSpec::assume(reference);
    image.size = declared.size.unwrap_or(image.size);
    image.pull_time = declared.pull_time.map_or(image.pull_time, |time| time.0);
    if !declared.command.is_empty() {
        image.entrypoint = declared.command.iter().map(|word| word.as_str().into()).collect();
        image.cmd = Vec::new();
    }
    if let Some(user) = &declared.user {
        image.user = user.as_str().into();
    }
    image
}

fn programs(scenario: &Scenario) -> Programs {
    let mut programs = Programs::default();
    for (name, spec) in &scenario.containers {
        let (pod, container) = name.split_once('/').unwrap_or(("", name));
        let runs = spec.runs.iter().map(|run| Run {
            exit_after: run.exit_after.0,
            exit_code: run.exit_code,
            oom_killed: run.oom_killed,
        });
        let on_term = spec.on_term.as_ref().map(|term| match term.ignores {
            true => TermBehaviour::Ignores,
            false => TermBehaviour::Exits { after: term.exit_after.0, code: term.exit_code },
        });
        programs.declare(pod, container, Behaviour { runs: runs.collect(), on_term });
    }
    programs
}
