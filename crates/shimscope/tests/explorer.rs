//! An exhaustive explorer: every pod below, with every sequence of up to so many disturbances at
//! every moment that matters, breadth first.
//!
//! A moment that matters is one at which the kubelet makes a call that changes something, or gets
//! the answer. A disturbance is one that a node knows: that call fails, the kubelet restarts, a
//! container exits, a probe fails, the sandbox dies or vanishes, somebody deletes the pod. After
//! each sequence the world is left alone until the pod has to be at its goal; then the pod is
//! deleted, and nothing of it may stay behind. All along, what the trace says must agree with
//! [`Watch`]'s invariants.
//!
//! A real kubelet lets a sync that is under way finish when the pod is deleted: what it pulls it
//! also creates and starts, and then stops. So a container may start after the deletion, but no
//! sync that begins after it may start one.
//!
//! Nor can a real kubelet tell the containers of a pod's earlier sandbox from those of the present
//! one (`computeInitContainerActions`, and the comment there): an application container that was
//! created but never started, or an init container whose removal failed (`purgeInitContainers`
//! goes on), makes it take the new sandbox for initialised. Ours does as it does; the explorer
//! counts how often, and demands the order everywhere else.

use kubelet::{Host, Kubelet, KubeletConfig};
use runtimes::fake::{Exec, ExecResult, FakeRuntime, RuntimeEvent, Script, ScriptFault};
use sim::Sim;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;
use trace::{ContainerState, Effect, Protocol, Time, What};

const UID: &str = "u1";
/// How long a pod may take from the last disturbance to its goal: back-offs of 10 to 80 s and a resync.
const PATIENCE: Duration = Duration::from_secs(200);
/// What it may take longer where PLEG follows events: nobody tells of a sandbox that vanishes, and the
/// next relist comes after five minutes.
const PATIENCE_FOR_EVENTS: Duration = Duration::from_secs(300);
/// How long after its deletion the last of a pod may be seen: its grace and two garbage collections.
const CLEAN_UP: Duration = Duration::from_secs(240);

