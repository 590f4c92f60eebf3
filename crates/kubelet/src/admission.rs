//! Whether a pod may run on this node at all; which resources it has been given.
//!
//! Upstream: `pkg/kubelet/lifecycle/predicate.go`, `pkg/kubelet/preemption/preemption.go`,
//! `pkg/kubelet/kubelet.go` `rejectPod`.

use crate::container::all_containers;
use crate::events::Warning;
use crate::kubelet::{Inner, Uid, Work};
use crate::kuberuntime::compute_pod_actions::Resize;
use crate::kuberuntime::resources::{pod_qos, pod_total};
use api::{Container, Pod};
use std::rc::Rc;

impl Inner {
    /// Whether the node has room for a pod. If not, the pod fails at once.
    pub(crate) fn can_admit_pod(self: &Rc<Self>, uid: &Uid, pod: &Pod) -> bool {
        let Some(known) = self.api_server.get(uid) else { return false };
        let ended =
            known.status.as_ref().map_or(pod.status.phase.as_str(), |status| status.phase.as_str());
        if matches!(ended, "Failed" | "Succeeded") || self.pleg.knows(uid) {
            return true;
        }
        let requests = pod_total(pod, |container| &container.resources.requests);
        let wanted = |name: &str| requests.get(name).map_or(0, api::Quantity::milli_value);
        let room = [
            ("cpu", wanted("cpu"), self.config.cpu_millis as i64),
            (
                "memory",
                wanted("memory"),
                i64::try_from(self.config.memory_bytes).unwrap_or(i64::MAX).saturating_mul(1000),
            ),
        ];
        let lacking = room.iter().find_map(|&(name, wanted, has)| {
            if wanted == 0 {
                return None;
            }
            let used = self.requested_by_others(uid, name);
            (wanted + used > has).then_some((name, wanted, used, has))
        });
        let too_many = self.pod_manager.borrow().len() > self.config.max_pods;
        let (reason, message) = match lacking {
            Some((name, wanted, used, has)) => {
                // A pod from a file is critical, so room is made for it if that is possible.
                let critical = known.from_file;
                let short = wanted + used - has;
                let unit = if name == "cpu" { 1 } else { 1000 };
                if critical {
                    (
                        "UnexpectedAdmissionError",
                        format!(
                            "Unexpected error while attempting to recover from admission failure: \
                             preemption: error finding a set of pods to preempt: no set of running \
                             pods found to reclaim resources: [(res: {name}, q: {}), ]",
                            short / unit
                        ),
                    )
                } else {
                    let reason = if name == "cpu" { "OutOfcpu" } else { "OutOfmemory" };
                    (
                        reason,
                        format!(
                            "Node didn't have enough resource: {name}, requested: {}, used: {}, \
                             capacity: {}",
                            wanted / unit,
                            used / unit,
                            has / unit
                        ),
                    )
                }
            }
            None if too_many => (
                "OutOfpods",
                format!(
                    "Node didn't have enough resource: pods, requested: 1, used: {0}, capacity: {0}",
                    self.config.max_pods
                ),
            ),
            None => match self.eviction_admits(pod, known.from_file) {
                Some(message) => ("Evicted", message),
                None => return true,
            },
        };
        self.reject_pod(
            &Work { uid: uid.clone(), pod: known.pod, reference: known.reference },
            reason,
            message,
        );
        false
    }

    fn requested_by_others(&self, uid: &Uid, name: &str) -> i64 {
        let pods = self.pod_manager.borrow();
        let others = pods.iter().filter(|(other, _)| *other != uid);
        let active = others.filter(|(other, _)| {
            let status = self.status.get(other);
            !status.is_some_and(|it| matches!(it.phase.as_str(), "Failed" | "Succeeded"))
        });
        active
            .map(|(_, pod)| {
                let requests = pod_total(pod, |container| &container.resources.requests);
                requests.get(name).map_or(0, api::Quantity::milli_value)
            })
            .sum()
    }

    fn reject_pod(&self, work: &Work, reason: &'static str, message: String) {
        let ctx = self.ctx_of(work, None);
        self.pod_event(&ctx, work, Warning, reason, &message);
        let status = api::PodStatus {
            phase: "Failed".to_owned(),
            reason: reason.to_owned(),
            message: format!("Pod was rejected: {message}"),
            qos_class: pod_qos(&work.pod).as_str().to_owned(),
            ..api::PodStatus::default()
        };
        self.set_pod_status(&ctx, work, status);
    }

    /// Whether a running container's resources are those of its spec.
    pub(crate) fn resize_of(&self, pod: &Pod, container: &Container) -> Resize {
        if self.config.version.minor < 33 || all_containers(&pod.spec).count() == 0 {
            return Resize::Nothing;
        }
        let actuated = self.actuated.borrow();
        if actuated.is_empty() {
            return Resize::Nothing;
        }
        let key = (pod.metadata.uid.as_str().into(), container.name.as_str().into());
        let Some(given) = actuated.get(&key) else { return Resize::Nothing };
        let differs = |name: &str| {
            let (now, then) = (&container.resources, given);
            now.limits.get(name) != then.limits.get(name)
                || now.requests.get(name) != then.requests.get(name)
        };
        let changed: Vec<&str> = ["cpu", "memory"].into_iter().filter(|it| differs(it)).collect();
        if changed.is_empty() {
            return Resize::Nothing;
        }
        let restarts = container.resize_policy.iter().any(|policy| {
            policy.restart_policy == "RestartContainer"
                && changed.contains(&policy.resource_name.as_str())
        });
        if restarts { Resize::Restart } else { Resize::InPlace }
    }

    /// A container has been given the resources of its spec.
    pub(crate) fn actuated(&self, pod: &Pod, container: &Container) {
        let resources = &container.resources;
        if resources.limits.is_empty() && resources.requests.is_empty() {
            return;
        }
        let key = (pod.metadata.uid.as_str().into(), container.name.as_str().into());
        self.actuated.borrow_mut().insert(key, resources.clone());
    }
}
