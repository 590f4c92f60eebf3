//! StopPodSandbox and RemovePodSandbox.
//!
//! Models: cri-o@v1.37.0 `server/sandbox_stop_linux.go`, `server/sandbox_remove.go`.

use super::sandbox_run::shm;
use super::{Crio, Pod, STOP_TIMEOUT};
use crate::server::prefixed;
use crate::server::store::{Sandbox, SandboxState};
use cri::{RemovePodSandboxResponse, Status, StopPodSandboxResponse};
use sim::Ctx;
use std::rc::Rc;
use trace::Effect;

/// What is kept of the time for the infra container, in seconds.
const INFRA_RESERVED: i64 = 1;

impl Crio {
    /// The sandbox of an id; none if it is gone, which is no error to who wants it gone.
    fn sandbox_to_end(&self, id: &str) -> Result<Option<Rc<Pod>>, Status> {
        if id.is_empty() {
            return Err(Status::unknown("PodSandboxId should not be empty"));
        }
        let Ok(sandbox) = self.0.sandboxes.get(id) else { return Ok(None) };
        Ok(self.0.pods.borrow().get(&sandbox.id).cloned())
    }

    pub(super) async fn do_stop_pod_sandbox(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<StopPodSandboxResponse, Status> {
        if let Some(pod) = self.sandbox_to_end(id)? {
            self.stop_sandbox(ctx, &pod).await?;
        }
        Ok(StopPodSandboxResponse {})
    }

    async fn stop_sandbox(&self, ctx: &Ctx, pod: &Pod) -> Result<(), Status> {
        let sandbox = &pod.sandbox;
        self.stop_network(ctx, sandbox).await?;
        if sandbox.state.get() == SandboxState::NotReady && pod.namespaces.borrow().is_empty() {
            return Ok(());
        }
        let ids = sandbox.containers.borrow().clone();
        let containers: Vec<_> =
            ids.iter().filter_map(|id| self.0.containers.get(id).ok()).collect();
        let stops =
            containers.iter().filter(|container| container.status.borrow().finished_at == 0).map(
                |container| self.stop_container(ctx, &container.id, STOP_TIMEOUT - INFRA_RESERVED),
            );
        futures_util::future::try_join_all(stops)
            .await
            .map_err(|error| prefixed("stop containers in parallel", error))?;
        self.stop_container(ctx, &sandbox.id, STOP_TIMEOUT).await.map_err(|error| {
            let doing =
                format_args!("failed to stop infra container for pod sandbox {}", sandbox.id);
            prefixed(doing, error)
        })?;
        self.remove_namespaces(ctx, pod);
        self.0.node.unmount(ctx, &shm(&sandbox.id));
        self.set_not_ready(ctx, sandbox);
        Ok(())
    }

    pub(super) fn set_not_ready(&self, ctx: &Ctx, sandbox: &Sandbox) {
        if sandbox.state.replace(SandboxState::NotReady) != SandboxState::NotReady {
            sandbox.pid.set(0);
            self.sandbox_changed(ctx, sandbox);
        }
    }

    pub(super) async fn do_remove_pod_sandbox(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<RemovePodSandboxResponse, Status> {
        let Some(pod) = self.sandbox_to_end(id)? else { return Ok(RemovePodSandboxResponse {}) };
        let sandbox = &pod.sandbox;
        let id = &sandbox.id;
        let containers = sandbox.containers.borrow().clone();
        for container in containers {
            if let Ok(container) = self.0.containers.get(&container) {
                self.remove_from_pod(ctx, &container).await?;
            }
        }
        self.0.node.unmount(ctx, &shm(id));
        if sandbox.is_ready() {
            self.stop_container(ctx, id, STOP_TIMEOUT)
                .await
                .map_err(|error| prefixed("failed to stop container for removal", error))?;
        }
        self.delete_everywhere(ctx, id, &sandbox.name, id).await?;
        if let Some(cgroup) = &pod.cgroup {
            self.0.node.remove_cgroup(ctx, cgroup);
        }
        self.stop_network(ctx, sandbox)
            .await
            .map_err(|error| prefixed("stop pod network", error))?;
        self.remove_namespaces(ctx, &pod);
        self.0.pod_names.release(&sandbox.name);
        self.0.pods.borrow_mut().remove(id);
        if self.0.sandboxes.remove(id) {
            ctx.effect(Effect::SandboxRemoved { id: id.clone() });
            self.0.changes.mark();
        }
        Ok(RemovePodSandboxResponse {})
    }
}