/// A pod, what its containers do, and where it is bound.
struct Shape {
    name: &'static str,
    pod: &'static str,
    script: &'static str,
    /// What the summary of its status begins with at the end.
    goal: &'static [&'static str],
    /// Whether it stays Pending when its sandbox is lost before all of its containers have started:
    /// with restartPolicy Never `computePodActions` makes no second sandbox once the pod has
    /// containers, and the phase waits for those that never come.
    needs_its_sandbox: bool,
    /// Whether PLEG follows the runtime's events.
    evented: bool,
    /// How many disturbances a sequence has at most.
    moves: usize,
    /// At how many moments after the last one the next may come.
    moments: usize,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "one container that always runs",
        pod: "{terminationGracePeriodSeconds: 2, containers: [{name: app, image: i}]}",
        script: r#"{"images": ["i"]}"#,
        goal: &["Running, ready"],
        needs_its_sandbox: false,
        evented: false,
        moves: 3,
        moments: 4,
    },
    Shape {
        name: "an image to pull",
        pod: "{terminationGracePeriodSeconds: 2, containers: [{name: app, image: i, imagePullPolicy: Always}]}",
        script: "{}",
        goal: &["Running, ready"],
        needs_its_sandbox: false,
        evented: false,
        moves: 2,
        moments: 10,
    },
    Shape {
        name: "two init containers and two containers",
        pod: "{terminationGracePeriodSeconds: 2, \
            initContainers: [{name: first, image: i}, {name: second, image: i}], \
            containers: [{name: app, image: i}, {name: other, image: i}]}",
        script: r#"{"images": ["i"], "containers": {"first": {"runs": [{"exitAfterMs": 300}]},
            "second": {"runs": [{"exitAfterMs": 300}]}}}"#,
        goal: &["Running, ready"],
        needs_its_sandbox: false,
        evented: false,
        moves: 2,
        moments: 20,
    },
    Shape {
        name: "a sidecar beside a job",
        pod: "{restartPolicy: OnFailure, terminationGracePeriodSeconds: 2, \
            initContainers: [{name: side, image: i, restartPolicy: Always}, {name: init, image: i}], \
            containers: [{name: job, image: i}]}",
        script: r#"{"images": ["i"], "containers": {"init": {"runs": [{"exitAfterMs": 300}]},
            "job": {"runs": [{"exitAfterMs": 1500}]}}}"#,
        goal: &["Succeeded"],
        needs_its_sandbox: false,
        evented: false,
        moves: 2,
        moments: 20,
    },
    Shape {
        name: "two containers that run once",
        pod: "{restartPolicy: Never, terminationGracePeriodSeconds: 2, \
            containers: [{name: a, image: i}, {name: b, image: i}]}",
        script: r#"{"images": ["i"], "containers": {"a": {"runs": [{"exitAfterMs": 900}]},
            "b": {"runs": [{"exitAfterMs": 2500}]}}}"#,
        goal: &["Succeeded", "Failed"],
        needs_its_sandbox: true,
        evented: false,
        moves: 2,
        moments: 16,
    },
    Shape {
        name: "a liveness probe",
        pod: "{terminationGracePeriodSeconds: 2, containers: [{name: app, image: i, \
            livenessProbe: {exec: {command: [check]}, periodSeconds: 2, failureThreshold: 1}}]}",
        script: r#"{"images": ["i"]}"#,
        goal: &["Running, ready"],
        needs_its_sandbox: false,
        evented: false,
        moves: 2,
        moments: 12,
    },
    Shape {
        name: "a container that crashes twice",
        pod: "{terminationGracePeriodSeconds: 2, containers: [{name: app, image: i}]}",
        script: r#"{"images": ["i"], "containers": {"app": {"runs": [
            {"exitAfterMs": 500, "exitCode": 1}, {"exitAfterMs": 500, "exitCode": 1}, {}]}}}"#,
        goal: &["Running, ready"],
        needs_its_sandbox: false,
        evented: false,
        moves: 2,
        moments: 12,
    },
    Shape {
        name: "an init container and a container, by events",
        pod: "{terminationGracePeriodSeconds: 2, initContainers: [{name: first, image: i}], \
            containers: [{name: app, image: i}]}",
        script: r#"{"images": ["i"], "containers": {"first": {"runs": [{"exitAfterMs": 300}]}}}"#,
        goal: &["Running, ready"],
        needs_its_sandbox: false,
        evented: true,
        moves: 2,
        moments: 12,
    },
];

/// A disturbance.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Move {
    /// The n-th call of a method fails.
    Fail { method: String, nth: u32 },
    /// The n-th execution of the probe's command fails.
    ProbeFails { nth: u32 },
    /// The kubelet's process is killed and started again.
    RestartKubelet,
    /// A container's process exits.
    Exit { container: Rc<str>, code: i32 },
    /// The sandbox's process dies, and with it all that is in it.
    SandboxDies,
    /// Somebody removes the sandbox behind the kubelet's back.
    SandboxVanishes,
    /// The stream of the runtime's events ends.
    EventsBreakOff,
    /// Somebody deletes the pod.
    Delete,
}

type Path = Vec<(Time, Move)>;

/// A machine whose only files are the runtime's logs.
struct Machine(FakeRuntime);

impl Host for Machine {
    fn read(&self, path: &str) -> Option<Rc<str>> {
        self.0.log(path)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.0.logs_in(directory)
    }

    fn remove(&self, path: &str) {
        self.0.remove_logs(path);
    }
}

