//! The stacks before the CRI, hop by hop: what a pod's start and end look like, and what is left
//! after a failure.

use expect_test::expect_file;
use scenario::{Scenario, Stack, simulate};
use trace::{Component, Frame, Level, Protocol, Trace};

/// Which step of which function a line of a listing is. A line that nobody can place fails the
/// test; what the kubelet decides needs no place.
const STEPS: &[(&str, &str)] = &[
    ("· Relist ·", "PLEG: the runtime is asked for its pods"),
    ("· SyncPod ·", "syncPod: a Go interface, implemented once for each runtime"),
    ("· KillPod ·", "syncPod of a deleted pod: the same interface"),
    // DockerManager.
    ("GET /containers/json", "GetPods, GetPodStatus: whose container it is stands in its name"),
    ("GET /images/{name}/json", "EnsureImageExists: IfNotPresent"),
    ("POST /images/create", "EnsureImageExists: pull"),
    ("name=k8s_POD", "SyncPod 5, createPodInfraContainer: the hash is in the name"),
    ("POST /containers/create", "SyncPod 8, tryContainerStart: runContainer"),
    ("POST /containers/{id}/start", "runContainer: start"),
    ("POST /containers/{id}/stop", "killContainer: others first, the infra container last"),
    ("DELETE /containers/{id}", "container GC: the pod is gone"),
    ("GET /containers/{id}/json", "inspect: log path, resolv.conf, the process of the network"),
    ("dockerd → registry", "the daemon pulls"),
    ("dockerd → containerd", "the daemon asks containerd"),
    ("containerd → containerd-shim", "containerd asks its shim, one for each container"),
    ("containerd-shim → containerd", "an event"),
    ("containerd-shim → runc", "the shim runs runc"),
    // Both.
    ("· CNI ADD ·", "the network is set up in the kubelet's SyncPod"),
    ("· CNI DEL ·", "the network is torn down by the kubelet"),
    ("IPAM", "the plugin delegates to host-local"),
    // rkt.
    ("· ListPods ·", "GetPods, GetPodStatus: the API service, which can only be read from"),
    ("· ListImages ·", "RunPod 2, preparePod: is the image there?"),
    ("· rkt fetch ·", "RunPod 2, preparePod: rkt fetch --no-store"),
    ("rkt → registry", "RunPod 2, preparePod: rkt fetches the image"),
    ("ip netns add", "RunPod 1, setupPodNetwork: before anything runs"),
    ("ip netns del", "KillPod: cleanupPodNetwork"),
    ("· rkt prepare ·", "RunPod 2, preparePod: prints the uuid"),
    ("· RestartUnit ·", "RunPod 3: D-Bus, and wait for done"),
    ("· rkt run-prepared ·", "the unit's ExecStart"),
    ("· systemd-nspawn ·", "stage1, in which the apps start"),
    ("· StopUnit ·", "KillPod: systemd sends SIGTERM, and SIGKILL later"),
    ("· rkt rm ·", "GarbageCollect: rkt rm"),
    ("· ResetFailedUnit ·", "GarbageCollect: reset the failed unit"),
];

const POD: &str = "until: 20s\nimages: {nginx: {pullTime: 200ms}}\nmanifest: |\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: web}\n  spec: {terminationGracePeriodSeconds: 5, containers: [{name: app, image: nginx}]}\n";

fn run(stack: Stack, more: &str) -> Trace {
    let scenario = Scenario::parse(&format!("{more}{POD}"));
    let scenario = scenario.unwrap_or_else(|problem| panic!("{problem}"));
    simulate(&scenario, stack).unwrap_or_else(|problems| panic!("{}", problems[0]))
}

