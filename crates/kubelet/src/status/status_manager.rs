//! What the API server is told of each pod.
//!
//! Upstream: `pkg/kubelet/status/status_manager.go`, `pkg/kubelet/kubelet_pods.go`
//! `generateAPIPodStatus`.

use super::{Converting, conditions, container_statuses, phase};
use crate::container::{
    PodStatus, all_containers, has_any_active_regular_container_started, is_host_network_pod,
};
use crate::kubelet::{Inner, Uid, Work};
use crate::kuberuntime::resources::pod_qos;
use api::{ContainerState, ContainerStatus, HostIp, Pod, PodIp};
use sim::Ctx;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::Effect;

/// The last status of each pod.
#[derive(Default)]
pub(crate) struct StatusManager {
    by_uid: RefCell<BTreeMap<Uid, Rc<api::PodStatus>>>,
}

impl StatusManager {
    pub(crate) fn get(&self, uid: &str) -> Option<Rc<api::PodStatus>> {
        self.by_uid.borrow().get(uid).cloned()
    }

    pub(crate) fn forget(&self, uid: &str) {
        self.by_uid.borrow_mut().remove(uid);
    }
}

impl Inner {
    /// The status before: what this kubelet has said, or what the API server has kept.
    fn old_status(&self, pod: &Pod) -> Option<Rc<api::PodStatus>> {
        let uid = pod.metadata.uid.as_str();
        self.status.get(uid).or_else(|| self.api_server.get(uid)?.status)
    }

    /// A pod's status from what the runtime reports and what it was before.
    pub(crate) fn generate_api_pod_status(
        &self,
        pod: &Pod,
        status: &PodStatus,
        is_terminal: bool,
    ) -> api::PodStatus {
        let old = self.old_status(pod);
        let old: &api::PodStatus = old.as_deref().unwrap_or(&pod.status);
        let reasons = self.reasons.borrow();
        let no_reasons = Vec::new();
        let restarting = old
            .conditions
            .iter()
            .any(|it| it.type_ == "AllContainersRestarting" && it.status == "True");
        let converting = |old| Converting {
            pod,
            status,
            old,
            reasons: reasons.get(pod.metadata.uid.as_str()).unwrap_or(&no_reasons),
            runtime: self.runtime_name(),
            features: self.features,
            restarting,
        };
        let spec = &pod.spec;
        let from = converting(&old.container_statuses);
        let mut containers = container_statuses(&from, &spec.containers, false);
        let from = converting(&old.init_container_statuses);
        let mut inits = container_statuses(&from, &spec.init_containers, true);
        let mut ephemeral = Vec::new();
        if !spec.ephemeral_containers.is_empty() {
            let list: Vec<api::Container> =
                spec.ephemeral_containers.iter().map(|it| it.container.clone()).collect();
            let from = converting(&old.ephemeral_container_statuses);
            ephemeral = container_statuses(&from, &list, false);
        }
        drop(reasons);

        let initialized = has_any_active_regular_container_started(spec, status);
        let from_file = self.api_server.get(&pod.metadata.uid).is_none_or(|it| it.from_file);
        let mut all: Vec<ContainerStatus> = Vec::with_capacity(containers.len() + inits.len());
        all.extend(inits.iter().cloned());
        all.extend(containers.iter().cloned());
        let mut new_phase =
            phase(pod, &all, from_file, is_terminal, initialized, self.features).to_owned();
        let terminal = |phase: &str| matches!(phase, "Failed" | "Succeeded");
        if terminal(&old.phase) {
            // A pod never comes back from its end.
            new_phase.clone_from(&old.phase);
        }
        let (mut reason, mut message) = (String::new(), String::new());
        if new_phase == old.phase {
            reason.clone_from(&old.reason);
            message.clone_from(&old.message);
        }
        self.update_probed(pod, &mut inits, true);
        self.update_probed(pod, &mut containers, false);
        self.update_probed(pod, &mut ephemeral, false);
        all.clear();
        all.extend(inits.iter().cloned());
        all.extend(containers.iter().cloned());
        let conditions = conditions(pod, status, &all, &new_phase, &old.conditions, self.features);

        let mut made = api::PodStatus {
            phase: new_phase,
            reason,
            message,
            conditions,
            init_container_statuses: inits,
            container_statuses: containers,
            ephemeral_container_statuses: ephemeral,
            qos_class: pod_qos(pod).as_str().to_owned(),
            start_time: old.start_time.clone(),
            ..api::PodStatus::default()
        };
        if !is_host_network_pod(pod) {
            self.set_pod_ips(&mut made, &status.ips);
        }
        if !self.config.standalone {
            let ip = self.config.node_ip.to_string();
            made.host_ip.clone_from(&ip);
            if self.config.version.minor >= 28 {
                made.host_ips = vec![HostIp { ip: ip.clone() }];
            }
            if is_host_network_pod(pod) {
                self.set_pod_ips(&mut made, &[ip.as_str().into()]);
            }
        }
        made
    }

    fn set_pod_ips(&self, status: &mut api::PodStatus, ips: &[Rc<str>]) {
        status.pod_ip = ips.first().map(|ip| ip.to_string()).unwrap_or_default();
        status.pod_ips = ips.iter().map(|ip| PodIp { ip: ip.to_string() }).collect();
    }

