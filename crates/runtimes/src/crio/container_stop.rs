//! StopContainer and RemoveContainer.
//!
//! Models: cri-o@v1.37.0 `server/container_stop.go`, `server/container_remove.go`,
//! `internal/oci/runtime_oci.go` `StopLoopForContainer`.

use super::conmon::{EXITS, Monitored};
use super::{Crio, STOP_TIMEOUT};
use crate::server::config::signal_number;
use crate::server::store::Container;
use crate::server::{failed, prefixed};
use cri::{Code, RemoveContainerResponse, Status, StopContainerRequest, StopContainerResponse};
use futures_util::future::{Either, select};
use node::{SIGKILL, SIGTERM};
use sim::{Ctx, Signal};
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{Effect, Time};

/// How often the process is looked at while it is asked to end.
const WATCH: Duration = Duration::from_millis(100);
/// The wait between two attempts to kill.
const KILL_AGAIN: Duration = Duration::from_millis(100);
/// Never, as far as a stop is concerned: a year.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A stop in progress: several may wait for it, each with less patience than the one before.
pub(super) struct Stopping {
    deadline: Cell<Time>,
    changed: Signal,
    done: Cell<bool>,
}

impl Crio {
    pub(super) async fn do_stop_container(
        &self,
        ctx: &Ctx,
        request: &StopContainerRequest,
    ) -> Result<StopContainerResponse, Status> {
        let id = &request.container_id;
        match self.0.containers.get(id) {
            Ok(container) => self.stop_container(ctx, &container.id, request.timeout).await?,
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => {
                let message = format!("could not find container {id:?}: {}", error.message);
                return Err(Status::not_found(message));
            }
        }
        Ok(StopContainerResponse {})
    }

    /// Stops a container, or the infra container of a sandbox; `grace` is in seconds.
    pub(super) async fn stop_container(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        grace: i64,
    ) -> Result<(), Status> {
        let held = self.0.monitored.borrow().get(id).cloned();
        let Some(held) = held else { return Ok(()) };
        if self.0.node.is_alive(held.pid) {
            let stopping = self.0.stopping.borrow().get(id).cloned();
            let stopping = match stopping {
                Some(stopping) => stopping,
                None => self.begin_to_stop(ctx, &held),
            };
            // Only who has less patience changes anything.
            let deadline = ctx.now() + Duration::from_secs(u64::try_from(grace).unwrap_or(0));
            if deadline < stopping.deadline.get() {
                stopping.deadline.set(deadline);
                stopping.changed.notify();
            }
            while !stopping.done.get() {
                stopping.changed.wait().await;
            }
        }
        self.storage_unmount(ctx, id);
        // The file of its end may not have been seen yet.
        self.update_status(ctx, &held).await;
        Ok(())
    }

    fn begin_to_stop(&self, ctx: &Ctx, held: &Rc<Monitored>) -> Rc<Stopping> {
        let stopping = Rc::new(Stopping {
            deadline: Cell::new(ctx.now() + FAR),
            changed: Signal::default(),
            done: Cell::new(false),
        });
        self.0.stopping.borrow_mut().insert(held.id.clone(), stopping.clone());
        let (crio, ctx, held, loops) = (self.clone(), ctx.clone(), held.clone(), stopping.clone());
        ctx.clone().spawn(async move {
            crio.stop_loop(&ctx, &held, &loops).await;
            crio.0.stopping.borrow_mut().remove(&held.id);
            loops.done.set(true);
            loops.changed.notify();
        });
        stopping
    }

    async fn stop_loop(&self, ctx: &Ctx, held: &Monitored, stopping: &Stopping) {
        let node = &self.0.node;
        let begun = ctx.now();
        let container = self.0.containers.get(&held.id).ok();
        let signal = container.map_or(SIGTERM, |container| signal_number(container.stop_signal));
        // What fails here shows by the process still being there.
        let _ = self.kill_in_runtime(ctx, held, signal).await;
        while node.is_alive(held.pid) && ctx.now() < stopping.deadline.get() {
            let ended = pin!(node.wait(held.pid));
            let changed = pin!(stopping.changed.wait());
            let patience = ctx.sleep(stopping.deadline.get().since(ctx.now()));
            let first = select(ended, select(changed, patience)).await;
            if let Either::Left(_) = first {
                // It is noticed when it is looked at next.
                let since = ctx.now().since(begun).as_millis();
                let rest = WATCH.as_millis() - since % WATCH.as_millis();
                ctx.sleep(Duration::from_millis(rest as u64)).await;
                return;
            }
        }
        while node.is_alive(held.pid) {
            let _ = self.kill_in_runtime(ctx, held, SIGKILL).await;
            if node.is_alive(held.pid) {
                ctx.sleep(KILL_AGAIN).await;
            }
        }
    }

    pub(super) async fn do_remove_container(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<RemoveContainerResponse, Status> {
        match self.0.containers.get(id) {
            Ok(container) => self.remove_from_pod(ctx, &container).await?,
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => {
                let message = format!("could not find container {id:?}: {}", error.message);
                return Err(Status::not_found(message));
            }
        }
        Ok(RemoveContainerResponse {})
    }

    /// `removeContainerInPod`.
    pub(super) async fn remove_from_pod(
        &self,
        ctx: &Ctx,
        container: &Rc<Container>,
    ) -> Result<(), Status> {
        let id = &container.id;
        if container.sandbox.is_ready() {
            self.stop_container(ctx, id, STOP_TIMEOUT)
                .await
                .map_err(|error| prefixed("failed to stop container for removal", error))?;
        }
        self.delete_everywhere(ctx, id, &container.name, &container.sandbox.id).await?;
        if self.0.containers.remove(id) {
            self.0.container_names.release(&container.name);
            container.sandbox.containers.borrow_mut().retain(|other| other != id);
            ctx.effect(Effect::ContainerRemoved { id: id.clone() });
            self.0.changes.mark();
        }
        Ok(())
    }

    /// From the runtime, from the directory of exits, from the storage.
    pub(super) async fn delete_everywhere(
        &self,
        ctx: &Ctx,
        id: &Rc<str>,
        name: &str,
        sandbox: &str,
    ) -> Result<(), Status> {
        let doing = format!("failed to delete container {name} in pod sandbox {sandbox}");
        self.delete_in_runtime(ctx, id).await.map_err(|error| failed(&doing, error))?;
        self.0.node.remove_file(ctx, &format!("{EXITS}/{id}"));
        self.storage_delete(ctx, id).await.map_err(|error| failed(&doing, error))?;
        Ok(())
    }
}