/// What a trace says that the invariants are about.
#[derive(Clone, Debug)]
enum Seen {
    Sandbox {
        id: Rc<str>,
        ready: bool,
    },
    SandboxRemoved {
        id: Rc<str>,
    },
    Container {
        id: Rc<str>,
        name: Rc<str>,
        sandbox: Rc<str>,
        state: ContainerState,
        exit: i32,
    },
    ContainerRemoved {
        id: Rc<str>,
    },
    /// A container is started by a sync that began after the pod's deletion, or before.
    StartContainer {
        late: bool,
    },
    /// The kubelet says how long a container has to wait before it is started again.
    BackOff {
        name: String,
        seconds: u64,
    },
    KubeletRestarted,
}

/// The invariants, fed with one observation after the other.
#[derive(Default)]
struct Watch {
    /// The init containers in their order; whether each is restartable (a sidecar).
    init: Vec<(Rc<str>, bool)>,
    sandboxes_ready: BTreeSet<Rc<str>>,
    running: BTreeMap<Rc<str>, Rc<str>>,
    /// Containers by which the kubelet judges how far a pod is, with their sandboxes: regular ones
    /// that have not exited, and init containers that have.
    signs: BTreeMap<Rc<str>, Rc<str>>,
    /// How often that misled it.
    misled: usize,
    /// What has begun (sidecars) or succeeded (other init containers) in each sandbox.
    done: BTreeSet<(Rc<str>, Rc<str>)>,
    back_off: BTreeMap<String, u64>,
    violations: Vec<String>,
}

impl Watch {
    fn new(spec: &api::PodSpec) -> Self {
        let init = spec.init_containers.iter().map(|container| {
            (container.name.as_str().into(), container.restart_policy.as_deref() == Some("Always"))
        });
        Self { init: init.collect(), ..Self::default() }
    }

    fn violated(&mut self, at: Time, what: &str) {
        self.violations.push(format!("{at}: {what}"));
    }

    fn see(&mut self, at: Time, seen: &Seen) {
        match seen {
            Seen::Sandbox { id, ready: true } => {
                self.sandboxes_ready.insert(id.clone());
                if self.sandboxes_ready.len() > 1 {
                    self.violated(at, "two sandboxes are ready");
                }
            }
            Seen::Sandbox { id, ready: false } | Seen::SandboxRemoved { id } => {
                self.sandboxes_ready.remove(id);
            }
            Seen::Container { id, name, sandbox, state, exit } => {
                let is_init = self.init.iter().any(|(init, _)| init == name);
                if is_init == (*state == ContainerState::Exited) {
                    self.signs.insert(id.clone(), sandbox.clone());
                } else {
                    self.signs.remove(id);
                }
                if *state == ContainerState::Running {
                    self.see_running(at, id, name, sandbox);
                } else {
                    self.running.remove(id);
                    let is_sidecar =
                        self.init.iter().any(|(init, sidecar)| init == name && *sidecar);
                    if *state == ContainerState::Exited && *exit == 0 && !is_sidecar {
                        self.done.insert((sandbox.clone(), name.clone()));
                    }
                }
            }
            Seen::ContainerRemoved { id } => {
                self.running.remove(id);
                self.signs.remove(id);
            }
            Seen::StartContainer { late: true } => {
                self.violated(at, "a sync that began after the pod's deletion starts a container");
            }
            Seen::StartContainer { late: false } => {}
            Seen::BackOff { name, seconds } => {
                let before = self.back_off.insert(name.clone(), *seconds).unwrap_or(0);
                if *seconds < before {
                    let what =
                        format!("the back-off of {name} shrank from {before} to {seconds} s");
                    self.violated(at, &what);
                }
            }
            // Back-offs are in the process's memory only.
            Seen::KubeletRestarted => self.back_off.clear(),
        }
    }

