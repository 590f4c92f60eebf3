//! What survives when a kubelet dies: everything but what it knew.

use scenario::{find, simulate};
use std::collections::BTreeMap;
use trace::{ContainerState, Effect, Frame, Protocol, Time};

#[test]
fn containers_outlive_the_kubelet_and_are_adopted() {
    let scenario = find("kubelet-restart").expect("it is built in").scenario();
    for &stack in &scenario.stacks {
        let trace = simulate(&scenario, stack).expect("it runs");
        let at = |secs: u64| {
            let mut frame = Frame::default();
            let end = Time::from_millis(secs * 1000);
            while trace.events.get(frame.cursor).is_some_and(|event| event.at < end) {
                frame.step(&trace);
            }
            frame
        };
        // Nobody asks the runtime anything while there is no kubelet; the container ends all the
        // same, and its runtime notices.
        let (down, up) = (Time::from_millis(10_100), Time::from_millis(20_000));
        let asked = trace.iter().filter(|(_, event)| (down..up).contains(&event.at));
        let asked = asked.filter_map(|(_, event)| event.as_call());
        assert_eq!(asked.filter(|call| call.protocol == Protocol::Cri).count(), 0, "{stack:?}");
        let ended = trace.iter().any(|(_, event)| {
            (down..up).contains(&event.at)
                && matches!(event.as_effect(), Some(Effect::Container(view))
                    if view.state == ContainerState::Exited)
        });
        assert!(ended, "{stack:?}: the container ends while the kubelet is away");

        let running = |frame: &Frame| -> BTreeMap<String, (u32, u32)> {
            let running =
                frame.containers.values().filter(|it| it.state == ContainerState::Running);
            running.map(|it| (it.name.to_string(), (it.pid, it.attempt))).collect()
        };
        let (before, after) = (running(&at(9)), running(&at(39)));
        assert_eq!(before["nginx"], after["nginx"], "{stack:?}: it was never touched");
        assert_eq!((before["worker"].1, after["worker"].1), (0, 1), "{stack:?}: started again");
        assert_eq!(at(39).sandboxes.len(), 1, "{stack:?}: the sandbox is the same");
        assert_eq!(at(9).sandboxes, at(39).sandboxes, "{stack:?}: the sandbox is the same");
    }
}
