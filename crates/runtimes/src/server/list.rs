//! Lists, statuses and figures: what is answered from memory.

use super::images::Image;
use super::store::{Container, Sandbox, Store};
use cri::{
    ContainerAttributes, ContainerFilter, ContainerState, ContainerStats, ContainerStatsFilter,
    ContainerStatus, CpuUsage, FilesystemIdentifier, FilesystemUsage, ImageSpec,
    LinuxPodSandboxStats, MemoryUsage, NetworkInterfaceUsage, NetworkUsage, PodSandbox,
    PodSandboxAttributes, PodSandboxFilter, PodSandboxNetworkStatus, PodSandboxState,
    PodSandboxStats, PodSandboxStatsFilter, PodSandboxStatus, ProcessUsage, SwapUsage, UInt64Value,
};
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::Time;

/// What a container uses, in want of anything that would really use it: one hundredth of a
/// processor, and so many bytes of memory and disk.
const CPU_SHARE: u64 = 100;
const MEMORY_BYTES: u64 = 8 << 20;
const DISK_BYTES: u64 = 20 << 10;
const INODES: u64 = 10;

impl Sandbox {
    fn cri_state(&self) -> PodSandboxState {
        if self.is_ready() {
            PodSandboxState::SandboxReady
        } else {
            PodSandboxState::SandboxNotready
        }
    }

    /// Its status as CRI has it.
    pub(crate) fn cri_status(&self) -> PodSandboxStatus {
        let mut status = self.kept.get();
        status.id = self.id.to_string();
        status.set_state(self.cri_state());
        status.network =
            Some(PodSandboxNetworkStatus { ip: self.ip().to_string(), additional_ips: Vec::new() });
        status
    }

    fn item(&self) -> PodSandbox {
        let kept = self.kept.get();
        PodSandbox {
            id: self.id.to_string(),
            metadata: kept.metadata,
            state: self.cri_state().into(),
            created_at: self.created_at,
            labels: kept.labels,
            annotations: kept.annotations,
            runtime_handler: kept.runtime_handler,
        }
    }
}

impl Container {
    /// Its status as CRI has it; with what its image goes by, if the image is still there.
    pub(crate) fn cri_status(&self, image: Option<&Image>) -> ContainerStatus {
        let mut status = self.kept.borrow().get();
        let state = self.status.borrow();
        status.id = self.id.to_string();
        status.image_id = self.image_id.to_string();
        status.image_ref = self.image_id.to_string();
        if let Some(image) = image {
            let (tags, digests) = image.tags_and_digests();
            if let Some(tag) = tags.into_iter().next() {
                status.image = Some(ImageSpec { image: tag, ..ImageSpec::default() });
            }
            if let Some(digest) = digests.into_iter().next() {
                status.image_ref = digest;
            }
        }
        status.set_state(state.state());
        if state.state() != ContainerState::ContainerCreated {
            status.started_at = state.started_at;
        }
        if matches!(
            state.state(),
            ContainerState::ContainerExited | ContainerState::ContainerUnknown
        ) {
            status.finished_at = state.finished_at;
        }
        status.exit_code = state.exit_code;
        status.reason = state.reason().to_owned();
        status.message = state.message.to_string();
        status.log_path = self.log_path.to_string();
        status
    }

    fn item(&self) -> cri::Container {
        let kept = self.kept.borrow().get();
        cri::Container {
            id: self.id.to_string(),
            pod_sandbox_id: self.sandbox.id.to_string(),
            metadata: kept.metadata,
            image: kept.image,
            image_ref: self.image_id.to_string(),
            state: self.state().into(),
            created_at: kept.created_at,
            labels: kept.labels,
            annotations: kept.annotations,
            image_id: self.image_id.to_string(),
        }
    }

    /// What it uses now, if it runs.
    pub(crate) fn figures(&self, now: Time) -> Figures {
        let timestamp = now.unix_nanos();
        let started_at = self.status.borrow().started_at;
        let ran_nanos = u64::try_from(timestamp - started_at).unwrap_or_default();
        Figures {
            timestamp,
            ran_nanos,
            cpu_nanos: ran_nanos / CPU_SHARE,
            memory: MEMORY_BYTES,
            disk: DISK_BYTES,
            inodes: INODES,
            processes: 1,
        }
    }

