//! What the kubelet reports of a Pod.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use super::ResourceRequirements;
use crate::value::objects;
use crate::{Quantity, Raw, Time};

objects! {
    /// Where a Pod is in its life.
    PodStatus "PodStatus" {
        observed_generation: i64 = "observedGeneration";
        phase: String = "phase" as "v1.PodPhase";
        conditions: Vec<PodCondition> = "conditions";
        message: String = "message";
        reason: String = "reason";
        nominated_node_name: String = "nominatedNodeName";
        host_ip: String = "hostIP";
        host_ips: Vec<HostIp> = "hostIPs";
        pod_ip: String = "podIP";
        pod_ips: Vec<PodIp> = "podIPs";
        start_time: Option<Time> = "startTime";
        init_container_statuses: Vec<ContainerStatus> = "initContainerStatuses";
        container_statuses: Vec<ContainerStatus> = "containerStatuses";
        qos_class: String = "qosClass" as "v1.PodQOSClass";
        ephemeral_container_statuses: Vec<ContainerStatus> = "ephemeralContainerStatuses";
        resize: String = "resize" as "v1.PodResizeStatus";
        resource_claim_statuses: Raw = "resourceClaimStatuses" as "[]v1.PodResourceClaimStatus";
        extended_resource_claim_status: Raw = "extendedResourceClaimStatus" as "v1.PodExtendedResourceClaimStatus";
        allocated_resources: BTreeMap<String, Quantity> = "allocatedResources" as "v1.ResourceList";
        resources: Option<Box<ResourceRequirements>> = "resources";
        node_allocatable_resource_claim_statuses: Raw = "nodeAllocatableResourceClaimStatuses" as "[]v1.NodeAllocatableResourceClaimStatus";
    }

    /// One aspect of a Pod's state, with the moment of its last change.
    PodCondition "PodCondition" {
        type_: String = "type" as "v1.PodConditionType", always;
        observed_generation: i64 = "observedGeneration";
        status: String = "status" as "v1.ConditionStatus", always;
        last_probe_time: Time = "lastProbeTime", always;
        last_transition_time: Time = "lastTransitionTime", always;
        reason: String = "reason";
        message: String = "message";
    }

    /// An address of the node.
    HostIp "HostIP" {
        ip: String = "ip", always;
    }

    /// An address of the Pod.
    PodIp "PodIP" {
        ip: String = "ip", always;
    }

    /// What the kubelet knows of one container.
    ContainerStatus "ContainerStatus" {
        name: String = "name", always;
        state: ContainerState = "state";
        last_state: ContainerState = "lastState";
        ready: bool = "ready", always;
        restart_count: i32 = "restartCount", always;
        image: String = "image", always;
        image_id: String = "imageID", always;
        container_id: String = "containerID";
        started: Option<bool> = "started";
        allocated_resources: BTreeMap<String, Quantity> = "allocatedResources" as "v1.ResourceList";
        resources: Option<Box<ResourceRequirements>> = "resources";
        volume_mounts: Vec<VolumeMountStatus> = "volumeMounts";
        user: Option<Box<ContainerUser>> = "user";
        allocated_resources_status: Raw = "allocatedResourcesStatus" as "[]v1.ResourceStatus";
        stop_signal: Option<String> = "stopSignal" as "v1.Signal";
    }

    /// Waiting, running or terminated: at most one is set, and none means waiting.
    ContainerState "ContainerState" {
        waiting: Option<ContainerStateWaiting> = "waiting";
        running: Option<ContainerStateRunning> = "running";
        terminated: Option<Box<ContainerStateTerminated>> = "terminated";
    }

    /// The container does not run yet, or not at the moment.
    ContainerStateWaiting "ContainerStateWaiting" {
        reason: String = "reason";
        message: String = "message";
    }

    /// The container runs.
    ContainerStateRunning "ContainerStateRunning" {
        started_at: Time = "startedAt", always;
    }

    /// The container has ended.
    ContainerStateTerminated "ContainerStateTerminated" {
        exit_code: i32 = "exitCode", always;
        signal: i32 = "signal";
        reason: String = "reason";
        message: String = "message";
        started_at: Time = "startedAt", always;
        finished_at: Time = "finishedAt", always;
        container_id: String = "containerID";
    }

    /// How a volume is really mounted.
    VolumeMountStatus "VolumeMountStatus" {
        name: String = "name", always;
        mount_path: String = "mountPath", always;
        read_only: bool = "readOnly";
        recursive_read_only: Option<String> = "recursiveReadOnly" as "v1.RecursiveReadOnlyMode";
        volume_status: Raw = "volumeStatus" as "v1.VolumeStatus";
    }

    /// Who the container's first process runs as.
    ContainerUser "ContainerUser" {
        linux: Option<LinuxContainerUser> = "linux";
    }

    /// User and groups on Linux.
    LinuxContainerUser "LinuxContainerUser" {
        uid: i64 = "uid", always;
        gid: i64 = "gid", always;
        supplemental_groups: Vec<i64> = "supplementalGroups";
    }
}

/// The status in one line: `Running, ready; app running, helper waiting (CrashLoopBackOff)`.
pub fn summary(status: &PodStatus) -> String {
    let mut text =
        if status.phase.is_empty() { "no phase".to_owned() } else { status.phase.clone() };
    if status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    {
        text.push_str(", ready");
    }
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .chain(&status.ephemeral_container_statuses);
    for (index, container) in containers.enumerate() {
        text.push_str(if index == 0 { "; " } else { ", " });
        text.push_str(&container.name);
        let state = &container.state;
        let reason = if let Some(terminated) = &state.terminated {
            text.push_str(" terminated");
            &terminated.reason
        } else if state.running.is_some() {
            text.push_str(" running");
            continue;
        } else {
            text.push_str(" waiting");
            let Some(waiting) = &state.waiting else { continue };
            &waiting.reason
        };
        if !reason.is_empty() {
            text.push_str(" (");
            text.push_str(reason);
            text.push(')');
        }
    }
    text
}
