//! StopPodSandbox and RemovePodSandbox.
//!
//! Models: containerd v2.3.4 `internal/cri/server/sandbox_stop.go`, `sandbox_remove.go` and
//! `podsandbox/sandbox_stop.go`, `sandbox_delete.go`.

use super::sandbox_run::shm;
use super::store::{Sandbox, SandboxState};
use super::{CriPlugin, failed, prefixed};
use crate::containerd::Flavor;
use cri::{Code, ContainerEventType, RemovePodSandboxResponse, Status, StopPodSandboxResponse};
use node::SIGKILL;
use sim::Ctx;
use std::rc::Rc;
use trace::Effect;

impl CriPlugin {
    pub(super) async fn do_stop_pod_sandbox(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<StopPodSandboxResponse, Status> {
        match self.0.sandboxes.get(id) {
            Ok(sandbox) => self.stop_sandbox(ctx, &sandbox).await?,
            Err(error) if error.code == Code::NotFound && self.0.flavor == Flavor::Plugin => {}
            Err(error) => return Err(not_looked_up(id, error)),
        }
        Ok(StopPodSandboxResponse {})
    }

    async fn stop_sandbox(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>) -> Result<(), Status> {
        let id = &sandbox.id;
        let containers = sandbox.containers.borrow().clone();
        for container in containers {
            let Ok(container) = self.0.containers.get(&container) else { continue };
            self.stop_container(ctx, &container, 0).await.map_err(|error| {
                prefixed(format_args!("failed to stop container {:?}", &*container.id), error)
            })?;
        }
        // The daemon tears the network down while the sandbox's process still runs.
        if self.0.flavor == Flavor::Daemon {
            self.stop_sandbox_network(ctx, sandbox).await?;
        }
        if sandbox.state.get() != SandboxState::NotReady {
            self.stop_sandbox_container(ctx, sandbox).await.map_err(|error| {
                prefixed(format_args!("failed to stop sandbox {:?}", &**id), error)
            })?;
        }
        if self.0.flavor == Flavor::Plugin {
            self.stop_sandbox_network(ctx, sandbox).await?;
        }
        Ok(())
    }

    async fn stop_sandbox_network(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>) -> Result<(), Status> {
        let id = &sandbox.id;
        let Some(network) = &sandbox.network else { return Ok(()) };
        // The daemon's plugins are not asked about a namespace that is gone.
        if self.0.flavor == Flavor::Daemon && network.namespace.get().is_none() {
            return Ok(());
        }
        let torn_down = self.teardown_pod_network(ctx, network).await;
        if let Err(error) = torn_down
            && network.set_up.get()
        {
            return Err(failed(
                format_args!("failed to destroy network for sandbox {:?}", &**id),
                error,
            ));
        }
        if network.namespace.get().is_some() {
            self.remove_netns(ctx, network);
            self.sandbox_changed(ctx, sandbox);
        }
        Ok(())
    }

    async fn stop_sandbox_container(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>) -> Result<(), Status> {
        let client = &self.0.client;
        self.0.node.unmount(ctx, &shm(&sandbox.id));
        if !client.has_task(&sandbox.id) {
            self.set_sandbox_not_ready(ctx, sandbox);
            return Ok(());
        }
        match client.kill_task(ctx, &sandbox.id, SIGKILL).await {
            Ok(()) => {}
            // It has ended; whoever handles that is on the way, unless the sandbox never was ready.
            Err(error) if error.code == "NotFound" => {
                if !sandbox.is_ready() {
                    self.delete_task_of_ended(ctx, &sandbox.id).await;
                    self.set_sandbox_not_ready(ctx, sandbox);
                }
            }
            Err(error) => return Err(failed("failed to kill sandbox container", error)),
        }
        while sandbox.state.get() != SandboxState::NotReady {
            sandbox.stopped.wait().await;
        }
        Ok(())
    }

    /// Its process has ended, whoever ended it.
    ///
    /// Models: `internal/cri/server/events.go` `handleSandboxExit`.
    pub(super) fn sandbox_exited(&self, ctx: &Ctx, sandbox: &Rc<Sandbox>) {
        if sandbox.state.get() == SandboxState::NotReady {
            return;
        }
        let (plugin, sandbox, ctx) = (self.clone(), sandbox.clone(), ctx.clone());
        ctx.clone().spawn(async move {
            plugin.delete_task_of_ended(&ctx, &sandbox.id).await;
            plugin.set_sandbox_not_ready(&ctx, &sandbox);
        });
    }

    fn set_sandbox_not_ready(&self, ctx: &Ctx, sandbox: &Sandbox) {
        if sandbox.state.replace(SandboxState::NotReady) != SandboxState::NotReady {
            sandbox.pid.set(0);
            self.sandbox_changed(ctx, sandbox);
            let stopped = ContainerEventType::ContainerStoppedEvent;
            self.publish(ctx, &sandbox.id, &sandbox.id, stopped);
        }
        sandbox.stopped.notify();
    }

    pub(super) async fn do_remove_pod_sandbox(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<RemovePodSandboxResponse, Status> {
        let sandbox = match self.0.sandboxes.get(id) {
            Ok(sandbox) => sandbox,
            Err(error) if error.code == Code::NotFound => return Ok(RemovePodSandboxResponse {}),
            Err(error) => return Err(not_looked_up(id, error)),
        };
        let client = &self.0.client;
        let id = &sandbox.id;
        self.stop_sandbox(ctx, &sandbox).await.map_err(|error| {
            prefixed(format_args!("failed to forcibly stop sandbox {:?}", &**id), error)
        })?;
        if self.0.flavor == Flavor::Plugin {
            match client.delete_lease(ctx, id).await {
                Err(error) if error.code != "NotFound" => {
                    let doing = format_args!("failed to delete lease for sandbox {:?}", &**id);
                    return Err(failed(doing, error));
                }
                _ => {}
            }
        }
        let containers = sandbox.containers.borrow().clone();
        for container in containers {
            self.do_remove_container(ctx, &container).await.map_err(|error| {
                prefixed(format_args!("failed to remove container {:?}", &*container), error)
            })?;
        }
        // The controller's part: container, snapshot, directories.
        match client.delete_container(ctx, id).await {
            Err(error) if error.code != "NotFound" => {
                return Err(failed(format_args!("failed to delete sandbox {:?}", &**id), error));
            }
            _ => {}
        }
        self.remove_sandbox_dirs(ctx, id);
        if self.0.sandboxes.remove(id) {
            ctx.effect(Effect::SandboxRemoved { id: id.clone() });
            self.0.changes.mark();
            self.publish(ctx, id, id, ContainerEventType::ContainerDeletedEvent);
        }
        if self.0.flavor == Flavor::Plugin {
            match client.delete_sandbox(ctx, id).await {
                Err(error) if error.code != "NotFound" => {
                    return Err(failed("failed to remove sandbox metadata from store", error));
                }
                _ => {}
            }
        }
        self.0.sandbox_names.release(&sandbox.name);
        Ok(RemovePodSandboxResponse {})
    }
}

fn not_looked_up(id: &str, error: Status) -> Status {
    prefixed(format_args!("an error occurred when try to find sandbox {id:?}"), error)
}