    /// What it uses; its writable layer lies below `image_fs`.
    pub(crate) fn stats(&self, now: Time, image_fs: &str) -> ContainerStats {
        let kept = self.kept.borrow().get();
        let attributes = ContainerAttributes {
            id: self.id.to_string(),
            metadata: kept.metadata,
            labels: kept.labels,
            annotations: kept.annotations,
        };
        let figures = self.figures(now);
        let timestamp = figures.timestamp;
        let running = self.state() == ContainerState::ContainerRunning;
        ContainerStats {
            attributes: Some(attributes),
            cpu: running.then(|| figures.cpu(1)),
            memory: running.then(|| figures.memory()),
            writable_layer: Some(FilesystemUsage {
                timestamp,
                fs_id: Some(FilesystemIdentifier { mountpoint: image_fs.to_owned() }),
                used_bytes: value(figures.disk),
                inodes_used: value(figures.inodes),
            }),
            swap: running.then(|| SwapUsage {
                timestamp,
                swap_available_bytes: value(0),
                swap_usage_bytes: value(0),
            }),
            ..ContainerStats::default()
        }
    }
}

/// What something uses, in want of anything that would really use it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    /// When, in nanoseconds since 1970.
    pub(crate) timestamp: i64,
    /// How long it has run, in nanoseconds.
    pub(crate) ran_nanos: u64,
    /// Processor time, in nanoseconds.
    pub(crate) cpu_nanos: u64,
    /// Memory, in bytes.
    pub(crate) memory: u64,
    /// What it has written, in bytes.
    pub(crate) disk: u64,
    /// Files that it has made.
    pub(crate) inodes: u64,
    /// Its processes.
    pub(crate) processes: u64,
}

impl Figures {
    /// Its processor time, if so many containers are running.
    fn cpu(&self, running: u64) -> CpuUsage {
        CpuUsage {
            timestamp: self.timestamp,
            usage_core_nano_seconds: value(self.cpu_nanos),
            usage_nano_cores: value(running * 1_000_000_000 / CPU_SHARE),
            psi: None,
        }
    }

    fn memory(&self) -> MemoryUsage {
        MemoryUsage {
            timestamp: self.timestamp,
            working_set_bytes: value(self.memory),
            usage_bytes: value(self.memory),
            rss_bytes: value(self.memory),
            ..MemoryUsage::default()
        }
    }
}

const fn value(value: u64) -> Option<UInt64Value> {
    Some(UInt64Value { value })
}

/// PodSandboxStats: what a ready sandbox and its running containers use together.
pub(crate) fn sandbox_stats(
    sandbox: &Sandbox,
    store: &Store<Container>,
    now: Time,
    image_fs: &str,
) -> PodSandboxStats {
    let kept = sandbox.kept.get();
    let timestamp = now.unix_nanos();
    let containers = sandbox.containers.borrow();
    let containers = containers.iter().filter_map(|id| store.get(id).ok());
    let running: Vec<Rc<Container>> = containers
        .filter(|container| container.state() == ContainerState::ContainerRunning)
        .collect();
    let mut sum = Figures { timestamp, ..Figures::default() };
    for container in &running {
        let figures = container.figures(now);
        sum.cpu_nanos += figures.cpu_nanos;
        sum.memory += figures.memory;
        sum.processes += figures.processes;
    }
    let network = sandbox.network.as_ref().map(|_| {
        let interface = NetworkInterfaceUsage {
            name: "eth0".to_owned(),
            rx_bytes: value(0),
            rx_errors: value(0),
            tx_bytes: value(0),
            tx_errors: value(0),
        };
        NetworkUsage {
            timestamp,
            default_interface: Some(interface.clone()),
            interfaces: vec![interface],
        }
    });
    let linux = LinuxPodSandboxStats {
        cpu: Some(sum.cpu(running.len() as u64)),
        memory: Some(sum.memory()),
        network,
        process: Some(ProcessUsage { timestamp, process_count: value(sum.processes) }),
        containers: running.iter().map(|container| container.stats(now, image_fs)).collect(),
        io: None,
    };
    PodSandboxStats {
        attributes: Some(PodSandboxAttributes {
            id: sandbox.id.to_string(),
            metadata: kept.metadata,
            labels: kept.labels,
            annotations: kept.annotations,
        }),
        linux: Some(linux),
        windows: None,
    }
}

