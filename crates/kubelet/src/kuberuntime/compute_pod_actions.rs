//! What SyncPod decides to do: from a pod's spec and the runtime's view of it to a plan.
//!
//! Upstream: `pkg/kubelet/kuberuntime/kuberuntime_manager.go` `computePodActions`,
//! `pkg/kubelet/kuberuntime/kuberuntime_container.go` `computeInitContainerActions` and, before
//! sidecars, `findNextInitContainerToRun`; `pkg/kubelet/kuberuntime/util/util.go`
//! `PodSandboxChanged`.

use crate::Features;
use crate::container::{
    PodStatus, State, Status, has_any_regular_container_created, hash_container,
    is_host_network_pod, is_restartable_init_container, should_container_be_restarted,
};
use crate::prober::ProbeResult;
use api::{Container, Pod};
use std::rc::Rc;

/// Why a container is killed, where that changes how long it may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KillReason {
    /// No reason in particular.
    #[default]
    None,
    /// Its startup probe failed.
    StartupProbe,
    /// Its liveness probe failed.
    LivenessProbe,
    /// Its postStart hook failed.
    FailedPostStartHook,
    /// All containers of the pod start again.
    RestartAllContainers,
    /// The runtime has lost track of it.
    Unknown,
}

/// A container to kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerToKill {
    /// Its id.
    pub id: Rc<str>,
    /// Its name.
    pub name: Rc<str>,
    /// What the event says.
    pub message: Rc<str>,
    /// Why.
    pub reason: KillReason,
}

/// A container to remove so that its pod starts over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerToReset {
    /// Its id.
    pub id: Rc<str>,
    /// Its name.
    pub name: Rc<str>,
    /// Whether it must be killed first.
    pub kill: bool,
}

/// The plan of one sync. Containers are indices into the pod's spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodActions {
    /// Stop all containers and the sandbox.
    pub kill_pod: bool,
    /// Make a new sandbox.
    pub create_sandbox: bool,
    /// The sandbox that there is; empty if the first is to be made.
    pub sandbox_id: Rc<str>,
    /// The attempt of the sandbox to make, or of the one that there is.
    pub attempt: u32,
    /// The init containers to start.
    pub init_containers_to_start: Vec<usize>,
    /// The ephemeral containers to start.
    pub ephemeral_containers_to_start: Vec<usize>,
    /// The regular containers to start.
    pub containers_to_start: Vec<usize>,
    /// The containers to kill.
    pub containers_to_kill: Vec<ContainerToKill>,
    /// The containers to remove before the pod starts over.
    pub containers_to_reset: Vec<ContainerToReset>,
    /// The running containers whose resources are to be changed.
    pub containers_to_update: Vec<(usize, Rc<str>)>,
}

impl PodActions {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.kill_pod
            && !self.create_sandbox
            && self.init_containers_to_start.is_empty()
            && self.ephemeral_containers_to_start.is_empty()
            && self.containers_to_start.is_empty()
            && self.containers_to_kill.is_empty()
            && self.containers_to_reset.is_empty()
            && self.containers_to_update.is_empty()
    }

    /// The plan as the trace shows it.
    #[must_use]
    pub fn to_plan(&self, pod: &Pod) -> trace::Plan {
        let names = |indices: &[usize], containers: &[Container]| -> Vec<Rc<str>> {
            let named = indices.iter().filter_map(|&index| containers.get(index));
            named.map(|container| container.name.as_str().into()).collect()
        };
        let ephemeral = self
            .ephemeral_containers_to_start
            .iter()
            .filter_map(|&index| pod.spec.ephemeral_containers.get(index))
            .map(|ephemeral| ephemeral.container.name.as_str().into())
            .collect();
        let kills = self.containers_to_kill.iter().map(|kill| trace::PlannedKill {
            name: kill.name.clone(),
            id: kill.id.clone(),
            message: kill.message.clone(),
        });
        let resets = self.containers_to_reset.iter().map(|reset| trace::PlannedKill {
            name: reset.name.clone(),
            id: reset.id.clone(),
            message: "all containers are restarted".into(),
        });
        trace::Plan {
            kill_pod: self.kill_pod,
            create_sandbox: self.create_sandbox,
            sandbox_id: self.sandbox_id.clone(),
            attempt: self.attempt,
            init_containers_to_start: names(
                &self.init_containers_to_start,
                &pod.spec.init_containers,
            ),
            ephemeral_containers_to_start: ephemeral,
            containers_to_start: names(&self.containers_to_start, &pod.spec.containers),
            containers_to_kill: kills.chain(resets).collect(),
        }
    }
}

