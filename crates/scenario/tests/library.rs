//! Every built-in scenario on each of its stacks: what its trace must be, whatever it shows.
//!
//! The listings in `tests/listings` are for reading: a change of behaviour shows there first.
//! `UPDATE_EXPECT=1 cargo test -p scenario` writes them anew.

use expect_test::expect_file;
use scenario::{Builtin, Stack, builtin, simulate};
use std::collections::BTreeSet;
use trace::{Effect, EventId, Level, Payload, Trace, What};

fn each(mut check: impl FnMut(&'static Builtin, Stack, Trace)) {
    for builtin in builtin() {
        let scenario = builtin.scenario();
        assert!(!scenario.stacks.is_empty(), "{} names no stack", builtin.id);
        for &stack in &scenario.stacks {
            let trace = simulate(&scenario, stack).unwrap_or_else(|problems| {
                panic!("{}: {}", builtin.id, problems[0]);
            });
            check(builtin, stack, trace);
        }
    }
}

#[test]
fn two_runs_give_the_same_bytes() {
    each(|builtin, stack, trace| {
        let again = simulate(&builtin.scenario(), stack).expect("it was simulated before");
        let json = |trace: &Trace| serde_json::to_string(trace).expect("a trace is plain data");
        assert!(json(&trace) == json(&again), "{} on {} differs", builtin.id, stack.key());
    });
}

#[test]
fn a_trace_survives_being_written_and_read() {
    each(|builtin, stack, trace| {
        let text = serde_json::to_string(&trace).expect("a trace is plain data");
        let read: Trace = serde_json::from_str(&text).expect("what was written can be read");
        let again = serde_json::to_string(&read).expect("a trace is plain data");
        assert!(text == again, "{} on {} changed", builtin.id, stack.key());
    });
}

#[test]
fn the_listings_are_as_they_were_read_last() {
    each(|builtin, stack, trace| {
        let path = format!("listings/{}.{}.txt", builtin.id, stack.key());
        expect_file![path].assert_eq(&trace::listing::listing(&trace, Level::Calls));
    });
}

#[test]
fn events_are_in_order_and_calls_return_once() {
    each(|builtin, stack, trace| {
        let place = |id: EventId| format!("{} on {}, event {}", builtin.id, stack.key(), id.0);
        let mut returned = BTreeSet::new();
        let mut before = trace::Time::ZERO;
        for (id, event) in trace.iter() {
            assert!(event.at >= before, "{}: time runs backwards", place(id));
            before = event.at;
            if let Some(parent) = event.parent {
                assert!(parent < id, "{}: its parent is later", place(id));
                assert!(trace.event(parent).as_call().is_some(), "{}: in no call", place(id));
                assert!(!returned.contains(&parent), "{}: its call is over", place(id));
            }
            if let What::Return(answer) = &event.what {
                assert!(returned.insert(answer.call), "{}: a second return", place(id));
            }
            if let What::Call(call) = &event.what {
                assert!(call.cause.is_none_or(|cause| cause < id), "{}: a late cause", place(id));
            }
        }
    });
}

#[test]
fn every_call_is_between_members_that_the_topology_links() {
    each(|builtin, stack, trace| {
        let topology = &trace.header.topology;
        let links: BTreeSet<_> =
            topology.links().map(|(from, to, link)| (from, to, link.protocol)).collect();
        let missing: BTreeSet<String> = trace
            .calls()
            .filter(|(.., call)| {
                call.from != call.to && !links.contains(&(call.from, call.to, call.protocol))
            })
            .map(|(.., call)| format!("{:?} → {:?} ({:?})", call.from, call.to, call.protocol))
            .collect();
        assert!(missing.is_empty(), "{} on {}: {missing:#?}", builtin.id, stack.key());
    });
}

#[test]
fn every_hop_and_call_names_its_source() {
    each(|builtin, stack, trace| {
        let nameless: BTreeSet<String> = trace
            .calls()
            .filter(|(.., call)| call.level <= Level::Hops && call.source.is_none())
            .map(|(.., call)| format!("{:?} → {:?}: {}", call.from, call.to, call.op))
            .collect();
        assert!(nameless.is_empty(), "{} on {}: {nameless:#?}", builtin.id, stack.key());
    });
}

/// What must be true of the node at the end.
#[test]
fn pods_reach_what_their_scenario_promises() {
    each(|builtin, stack, trace| {
        let mut frame = trace::Frame::default();
        while frame.step(&trace) {}
        let place = format!("{} on {}", builtin.id, stack.key());
        if ["delete-pod", "static-pod"].contains(&builtin.id) {
            assert!(frame.pods.iter().all(|pod| pod.removed), "{place}: the pod is still there");
            assert!(frame.sandboxes.is_empty(), "{place}: sandboxes are left behind");
            assert!(frame.containers.is_empty(), "{place}: containers are left behind");
            assert!(frame.namespaces.is_empty(), "{place}: namespaces are left behind");
            let inside =
                frame.processes.values().filter(|process| !process.container_id.is_empty());
            assert_eq!(inside.count(), 0, "{place}: processes are left behind");
            return;
        }
        for pod in &frame.pods {
            let status = pod.status.as_ref().unwrap_or_else(|| panic!("{place}: no status"));
            if builtin.id == "eviction" && pod.object.metadata.name != "modest" {
                let end = (status.phase.as_str(), status.reason.as_str());
                assert_eq!(end, ("Failed", "Evicted"), "{place}: {}", pod.object.metadata.name);
                continue;
            }
            assert_eq!(status.phase, "Running", "{place}: {}", api::summary(status));
            let sandboxes: Vec<_> = frame.sandboxes_of(&pod.object.metadata.uid).collect();
            let ready = sandboxes.iter().filter(|sandbox| sandbox.ready).count();
            assert_eq!(ready, 1, "{place}: one ready sandbox is enough and needed");
        }
        if builtin.id == "crash-loop" {
            let status = frame.pods[0].status.as_ref().expect("checked above");
            assert!(status.container_statuses[0].restart_count >= 4, "{place}: too few restarts");
        }
    });
}

#[test]
fn a_scenario_shows_what_it_is_about() {
    let events_of = |trace: &Trace| -> BTreeSet<String> {
        let effects = trace.events.iter().filter_map(trace::Event::as_effect);
        let reasons = effects.filter_map(|effect| match effect {
            Effect::KubeEvent(event) => Some(event.reason.to_string()),
            _ => None,
        });
        reasons.collect()
    };
    each(|builtin, stack, trace| {
        let reasons = events_of(&trace);
        let expected: &[&str] = match builtin.id {
            "image-pull-back-off" => &["Pulling", "Failed", "BackOff", "Pulled"],
            "crash-loop" => &["BackOff"],
            "cni-fails" => &["FailedCreatePodSandBox"],
            "delete-pod" => &["Killing"],
            _ => &["Created", "Started"],
        };
        for reason in expected {
            let place = format!("{} on {}", builtin.id, stack.key());
            assert!(reasons.contains(*reason), "{place}: no event {reason} in {reasons:?}");
        }
        if builtin.id == "name-conflict" {
            let names = trace.calls().filter_map(|(.., call)| match &call.request {
                Payload::Http { query, .. } if call.op == "POST /containers/create" => {
                    query.iter().find(|(key, _)| key == "name").map(|(_, name)| name.as_str())
                }
                _ => None,
            });
            let names: Vec<&str> = names.filter(|name| name.starts_with("k8s_POD_")).collect();
            let [first, second] = names[..] else { panic!("one conflict, one way around it") };
            let suffix = second.strip_prefix(first).expect("the name with something behind it");
            assert_eq!(suffix.len(), 9, "an underscore and eight digits, not {suffix:?}");
        }
    });
}
