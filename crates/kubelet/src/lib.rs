//! The kubelet: from a pod's manifest to the calls of the Container Runtime Interface.
//!
//! [`Kubelet::start`] runs one on a simulation, against a runtime's [`sim::Endpoint`]; pods are
//! given to it with [`Kubelet::add_pod`]. Everything that it decides and does ends up in the trace.
//!
//! Files and functions have the names that they have upstream, in `pkg/kubelet`. Decisions are pure
//! functions with tables of tests beside them ([`kuberuntime::compute_pod_actions`],
//! [`status::phase`], [`backoff`]); async functions carry them out. The crate knows no runtime.
//!
//! *What we simplify:* the kubelet's own work takes no time. A poll whose answer cannot have
//! changed is not made (see [`sim::Endpoint::changes`]). There is one node, no admission by
//! webhooks, no device plugins, no static CPU or memory managers.

mod config;
pub use config::{CgroupDriver, Features, KubeletConfig, Version};

mod host;
pub use host::{Answer, Connection, ConnectionKind, Data, Host, NoHost};

mod kubelet;
pub use kubelet::Kubelet;

mod admission;
mod pod_workers;
mod sync_loop;
mod sync_pod;
mod work_queue;

pub mod kuberuntime;

pub mod container;

mod images;
pub use images::parse_image_name;

pub mod backoff;

mod pleg;

pub mod status;

pub mod prober;

mod lifecycle;

mod volumes;

mod events;

mod mirror;
pub use mirror::static_pod;

mod eviction;

mod startup;
pub use startup::StartUp;

pub mod topology;

/// A pod in the kubelet's messages: `name_namespace(uid)`.
#[must_use]
pub(crate) fn format_pod(pod: &api::Pod) -> String {
    let metadata = &pod.metadata;
    format!("{}_{}({})", metadata.name, metadata.namespace, metadata.uid)
}

/// A duration as Go prints it: `1m20s`, `202ms`.
#[must_use]
pub(crate) fn go_duration(duration: std::time::Duration) -> String {
    let secs = duration.as_secs();
    let nanos = duration.subsec_nanos();
    if secs == 0 {
        return match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => format!("{}µs", trimmed(f64::from(nanos) / 1e3)),
            _ => format!("{}ms", trimmed(f64::from(nanos) / 1e6)),
        };
    }
    let seconds = trimmed((secs % 60) as f64 + f64::from(nanos) / 1e9);
    match (secs / 3600, secs / 60 % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::go_duration;
    use std::time::Duration;

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let table = [
            (0, "0s"),
            (202, "202ms"),
            (8003, "8.003s"),
            (10_000, "10s"),
            (80_000, "1m20s"),
            (300_000, "5m0s"),
            (3_661_500, "1h1m1.5s"),
        ];
        for (millis, text) in table {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