    /// The name that container ids begin with.
    fn runtime_name(&self) -> &'static str {
        match self.cri.endpoint().component {
            trace::Component::Dockershim
            | trace::Component::CriDockerd
            | trace::Component::Dockerd => "docker",
            trace::Component::Crio => "cri-o",
            trace::Component::FakeRuntime => "fake",
            _ => "containerd",
        }
    }

    /// Keeps a status if it says anything new, and records that.
    pub(crate) fn set_pod_status(&self, ctx: &Ctx, work: &Work, mut status: api::PodStatus) {
        let now = api::Time(self.sim.now().rfc3339());
        let old = self.old_status(&work.pod);
        let before = old.as_ref().map_or(&[][..], |old| &old.conditions);
        for condition in &mut status.conditions {
            if !condition.last_transition_time.0.is_empty() {
                continue;
            }
            let same = before
                .iter()
                .find(|it| it.type_ == condition.type_ && it.status == condition.status);
            condition.last_transition_time = match same {
                Some(same) => same.last_transition_time.clone(),
                None => now.clone(),
            };
        }
        if status.start_time.is_none() {
            status.start_time = Some(now);
        }
        let mut by_uid = self.status.by_uid.borrow_mut();
        if by_uid.get(&work.uid).is_some_and(|known| **known == status) {
            return;
        }
        let same = old.is_some_and(|old| *old == status);
        let status = Rc::new(status);
        by_uid.insert(work.uid.clone(), status.clone());
        drop(by_uid);
        if !same {
            self.api_server.set_status(&work.uid, status.clone());
            ctx.effect(Effect::PodStatus { pod: work.reference, status });
        }
    }

    /// A new sandbox shows in the pod's status before any container does.
    ///
    /// Upstream: `kubelet.go` `OnPodSandboxReady`.
    pub(crate) fn on_pod_sandbox_ready(&self, ctx: &Ctx, work: &Work) {
        let Some(known) = self.status.get(&work.uid) else { return };
        let name = "PodReadyToStartContainers";
        let mut status = api::PodStatus::clone(&known);
        let Some(condition) = status.conditions.iter_mut().find(|it| it.type_ == name) else {
            return;
        };
        if condition.status == "True" {
            return;
        }
        condition.status = "True".to_owned();
        condition.last_transition_time = api::Time::default();
        self.set_pod_status(ctx, work, status);
    }

    /// The probes decide whether a container has started and is ready.
    ///
    /// Upstream: `pkg/kubelet/prober/prober_manager.go` `UpdatePodStatus`.
    fn update_probed(&self, pod: &Pod, statuses: &mut [ContainerStatus], init: bool) {
        for status in statuses {
            let Some(container) =
                all_containers(&pod.spec).find(|container| container.name == status.name)
            else {
                continue;
            };
            let id = status.container_id.rsplit('/').next().unwrap_or_default();
            let sidecar = crate::container::is_restartable_init_container(container);
            let running = status.state.running.is_some();
            let started = running && self.probes.started(pod, container, id, status);
            status.started = Some(started);
            if init && !(sidecar && self.features.sidecars) {
                // An init container is ready when it is over.
                let done = status.state.terminated.as_ref().is_some_and(|it| it.exit_code == 0);
                status.ready = done;
            } else {
                status.ready = started && self.probes.ready(pod, container, id, status);
            }
        }
    }

    /// Fills in an end for every container that has none.
    ///
    /// Upstream: `status_manager.go` `TerminatePod`.
    pub(crate) fn terminate_pod(&self, ctx: &Ctx, work: &Work) {
        let Some(known) = self.status.get(&work.uid) else { return };
        let mut status = api::PodStatus::clone(&known);
        let ended = |status: &mut ContainerStatus| {
            if status.state.terminated.is_none() && !status.container_id.is_empty() {
                let was_waiting = status.state.waiting.is_some();
                let message = "The container could not be located when the pod was terminated";
                if was_waiting && status.last_state.terminated.is_some() {
                    status.state = std::mem::take(&mut status.last_state);
                } else {
                    let terminated = api::ContainerStateTerminated {
                        reason: "ContainerStatusUnknown".to_owned(),
                        message: message.to_owned(),
                        exit_code: 137,
                        ..api::ContainerStateTerminated::default()
                    };
                    status.state = ContainerState {
                        terminated: Some(Box::new(terminated)),
                        ..ContainerState::default()
                    };
                }
            }
        };
        status.init_container_statuses.iter_mut().for_each(ended);
        status.container_statuses.iter_mut().for_each(ended);
        if self.features.terminal_short_cut
            && work.pod.metadata.deletion_timestamp.is_some()
            && !matches!(status.phase.as_str(), "Succeeded" | "Failed")
        {
            let none_failed = status
                .container_statuses
                .iter()
                .all(|it| it.state.terminated.as_ref().is_some_and(|it| it.exit_code == 0));
            status.phase = if none_failed { "Succeeded" } else { "Failed" }.to_owned();
        }
        self.set_pod_status(ctx, work, status);
    }
}
