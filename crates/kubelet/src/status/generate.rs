//! A pod's phase and conditions.
//!
//! Upstream: `pkg/kubelet/kubelet_pods.go` `getPhase`, `pkg/kubelet/status/generate.go`.

use crate::Features;
use crate::container::{
    PodStatus, State, all_containers_could_restart, container_should_restart,
    is_restartable_init_container, matching_rule,
};
use crate::kuberuntime::compute_pod_actions::pod_sandbox_changed;
use api::{Container, ContainerStatus, Pod, PodCondition};

/// The exit code that a container ended with, now or before it began to wait.
fn exit_of(status: &ContainerStatus) -> Option<&api::ContainerStateTerminated> {
    status
        .state
        .terminated
        .as_deref()
        .or_else(|| status.state.waiting.as_ref().and(status.last_state.terminated.as_deref()))
}

/// Where a pod is in its life.
#[must_use]
pub fn phase(
    pod: &Pod,
    statuses: &[ContainerStatus],
    from_file: bool,
    is_terminal: bool,
    has_initialized: bool,
    features: Features,
) -> &'static str {
    let spec = &pod.spec;
    let find = |name: &str| statuses.iter().find(|status| status.name == name);
    let restartable = |container: &Container, exit: &api::ContainerStateTerminated| {
        if features.restart_rules {
            container_should_restart(container, spec, exit.exit_code, features)
                || exit.reason == "RestartingAllContainers"
        } else {
            spec.restart_policy != "Never"
        }
    };
    let mut pending_init = false;
    let mut failed_init = false;
    let mut pending_sidecar = false;
    let (mut unknown, mut running, mut waiting) = (0, 0, 0);
    for container in &spec.init_containers {
        let status = find(&container.name);
        if features.sidecars && is_restartable_init_container(container) {
            match status {
                Some(status) if status.state.running.is_some() => {
                    running += 1;
                    pending_sidecar |= status.started != Some(true);
                }
                Some(status) if status.state.terminated.is_some() => {}
                Some(status) if status.state.waiting.is_some() => {
                    if status.last_state.terminated.is_none() {
                        pending_sidecar = true;
                        waiting += 1;
                    }
                }
                Some(_) => {
                    pending_sidecar = true;
                    unknown += 1;
                }
                None => unknown += 1,
            }
            continue;
        }
        match status.and_then(exit_of) {
            Some(exit) => {
                failed_init |= exit.exit_code != 0 && !restartable(container, exit);
            }
            None => pending_init = true,
        }
    }
    let (mut stopped, mut succeeded, mut restarting) = (0, 0, 0);
    for container in &spec.containers {
        let Some(status) = find(&container.name) else {
            unknown += 1;
            continue;
        };
        if status.state.running.is_some() {
            running += 1;
        } else if let Some(exit) = exit_of(status) {
            stopped += 1;
            succeeded += usize::from(status.state.terminated.is_some() && exit.exit_code == 0);
            restarting += usize::from(restartable(container, exit));
        } else if status.state.waiting.is_some() {
            waiting += 1;
        } else {
            unknown += 1;
        }
    }

    if failed_init {
        return "Failed";
    }
    if pending_init || (pending_sidecar && !has_initialized) || waiting > 0 {
        return "Pending";
    }
    if running > 0 && unknown == 0 {
        return "Running";
    }
    if running == 0 && stopped > 0 && unknown == 0 {
        let ended = if stopped == succeeded { "Succeeded" } else { "Failed" };
        if is_terminal && features.terminal_short_cut && !from_file {
            return ended;
        }
        if features.restart_rules {
            return if restarting > 0 { "Running" } else { ended };
        }
        return match spec.restart_policy.as_str() {
            "Always" => "Running",
            _ if stopped == succeeded => "Succeeded",
            "Never" => "Failed",
            _ => "Running",
        };
    }
    "Pending"
}

/// What conditions are made from.
struct Conditions<'a> {
    pod: &'a Pod,
    statuses: &'a [ContainerStatus],
    phase: &'a str,
    features: Features,
}