/// What a decision rests on besides the pod and the runtime's view of it.
pub trait Facts {
    /// What the kubelet's version does.
    fn features(&self) -> Features;

    /// The last result of a container's liveness probe.
    fn liveness(&self, container_id: &str) -> Option<ProbeResult>;

    /// The last result of a container's startup probe.
    fn startup(&self, container_id: &str) -> Option<ProbeResult>;

    /// Whether a running container's resources differ from its spec: nothing, an update in
    /// place, or a restart.
    fn resize(&self, _pod: &Pod, _container: &Container, _status: &Status) -> Resize {
        Resize::Nothing
    }
}

/// What a change of a container's resources asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// They are as they should be.
    Nothing,
    /// They are changed while it runs.
    InPlace,
    /// It has to start again.
    Restart,
}

/// Whether a pod needs a new sandbox, its attempt, and the sandbox that there is.
#[must_use]
pub fn pod_sandbox_changed(pod: &Pod, status: &PodStatus) -> (bool, u32, Rc<str>) {
    let Some(latest) = status.sandboxes.first() else { return (true, 0, "".into()) };
    let ready = status.sandboxes.iter().filter(|sandbox| sandbox.ready).count();
    if ready > 1 || !latest.ready {
        return (true, latest.attempt + 1, latest.id.clone());
    }
    if latest.host_network != is_host_network_pod(pod) {
        // Nothing of the old sandbox can be kept, so it is not reported as changed.
        return (true, latest.attempt + 1, "".into());
    }
    if !is_host_network_pod(pod) && latest.ips.is_empty() {
        return (true, latest.attempt + 1, latest.id.clone());
    }
    (false, latest.attempt, latest.id.clone())
}

/// The plan for a pod.
#[must_use]
pub fn compute_pod_actions(
    pod: &Pod,
    status: &PodStatus,
    restart_all_containers: bool,
    facts: &dyn Facts,
) -> PodActions {
    let features = facts.features();
    let (create_sandbox, attempt, sandbox_id) = pod_sandbox_changed(pod, status);
    let mut changes = PodActions {
        kill_pod: create_sandbox,
        create_sandbox,
        sandbox_id,
        attempt,
        ..PodActions::default()
    };
    if restart_all_containers {
        changes.containers_to_reset = containers_to_reset(pod, status, features);
        return changes;
    }
    if create_sandbox {
        plan_new_sandbox(pod, status, features, &mut changes);
        return changes;
    }

    let ephemeral = pod.spec.ephemeral_containers.iter().enumerate();
    changes.ephemeral_containers_to_start = ephemeral
        .filter(|(_, ephemeral)| status.find(&ephemeral.container.name).is_none())
        .map(|(index, _)| index)
        .collect();

    let initialized = if features.sidecars {
        compute_init_container_actions(pod, status, facts, &mut changes)
    } else {
        next_init_container(pod, status, &mut changes)
    };
    if changes.kill_pod || !initialized {
        return changes;
    }
    plan_regular_containers(pod, status, facts, &mut changes);
    changes
}

/// With a new sandbox everything starts over.
fn plan_new_sandbox(pod: &Pod, status: &PodStatus, features: Features, changes: &mut PodActions) {
    let never = pod.spec.restart_policy == "Never";
    if never && changes.attempt != 0 && !status.containers.is_empty() {
        // The pod has run, and may not run again.
        changes.create_sandbox = false;
        return;
    }
    let succeeded = |container: &Container| {
        status
            .find(&container.name)
            .is_some_and(|status| status.state == State::Exited && status.exit_code == 0)
    };
    let run_once = |container: &Container| match container.restart_policy.as_deref() {
        Some(own) if features.restart_rules => own == "OnFailure",
        _ => pod.spec.restart_policy == "OnFailure",
    };
    let to_start: Vec<usize> = pod
        .spec
        .containers
        .iter()
        .enumerate()
        .filter(|(_, container)| !(run_once(container) && succeeded(container)))
        .map(|(index, _)| index)
        .collect();
    if to_start.is_empty() && initialized_once(pod, status, features) {
        changes.create_sandbox = false;
        return;
    }
    if pod.spec.init_containers.is_empty() {
        changes.containers_to_start = to_start;
    } else {
        changes.init_containers_to_start = vec![0];
    }
}

/// Whether the pod had come as far as its regular containers.
fn initialized_once(pod: &Pod, status: &PodStatus, features: Features) -> bool {
    if features.sidecars {
        has_any_regular_container_created(pod, status)
    } else {
        find_next_init_container_to_run(pod, status) == NextInit::Done
    }
}

