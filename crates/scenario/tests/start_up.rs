//! How a kubelet starts, and what keeps it from starting.

use scenario::{KubeletSpec, Scenario, Stack, StartUpSpec, simulate};
use trace::{Outcome, Protocol, Trace, What};

fn run(stack: Stack, version: &str, start_up: StartUpSpec) -> Trace {
    let scenario = Scenario {
        kubernetes: Some(version.parse().expect("a version")),
        kubelet: KubeletSpec { start_up: Some(start_up), ..KubeletSpec::default() },
        until: Some(scenario::ScenarioDuration(std::time::Duration::from_secs(5))),
        manifest: "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: a, image: b}]}"
            .to_owned(),
        ..Scenario::default()
    };
    simulate(&scenario, stack).expect("the manifest is right")
}

fn called(trace: &Trace, op: &str) -> bool {
    trace.iter().any(|(_, event)| matches!(&event.what, What::Call(call) if call.op == op))
}

/// The error with which the outermost function returns.
fn error(trace: &Trace) -> Option<String> {
    trace.iter().find_map(|(_, event)| match (&event.what, event.parent) {
        (What::Return(returned), None) => match &returned.outcome {
            Outcome::Error { message, .. } => Some(message.clone()),
            Outcome::Ok => None,
        },
        _ => None,
    })
}

fn runtime(name: &str) -> StartUpSpec {
    StartUpSpec { container_runtime: Some(name.to_owned()), dockerless: false }
}

#[test]
fn a_kubelet_that_has_started_runs_pods() {
    for (stack, version) in
        [(Stack::Dockershim, "1.22"), (Stack::Containerd, "1.22"), (Stack::Containerd, "1.36")]
    {
        let trace = run(stack, version, StartUpSpec::default());
        assert!(called(&trace, "RunPodSandbox"), "{version} on {}", stack.key());
        assert_eq!(called(&trace, "runDockershim"), stack == Stack::Dockershim);
        assert_eq!(called(&trace, "getCgroupDriverFromCRI"), version == "1.36");
    }
}

#[test]
fn what_keeps_it_from_starting_is_said_in_its_words() {
    let dockerless = StartUpSpec { dockerless: true, ..StartUpSpec::default() };
    for (start_up, words) in [
        (runtime("rkt"), r#"failed to run Kubelet: unsupported CRI runtime: "rkt""#),
        (
            dockerless,
            "failed to run Kubelet: trying to use docker runtime when Kubelet was compiled without \
             docker support",
        ),
    ] {
        let trace = run(Stack::Dockershim, "1.22", start_up);
        assert_eq!(error(&trace).as_deref(), Some(words));
        let asked = trace.iter().any(
            |(_, event)| matches!(&event.what, What::Call(call) if call.protocol == Protocol::Cri),
        );
        assert!(!asked, "a kubelet that does not run asks for nothing");
    }
}

#[test]
fn with_a_remote_runtime_nobody_serves_for_docker() {
    let trace = run(Stack::Dockershim, "1.22", runtime("remote"));
    assert!(!called(&trace, "runDockershim"));
    assert!(
        error(&trace).is_some_and(|message| message.contains("dockershim.sock")),
        "{:?}",
        error(&trace)
    );
    // Since 1.24 there is no such choice, and nothing reads the flag.
    let trace = run(Stack::Containerd, "1.36", runtime("rkt"));
    assert_eq!(error(&trace), None);
}