    fn see_running(&mut self, at: Time, id: &Rc<str>, name: &Rc<str>, sandbox: &Rc<str>) {
        if self.running.iter().any(|(other, running)| running == name && other != id) {
            self.violated(at, &format!("two containers {name} run"));
        }
        self.running.insert(id.clone(), name.clone());
        let place = self.init.iter().position(|(init, _)| init == name);
        let before = &self.init[..place.unwrap_or(self.init.len())];
        let missing =
            before.iter().find(|(init, _)| !self.done.contains(&(sandbox.clone(), init.clone())));
        if self.signs.values().any(|other| other != sandbox) {
            self.misled += usize::from(missing.is_some());
        } else if let Some((missing, _)) = missing {
            let what = format!("{name} runs before {missing} is done");
            self.violated(at, &what);
        }
        if place.is_some_and(|place| self.init[place].1) {
            self.done.insert((sandbox.clone(), name.clone()));
        }
    }
}

/// What one run came to.
struct Run {
    events: Vec<trace::Event>,
    violations: Vec<String>,
    misled: usize,
}

fn pod(shape: &Shape) -> Rc<api::Pod> {
    let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {}}}", shape.pod);
    let mut pod = api::manifest::parse(&text).pods.remove(0);
    api::set_defaults(&mut pod, 36);
    pod.metadata.uid = UID.into();
    Rc::new(pod)
}

/// The shape's script, with the failures of a path.
fn script(shape: &Shape, path: &[(Time, Move)]) -> Script {
    let mut script: Script = serde_json::from_str(shape.script).expect("a script");
    let mut probe_fails = Vec::new();
    for (_, disturbance) in path {
        match disturbance {
            Move::Fail { method, nth } => script.faults.push(ScriptFault {
                method: method.clone(),
                skip: *nth,
                message: "injected".to_owned(),
                ..ScriptFault::default()
            }),
            Move::ProbeFails { nth } => probe_fails.push(*nth),
            _ => {}
        }
    }
    if let Some(&last) = probe_fails.iter().max() {
        let result = |nth| ExecResult {
            exit_code: i32::from(probe_fails.contains(&nth)),
            ..ExecResult::default()
        };
        let exec = Exec {
            cmd: "check".to_owned(),
            per_run: false,
            results: (0..=last + 1).map(result).collect(),
        };
        script.containers.entry("app".to_owned()).or_default().exec.push(exec);
    }
    script
}

fn run(shape: &Shape, path: &[(Time, Move)]) -> Run {
    let sim = Sim::new(1);
    let runtime = FakeRuntime::new(&sim, script(shape, path));
    let host = Rc::new(Machine(runtime.clone()));
    let config = KubeletConfig { evented_pleg: shape.evented, ..KubeletConfig::default() };
    let kubelet = Kubelet::start_on(&sim, config, runtime.endpoint(), host);
    let pod = pod(shape);
    kubelet.add_pod(pod.clone());

    let mut marks = Vec::new();
    for (at, disturbance) in path {
        sim.run_until(*at);
        let happen = |action: &str, container: &str, exit_code| {
            let (action, container) = (action.to_owned(), container.to_owned());
            runtime.happen(&RuntimeEvent { action, container, exit_code, after_ms: 0 });
        };
        match disturbance {
            Move::Fail { .. } | Move::ProbeFails { .. } => {}
            Move::RestartKubelet => {
                marks.push((*at, Seen::KubeletRestarted));
                kubelet.restart();
            }
            Move::Exit { container, code } => happen("killContainer", container, Some(*code)),
            Move::EventsBreakOff => runtime.break_off_events(),
            Move::SandboxDies => happen("sandboxNotReady", "", None),
            Move::SandboxVanishes => happen("removeSandbox", "", None),
            Move::Delete => kubelet.delete_pod(UID, None),
        }
    }
    let last = path.last().map_or(Time::ZERO, |(at, _)| *at);
    let is_deleted = path.iter().any(|(_, disturbance)| *disturbance == Move::Delete);
    let mut missed = Vec::new();
    let slack = if shape.evented { PATIENCE_FOR_EVENTS } else { Duration::ZERO };
    let mut at = last + PATIENCE + slack;
    if !is_deleted {
        sim.run_until(at);
        let status = kubelet.pod_status(UID).map_or_else(String::new, |it| api::summary(&it));
        let lost_sandbox =
            path.iter().any(|(_, it)| matches!(it, Move::SandboxDies | Move::SandboxVanishes));
        let stays = shape.needs_its_sandbox && lost_sandbox && status.starts_with("Pending");
        if !stays && !shape.goal.iter().any(|goal| status.starts_with(goal)) {
            missed.push(format!("{at}: the pod is not at its goal but {status}"));
        }
        kubelet.delete_pod(UID, None);
    }
    at += CLEAN_UP + slack;
    sim.run_until(at);
    if !kubelet.pods().is_empty() {
        missed.push(format!("{at}: the deleted pod is still known"));
    }
    let left = runtime.leftovers();
    if left != (vec![], vec![]) {
        missed.push(format!("{at}: left behind: {left:?}"));
    }
    kubelet.stop();
    let events = sim.take_events();
    let mut watch = Watch::new(&pod.spec);
    let mut marks = marks.into_iter().peekable();
    let mut deletion = None;
    for (index, event) in events.iter().enumerate() {
        while let Some((at, mark)) = marks.next_if(|(at, _)| *at < event.at) {
            watch.see(at, &mark);
        }
        if let What::Effect(effect) = &event.what
            && let Effect::PodUpdated { object, .. } = &**effect
            && object.metadata.deletion_timestamp.is_some()
        {
            deletion.get_or_insert(index);
        }
        let late = deletion.is_some_and(|deletion| outermost(&events, index) > deletion);
        observe(event, late, &mut |seen| watch.see(event.at, &seen));
    }
    watch.violations.extend(missed);
    Run { events, violations: watch.violations, misled: watch.misled }
}

