//! ListContainers, ContainerStatus, UpdateContainerResources and the containers' figures.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_list.go`, `container_status.go`,
//! `container_update_resources.go`, `container_stats.go`, `container_stats_list.go`.

use super::sandbox_list::has_labels;
use super::store::{Container, Kept};
use super::{CriPlugin, failed, prefixed};
use crate::json::Json;
use cri::{
    ContainerAttributes, ContainerFilter, ContainerResources, ContainerState, ContainerStats,
    ContainerStatsFilter, ContainerStatsResponse, ContainerStatusRequest, ContainerStatusResponse,
    CpuUsage, FilesystemIdentifier, FilesystemUsage, ImageSpec, LinuxContainerResources,
    ListContainerStatsResponse, MemoryUsage, Status, UInt64Value, UpdateContainerResourcesRequest,
    UpdateContainerResourcesResponse,
};
use sim::Ctx;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::Time;

/// What a container uses, in want of anything that would really use it: one hundredth of a
/// processor, and so many bytes of memory and disk.
const CPU_SHARE: u64 = 100;
const MEMORY_BYTES: u64 = 8 << 20;
const DISK_BYTES: u64 = 20 << 10;

impl CriPlugin {
    /// The containers that a filter lets through, by id.
    fn filtered(&self, filter: &ContainerFilter) -> Vec<Rc<Container>> {
        // What belongs to one sandbox is known without a list.
        let containers: Vec<Rc<Container>> =
            match (filter.id.as_str(), filter.pod_sandbox_id.as_str()) {
                ("", "") => self.0.containers.candidates(&filter.label_selector),
                ("", sandbox) => {
                    let ids = match self.0.sandboxes.get(sandbox) {
                        Ok(sandbox) => sandbox.containers.borrow().clone(),
                        Err(_) => Vec::new(),
                    };
                    ids.iter().filter_map(|id| self.0.containers.get(id).ok()).collect()
                }
                (id, sandbox) => {
                    let found = self.0.containers.get(id).into_iter();
                    found.filter(|container| container.sandbox.id.starts_with(sandbox)).collect()
                }
            };
        let wanted = filter.state.map(|state| state.state());
        containers
            .into_iter()
            .filter(|container| wanted.is_none_or(|wanted| wanted == container.state()))
            .collect()
    }

    pub(super) fn list_all_containers(
        &self,
        filter: Option<ContainerFilter>,
    ) -> Vec<cri::Container> {
        let filter = filter.unwrap_or_default();
        let items = self.filtered(&filter).into_iter().map(|container| item(&container));
        items.filter(|item| has_labels(&item.labels, &filter.label_selector)).collect()
    }

