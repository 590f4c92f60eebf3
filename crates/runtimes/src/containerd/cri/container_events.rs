//! GetContainerEvents, and the figures and answers of sandboxes that need no work of their own.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_events.go`, `helpers.go`
//! `generateAndSendContainerEvent`, `sandbox_stats.go`, `sandbox_stats_list.go`,
//! `sandbox_update_resources.go`, `container_checkpoint_linux.go`.

use super::image::IMAGE_FS;
use super::{CriPlugin, Inner, failed, list, prefixed};
use crate::server::metrics;
use cri::{
    ContainerEventResponse, ContainerEventType, ListPodSandboxMetricsResponse,
    PodSandboxStatsResponse, Status, UpdatePodSandboxResourcesRequest,
    UpdatePodSandboxResourcesResponse,
};
use sim::Ctx;
use std::collections::BTreeMap;

impl CriPlugin {
    /// Tells whoever listens what happened to a container, or to a sandbox, whose own id is that
    /// of its container.
    pub(super) fn publish(&self, ctx: &Ctx, id: &str, sandbox: &str, what: ContainerEventType) {
        let Inner { sandboxes, containers, events, client, .. } = &*self.0;
        events.publish(|| {
            let sandbox = sandboxes.get(sandbox).ok();
            let ids = sandbox.iter().flat_map(|sandbox| sandbox.containers.borrow().clone());
            let statuses = ids.filter_map(|id| {
                let container = containers.get(&id).ok()?;
                let image = client.images().resolve(&container.image_id);
                Some(container.cri_status(image.as_deref()))
            });
            ContainerEventResponse {
                container_id: id.to_owned(),
                container_event_type: what.into(),
                created_at: ctx.now().unix_nanos(),
                containers_statuses: statuses.collect(),
                pod_sandbox_status: sandbox.map(|sandbox| sandbox.cri_status()),
            }
        });
    }

    pub(super) fn do_pod_sandbox_stats(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<PodSandboxStatsResponse, Status> {
        let sandbox = self.0.sandboxes.get(id).map_err(|error| {
            prefixed(format_args!("an error occurred when trying to find sandbox {id}"), error)
        })?;
        if !sandbox.is_ready() {
            return Err(Status::unavailable(format!(
                "failed to decode pod sandbox metrics {id}: failed to get pod sandbox stats since \
                 sandbox container {:?} is not in ready state: unavailable",
                &*sandbox.id
            )));
        }
        let stats = list::sandbox_stats(&sandbox, &self.0.containers, ctx.now(), IMAGE_FS);
        Ok(PodSandboxStatsResponse { stats: Some(stats) })
    }

    pub(super) fn do_list_pod_sandbox_metrics(&self, ctx: &Ctx) -> ListPodSandboxMetricsResponse {
        let Inner { sandboxes, containers, .. } = &*self.0;
        let sandboxes = sandboxes.candidates(&BTreeMap::new());
        let ready = sandboxes.iter().filter(|sandbox| sandbox.is_ready());
        let metrics = ready.map(|sandbox| {
            let ids = sandbox.containers.borrow();
            let own: Vec<_> = ids.iter().filter_map(|id| containers.get(id).ok()).collect();
            metrics::of_sandbox(sandbox, &own, ctx.now())
        });
        ListPodSandboxMetricsResponse { pod_metrics: metrics.collect() }
    }

    /// Takes note; the kubelet has changed the pod's control group itself.
    pub(super) async fn do_update_pod_sandbox_resources(
        &self,
        ctx: &Ctx,
        request: &UpdatePodSandboxResourcesRequest,
    ) -> Result<UpdatePodSandboxResourcesResponse, Status> {
        let sandbox = self.0.sandboxes.get(&request.pod_sandbox_id);
        let sandbox = sandbox.map_err(|error| prefixed("failed to find sandbox", error))?;
        let updated = self.0.client.update_sandbox(ctx, &sandbox.id).await;
        updated.map_err(|error| {
            failed(format_args!("failed to update sandbox {} in core store", sandbox.id), error)
        })?;
        Ok(UpdatePodSandboxResourcesResponse {})
    }

    /// The node has no CRIU, which upstream finds out before it looks at the container.
    pub(super) fn do_checkpoint_container(&self, id: &str) -> Status {
        Status::unknown(format!(
            "failed to checkpoint container {id:?}: failed to retrieve criu version: \
             exec: \"criu\": executable file not found in $PATH"
        ))
    }
}
