//! From Kubernetes' resources to the kernel's: shares, quotas, limits, scores.
//!
//! Upstream: `pkg/kubelet/cm/helpers_linux.go`, `pkg/kubelet/qos/policy.go`,
//! `pkg/apis/core/v1/helper/qos/qos.go`.

use crate::container::is_restartable_init_container;
use crate::{CgroupDriver, KubeletConfig};
use api::{Container, Pod, Quantity};
use cri::{HugepageLimit, LinuxContainerResources};
use std::collections::BTreeMap;

const CPU: &str = "cpu";
const MEMORY: &str = "memory";
const MIN_SHARES: i64 = 2;
const MAX_SHARES: i64 = 262_144;
const QUOTA_PERIOD: i64 = 100_000;
const MIN_QUOTA: i64 = 1000;

type List = BTreeMap<String, Quantity>;

/// The three qualities of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// Every container has limits, equal to its requests.
    Guaranteed,
    /// Anything else.
    Burstable,
    /// Nothing is requested or limited.
    BestEffort,
}

impl Qos {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// A pod's quality of service.
#[must_use]
pub fn pod_qos(pod: &Pod) -> Qos {
    let resources: Vec<&api::ResourceRequirements> = match pod.spec.resources.as_deref() {
        Some(own) if !own.limits.is_empty() || !own.requests.is_empty() => vec![own],
        _ => {
            let containers = pod.spec.init_containers.iter().chain(&pod.spec.containers);
            containers.map(|container| &container.resources).collect()
        }
    };
    let positive = |list: &List, name: &str| list.get(name).is_some_and(|it| it.nanos() > 0);
    let named = [CPU, MEMORY];
    let any = resources.iter().any(|it| {
        named.iter().any(|name| positive(&it.limits, name) || positive(&it.requests, name))
    });
    if !any {
        return Qos::BestEffort;
    }
    let guaranteed = resources.iter().all(|it| {
        named.iter().all(|&name| {
            let limit = it.limits.get(name).map_or(0, Quantity::nanos);
            let request = it.requests.get(name).map_or(limit, Quantity::nanos);
            limit > 0 && limit == request
        })
    });
    if guaranteed { Qos::Guaranteed } else { Qos::Burstable }
}

fn milli(list: &List, name: &str) -> i64 {
    list.get(name).map_or(0, Quantity::milli_value)
}

fn value(list: &List, name: &str) -> i64 {
    list.get(name).map_or(0, Quantity::value)
}

const fn shares(milli: i64) -> i64 {
    if milli == 0 {
        return MIN_SHARES;
    }
    let shares = milli.saturating_mul(1024) / 1000;
    if shares < MIN_SHARES {
        MIN_SHARES
    } else if shares > MAX_SHARES {
        MAX_SHARES
    } else {
        shares
    }
}

const fn quota(milli: i64) -> i64 {
    if milli == 0 {
        return 0;
    }
    let quota = milli.saturating_mul(QUOTA_PERIOD) / 1000;
    if quota < MIN_QUOTA { MIN_QUOTA } else { quota }
}

fn linux_resources(requests: &List, limits: &List) -> LinuxContainerResources {
    let requested = match requests.get(CPU) {
        Some(request) => request.milli_value(),
        None => milli(limits, CPU),
    };
    LinuxContainerResources {
        cpu_period: QUOTA_PERIOD,
        cpu_quota: quota(milli(limits, CPU)),
        cpu_shares: shares(requested),
        memory_limit_in_bytes: value(limits, MEMORY),
        ..LinuxContainerResources::default()
    }
}

/// What a container gets.
#[must_use]
pub fn container_resources(
    config: &KubeletConfig,
    pod: &Pod,
    container: &Container,
) -> LinuxContainerResources {
    let own = &container.resources;
    let mut limits = own.limits.clone();
    if let Some(shared) = pod.spec.resources.as_deref() {
        for name in [CPU, MEMORY] {
            if let (None, Some(limit)) = (limits.get(name), shared.limits.get(name)) {
                limits.insert(name.to_owned(), limit.clone());
            }
        }
    }
    let mut resources = linux_resources(&own.requests, &limits);
    resources.oom_score_adj = oom_score_adjust(config, pod, container);
    let hugepages = config.hugepage_sizes.iter().map(|size| {
        let name = format!("hugepages-{}i", size.trim_end_matches('B'));
        let limit = value(&own.limits, &name).unsigned_abs();
        HugepageLimit { page_size: size.clone(), limit }
    });
    resources.hugepage_limits = hugepages.collect();
    if config.swap_controller && config.version >= crate::Version::minor(22) {
        // Without swap the limit of both together is that of memory.
        resources.memory_swap_limit_in_bytes = resources.memory_limit_in_bytes;
    }
    resources
}

/// The sum of what a pod's containers get, for its sandbox: the overhead's and the containers'.
#[must_use]
pub fn sandbox_resources(pod: &Pod) -> (LinuxContainerResources, LinuxContainerResources) {
    let overhead = if pod.spec.overhead.is_empty() {
        LinuxContainerResources::default()
    } else {
        linux_resources(&pod.spec.overhead, &pod.spec.overhead)
    };
    let requests = pod_total(pod, |container| &container.resources.requests);
    let limits = pod_total(pod, |container| &container.resources.limits);
    (overhead, linux_resources(&requests, &limits))
}

/// The sum over regular containers and sidecars, or the largest init container with the sidecars
/// before it, whichever is more.
pub fn pod_total(pod: &Pod, of: impl Fn(&Container) -> &List) -> List {
    let mut total = List::new();
    let add = |to: &mut List, from: &List| {
        for (name, quantity) in from {
            let sum = to.get(name).map_or_else(|| quantity.clone(), |sum| sum.plus(quantity));
            to.insert(name.clone(), sum);
        }
    };
    for container in &pod.spec.containers {
        add(&mut total, of(container));
    }
    let mut sidecars = List::new();
    let mut peak = List::new();
    for container in &pod.spec.init_containers {
        let mut during = sidecars.clone();
        add(&mut during, of(container));
        if is_restartable_init_container(container) {
            sidecars = during.clone();
            add(&mut total, of(container));
        }
        for (name, quantity) in during {
            if peak.get(&name).is_none_or(|most: &Quantity| most.nanos() < quantity.nanos()) {
                peak.insert(name, quantity);
            }
        }
    }
    for (name, quantity) in peak {
        if total.get(&name).is_none_or(|sum| sum.nanos() < quantity.nanos()) {
            total.insert(name, quantity);
        }
    }
    total
}

/// How readily the kernel kills a container when memory runs out.
fn oom_score_adjust(config: &KubeletConfig, pod: &Pod, container: &Container) -> i64 {
    if pod.spec.priority_class_name == "system-node-critical" {
        return -997;
    }
    match pod_qos(pod) {
        Qos::Guaranteed => return -997,
        Qos::BestEffort => return 1000,
        Qos::Burstable => {}
    }
    let capacity = i128::from(config.memory_bytes.max(1));
    let score = |bytes: i64| (1000 - 1000 * i128::from(bytes) / capacity) as i64;
    let mut adjust = score(value(&container.resources.requests, MEMORY));
    let sidecar = is_restartable_init_container(container)
        && pod.spec.init_containers.iter().any(|init| init.name == container.name);
    if sidecar {
        let requests = pod.spec.containers.iter().map(|it| value(&it.resources.requests, MEMORY));
        adjust = adjust.min(score(requests.min().unwrap_or(0)));
    }
    if adjust == 1000 { 999 } else { adjust.max(3) }
}

/// The control group that a pod's sandbox and containers are put into; empty without one.
///
/// Upstream: `pkg/kubelet/cm/pod_container_manager_linux.go` `GetPodContainerName`.
#[must_use]
pub fn pod_cgroup_parent(config: &KubeletConfig, pod: &Pod) -> String {
    if !config.cgroups_per_qos {
        return String::new();
    }
    let uid = &pod.metadata.uid;
    let class = match pod_qos(pod) {
        Qos::Guaranteed => "",
        Qos::Burstable => "burstable",
        Qos::BestEffort => "besteffort",
    };
    match config.cgroup_driver {
        CgroupDriver::Cgroupfs if class.is_empty() => format!("/kubepods/pod{uid}"),
        CgroupDriver::Cgroupfs => format!("/kubepods/{class}/pod{uid}"),
        CgroupDriver::Systemd => {
            // Dashes in a slice's name separate levels.
            let uid = uid.replace('-', "_");
            if class.is_empty() {
                format!("/kubepods.slice/kubepods-pod{uid}.slice")
            } else {
                let inner = format!("kubepods-{class}-pod{uid}.slice");
                format!("/kubepods.slice/kubepods-{class}.slice/{inner}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pairs: &[(&str, &str)]) -> List {
        let parse = |text| Quantity::parse(text).expect("a quantity");
        pairs.iter().map(|&(name, text)| (name.to_owned(), parse(text))).collect()
    }

    fn pod(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Pod {
        let resources = api::ResourceRequirements {
            requests: list(requests),
            limits: list(limits),
            ..api::ResourceRequirements::default()
        };
        let mut pod = Pod::default();
        pod.spec.containers.push(Container { resources, ..Container::default() });
        pod
    }

    #[test]
    fn quality_of_service() {
        let both = [("cpu", "250m"), ("memory", "64Mi")];
        assert_eq!(pod_qos(&pod(&[], &[])), Qos::BestEffort);
        assert_eq!(pod_qos(&pod(&both, &both)), Qos::Guaranteed);
        assert_eq!(pod_qos(&pod(&[], &both)), Qos::Guaranteed);
        assert_eq!(pod_qos(&pod(&both, &[])), Qos::Burstable);
        assert_eq!(pod_qos(&pod(&[], &both[..1])), Qos::Burstable);
    }

    #[test]
    fn resources_as_the_kernel_counts_them() {
        let config = KubeletConfig::default();
        let requests = [("cpu", "100m"), ("memory", "32Mi")];
        let burstable = pod(&requests, &[("memory", "64Mi")]);
        let got = container_resources(&config, &burstable, &burstable.spec.containers[0]);
        assert_eq!((got.cpu_shares, got.cpu_quota, got.cpu_period), (102, 0, 100_000));
        assert_eq!(got.memory_limit_in_bytes, 64 << 20);
        let both = [("cpu", "250m"), ("memory", "64Mi")];
        let guaranteed = pod(&both, &both);
        let got = container_resources(&config, &guaranteed, &guaranteed.spec.containers[0]);
        assert_eq!((got.cpu_shares, got.cpu_quota, got.oom_score_adj), (256, 25_000, -997));
        let got = container_resources(&config, &pod(&[], &[]), &Container::default());
        assert_eq!((got.cpu_shares, got.cpu_quota, got.oom_score_adj), (2, 0, 1000));
    }
}