/// The call of which an event is a part, and which is a part of no other.
fn outermost(events: &[trace::Event], mut index: usize) -> usize {
    while let Some(parent) = events[index].parent {
        index = parent.index();
    }
    index
}

fn observe(event: &trace::Event, late: bool, see: &mut impl FnMut(Seen)) {
    match &event.what {
        What::Call(call) if call.op == "StartContainer" && call.protocol == Protocol::Cri => {
            see(Seen::StartContainer { late });
        }
        What::Effect(effect) => match &**effect {
            Effect::Sandbox(view) => see(Seen::Sandbox { id: view.id.clone(), ready: view.ready }),
            Effect::SandboxRemoved { id } => see(Seen::SandboxRemoved { id: id.clone() }),
            Effect::Container(view) => see(Seen::Container {
                id: view.id.clone(),
                name: view.name.clone(),
                sandbox: view.sandbox_id.clone(),
                state: view.state,
                exit: view.exit_code.unwrap_or_default(),
            }),
            Effect::ContainerRemoved { id } => see(Seen::ContainerRemoved { id: id.clone() }),
            Effect::PodStatus { status, .. } => {
                for container in
                    status.init_container_statuses.iter().chain(&status.container_statuses)
                {
                    let message = container.state.waiting.as_ref().map(|it| it.message.as_str());
                    if let Some(seconds) = message.and_then(back_off_seconds) {
                        see(Seen::BackOff { name: container.name.clone(), seconds });
                    }
                }
            }
            _ => {}
        },
        _ => {}
    }
}

/// The wait in `back-off 1m20s restarting failed container=…`.
fn back_off_seconds(message: &str) -> Option<u64> {
    let wait = message.strip_prefix("back-off ")?.split_whitespace().next()?;
    let (minutes, seconds) = wait.split_once('m').unwrap_or(("0", wait));
    let seconds = seconds.strip_suffix('s')?;
    Some(minutes.parse::<u64>().ok()? * 60 + seconds.parse::<u64>().ok()?)
}

