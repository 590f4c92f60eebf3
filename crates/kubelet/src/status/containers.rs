//! Container statuses.
//!
//! Upstream: `pkg/kubelet/kubelet_pods.go` `convertToAPIContainerStatuses`.

use crate::Features;
use crate::container::{
    PodStatus, State, Status, has_any_regular_container_created, is_restartable_init_container,
    should_container_be_restarted,
};
use crate::kuberuntime::Failure;
use api::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, Pod, VolumeMountStatus,
};
use std::rc::Rc;
use trace::Time;

const RESTARTING_ALL: &str = "RestartingAllContainers";

/// What container statuses are made from.
pub struct Converting<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// What the runtime reports.
    pub status: &'a PodStatus,
    /// The statuses before.
    pub old: &'a [ContainerStatus],
    /// Why containers could not be started.
    pub(crate) reasons: &'a [(Rc<str>, Failure)],
    /// The name of the runtime, which container ids begin with.
    pub runtime: &'a str,
    /// What the kubelet's version does.
    pub features: Features,
    /// Whether all containers of the pod are being restarted.
    pub restarting: bool,
}

fn time(at: Time) -> api::Time {
    if at == Time::ZERO { api::Time::default() } else { api::Time(at.rfc3339()) }
}

fn waiting(reason: &str, message: &str) -> ContainerState {
    let state = ContainerStateWaiting { reason: reason.to_owned(), message: message.to_owned() };
    ContainerState { waiting: Some(state), ..ContainerState::default() }
}

fn terminated(reason: &str, message: &str, exit_code: i32) -> Box<ContainerStateTerminated> {
    Box::new(ContainerStateTerminated {
        reason: reason.to_owned(),
        message: message.to_owned(),
        exit_code,
        ..ContainerStateTerminated::default()
    })
}

/// The statuses of a list of containers, in the order of the spec.
#[must_use]
pub fn container_statuses(
    from: &Converting<'_>,
    containers: &[Container],
    is_init: bool,
) -> Vec<ContainerStatus> {
    let has_init = !from.pod.spec.init_containers.is_empty();
    let default_reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
    let one = |container: &Container| {
        let name = container.name.as_str();
        let old = from.old.iter().find(|status| status.name == name);
        let mut seen = from.status.containers.iter().filter(|status| *status.name == *name);
        let mut status = match (seen.next(), old) {
            (Some(newest), old) => {
                let mut status = convert(from, container, newest, old);
                if let Some(before) = seen.next() {
                    status.last_state = convert(from, container, before, old).state;
                }
                status
            }
            (None, old) => unseen(from, container, old, default_reason),
        };
        if is_init {
            let found = from.status.find(name);
            if found.is_some_and(|it| it.state == State::Exited && it.exit_code == 0) {
                return status;
            }
            if found.is_none()
                && !is_restartable_init_container(container)
                && has_any_regular_container_created(from.pod, from.status)
                && status.state.waiting.is_some()
            {
                let message = "Unable to get init container status from container runtime and pod \
                               has been initialized, treat it as exited normally";
                status.state = ContainerState {
                    terminated: Some(terminated("Completed", message, 0)),
                    ..ContainerState::default()
                };
                return status;
            }
        }
        if should_container_be_restarted(container, from.pod, from.status, from.features)
            && let Some((_, failure)) = from.reasons.iter().find(|(other, _)| **other == *name)
        {
            if status.state.terminated.is_some() {
                status.last_state = std::mem::take(&mut status.state);
            }
            status.state = waiting(failure.reason, &failure.message);
        }
        status
    };
    containers.iter().map(one).collect()
}