fn annotated(trace: &Trace) -> String {
    let mut text = String::new();
    for line in trace::listing::listing(trace, Level::Hops).lines() {
        let step = STEPS.iter().find(|(part, _)| line.contains(part)).map(|(_, step)| *step);
        match step {
            Some(step) => text.push_str(&format!("{line:100}  # {step}")),
            None => {
                assert!(!line.contains('→'), "which step is this? {line}");
                text.push_str(line.trim_end());
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn a_pod_starts_and_stops() {
    let delete = "timeline: [{at: 8s, do: {deletePod: {name: web}}}]\n";
    for stack in [Stack::Dockertools, Stack::Rkt] {
        let trace = run(stack, delete);
        let path = format!("before_cri/{}.txt", stack.key());
        expect_file![path].assert_eq(&annotated(&trace));
        let mut frame = Frame::default();
        while frame.step(&trace) {}
        assert!(frame.pods[0].removed);
        assert!(frame.sandboxes.is_empty() && frame.containers.is_empty());
        assert!(frame.namespaces.is_empty());
        assert!(frame.processes.values().all(|process| process.container_id.is_empty()));
    }
}

/// There is no CRI call, and nobody in the middle.
#[test]
fn the_common_line_is_absent() {
    for stack in [Stack::Dockertools, Stack::Rkt] {
        let trace = run(stack, "");
        assert!(trace.calls().all(|(.., call)| call.protocol != Protocol::Cri), "{stack:?}");
        assert!(trace.header.topology.member(Component::CriClient).is_none(), "{stack:?}");
    }
    let trace = run(Stack::Rktshim, "");
    assert!(trace.calls().any(|(.., call)| call.protocol == Protocol::Cri));
    let mut frame = Frame::default();
    while frame.step(&trace) {}
    assert!(frame.containers.is_empty(), "rktshim runs nothing");
}

/// Whichever step fails: the pod runs in the end, and what the first attempt made is gone.
#[test]
fn a_failed_step_is_repeated() {
    let cases: [(Stack, &[&str]); 2] = [
        (
            Stack::Dockertools,
            &[
                "POST /images/create",
                "POST /containers/create",
                "POST /containers/{id}/start",
                "CNI ADD",
                "runc create",
                "runc start",
            ],
        ),
        (Stack::Rkt, &["ip netns add", "CNI ADD", "rkt fetch", "rkt prepare", "RestartUnit"]),
    ];
    for (stack, steps) in cases {
        let mut text = String::new();
        for step in steps {
            let fault = format!(
                "faults: [{{op: {step:?}, code: \"500\", message: broken on purpose, times: 1}}]\n"
            );
            let trace = run(stack, &fault);
            let mut frame = Frame::default();
            while frame.step(&trace) {}
            let status = frame.pods[0].status.as_ref().map(|status| status.phase.clone());
            assert_eq!(status.as_deref(), Some("Running"), "{stack:?}, {step}");
            let running = frame
                .containers
                .values()
                .filter(|container| container.state == trace::ContainerState::Running)
                .count();
            assert_eq!(running, 1, "{stack:?}, {step}");
            let ready = frame.sandboxes.values().filter(|sandbox| sandbox.ready).count();
            assert_eq!(ready, 1, "{stack:?}, {step}");
            text.push_str(&format!("== {step} fails\n"));
            // From the failure until the sync has ended with it.
            let whole = annotated(&trace);
            let lines = whole.lines().skip_while(|line| !line.contains("broken on purpose"));
            for line in lines {
                text.push_str(line);
                text.push('\n');
                if line.contains("FailedSync") {
                    break;
                }
            }
        }
        let path = format!("before_cri/{}_failures.txt", stack.key());
        expect_file![path].assert_eq(&text);
    }
}

/// rkt's pods restart as a whole, Docker's containers one by one.
#[test]
fn containers_of_rkt_share_their_fate() {
    let two = "until: 30s\nimages: {nginx: {present: true}}\ncontainers: {b: {runs: [{exitAfter: 3s, exitCode: 1}, {exitAfter: 1h}]}}\nmanifest: |\n  apiVersion: v1\n  kind: Pod\n  metadata: {name: web}\n  spec: {containers: [{name: a, image: nginx}, {name: b, image: nginx}]}\n";
    let scenario = Scenario::parse(two).unwrap_or_else(|problem| panic!("{problem}"));
    for (stack, expected) in [(Stack::Dockertools, [0, 1]), (Stack::Rkt, [1, 1])] {
        let trace = simulate(&scenario, stack).unwrap_or_else(|problems| panic!("{}", problems[0]));
        let mut frame = Frame::default();
        while frame.step(&trace) {}
        let status = frame.pods[0].status.clone().unwrap_or_default();
        let counts: Vec<_> = status.container_statuses.iter().map(|it| it.restart_count).collect();
        assert_eq!(counts, expected, "{stack:?}");
    }
}
