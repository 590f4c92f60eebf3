//! StopContainer, RemoveContainer, and what happens when a container's process has ended.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_stop.go`, `container_remove.go`,
//! `events.go` `handleContainerExit`.

use super::store::Container;
use super::{CriPlugin, Inner, failed, prefixed};
use crate::server::config::signal_number;
use cri::{
    Code, ContainerEventType, ContainerState, RemoveContainerResponse, Status,
    StopContainerRequest, StopContainerResponse,
};
use futures_util::future::{Either, select};
use node::SIGKILL;
use sim::Ctx;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{Effect, Exit, Time};

/// How often a stop is tried whose shim has hung up.
const TRIES_MAX: u32 = 3;
/// The wait before the second try; it grows with the square of the tries.
const RETRY_AFTER: Duration = Duration::from_millis(100);
/// How long an exit that could not be handled waits, at first and at most.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(300);

impl CriPlugin {
    pub(super) async fn do_stop_container(
        &self,
        ctx: &Ctx,
        request: &StopContainerRequest,
    ) -> Result<StopContainerResponse, Status> {
        match self.0.containers.get(&request.container_id) {
            Ok(container) => self.stop_container(ctx, &container, request.timeout).await?,
            Err(error) if error.code == Code::NotFound => {}
            Err(error) => return Err(not_looked_up(&request.container_id, error)),
        }
        Ok(StopContainerResponse {})
    }

    /// `stopContainerRetryOnConnectionClosed`: `grace` is in seconds.
    pub(super) async fn stop_container(
        &self,
        ctx: &Ctx,
        container: &Rc<Container>,
        grace: i64,
    ) -> Result<(), Status> {
        let mut tries = 1;
        loop {
            match self.try_to_stop(ctx, container, grace).await {
                Err(error) if error.message.contains("ttrpc: closed") && tries < TRIES_MAX => {
                    ctx.sleep(RETRY_AFTER * tries * tries).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_to_stop(
        &self,
        ctx: &Ctx,
        container: &Rc<Container>,
        grace: i64,
    ) -> Result<(), Status> {
        let Inner { client, .. } = &*self.0;
        let id = &container.id;
        let running = |container: &Container| {
            matches!(
                container.state(),
                ContainerState::ContainerRunning | ContainerState::ContainerUnknown
            )
        };
        if !running(container) || !client.has_task(id) {
            return Ok(());
        }
        if let Ok(grace) = u64::try_from(grace)
            && grace > 0
        {
            // Whoever asks again waits, but the signal is not sent again.
            if !container.stop_signalled.replace(true) {
                let signal = signal_number(container.stop_signal);
                match client.kill_task(ctx, id, signal).await {
                    Err(error) if error.code != "NotFound" => {
                        let doing = format_args!("failed to stop container {:?}", &**id);
                        return Err(failed(doing, error));
                    }
                    _ => {}
                }
            }
            let ended = pin!(self.wait_stopped(container));
            let patience = ctx.sleep(Duration::from_secs(grace));
            if let Either::Left(_) = select(ended, patience).await {
                return Ok(());
            }
        }
        match client.kill_task(ctx, id, SIGKILL).await {
            Err(error) if error.code != "NotFound" => {
                let doing = format_args!("failed to kill container {:?}", &**id);
                return Err(failed(doing, error));
            }
            _ => {}
        }
        self.wait_stopped(container).await;
        Ok(())
    }

    pub(super) async fn wait_stopped(&self, container: &Container) {
        while container.status.borrow().finished_at == 0 {
            container.stopped.wait().await;
        }
    }

    /// Its process has ended, whoever ended it.
    pub(super) fn container_exited(
        &self,
        ctx: &Ctx,
        container: &Rc<Container>,
        exit: Exit,
        at: Time,
    ) {
        {
            let status = container.status.borrow();
            if status.starting {
                // Whoever starts it will find out.
                container.early_exit.set(Some(exit));
                return;
            }
            if status.started_at == 0 || status.finished_at != 0 {
                return;
            }
        }
        let (plugin, container, ctx) = (self.clone(), container.clone(), ctx.clone());
        ctx.clone().spawn(async move {
            if exit.oom_killed {
                container.status.borrow_mut().reason = "OOMKilled";
            }
            plugin.delete_task_of_ended(&ctx, &container.id).await;
            {
                let mut status = container.status.borrow_mut();
                if status.finished_at == 0 {
                    status.pid = 0;
                    status.finished_at = at.unix_nanos();
                    status.exit_code = exit.code;
                }
                status.unknown = false;
            }
            plugin.container_changed(&ctx, &container);
            container.stopped.notify();
            let stopped = ContainerEventType::ContainerStoppedEvent;
            plugin.publish(&ctx, &container.id, &container.sandbox.id, stopped);
        });
    }

    /// Deletes the task of a process that has ended, again and again until it works.
    pub(super) async fn delete_task_of_ended(&self, ctx: &Ctx, id: &Rc<str>) {
        let mut wait = BACKOFF_MIN;
        loop {
            match self.0.client.delete_task(ctx, id).await {
                Err(error) if error.code != "NotFound" => {
                    ctx.sleep(wait).await;
                    wait = (wait * 2).min(BACKOFF_MAX);
                }
                _ => return,
            }
        }
    }

    pub(super) async fn do_remove_container(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<RemoveContainerResponse, Status> {
        let container = match self.0.containers.get(id) {
            Ok(container) => container,
            Err(error) if error.code == Code::NotFound => return Ok(RemoveContainerResponse {}),
            Err(error) => return Err(not_looked_up(id, error)),
        };
        let id = &container.id;
        if matches!(
            container.state(),
            ContainerState::ContainerRunning | ContainerState::ContainerUnknown
        ) {
            self.stop_container(ctx, &container, 0).await.map_err(|error| {
                prefixed(format_args!("failed to forcibly stop container {:?}", &**id), error)
            })?;
        }
        set_removing(&container).map_err(|error| {
            Status::unknown(format!(
                "failed to set removing state for container {:?}: {error}",
                &**id
            ))
        })?;
        match self.0.client.delete_container(ctx, id).await {
            Err(error) if error.code != "NotFound" => {
                container.status.borrow_mut().removing = false;
                let doing = format_args!("failed to delete containerd container {:?}", &**id);
                return Err(failed(doing, error));
            }
            _ => {}
        }
        self.remove_container_dirs(ctx, id);
        if self.0.containers.remove(id) {
            container.sandbox.containers.borrow_mut().retain(|other| other != id);
            self.0.container_names.release(&container.name);
            ctx.effect(Effect::ContainerRemoved { id: id.clone() });
            self.0.changes.mark();
            let deleted = ContainerEventType::ContainerDeletedEvent;
            self.publish(ctx, id, &container.sandbox.id, deleted);
        }
        Ok(RemoveContainerResponse {})
    }
}

fn set_removing(container: &Container) -> Result<(), &'static str> {
    let mut status = container.status.borrow_mut();
    match status.state() {
        ContainerState::ContainerRunning => {
            return Err("container is still running, to stop first");
        }
        ContainerState::ContainerUnknown => {
            return Err("container state is unknown, to stop first");
        }
        ContainerState::ContainerCreated | ContainerState::ContainerExited => {}
    }
    if status.starting {
        return Err("container is in starting state, can't be removed");
    }
    if status.removing {
        return Err("container is already in removing state");
    }
    status.removing = true;
    Ok(())
}

fn not_looked_up(id: &str, error: Status) -> Status {
    prefixed(format_args!("an error occurred when try to find container {id:?}"), error)
}
