//! Removes what nobody needs any more.
//!
//! Upstream: `pkg/kubelet/kuberuntime/kuberuntime_gc.go`.

use super::labels;
use crate::kubelet::{Inner, Uid};
use cri::{
    Container, ContainerState, ListContainersRequest, ListPodSandboxRequest, PodSandboxState,
    RemovePodSandboxRequest, StopPodSandboxRequest,
};
use sim::{Ctx, Hop};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use trace::{Component, Level, Payload, Protocol};

/// Dead containers that are kept of each name of a pod.
const MAX_PER_POD_CONTAINER: usize = 1;

fn uid_of(labels: &BTreeMap<String, String>) -> &str {
    labels.get(labels::POD_UID).map_or("", String::as_str)
}

impl Inner {
    /// Removes dead containers, then sandboxes without containers, then logs. False if something
    /// that was to be removed is still there, so that it is worth another try in a minute.
    pub(crate) async fn garbage_collect(&self) -> bool {
        let ctx = self.sim.ctx();
        let hop = Hop::new(
            Component::Kubelet,
            Component::GarbageCollector,
            Protocol::Function,
            "GarbageCollect",
        )
        .level(Level::Hops)
        .source(self.source("pkg/kubelet/kuberuntime/kuberuntime_gc.go GarbageCollect"));
        let removed_all = ctx
            .call_answering(
                hop,
                |_| Payload::None,
                async |ctx| {
                    let containers = self.evict_containers(&ctx).await?;
                    Ok::<_, cri::Status>(self.evict_sandboxes(&ctx).await? && containers)
                },
            )
            .await;
        self.evict_pod_logs_directories();
        removed_all.unwrap_or(false)
    }

    fn gc_ctx(&self, ctx: &Ctx, uid: &str) -> Ctx {
        match self.api_server.get(uid) {
            Some(known) => ctx.about_pod(known.reference),
            None => ctx.clone(),
        }
    }

    async fn evict_containers(&self, ctx: &Ctx) -> Result<bool, cri::Status> {
        let mut removed_all = true;
        let all = self.cri.call(ctx, ListContainersRequest { filter: None }).await?.containers;
        let mut units: BTreeMap<(String, String), Vec<Container>> = BTreeMap::new();
        for container in all {
            if container.state() == ContainerState::ContainerRunning || container.metadata.is_none()
            {
                continue;
            }
            let name = container.metadata.as_ref().map(|it| it.name.clone()).unwrap_or_default();
            let key = (uid_of(&container.labels).to_owned(), name);
            units.entry(key).or_default().push(container);
        }
        for ((uid, _), mut unit) in units {
            let keep =
                if self.should_pod_content_be_removed(&uid) { 0 } else { MAX_PER_POD_CONTAINER };
            unit.sort_by_key(|it| Reverse(it.created_at));
            let ctx = self.gc_ctx(ctx, &uid);
            // The oldest first.
            for container in unit.iter().skip(keep).rev() {
                removed_all &= self.remove_container(&ctx, &container.id, false).await.is_ok();
            }
        }
        Ok(removed_all)
    }

    async fn evict_sandboxes(&self, ctx: &Ctx) -> Result<bool, cri::Status> {
        let mut removed_all = true;
        let containers =
            self.cri.call(ctx, ListContainersRequest { filter: None }).await?.containers;
        let sandboxes = self.cri.call(ctx, ListPodSandboxRequest { filter: None }).await?.items;
        let used: BTreeSet<&str> = containers.iter().map(|it| it.pod_sandbox_id.as_str()).collect();
        let mut by_pod: BTreeMap<Uid, Vec<&cri::PodSandbox>> = BTreeMap::new();
        for sandbox in &sandboxes {
            by_pod.entry(uid_of(&sandbox.labels).into()).or_default().push(sandbox);
        }
        for (uid, mut of_pod) in by_pod {
            let keep = usize::from(!self.should_pod_content_be_removed(&uid));
            of_pod.sort_by_key(|it| Reverse(it.created_at));
            let ctx = self.gc_ctx(ctx, &uid);
            for sandbox in of_pod.into_iter().skip(keep).rev() {
                let active = sandbox.state() == PodSandboxState::SandboxReady
                    || used.contains(sandbox.id.as_str());
                if !active {
                    removed_all &= self.remove_sandbox(&ctx, &sandbox.id).await.is_ok();
                }
            }
        }
        Ok(removed_all)
    }

    async fn remove_sandbox(&self, ctx: &Ctx, id: &str) -> Result<(), cri::Status> {
        let request = StopPodSandboxRequest { pod_sandbox_id: id.to_owned() };
        self.cri.call(ctx, request).await?;
        let request = RemovePodSandboxRequest { pod_sandbox_id: id.to_owned() };
        self.cri.call(ctx, request).await?;
        Ok(())
    }

    fn evict_pod_logs_directories(&self) {
        let directory = self.config.pod_logs_directory.clone();
        for name in self.host.list(&directory) {
            let uid = name.rsplit('_').next().unwrap_or_default();
            if self.should_pod_content_be_removed(uid) {
                self.host.remove(&format!("{directory}/{name}"));
            }
        }
    }
}
