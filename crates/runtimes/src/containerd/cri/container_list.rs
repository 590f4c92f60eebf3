//! ListContainers, ContainerStatus, UpdateContainerResources and the containers' figures.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_list.go`, `container_status.go`,
//! `container_update_resources.go`, `container_stats.go`, `container_stats_list.go`.

use super::image::IMAGE_FS;
use super::store::{Container, Kept};
use super::{CriPlugin, Inner, failed, list, prefixed};
use crate::json::Json;
use crate::server::config::merge;
use cri::{
    ContainerResources, ContainerState, ContainerStatsFilter, ContainerStatsResponse,
    ContainerStatusRequest, ContainerStatusResponse, LinuxContainerResources,
    ListContainerStatsResponse, Status, UpdateContainerResourcesRequest,
    UpdateContainerResourcesResponse,
};
use sim::Ctx;
use std::collections::BTreeMap;

impl CriPlugin {
    pub(super) fn do_container_status(
        &self,
        request: &ContainerStatusRequest,
    ) -> Result<ContainerStatusResponse, Status> {
        let id = &request.container_id;
        let container = self.0.containers.get(id).map_err(|error| {
            prefixed(format_args!("an error occurred when try to find container {id:?}"), error)
        })?;
        let image = self.0.client.images().resolve(&container.image_id);
        let status = container.cri_status(image.as_deref());
        let info = if request.verbose { self.container_info(&container) } else { BTreeMap::new() };
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
        Ok(ContainerStatsResponse { stats: Some(container.stats(ctx.now(), IMAGE_FS)) })
    }

    pub(super) fn do_list_container_stats(
        &self,
        ctx: &Ctx,
        filter: Option<ContainerStatsFilter>,
    ) -> ListContainerStatsResponse {
        let Inner { sandboxes, containers, .. } = &*self.0;
        let stats = list::container_stats(sandboxes, containers, filter, ctx.now(), IMAGE_FS);
        ListContainerStatsResponse { stats }
    }
}