    pub(super) fn do_container_status(
        &self,
        request: &ContainerStatusRequest,
    ) -> Result<ContainerStatusResponse, Status> {
        let id = &request.container_id;
        let container = self.0.containers.get(id).map_err(|error| {
            prefixed(format_args!("an error occurred when try to find container {id:?}"), error)
        })?;
        let mut status = container.kept.borrow().get();
        let state = container.status.borrow();
        status.id = container.id.to_string();
        status.image_id = container.image_id.to_string();
        status.image_ref = container.image_id.to_string();
        if let Some(image) = self.0.client.images().resolve(&container.image_id) {
            let (tags, digests) = super::image::tags_and_digests(&image);
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
        status.log_path = container.log_path.to_string();
        let info = if request.verbose { self.container_info(&container) } else { BTreeMap::new() };
        drop(state);
        Ok(ContainerStatusResponse { status: Some(status), info })
    }

    fn container_info(&self, container: &Container) -> BTreeMap<String, String> {
        let status = container.status.borrow();
        let info = Json::object()
            .str("sandboxID", &container.sandbox.id)
            .num("pid", status.pid)
            .bool("removing", status.removing)
            .str("snapshotKey", &container.id)
            .str("snapshotter", "overlayfs")
            .str("runtimeType", "io.containerd.runc.v2");
        let info = match self.0.client.spec(&container.id) {
            Some(spec) => info.raw("runtimeSpec", &spec.json()),
            None => info,
        };
        BTreeMap::from([("info".to_owned(), info.text())])
    }

    pub(super) async fn do_update_container_resources(
        &self,
        ctx: &Ctx,
        request: UpdateContainerResourcesRequest,
    ) -> Result<UpdateContainerResourcesResponse, Status> {
        let container = self.0.containers.get(&request.container_id);
        let container = container.map_err(|error| prefixed("failed to find container", error))?;
        let (state, removing) = {
            let status = container.status.borrow();
            (status.state(), status.removing)
        };
        if removing
            || !matches!(state, ContainerState::ContainerCreated | ContainerState::ContainerRunning)
        {
            let state = if removing { "removing" } else { state.as_str_name() };
            return Err(Status::unknown(format!(
                "failed to update resources: container {:?} is in {state} state",
                &*container.id
            )));
        }
        let Some(asked) = request.linux else {
            return Ok(UpdateContainerResourcesResponse {});
        };
        if state == ContainerState::ContainerRunning {
            let resources = Json::object()
                .num("memory", asked.memory_limit_in_bytes)
                .num("shares", asked.cpu_shares)
                .num("quota", asked.cpu_quota)
                .num("period", asked.cpu_period);
            let updated =
                self.0.client.update_task(ctx, &container.id, resources.text().into()).await;
            updated.map_err(|error| failed("failed to update resources", error))?;
        }
        let mut status = container.kept.borrow().get();
        let resources = status.resources.get_or_insert_with(ContainerResources::default);
        merge(resources.linux.get_or_insert_with(LinuxContainerResources::default), asked);
        *container.kept.borrow_mut() = Kept::new(&status);
        self.0.changes.mark();
        Ok(UpdateContainerResourcesResponse {})
    }

    pub(super) fn do_container_stats(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<ContainerStatsResponse, Status> {
        let container = self.0.containers.get(id);
        let container = container.map_err(|error| prefixed("failed to find container", error))?;
        Ok(ContainerStatsResponse { stats: Some(stats(ctx.now(), &container)) })
    }

    pub(super) fn do_list_container_stats(
        &self,
        ctx: &Ctx,
        filter: Option<ContainerStatsFilter>,
    ) -> ListContainerStatsResponse {
        let ContainerStatsFilter { id, pod_sandbox_id, label_selector } =
            filter.unwrap_or_default();
        let filter = ContainerFilter { id, pod_sandbox_id, ..ContainerFilter::default() };
        let all = self.filtered(&filter).into_iter();
        let all = all.filter(|container| container.state() == ContainerState::ContainerRunning);
        let all = all.map(|container| stats(ctx.now(), &container)).filter(|stats| {
            let labels = stats.attributes.as_ref().map(|attributes| &attributes.labels);
            labels.is_some_and(|labels| has_labels(labels, &label_selector))
        });
        ListContainerStatsResponse { stats: all.collect() }
    }
}

fn item(container: &Container) -> cri::Container {
    let kept = container.kept.borrow().get();
    cri::Container {
        id: container.id.to_string(),
        pod_sandbox_id: container.sandbox.id.to_string(),
        metadata: kept.metadata,
        image: kept.image,
        image_ref: container.image_id.to_string(),
        state: container.state().into(),
        created_at: kept.created_at,
        labels: kept.labels,
        annotations: kept.annotations,
        image_id: container.image_id.to_string(),
    }
}

/// Takes over what is asked for; 0 and the empty text ask for nothing.
fn merge(resources: &mut LinuxContainerResources, asked: LinuxContainerResources) {
    fn number(old: &mut i64, new: i64) {
        if new != 0 {
            *old = new;
        }
    }
    number(&mut resources.cpu_period, asked.cpu_period);
    number(&mut resources.cpu_quota, asked.cpu_quota);
    number(&mut resources.cpu_shares, asked.cpu_shares);
    number(&mut resources.memory_limit_in_bytes, asked.memory_limit_in_bytes);
    number(&mut resources.memory_swap_limit_in_bytes, asked.memory_swap_limit_in_bytes);
    number(&mut resources.oom_score_adj, asked.oom_score_adj);
    if !asked.cpuset_cpus.is_empty() {
        resources.cpuset_cpus = asked.cpuset_cpus;
    }
    if !asked.cpuset_mems.is_empty() {
        resources.cpuset_mems = asked.cpuset_mems;
    }
    if !asked.hugepage_limits.is_empty() {
        resources.hugepage_limits = asked.hugepage_limits;
    }
    resources.unified.extend(asked.unified);
}

fn stats(now: Time, container: &Container) -> ContainerStats {
    let kept = container.kept.borrow().get();
    let timestamp = now.unix_nanos();
    let value = |value| Some(UInt64Value { value });
    let attributes = ContainerAttributes {
        id: container.id.to_string(),
        metadata: kept.metadata,
        labels: kept.labels,
        annotations: kept.annotations,
    };
    let running = container.state() == ContainerState::ContainerRunning;
    let started_at = container.status.borrow().started_at;
    let ran = u64::try_from(timestamp - started_at).unwrap_or_default();
    let cpu = CpuUsage {
        timestamp,
        usage_core_nano_seconds: value(ran / CPU_SHARE),
        usage_nano_cores: value(1_000_000_000 / CPU_SHARE),
        psi: None,
    };
    let memory = MemoryUsage {
        timestamp,
        working_set_bytes: value(MEMORY_BYTES),
        usage_bytes: value(MEMORY_BYTES),
        rss_bytes: value(MEMORY_BYTES),
        ..MemoryUsage::default()
    };
    ContainerStats {
        attributes: Some(attributes),
        cpu: running.then_some(cpu),
        memory: running.then_some(memory),
        writable_layer: Some(FilesystemUsage {
            timestamp,
            fs_id: Some(FilesystemIdentifier { mountpoint: super::image::IMAGE_FS.to_owned() }),
            used_bytes: value(DISK_BYTES),
            inodes_used: value(10),
        }),
        ..ContainerStats::default()
    }
}