/// The status of a container that the runtime does not have.
fn unseen(
    from: &Converting<'_>,
    container: &Container,
    old: Option<&ContainerStatus>,
    default_reason: &str,
) -> ContainerStatus {
    let mut status = ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone(),
        state: waiting(default_reason, ""),
        volume_mounts: volume_mounts(from, container),
        ..ContainerStatus::default()
    };
    let Some(old) = old else { return status };
    if old.state.terminated.is_some() {
        status = old.clone();
    } else {
        status.restart_count = old.restart_count;
        status.last_state = old.last_state.clone();
    }
    if from.restarting && old.state.waiting.is_none() {
        let message = "The container is removed because RestartAllContainers in place";
        status.state = waiting(RESTARTING_ALL, message);
        status.last_state = ContainerState {
            terminated: Some(terminated(RESTARTING_ALL, message, 137)),
            ..ContainerState::default()
        };
        status.restart_count = old.restart_count + 1;
        return status;
    }
    if old.state.running.is_none() || status.last_state.terminated.is_some() {
        return status;
    }
    // It was running when it was last seen, so it has ended, nobody knows how.
    let message = "The container could not be located when the pod was deleted.  The container \
                   used to be Running";
    status.last_state.terminated = Some(terminated("ContainerStatusUnknown", message, 137));
    if from.pod.metadata.deletion_timestamp.is_none() {
        status.restart_count += 1;
    }
    status
}

/// The status of a container that the runtime has.
fn convert(
    from: &Converting<'_>,
    container: &Container,
    seen: &Status,
    old: Option<&ContainerStatus>,
) -> ContainerStatus {
    let id = format!("{}://{}", from.runtime, seen.id);
    let mut status = ContainerStatus {
        name: container.name.clone(),
        restart_count: i32::try_from(seen.restart_count).unwrap_or(i32::MAX),
        image: seen.image.to_string(),
        image_id: seen.image_id.to_string(),
        volume_mounts: volume_mounts(from, container),
        resources: from.features.pod_resources.then(|| Box::new(container.resources.clone())),
        allocated_resources: container.resources.requests.clone(),
        ..ContainerStatus::default()
    };
    if !from.features.pod_resources {
        status.allocated_resources.clear();
    }
    if let Some(old) = old.filter(|_| from.features.restart_all_containers) {
        status.restart_count = status.restart_count.max(old.restart_count);
        if old.container_id != id && old.state.terminated.is_some() {
            status.last_state.terminated = old.state.terminated.clone();
        } else if old.last_state.terminated.is_some() {
            status.last_state.terminated = old.last_state.terminated.clone();
        }
    }
    match seen.state {
        State::Running => {
            let started_at = time(seen.started_at);
            status.state.running = Some(ContainerStateRunning { started_at });
            if let Some(old) = old
                && from.features.restart_all_containers
                && old.state.terminated.is_some()
                && i64::from(old.restart_count) >= i64::from(seen.restart_count)
            {
                status.restart_count = old.restart_count + 1;
            }
            if let Some(old) = old.filter(|_| from.features.keep_probe_results)
                && old.started.is_some()
            {
                status.started = old.started;
            }
        }
        State::Created => status.state = waiting("", ""),
        State::Exited => {
            status.state.terminated = Some(Box::new(ContainerStateTerminated {
                exit_code: seen.exit_code,
                reason: seen.reason.to_string(),
                message: seen.message.to_string(),
                started_at: time(seen.started_at),
                finished_at: time(seen.finished_at),
                container_id: id.clone(),
                ..ContainerStateTerminated::default()
            }));
        }
        State::Unknown => match old.filter(|old| old.state.running.is_some()) {
            Some(old) => {
                let reason =
                    if from.restarting { RESTARTING_ALL } else { "ContainerStatusUnknown" };
                let message = "The container could not be located when the pod was terminated";
                status.state.terminated = Some(terminated(reason, message, 137));
                status.restart_count = old.restart_count + 1;
            }
            None => status.state = waiting("", ""),
        },
    }
    status.container_id = id;
    status
}

fn volume_mounts(from: &Converting<'_>, container: &Container) -> Vec<VolumeMountStatus> {
    if from.features.relist_on_demand || from.features.backoff_expiry {
        let mounts = container.volume_mounts.iter().map(|mount| VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: mount.read_only,
            recursive_read_only: mount.read_only.then(|| "Disabled".to_owned()),
            ..VolumeMountStatus::default()
        });
        return mounts.collect();
    }
    Vec::new()
}