fn condition(type_: &str, status: bool, reason: &str, message: String) -> PodCondition {
    PodCondition {
        type_: type_.to_owned(),
        status: if status { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message,
        ..PodCondition::default()
    }
}

/// A pod's conditions, without the times of their last change.
#[must_use]
pub fn conditions(
    pod: &Pod,
    status: &PodStatus,
    statuses: &[ContainerStatus],
    phase: &str,
    old: &[PodCondition],
    features: Features,
) -> Vec<PodCondition> {
    let from = Conditions { pod, statuses, phase, features };
    let mut list: Vec<PodCondition> = Vec::with_capacity(6);
    // Conditions of others stay.
    let own = |type_: &str| {
        matches!(
            type_,
            "PodReadyToStartContainers"
                | "Initialized"
                | "Ready"
                | "ContainersReady"
                | "PodScheduled"
                | "AllContainersRestarting"
                | "PodResizePending"
                | "PodResizeInProgress"
        )
    };
    list.extend(pod.status.conditions.iter().filter(|it| !own(&it.type_)).cloned());
    for disruption in old.iter().filter(|it| it.type_ == "DisruptionTarget") {
        if !list.iter().any(|it| it.type_ == disruption.type_) {
            list.push(disruption.clone());
        }
    }
    if features.ready_to_start_condition {
        let ready = !pod_sandbox_changed(pod, status).0;
        list.push(condition("PodReadyToStartContainers", ready, "", String::new()));
    }
    let was_initialized =
        old.iter().any(|condition| condition.type_ == "Initialized" && condition.status == "True");
    list.push(from.initialized(was_initialized));
    let ready = from.containers_ready();
    list.push(from.ready(&ready, &list));
    list.push(ready);
    list.push(condition("PodScheduled", true, "", String::new()));
    if features.restart_all_containers && all_containers_could_restart(&pod.spec) {
        list.push(from.all_containers_restarting(status, old));
    }
    list
}

impl Conditions<'_> {
    fn find(&self, name: &str) -> Option<&ContainerStatus> {
        self.statuses.iter().find(|status| status.name == name)
    }

    /// Names of containers for whom something does not hold, as Go prints a list.
    fn message(unknown: &[&str], others: &[&str], what: &str) -> String {
        let mut parts = Vec::new();
        if !unknown.is_empty() {
            parts.push(format!("containers with unknown status: [{}]", unknown.join(" ")));
        }
        if !others.is_empty() {
            parts.push(format!("containers with {what} status: [{}]", others.join(" ")));
        }
        parts.join(", ")
    }

    fn initialized(&self, before: bool) -> PodCondition {
        let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
        for container in &self.pod.spec.init_containers {
            let name = container.name.as_str();
            let Some(status) = self.find(name) else {
                unknown.push(name);
                continue;
            };
            let sidecar = self.features.sidecars && is_restartable_init_container(container);
            let done = if sidecar { status.started == Some(true) } else { status.ready };
            if !done {
                incomplete.push(name);
            }
        }
        let name = "Initialized";
        if self.phase == "Succeeded" && unknown.is_empty() {
            return condition(name, true, "PodCompleted", String::new());
        }
        let regular_started = self.features.sidecars
            && self.pod.spec.containers.iter().any(|container| {
                self.find(&container.name).is_some_and(|status| {
                    status.started == Some(true)
                        || status.state.running.is_some()
                        || status.state.terminated.is_some()
                        || status.last_state.terminated.is_some()
                })
            });
        let message = Self::message(&unknown, &incomplete, "incomplete");
        if regular_started || message.is_empty() || (before && self.features.restart_all_containers)
        {
            return condition(name, true, "", String::new());
        }
        condition(name, false, "ContainersNotInitialized", message)
    }

    fn containers_ready(&self) -> PodCondition {
        let name = "ContainersReady";
        let (mut unknown, mut unready) = (Vec::new(), Vec::new());
        let sidecars = self
            .pod
            .spec
            .init_containers
            .iter()
            .filter(|it| self.features.sidecars && is_restartable_init_container(it));
        for container in sidecars.chain(&self.pod.spec.containers) {
            match self.find(&container.name) {
                Some(status) if status.ready => {}
                Some(_) => unready.push(container.name.as_str()),
                None => unknown.push(container.name.as_str()),
            }
        }
        if self.phase == "Succeeded" && unknown.is_empty() {
            return condition(name, false, "PodCompleted", String::new());
        }
        if self.phase == "Failed" && self.features.ready_to_start_condition {
            return condition(name, false, "PodFailed", String::new());
        }
        let message = Self::message(&unknown, &unready, "unready");
        if message.is_empty() {
            condition(name, true, "", message)
        } else {
            condition(name, false, "ContainersNotReady", message)
        }
    }

    fn ready(&self, containers: &PodCondition, others: &[PodCondition]) -> PodCondition {
        if containers.status != "True" {
            return PodCondition { type_: "Ready".to_owned(), ..containers.clone() };
        }
        let gates = self.pod.spec.readiness_gates.iter().filter_map(|gate| {
            let name = &gate.condition_type;
            match others.iter().find(|condition| condition.type_ == *name) {
                None => Some(format!(
                    "corresponding condition of pod readiness gate {name:?} does not exist."
                )),
                Some(found) if found.status != "True" => Some(format!(
                    "the status of pod readiness gate {name:?} is not \"True\", but {}",
                    found.status
                )),
                Some(_) => None,
            }
        });
        let message = gates.collect::<Vec<_>>().join(", ");
        if message.is_empty() {
            condition("Ready", true, "", message)
        } else {
            condition("Ready", false, "ReadinessGatesNotReady", message)
        }
    }

    fn all_containers_restarting(&self, status: &PodStatus, old: &[PodCondition]) -> PodCondition {
        let name = "AllContainersRestarting";
        match self.phase {
            "Succeeded" => return condition(name, false, "PodCompleted", String::new()),
            "Failed" => return condition(name, false, "PodFailed", String::new()),
            _ => {}
        }
        let spec = &self.pod.spec;
        let mut all = spec.init_containers.iter().chain(&spec.containers);
        let asked = all.any(|container| {
            status.find(&container.name).is_some_and(|status| {
                status.state == State::Exited
                    && matching_rule(container, status.exit_code) == Some("RestartAllContainers")
            })
        });
        let begun = old.iter().any(|it| it.type_ == name && it.status == "True");
        if !(asked || begun) || status.containers.is_empty() {
            return condition(name, false, "", String::new());
        }
        let message = "container exited with restart policy rule".to_owned();
        condition(name, true, "RestartAllContainersStarted", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;
    use api::{
        ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    };

    /// `r`unning, `w`aiting, exited `0`, exited `1`, waiting after exit `b`.
    fn status(name: &str, state: char) -> ContainerStatus {
        let exit = |code| {
            Some(Box::new(ContainerStateTerminated { exit_code: code, ..Default::default() }))
        };
        let waiting = || Some(ContainerStateWaiting::default());
        let running = Some(ContainerStateRunning::default());
        let mut status = ContainerStatus { name: name.into(), ..ContainerStatus::default() };
        match state {
            'r' => status.state = ContainerState { running, ..Default::default() },
            'w' => status.state = ContainerState { waiting: waiting(), ..Default::default() },
            'b' => {
                status.state = ContainerState { waiting: waiting(), ..Default::default() };
                status.last_state.terminated = exit(1);
            }
            code => {
                let code = code.to_digit(10).unwrap_or(0) as i32;
                status.state = ContainerState { terminated: exit(code), ..Default::default() };
            }
        }
        status
    }

    fn check(policy: &str, init: &str, main: &str, minor: u16) -> &'static str {
        let mut pod = Pod::default();
        pod.spec.restart_policy = policy.into();
        let mut statuses = Vec::new();
        let mut add = |list: &mut Vec<Container>, prefix: &str, states: &str| {
            for (index, state) in states.chars().enumerate() {
                let name = format!("{prefix}{index}");
                list.push(Container { name: name.clone(), ..Container::default() });
                statuses.push(status(&name, state));
            }
        };
        add(&mut pod.spec.init_containers, "i", init);
        add(&mut pod.spec.containers, "c", main);
        phase(&pod, &statuses, false, false, false, Version::minor(minor).features())
    }

    #[test]
    fn phases() {
        let table = [
            ("Always", "", "w", "Pending"),
            ("Always", "", "r", "Running"),
            ("Always", "", "rw", "Pending"),
            ("Always", "", "0", "Running"),
            ("Always", "", "1", "Running"),
            ("Always", "", "b", "Running"),
            ("OnFailure", "", "0", "Succeeded"),
            ("OnFailure", "", "1", "Running"),
            ("OnFailure", "", "0b", "Running"),
            ("Never", "", "0", "Succeeded"),
            ("Never", "", "01", "Failed"),
            ("Never", "", "1r", "Running"),
            ("Always", "r", "w", "Pending"),
            ("Always", "1", "w", "Pending"),
            ("Never", "1", "w", "Failed"),
            ("Always", "0", "r", "Running"),
            ("Always", "w", "w", "Pending"),
        ];
        for (policy, init, main, expected) in table {
            for minor in [22, 36] {
                assert_eq!(check(policy, init, main, minor), expected, "{policy} {init} {main}");
            }
        }
    }
}
