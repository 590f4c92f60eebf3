//! ListMetricDescriptors and ListPodSandboxMetrics: the figures that a kubelet would otherwise take
//! from cAdvisor.
//!
//! Models: containerd v2.3.4 `internal/cri/server/list_metric_descriptors.go`,
//! `list_pod_sandbox_metrics_linux.go`.

use super::list::Figures;
use super::store::{Container, Sandbox};
use cri::{
    ContainerMetrics, ContainerState, LinuxContainerResources, Metric, MetricDescriptor,
    MetricType, PodSandboxMetrics, UInt64Value,
};
use std::rc::Rc;
use trace::Time;

/// The labels of every metric.
const LABELS: [&str; 5] = ["pod", "namespace", "container", "id", "image"];

/// What a metric counts, and for whom.
#[derive(Clone, Copy)]
enum Scope {
    /// The sandbox's network interface.
    Network,
    /// Each running container.
    Container,
    /// Nobody on this node: described and never given.
    Nobody,
}

/// A metric: its name without `container_`, what it says, which labels it has besides [`LABELS`]
/// with which values each time, and the value.
struct Row {
    name: &'static str,
    help: &'static str,
    scope: Scope,
    labels: &'static [&'static str],
    series: &'static [&'static [&'static str]],
    value: fn(&Figures, &LinuxContainerResources) -> u64,
}

/// A metric with no labels of its own.
const fn row(
    name: &'static str,
    help: &'static str,
    value: fn(&Figures, &LinuxContainerResources) -> u64,
) -> Row {
    Row { name, help, scope: Scope::Container, labels: &[], series: &[&[]], value }
}

const fn network(name: &'static str, help: &'static str) -> Row {
    Row {
        scope: Scope::Network,
        labels: &["interface"],
        series: &[&["eth0"]],
        ..row(name, help, |_, _| 0)
    }
}