/// All containers of a pod that starts over in its sandbox: first those that did not cause it.
fn containers_to_reset(pod: &Pod, status: &PodStatus, features: Features) -> Vec<ContainerToReset> {
    let split = |containers: &[Container]| {
        let (mut sources, mut targets) = (Vec::new(), Vec::new());
        for container in containers {
            for status in status.containers.iter().filter(|it| *it.name == *container.name) {
                let reset = ContainerToReset {
                    id: status.id.clone(),
                    name: status.name.clone(),
                    kill: status.state == State::Running,
                };
                let source = status.state == State::Exited
                    && features.restart_all_containers
                    && crate::container::matching_rule(container, status.exit_code)
                        == Some("RestartAllContainers");
                if source { sources.push(reset) } else { targets.push(reset) }
            }
        }
        (sources, targets)
    };
    let (init_sources, init_targets) = split(&pod.spec.init_containers);
    let (sources, targets) = split(&pod.spec.containers);
    [targets, init_targets, sources, init_sources].concat()
}

/// What is to be done about init containers and sidecars. Gives whether the regular containers
/// may start.
fn compute_init_container_actions(
    pod: &Pod,
    status: &PodStatus,
    facts: &dyn Facts,
    changes: &mut PodActions,
) -> bool {
    let features = facts.features();
    let init_containers = &pod.spec.init_containers;
    if init_containers.is_empty() {
        return true;
    }
    let mut pod_has_initialized = pod.spec.containers.iter().any(|container| {
        status
            .find(&container.name)
            .is_some_and(|status| matches!(status.state, State::Created | State::Running))
    });
    let mut previously_initialized = pod_has_initialized;
    let restart_on_failure = pod.spec.restart_policy != "Never";
    let last = init_containers.len() - 1;
    let mut start = Vec::new();

    for (index, container) in init_containers.iter().enumerate().rev() {
        let sidecar = is_restartable_init_container(container);
        let Some(status_of) = status.find(&container.name) else {
            if previously_initialized && sidecar {
                start.push(index);
            }
            continue;
        };
        if previously_initialized && !sidecar {
            // What comes after it has begun, so it is over.
            continue;
        }
        match status_of.state {
            State::Created => start.push(index),
            State::Running if !sidecar => {}
            State::Running => 'sidecar: {
                if container.startup_probe.is_some() {
                    match facts.startup(&status_of.id) {
                        Some(ProbeResult::Success) => {}
                        Some(ProbeResult::Failure) => {
                            let message =
                                format!("Init container {} failed startup probe", container.name);
                            changes.kill(status_of, message, KillReason::StartupProbe);
                            start.push(index);
                            break 'sidecar;
                        }
                        Some(ProbeResult::Unknown) | None => break 'sidecar,
                    }
                }
                if index == last {
                    pod_has_initialized = true;
                } else if !previously_initialized {
                    start.push(index + 1);
                }
                if status_of.hash != hash_container(container, features) {
                    let message = format!("Init container {} definition changed", container.name);
                    changes.kill(status_of, message, KillReason::None);
                    start.push(index);
                    break 'sidecar;
                }
                if container.liveness_probe.is_some()
                    && facts.liveness(&status_of.id) == Some(ProbeResult::Failure)
                {
                    let message =
                        format!("Init container {} failed liveness probe", container.name);
                    changes.kill(status_of, message, KillReason::LivenessProbe);
                    start.push(index);
                }
            }
            State::Exited if sidecar => start.push(index),
            State::Exited if status_of.exit_code != 0 => {
                let restarts = if features.restart_rules {
                    should_container_be_restarted(container, pod, status, features)
                } else {
                    restart_on_failure
                };
                if !restarts {
                    changes.kill_pod = true;
                    return false;
                }
                start.push(index);
            }
            State::Exited if index == last => pod_has_initialized = true,
            State::Exited => start.push(index + 1),
            State::Unknown => {
                let own = container.restart_policy.as_deref().filter(|_| features.restart_rules);
                let restarts = own.map_or(restart_on_failure, |own| own != "Never");
                if !sidecar && !restarts {
                    changes.kill_pod = true;
                    return false;
                }
                let message =
                    "Init container is in \"unknown\" state, try killing it before restart";
                changes.kill(status_of, message.into(), KillReason::Unknown);
                start.push(index);
            }
        }
        previously_initialized = true;
    }
    if !previously_initialized {
        start.push(0);
    }
    start.reverse();
    changes.init_containers_to_start = start;
    pod_has_initialized
}

/// Before sidecars: which init container comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextInit {
    /// All are over.
    Done,
    /// One runs.
    Wait,
    /// This one is to be started.
    Start(usize),
    /// This one failed and is to be started again, if the pod's policy lets it.
    Failed(usize),
}

