//! A changed scenario has the same past: what happens differs from the change on and not before.

use scenario::{Action, Edit, Scenario, ScenarioDuration, Stack, Step, find, simulate};
use std::time::Duration;
use trace::{Effect, EventId, Time, Trace};

fn single() -> Scenario {
    find("single-container").expect("it is built in").scenario()
}

fn run(scenario: &Scenario, stack: Stack) -> Trace {
    simulate(scenario, stack).expect("it runs")
}

/// The pid of the container's first process, and when it was first reported as running.
fn started(trace: &Trace) -> (u32, Time) {
    let mut running = trace.iter().filter_map(|(_, event)| match event.as_effect() {
        Some(Effect::Container(view)) if view.pid > 0 => Some((view.pid, event.at)),
        _ => None,
    });
    running.next().expect("a container runs")
}

#[test]
fn a_step_changes_nothing_before_its_moment() {
    for stack in Stack::ALL.into_iter().filter(|stack| *stack != Stack::Rktshim && stack.has_cri())
    {
        let before = run(&single(), stack);
        let (pid, at) = started(&before);
        let at = Duration::from_nanos(at.0) + Duration::from_secs(2);
        for action in [
            Action::DeletePod { name: "web".into(), grace_period_seconds: None },
            Action::Kill { pid, signal: 9 },
            Action::Apply {
                manifest: "kind: Pod\napiVersion: v1\nmetadata: {name: more}\nspec: {containers: [{name: a, image: b}]}".into(),
            },
        ] {
            let step = Step { at: ScenarioDuration(at), action };
            let after = run(&single().edited(&[Edit::Step(step.clone())]), stack);
            let differs = before.first_difference(&after).expect("something else happens");
            assert!(after.event(differs).at >= Time::ZERO + at, "{step:?} has changed the past");
            assert!(before.event(EventId(differs.0 - 1)).at <= Time::ZERO + at);
        }
    }
}

#[test]
fn a_fault_changes_nothing_before_its_call() {
    let before = run(&single(), Stack::Containerd);
    let fault = sim::Fault {
        op: "RunPodSandbox".into(),
        times: Some(1),
        code: Some("Unavailable".into()),
        ..sim::Fault::default()
    };
    let after = run(&single().edited(&[Edit::Fault(fault)]), Stack::Containerd);
    let differs = before.first_difference(&after).expect("the call fails");
    let mut calls = after.calls().filter(|(_, _, call)| call.op == "RunPodSandbox");
    assert!(calls.next().expect("the call is made").0 < differs);
}

#[test]
fn edits_are_read_back() {
    let text = r#"[{"fault":{"op":"PullImage","skip":1,"code":"Unavailable"}},{"step":{"at":"3.5s","do":{"deletePod":{"name":"web"}}}},{"step":{"at":"4s","do":{"kill":{"pid":7,"signal":15}}}}]"#;
    let edits: Vec<Edit> = serde_json::from_str(text).expect("edits");
    assert_eq!(serde_json::to_string(&edits).expect("printable"), text);
}
