//! ExecSync.
//!
//! Models: containerd v2.3.4 `internal/cri/server/container_execsync.go`.

use super::{CriPlugin, Inner, failed, prefixed};
use crate::io::captured;
use crate::oci::ExecProcess;
use cri::{ExecSyncRequest, ExecSyncResponse, Status};
use futures_util::future::{Either, select};
use node::SIGKILL;
use sim::Ctx;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::Exit;

impl CriPlugin {
    pub(super) async fn do_exec_sync(
        &self,
        ctx: &Ctx,
        request: ExecSyncRequest,
    ) -> Result<ExecSyncResponse, Status> {
        let argv: Vec<Rc<str>> = request.cmd.iter().map(|word| word.as_str().into()).collect();
        let (stdio, stdout, stderr) = captured();
        let process = ExecProcess { argv, stdio };
        let exit =
            self.exec_in_container(ctx, &request.container_id, process, request.timeout).await;
        let exit = exit.map_err(|error| prefixed("failed to exec in container", error))?;
        let (stdout, stderr) = (stdout.take(), stderr.take());
        Ok(ExecSyncResponse { stdout, stderr, exit_code: exit.code })
    }

    /// The timeout is in seconds; 0 stands for none.
    pub(super) async fn exec_in_container(
        &self,
        ctx: &Ctx,
        id: &str,
        process: ExecProcess,
        timeout: i64,
    ) -> Result<Exit, Status> {
        let Inner { client, containers, .. } = &*self.0;
        let container = containers.get(id).map_err(|error| {
            prefixed(format_args!("failed to find container {id:?} in store"), error)
        })?;
        let id = &container.id;
        let state = container.state();
        if state != cri::ContainerState::ContainerRunning {
            return Err(Status::unknown(format!("container is in {} state", state.as_str_name())));
        }
        let exec_id = Self::generate_id(ctx);
        let pid = client
            .exec(ctx, id, &exec_id, process)
            .await
            .map_err(|error| failed(format_args!("failed to start exec {:?}", &*exec_id), error))?;
        let ended = pin!(client.wait_process(ctx, pid));
        let exit = match u64::try_from(timeout) {
            Ok(seconds @ 1..) => {
                match select(ended, ctx.sleep(Duration::from_secs(seconds))).await {
                    Either::Left((exit, _)) => Ok(exit),
                    Either::Right(((), ended)) => {
                        // It may have ended just now.
                        let _ = client.kill_exec(ctx, id, &exec_id, SIGKILL).await;
                        ended.await;
                        Err(Status::deadline_exceeded(format!(
                            "timeout {seconds}s exceeded: context deadline exceeded"
                        )))
                    }
                }
            }
            _ => Ok(ended.await),
        };
        // What is left of the process matters to nobody.
        let _ = client.delete_process(ctx, id, &exec_id).await;
        exit
    }
}