const fn disk(
    name: &'static str,
    help: &'static str,
    device: &'static [&'static [&'static str]],
    value: fn(&Figures, &LinuxContainerResources) -> u64,
) -> Row {
    Row { labels: &["device"], series: device, ..row(name, help, value) }
}

const ROOT: &[&[&str]] = &[&["/"]];
const DEVICE: &[&[&str]] = &[&["/dev/vda"]];
/// The size of the file system that containers write to, in bytes, and its inodes.
const FS_BYTES: u64 = 100 << 30;
const FS_INODES: u64 = 6_553_600;

/// All metrics, by group as upstream has them.
const ROWS: &[Row] = &[
    row("cpu_user_seconds_total", "CPU time in user mode, in seconds.", |f, _| {
        f.cpu_nanos * 3 / 4 / 1_000_000_000
    }),
    row("cpu_system_seconds_total", "CPU time in kernel mode, in seconds.", |f, _| {
        f.cpu_nanos / 4 / 1_000_000_000
    }),
    row("cpu_usage_seconds_total", "CPU time, in seconds.", |f, _| f.cpu_nanos / 1_000_000_000),
    row(
        "cpu_cfs_periods_total",
        "Enforcement periods that have passed.",
        |f, r| match u64::try_from(r.cpu_period) {
            Ok(period @ 1..) if r.cpu_quota > 0 => f.ran_nanos / 1000 / period,
            _ => 0,
        },
    ),
    row("cpu_cfs_throttled_periods_total", "Periods in which it was throttled.", |_, _| 0),
    row("cpu_cfs_throttled_seconds_total", "How long it was throttled, in seconds.", |_, _| 0),
    row("memory_cache", "Page cache, in bytes.", |_, _| 0),
    row("memory_rss", "Anonymous memory, in bytes.", |f, _| f.memory),
    row("memory_kernel_usage", "Kernel memory, in bytes.", |f, _| f.memory / 32),
    row("memory_mapped_file", "Memory-mapped files, in bytes.", |_, _| 0),
    row("memory_swap", "Swap, in bytes.", |_, _| 0),
    row("memory_failcnt", "How often the limit was hit; always 0 with cgroup v2.", |_, _| 0),
    row("memory_usage_bytes", "Memory in use, with caches, in bytes.", |f, _| f.memory),
    row("memory_max_usage_bytes", "The most memory that was in use, in bytes.", |f, _| f.memory),
    row("memory_working_set_bytes", "Memory in use that cannot be dropped, in bytes.", |f, _| {
        f.memory
    }),
    row("memory_total_active_file_bytes", "Page cache used lately, in bytes.", |_, _| 0),
    row("memory_total_inactive_file_bytes", "Page cache not used lately, in bytes.", |_, _| 0),
    Row {
        labels: &["failure_type", "scope"],
        series: &[&["pgfault", "container"], &["pgmajfault", "container"]],
        ..row("memory_failures_total", "Page faults.", |_, _| 0)
    },
    row("oom_events_total", "How often memory ran out.", |_, _| 0),
    network("network_receive_bytes_total", "Bytes received."),
    network("network_receive_packets_total", "Packets received."),
    network("network_receive_packets_dropped_total", "Packets dropped on their way in."),
    network("network_receive_errors_total", "Errors in receiving."),
    network("network_transmit_bytes_total", "Bytes sent."),
    network("network_transmit_packets_total", "Packets sent."),
    network("network_transmit_packets_dropped_total", "Packets dropped on their way out."),
    network("network_transmit_errors_total", "Errors in sending."),
    disk("fs_inodes_free", "Free inodes.", ROOT, |f, _| FS_INODES - f.inodes),
    disk("fs_inodes_total", "Inodes.", ROOT, |_, _| FS_INODES),
    disk("fs_limit_bytes", "How much fits into the file system, in bytes.", ROOT, |_, _| FS_BYTES),
    disk("fs_usage_bytes", "How much the container has written, in bytes.", ROOT, |f, _| f.disk),
    disk("fs_reads_bytes_total", "Bytes read.", DEVICE, |_, _| 0),
    disk("fs_reads_total", "Reads.", DEVICE, |_, _| 0),
    disk("fs_writes_bytes_total", "Bytes written.", DEVICE, |f, _| f.disk),
    disk("fs_writes_total", "Writes.", DEVICE, |f, _| f.disk / 4096),
    Row {
        scope: Scope::Nobody,
        labels: &["device", "major", "minor", "operation"],
        ..row("blkio_device_usage_total", "Bytes by device and operation; cgroup v1.", |_, _| 0)
    },
    row("processes", "Processes.", |f, _| f.processes),
    row("file_descriptors", "Open file descriptors.", |f, _| f.processes * 3),
    row("sockets", "Open sockets.", |_, _| 0),
    row("threads_max", "How many threads may be; 0 for any number.", |_, _| 0),
    row("threads", "Threads.", |f, _| f.processes),
    Row {
        labels: &["ulimit"],
        series: &[&["RLIMIT_NOFILE"]],
        ..row("ulimits_soft", "The first process's soft limits.", |_, _| 1024)
    },
    row("last_seen", "When it was seen last, in seconds since 1970.", |f, _| {
        (f.timestamp / 1_000_000_000) as u64
    }),
    row("start_time_seconds", "When it was started, in seconds since 1970.", |f, _| {
        (f.timestamp / 1_000_000_000) as u64 - f.ran_nanos / 1_000_000_000
    }),
    row("spec_cpu_period", "The period of its CPU quota, in microseconds.", |_, r| {
        if r.cpu_period > 0 { r.cpu_period as u64 } else { 100_000 }
    }),
    row("spec_cpu_shares", "Its CPU shares.", |_, r| u64::try_from(r.cpu_shares).unwrap_or(0)),
    row("spec_memory_limit_bytes", "Its memory limit, in bytes; 0 for none.", |_, r| {
        u64::try_from(r.memory_limit_in_bytes).unwrap_or(0)
    }),
    row("spec_memory_reservation_limit_bytes", "Its memory reservation, in bytes.", |_, _| 0),
    row("spec_memory_swap_limit_bytes", "Its limit of memory and swap, in bytes.", |_, r| {
        u64::try_from(r.memory_swap_limit_in_bytes).unwrap_or(0)
    }),
];

impl Row {
    fn name(&self) -> String {
        format!("container_{}", self.name)
    }

    fn metrics(
        &self,
        labels: [&str; 5],
        figures: &Figures,
        resources: &LinuxContainerResources,
    ) -> impl Iterator<Item = Metric> {
        let value = (self.value)(figures, resources);
        let metric = Metric {
            name: self.name(),
            timestamp: figures.timestamp,
            metric_type: if self.name.ends_with("_total") {
                MetricType::Counter.into()
            } else {
                MetricType::Gauge.into()
            },
            label_values: labels.map(str::to_owned).into(),
            value: Some(UInt64Value { value }),
        };
        self.series.iter().map(move |more| {
            let mut metric = metric.clone();
            metric.label_values.extend(more.iter().map(|&label| label.to_owned()));
            metric
        })
    }
}

/// ListMetricDescriptors.
pub(crate) fn descriptors() -> Vec<MetricDescriptor> {
    let all = ROWS.iter().map(|row| MetricDescriptor {
        name: row.name(),
        help: row.help.to_owned(),
        label_keys: LABELS.iter().chain(row.labels).map(|&label| label.to_owned()).collect(),
    });
    all.collect()
}

/// The metrics of one sandbox and its running containers.
pub(crate) fn of_sandbox(
    sandbox: &Sandbox,
    containers: &[Rc<Container>],
    now: Time,
) -> PodSandboxMetrics {
    let none = LinuxContainerResources::default();
    let metadata = sandbox.kept.get().metadata.unwrap_or_default();
    let pod = [metadata.name.as_str(), metadata.namespace.as_str()];
    let of = |scope: fn(Scope) -> bool| ROWS.iter().filter(move |row| scope(row.scope));
    let figures = Figures { timestamp: now.unix_nanos(), ..Figures::default() };
    let network = of(|scope| matches!(scope, Scope::Network))
        .filter(|_| sandbox.network.is_some())
        .flat_map(|row| row.metrics([pod[0], pod[1], "", &sandbox.id, ""], &figures, &none));
    let running =
        containers.iter().filter(|container| container.state() == ContainerState::ContainerRunning);
    let container_metrics = running.map(|container| {
        let kept = container.kept.borrow().get();
        let figures = container.figures(now);
        let resources = kept.resources.and_then(|resources| resources.linux).unwrap_or_default();
        let image = kept.image.unwrap_or_default().user_specified_image;
        let labels = [pod[0], pod[1], &container.container_name, &container.id, &image];
        let metrics = of(|scope| matches!(scope, Scope::Container))
            .flat_map(|row| row.metrics(labels, &figures, &resources));
        ContainerMetrics { container_id: container.id.to_string(), metrics: metrics.collect() }
    });
    PodSandboxMetrics {
        pod_sandbox_id: sandbox.id.to_string(),
        metrics: network.collect(),
        container_metrics: container_metrics.collect(),
    }
}