/// Before sidecars: the one init container that a sync may start.
fn find_next_init_container_to_run(pod: &Pod, status: &PodStatus) -> NextInit {
    let init_containers = &pod.spec.init_containers;
    let running = |container: &Container| {
        status.find(&container.name).is_some_and(|status| status.state == State::Running)
    };
    if init_containers.is_empty() || pod.spec.containers.iter().any(running) {
        return NextInit::Done;
    }
    let failed = |status: &Status| {
        status.state == State::Unknown || (status.state == State::Exited && status.exit_code != 0)
    };
    let statuses = || {
        let indexed = init_containers.iter().enumerate().rev();
        indexed.filter_map(|(index, container)| Some((index, status.find(&container.name)?)))
    };
    if let Some((index, _)) = statuses().find(|(_, status)| failed(status)) {
        return NextInit::Failed(index);
    }
    for (index, status) in statuses() {
        match status.state {
            State::Running => return NextInit::Wait,
            State::Exited if index + 1 == init_containers.len() => return NextInit::Done,
            State::Exited => return NextInit::Start(index + 1),
            State::Created | State::Unknown => {}
        }
    }
    NextInit::Start(0)
}

/// Before sidecars: what is to be done about init containers.
fn next_init_container(pod: &Pod, status: &PodStatus, changes: &mut PodActions) -> bool {
    match find_next_init_container_to_run(pod, status) {
        NextInit::Done => return true,
        NextInit::Wait => {}
        NextInit::Start(index) => changes.init_containers_to_start = vec![index],
        NextInit::Failed(_) if pod.spec.restart_policy == "Never" => changes.kill_pod = true,
        NextInit::Failed(index) => {
            if let Some(status) = status.find(&pod.spec.init_containers[index].name)
                && status.state == State::Unknown
            {
                let message =
                    "Init container is in \"unknown\" state, try killing it before restart";
                changes.kill(status, message.into(), KillReason::Unknown);
            }
            changes.init_containers_to_start = vec![index];
        }
    }
    false
}

fn plan_regular_containers(
    pod: &Pod,
    status: &PodStatus,
    facts: &dyn Facts,
    changes: &mut PodActions,
) {
    let features = facts.features();
    let mut keeps_one = false;
    for (index, container) in pod.spec.containers.iter().enumerate() {
        let found = status.find(&container.name);
        let Some(running) = found.filter(|status| status.state == State::Running) else {
            if should_container_be_restarted(container, pod, status, features) {
                changes.containers_to_start.push(index);
                if let Some(unknown) = found.filter(|status| status.state == State::Unknown) {
                    let message =
                        "Container is in \"unknown\" state, try killing it before restart";
                    changes.kill(unknown, message.into(), KillReason::Unknown);
                }
            }
            continue;
        };
        let name = &container.name;
        let own = container.restart_policy.as_deref().filter(|_| features.restart_rules);
        let mut restart = own.unwrap_or(&pod.spec.restart_policy) != "Never";
        let (message, reason) = if running.hash != hash_container(container, features) {
            restart = true;
            (format!("Container {name} definition changed"), KillReason::None)
        } else if facts.liveness(&running.id) == Some(ProbeResult::Failure) {
            (format!("Container {name} failed liveness probe"), KillReason::LivenessProbe)
        } else if facts.startup(&running.id) == Some(ProbeResult::Failure) {
            (format!("Container {name} failed startup probe"), KillReason::StartupProbe)
        } else {
            match facts.resize(pod, container, running) {
                Resize::Nothing => {}
                Resize::InPlace => changes.containers_to_update.push((index, running.id.clone())),
                Resize::Restart => {
                    let message = format!("Container {name} resize requires restart");
                    changes.kill(running, message, KillReason::None);
                    changes.containers_to_start.push(index);
                    continue;
                }
            }
            keeps_one = true;
            continue;
        };
        let message = if restart {
            changes.containers_to_start.push(index);
            format!("{message}, will be restarted")
        } else {
            message
        };
        changes.kill(running, message, reason);
    }
    if !keeps_one && changes.containers_to_start.is_empty() {
        changes.kill_pod = true;
        if features.sidecars {
            // Sidecars end with what they serve.
            changes.init_containers_to_start.clear();
        }
    }
}

impl PodActions {
    fn kill(&mut self, status: &Status, message: String, reason: KillReason) {
        self.containers_to_kill.push(ContainerToKill {
            id: status.id.clone(),
            name: status.name.clone(),
            message: message.into(),
            reason,
        });
    }
}

#[cfg(test)]
#[path = "compute_pod_actions_tests.rs"]
mod tests;