/// ListPodSandboxStats: those that are ready.
pub(crate) fn all_sandbox_stats(
    sandboxes: &Store<Sandbox>,
    store: &Store<Container>,
    filter: Option<PodSandboxStatsFilter>,
    now: Time,
    image_fs: &str,
) -> Vec<PodSandboxStats> {
    let PodSandboxStatsFilter { id, label_selector } = filter.unwrap_or_default();
    let found = match id.as_str() {
        "" => sandboxes.candidates(&label_selector),
        id => sandboxes.get(id).into_iter().collect(),
    };
    found
        .iter()
        .filter(|sandbox| sandbox.is_ready())
        .filter(|sandbox| has_labels(&sandbox.kept.get().labels, &label_selector))
        .map(|sandbox| sandbox_stats(sandbox, store, now, image_fs))
        .collect()
}

/// ListPodSandbox.
pub(crate) fn sandboxes(
    store: &Store<Sandbox>,
    filter: Option<PodSandboxFilter>,
) -> Vec<PodSandbox> {
    let filter = filter.unwrap_or_default();
    // One id needs no list.
    let sandboxes = match filter.id.as_str() {
        "" => store.candidates(&filter.label_selector),
        id => store.get(id).into_iter().collect(),
    };
    sandboxes
        .iter()
        .filter(|sandbox| filter.state.is_none_or(|wanted| wanted.state() == sandbox.cri_state()))
        .map(|sandbox| sandbox.item())
        .filter(|item| has_labels(&item.labels, &filter.label_selector))
        .collect()
}

/// The containers that a filter lets through, by id; its labels are not looked at.
fn filtered(
    sandboxes: &Store<Sandbox>,
    store: &Store<Container>,
    filter: &ContainerFilter,
) -> Vec<Rc<Container>> {
    // What belongs to one sandbox is known without a list.
    let containers: Vec<Rc<Container>> = match (filter.id.as_str(), filter.pod_sandbox_id.as_str())
    {
        ("", "") => store.candidates(&filter.label_selector),
        ("", sandbox) => {
            let ids = match sandboxes.get(sandbox) {
                Ok(sandbox) => sandbox.containers.borrow().clone(),
                Err(_) => Vec::new(),
            };
            ids.iter().filter_map(|id| store.get(id).ok()).collect()
        }
        (id, sandbox) => {
            let found = store.get(id).into_iter();
            found.filter(|container| container.sandbox.id.starts_with(sandbox)).collect()
        }
    };
    let wanted = filter.state.map(|state| state.state());
    containers
        .into_iter()
        .filter(|container| wanted.is_none_or(|wanted| wanted == container.state()))
        .collect()
}

/// ListContainers.
pub(crate) fn containers(
    sandboxes: &Store<Sandbox>,
    store: &Store<Container>,
    filter: Option<ContainerFilter>,
) -> Vec<cri::Container> {
    let filter = filter.unwrap_or_default();
    let items = filtered(sandboxes, store, &filter).into_iter().map(|container| container.item());
    items.filter(|item| has_labels(&item.labels, &filter.label_selector)).collect()
}

/// ListContainerStats: those that run.
pub(crate) fn container_stats(
    sandboxes: &Store<Sandbox>,
    store: &Store<Container>,
    filter: Option<ContainerStatsFilter>,
    now: Time,
    image_fs: &str,
) -> Vec<ContainerStats> {
    let ContainerStatsFilter { id, pod_sandbox_id, label_selector } = filter.unwrap_or_default();
    let filter = ContainerFilter { id, pod_sandbox_id, ..ContainerFilter::default() };
    let all = filtered(sandboxes, store, &filter).into_iter();
    let all = all.filter(|container| container.state() == ContainerState::ContainerRunning);
    let all = all.map(|container| container.stats(now, image_fs)).filter(|stats| {
        let labels = stats.attributes.as_ref().map(|attributes| &attributes.labels);
        labels.is_some_and(|labels| has_labels(labels, &label_selector))
    });
    all.collect()
}

/// Whether all of the selector's labels are there, with its values.
fn has_labels(labels: &BTreeMap<String, String>, selector: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}
