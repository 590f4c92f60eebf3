//! Commands in containers: at once, and through the streaming server.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/exec.go`, `docker_streaming.go`;
//! `pkg/kubelet/cri/streaming/server.go`.

use super::client::{DockerError, within};
use super::glue::{at, glue, step};
use super::{Dockershim, Flavor, failed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cri::Status;
use sim::Ctx;
use std::time::Duration;

/// How much of each stream is kept, in bytes.
const OUTPUT_MAX: usize = 16 * 1024 * 1024;
/// How often, and how many times, Docker is asked whether the command has ended.
const INSPECT_INTERVAL: Duration = Duration::from_secs(2);
const INSPECTS_MAX: u32 = 5;

impl Dockershim {
    /// `ExecSync`.
    pub(super) async fn exec_sync_in(
        &self,
        ctx: &Ctx,
        request: cri::ExecSyncRequest,
    ) -> Result<cri::ExecSyncResponse, Status> {
        let timeout = u64::try_from(request.timeout).unwrap_or_default();
        let source = at!("exec.go ExecInContainer");
        let docker = |error: DockerError| failed(error.to_string());
        let id = self.running_container(ctx, &request.container_id).await?;
        let exec = self.docker.create_exec(ctx, step(source), &id, request.cmd).await;
        let exec = exec.map_err(|error| {
            failed(format!("failed to exec in container - Exec setup failed - {error}"))
        })?;
        let start = self.docker.start_exec(ctx, step(source), &exec);
        let started = if timeout == 0 {
            start.await
        } else {
            // The command goes on; nobody waits for it any more.
            within(ctx, Duration::from_secs(timeout), start)
                .await
                .ok_or_else(|| Status::deadline_exceeded("context deadline exceeded"))?
        };
        let (mut stdout, mut stderr) = started.map_err(docker)?;
        stdout.truncate(OUTPUT_MAX);
        stderr.truncate(OUTPUT_MAX);
        let mut exit_code = 0;
        for attempt in 1..=INSPECTS_MAX {
            let look = glue("exec-inspect", source);
            let state = self.docker.inspect_exec(ctx, look, &exec).await.map_err(docker)?;
            if !state.running {
                exit_code = state.exit_code.unwrap_or_default();
                break;
            }
            // After the last look the command counts as done.
            if attempt < INSPECTS_MAX {
                ctx.sleep(INSPECT_INTERVAL).await;
            }
        }
        Ok(cri::ExecSyncResponse { stdout, stderr, exit_code })
    }

    /// The full id of a container that runs.
    async fn running_container(&self, ctx: &Ctx, id: &str) -> Result<String, Status> {
        let look = step(at!("helpers.go checkContainerStatus"));
        let container = self.docker.inspect_container(ctx, look, id).await;
        let container = container.map_err(|error| failed(error.to_string()))?;
        if container.state.running {
            Ok((*container.id).to_owned())
        } else {
            Err(failed(format!("container not running ({})", container.id)))
        }
    }

    /// `Exec`, `Attach`, `PortForward`: an address of the streaming server, good for one use.
    pub(super) async fn stream_url(
        &self,
        ctx: &Ctx,
        id: &str,
        what: &str,
        streams: Option<[bool; 4]>,
    ) -> Result<String, Status> {
        self.running_container(ctx, id).await?;
        if let Some([tty, stdin, stdout, stderr]) = streams {
            if tty && stderr {
                return Err(Status::invalid_argument("tty and stderr cannot both be true"));
            }
            if !stdin && !stdout && !stderr {
                let text = "one of stdin, stdout, or stderr must be set";
                return Err(Status::invalid_argument(text));
            }
        }
        let port = self.streaming_port;
        let host = match self.options.flavor {
            Flavor::Dockershim => "127.0.0.1",
            Flavor::CriDockerd => "[::]",
        };
        Ok(format!("http://{host}:{port}/{what}/{}", token(ctx)))
    }
}

/// Eight characters of URL-safe base64.
fn token(ctx: &Ctx) -> String {
    let number = ctx.sim().random_below("dockershim/stream-token", 1 << 48);
    URL_SAFE_NO_PAD.encode(&number.to_be_bytes()[2..])
}