/// The disturbances that may come next: at each of the first moments after the last one.
fn next_moves(shape: &Shape, path: &[(Time, Move)], events: &[trace::Event]) -> Path {
    let last = path.last().map(|(at, _)| *at);
    let deleted = path.iter().any(|(_, disturbance)| *disturbance == Move::Delete);
    let mut found = Path::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut running: BTreeSet<Rc<str>> = BTreeSet::new();
    let mut moments = BTreeSet::new();
    let mut pending: BTreeSet<u32> = BTreeSet::new();
    for (index, event) in events.iter().enumerate() {
        let at = event.at;
        let mut is_moment = false;
        match &event.what {
            What::Call(call) if call.protocol == Protocol::Cri => {
                let method = &*call.op;
                let changes = !method.starts_with("List")
                    && (!method.ends_with("Status") || method == "ImageStatus")
                    && method != "Version"
                    && method != "ContainerEventResponse";
                if changes {
                    let nth = counts.entry(method).or_default();
                    let fails = if method == "ExecSync" {
                        Move::ProbeFails { nth: *nth }
                    } else {
                        Move::Fail { method: method.to_owned(), nth: *nth }
                    };
                    *nth += 1;
                    if last.is_none_or(|last| at > last) && moments.len() < shape.moments {
                        found.push((at, fails));
                    }
                    pending.insert(index as u32);
                    is_moment = true;
                }
            }
            What::Return(answer) => is_moment = pending.remove(&answer.call.0),
            What::Effect(effect) => match &**effect {
                Effect::Container(view) if view.state == ContainerState::Running => {
                    running.insert(view.name.clone());
                }
                Effect::Container(view) => {
                    running.remove(&view.name);
                }
                Effect::PodUpdated { object, .. }
                    if object.metadata.deletion_timestamp.is_some() && !deleted =>
                {
                    // From here on it is the explorer that ends the run.
                    break;
                }
                _ => {}
            },
            What::Call(_) => {}
        }
        if !is_moment || last.is_some_and(|last| at <= last) || moments.contains(&at) {
            continue;
        }
        if moments.len() == shape.moments {
            break;
        }
        moments.insert(at);
        found.push((at, Move::RestartKubelet));
        for container in &running {
            found
                .extend([0, 1].map(|code| (at, Move::Exit { container: container.clone(), code })));
        }
        found.extend([(at, Move::SandboxDies), (at, Move::SandboxVanishes)]);
        if shape.evented {
            found.push((at, Move::EventsBreakOff));
        }
        if !deleted {
            found.push((at, Move::Delete));
        }
    }
    found
}

/// Where the node stands, without times and ids: what makes a state of the count.
fn state_after(event: &trace::Event, node: &mut BTreeMap<Rc<str>, String>) -> bool {
    let What::Effect(effect) = &event.what else { return false };
    match &**effect {
        Effect::Sandbox(view) => {
            node.insert(view.id.clone(), format!("sandbox {} {}", view.attempt, view.ready));
        }
        Effect::Container(view) => {
            let (name, attempt, state) = (&view.name, view.attempt, view.state);
            let text = format!("{name} {attempt} {state:?} {:?}", view.exit_code);
            node.insert(view.id.clone(), text);
        }
        Effect::SandboxRemoved { id } | Effect::ContainerRemoved { id } => {
            node.remove(id);
        }
        Effect::PodStatus { status, .. } => {
            node.insert("pod".into(), api::summary(status));
        }
        _ => return false,
    }
    true
}

#[test]
fn no_sequence_of_disturbances_violates_an_invariant() {
    let mut report = String::new();
    for shape in SHAPES {
        let mut queue = VecDeque::from([Path::new()]);
        let mut states = BTreeSet::new();
        let mut runs = 0;
        let mut misled = 0;
        while let Some(path) = queue.pop_front() {
            let run = run(shape, &path);
            runs += 1;
            misled += usize::from(run.misled > 0);
            let mut node = BTreeMap::new();
            for event in &run.events {
                if state_after(event, &mut node) {
                    states.insert(node.values().cloned().collect::<Vec<_>>().join("; "));
                }
            }
            if !run.violations.is_empty() {
                writeln!(report, "{}: {path:?}\n  {}", shape.name, run.violations.join("\n  "))
                    .expect("text");
                if report.lines().count() > 60 {
                    panic!("{report}");
                }
            }
            if path.len() < shape.moves {
                queue.extend(next_moves(shape, &path, &run.events).into_iter().map(|next| {
                    let mut path = path.clone();
                    path.push(next);
                    path
                }));
            }
        }
        let (name, states) = (shape.name, states.len());
        println!("{name}: {runs} runs, {states} states of the node; misled in {misled}");
        assert!(runs > 100, "{}: {runs} runs", shape.name);
    }
    assert!(report.is_empty(), "{report}");
}

