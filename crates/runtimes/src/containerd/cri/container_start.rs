//! StartContainer, and ReopenContainerLog, which touches the same file.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_start.go`, `container_log_reopen.go`.

use super::container_create::not_running;
use super::store::Container;
use super::{CriPlugin, Inner, failed, prefixed};
use crate::io::{ContainerIo, LogFile};
use cri::{ContainerEventType, ReopenContainerLogResponse, StartContainerResponse, Status};
use node::Stdio;
use sim::Ctx;
use std::rc::Rc;
use trace::Exit;

/// The exit code of a container that could not be started, and the reason.
const START_ERROR_EXIT_CODE: i32 = 128;
const START_ERROR_REASON: &str = "StartError";

impl CriPlugin {
    pub(super) async fn do_start_container(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<StartContainerResponse, Status> {
        let container = self.0.containers.get(id).map_err(|error| {
            prefixed(format_args!("an error occurred when try to find container {id:?}"), error)
        })?;
        let id = &container.id;
        set_starting(&container).map_err(|error| {
            Status::unknown(format!(
                "failed to set starting state for container {:?}: {error}",
                &**id
            ))
        })?;
        let started = self.start_in_sandbox(ctx, &container).await;
        let started = match started {
            Ok(pid) => {
                {
                    let mut status = container.status.borrow_mut();
                    status.pid = pid;
                    status.started_at = ctx.now().unix_nanos();
                }
                Ok(StartContainerResponse {})
            }
            Err(error) => {
                let mut status = container.status.borrow_mut();
                status.pid = 0;
                status.finished_at = ctx.now().unix_nanos();
                status.exit_code = START_ERROR_EXIT_CODE;
                status.reason = START_ERROR_REASON;
                status.message = error.message.as_str().into();
                Err(error)
            }
        };
        container.status.borrow_mut().starting = false;
        self.container_changed(ctx, &container);
        if started.is_ok() {
            self.publish(ctx, id, &container.sandbox.id, ContainerEventType::ContainerStartedEvent);
        }
        // Its process may have ended in the meantime, before anybody could hear of it.
        if started.is_ok() {
            let pid = container.status.borrow().pid;
            if let Some(exit) = self.ended_early(&container, pid) {
                self.container_exited(&ctx.detached(), &container, exit, ctx.now());
            }
        }
        started
    }

    fn ended_early(&self, container: &Container, pid: u32) -> Option<Exit> {
        container.early_exit.take().filter(|_| !self.0.node.is_alive(pid))
    }

    async fn start_in_sandbox(&self, ctx: &Ctx, container: &Rc<Container>) -> Result<u32, Status> {
        let Inner { client, .. } = &*self.0;
        let (id, sandbox) = (&container.id, &container.sandbox);
        if !sandbox.is_ready() {
            return Err(not_running(sandbox));
        }
        if let Some(target) = &container.target {
            self.target_pid(sandbox, Some(target))?;
        }
        let stdio = self.open_io(ctx, container);
        let started = match client.new_task(ctx, id, stdio).await {
            Ok(_) => client.start_task(ctx, id).await.map_err(|error| {
                failed(format_args!("failed to start containerd task {:?}", &**id), error)
            }),
            Err(error) => Err(failed("failed to create containerd task", error)),
        };
        if started.is_err() && client.has_task(id) {
            Box::pin(self.kill_and_delete_task(ctx, id)).await;
        }
        started
    }

    /// The container's streams, with its log file.
    fn open_io(&self, ctx: &Ctx, container: &Container) -> Stdio {
        let log = LogFile::create(ctx, &self.0.node, &container.log_path);
        let (io, stdio) = ContainerIo::new(ctx, log, container.stdin, container.tty);
        *container.io.borrow_mut() = Some(io);
        stdio
    }

    pub(super) fn do_reopen_container_log(
        &self,
        ctx: &Ctx,
        id: &str,
    ) -> Result<ReopenContainerLogResponse, Status> {
        let container = self.0.containers.get(id).map_err(|error| {
            prefixed(format_args!("an error occurred when try to find container {id:?}"), error)
        })?;
        if container.state() != cri::ContainerState::ContainerRunning {
            return Err(Status::unknown("container is not running"));
        }
        if !container.log_path.is_empty() && !self.0.node.exists(&container.log_path) {
            self.0.node.write_file(ctx, &container.log_path, "");
        }
        Ok(ReopenContainerLogResponse {})
    }
}

fn set_starting(container: &Container) -> Result<(), String> {
    let mut status = container.status.borrow_mut();
    if status.state() != cri::ContainerState::ContainerCreated {
        return Err(format!("container is in {} state", status.state().as_str_name()));
    }
    if status.removing {
        return Err("container is in removing state, can't be started".to_owned());
    }
    if status.starting {
        return Err("container is already in starting state".to_owned());
    }
    status.starting = true;
    Ok(())
}
