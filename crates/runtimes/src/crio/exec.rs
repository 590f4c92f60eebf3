//! ExecSync.
//!
//! Models: cri-o@v1.37.0 `server/container_execsync.go`, `internal/oci/runtime_oci.go`
//! `ExecSyncContainer`.

use super::Crio;
use super::conmon::{CONMON, Monitored};
use crate::io::captured;
use crate::oci::ExecProcess;
use crate::server::failed;
use cri::{ExecSyncRequest, ExecSyncResponse, Status};
use futures_util::future::{Either, select};
use node::{Command, ProcessSpec, SIGKILL};
use sim::{Ctx, Hop, SimError};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Exit, Payload, Protocol};

/// What conmon reports, and what the kubelet gets to read, where the time was not enough.
const TIMED_OUT: &str = "command timed out";

impl Crio {
    pub(super) async fn do_exec_sync(
        &self,
        ctx: &Ctx,
        request: ExecSyncRequest,
    ) -> Result<ExecSyncResponse, Status> {
        let container = self.find_container(&request.container_id)?;
        let id = &container.id;
        let held = self.0.monitored.borrow().get(id).cloned();
        let held = held.filter(|held| self.0.node.is_alive(held.pid));
        let Some(held) = held else {
            return Err(Status::not_found(format!(
                "container is not created or running: checking if PID of {id} is running failed: \
                 open /proc/{}/stat: no such file or directory: not found",
                container.status.borrow().pid
            )));
        };
        if request.cmd.is_empty() {
            return Err(Status::unknown("exec command cannot be empty"));
        }
        let argv: Vec<Rc<str>> = request.cmd.iter().map(|word| word.as_str().into()).collect();
        let (stdio, stdout, stderr) = captured();
        let process = ExecProcess { argv, stdio };
        let exit = self
            .run_exec(ctx, &held, process, request.timeout)
            .await
            .map_err(|error| failed("command error", error))?;
        Ok(match exit {
            Some(exit) => ExecSyncResponse {
                stdout: stdout.take(),
                stderr: stderr.take(),
                exit_code: exit.code,
            },
            // No error: a probe that takes too long has failed.
            None => {
                ExecSyncResponse { stdout: Vec::new(), stderr: TIMED_OUT.into(), exit_code: -1 }
            }
        })
    }

    /// One more conmon, which has the runtime run one more process and waits for it. None if the
    /// time, in seconds, was not enough.
    pub(super) async fn run_exec(
        &self,
        ctx: &Ctx,
        held: &Rc<Monitored>,
        process: ExecProcess,
        timeout: i64,
    ) -> Result<Option<Exit>, SimError> {
        let id = held.id.clone();
        let hop = Hop::new(Component::Crio, Component::Conmon, Protocol::Exec, "conmon exec")
            .source("cri-o@v1.37.0 internal/oci/runtime_oci.go ExecSyncContainer")
            .request(move || {
                let timeout = timeout.to_string();
                let argv = [
                    CONMON,
                    "-c",
                    &id,
                    "-e",
                    "--sync",
                    "-T",
                    &timeout,
                    "--exec-process-spec",
                    "/tmp/exec-process",
                    "--socket-dir-path",
                    "/var/run/crio",
                ];
                Payload::Exec { argv: argv.map(str::to_owned).into(), env: Vec::new(), stdin: None }
            });
        let code = |exit: &Option<Exit>| {
            let json = crate::json::Json::object();
            match exit {
                Some(exit) => json.num("exit_code", exit.code).payload(),
                None => json.num("exit_code", -1).str("message", TIMED_OUT).payload(),
            }
        };
        ctx.call_answering(hop, code, async |ctx| {
            let node = &self.0.node;
            let spec = ProcessSpec::host(self.pid(), [CONMON, "-e", "-c", &held.id]);
            let conmon = node.start_process(&ctx, spec.of(Component::Conmon));
            node.set_subreaper(conmon);
            let ExecProcess { argv, stdio } = process;
            let command = Command { argv, stdio, ..held.command.borrow().clone() };
            let started = self.0.runtime.exec(&ctx, conmon, &held.id, held.pid, command).await;
            let result = match started {
                Ok(pid) => Ok(self.wait_for_exec(&ctx, pid, timeout).await),
                Err(error) => Err(error),
            };
            let code = i32::from(result.is_err());
            node.end_process(&ctx, conmon, Exit { code, oom_killed: false });
            result
        })
        .await
    }

    async fn wait_for_exec(&self, ctx: &Ctx, pid: u32, timeout: i64) -> Option<Exit> {
        let node = &self.0.node;
        let exit = match u64::try_from(timeout) {
            Ok(seconds @ 1..) => {
                let ended = pin!(node.wait(pid));
                match select(ended, ctx.sleep(Duration::from_secs(seconds))).await {
                    Either::Left((exit, _)) => Some(exit),
                    Either::Right(_) => {
                        node.signal(ctx, pid, SIGKILL);
                        None
                    }
                }
            }
            _ => Some(node.wait(pid).await),
        };
        node.reap(pid);
        exit
    }
}