/// Each invariant can fail.
#[test]
fn every_invariant_can_fail() {
    let spec = &pod(&SHAPES[3]).spec;
    let container = |id: &str, name: &str, state, exit| Seen::Container {
        id: id.into(),
        name: name.into(),
        sandbox: "s1".into(),
        state,
        exit,
    };
    let sandbox = |id: &str, ready| Seen::Sandbox { id: id.into(), ready };
    let back_off = |seconds| Seen::BackOff { name: "job".to_owned(), seconds };
    let (running, exited) = (ContainerState::Running, ContainerState::Exited);
    let started = [
        container("1", "side", running, 0),
        container("2", "init", running, 0),
        container("2", "init", exited, 0),
        container("3", "job", running, 0),
    ];
    let check = |seen: &[Seen], expected: &[&str]| {
        let mut watch = Watch::new(spec);
        for seen in seen {
            watch.see(Time::ZERO, seen);
        }
        let violations: Vec<&str> =
            watch.violations.iter().filter_map(|it| Some(it.split_once(": ")?.1)).collect();
        assert_eq!(violations, expected, "{seen:?}");
    };
    check(&started, &[]);
    check(&[sandbox("s1", true), sandbox("s1", false), sandbox("s2", true)], &[]);
    check(&[sandbox("s1", true), sandbox("s2", true)], &["two sandboxes are ready"]);
    let again = [&started[..], &[container("4", "job", running, 0)]].concat();
    check(&again, &["two containers job run"]);
    check(&started[1..3], &["init runs before side is done"]);
    let failed = [&started[..2], &[container("2", "init", exited, 1)], &started[3..]].concat();
    check(&failed, &["job runs before init is done"]);
    let elsewhere = Seen::Container {
        id: "0".into(),
        name: "init".into(),
        sandbox: "s0".into(),
        state: exited,
        exit: 0,
    };
    check(&[std::slice::from_ref(&elsewhere), &started[3..]].concat(), &[]);
    let removed = Seen::ContainerRemoved { id: "0".into() };
    let without = [&[elsewhere, removed], &started[3..]].concat();
    check(&without, &["job runs before side is done"]);
    let late = "a sync that began after the pod's deletion starts a container";
    check(&[Seen::StartContainer { late: false }], &[]);
    check(&[Seen::StartContainer { late: true }], &[late]);
    check(&[back_off(10), back_off(20), Seen::KubeletRestarted, back_off(10)], &[]);
    let shrank = "the back-off of job shrank from 20 to 10 s";
    check(&[back_off(20), back_off(10)], &[shrank]);
}

/// What is looked at when a run ends can be wrong as well.
#[test]
fn a_goal_can_be_missed_and_a_pod_can_leave_something_behind() {
    let shape = Shape {
        name: "a runtime that never removes",
        script: r#"{"images": ["i"], "faults": [{"method": "RemovePodSandbox", "times": -1}]}"#,
        goal: &["Succeeded"],
        ..SHAPES[0]
    };
    let violations = run(&shape, &[]).violations;
    assert_eq!(violations.len(), 2, "{violations:?}");
    assert!(violations[0].contains("the pod is not at its goal but Running, ready"));
    assert!(violations[1].contains("left behind: ([\"sb-1\"], [])"));
}
