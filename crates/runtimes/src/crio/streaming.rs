//! Exec, Attach and PortForward.
//!
//! Models: cri-o@v1.37.0 `server/{container_exec,container_attach,container_portforward}.go`,
//! `internal/oci/runtime_oci.go` `ExecContainer`, `AttachContainer`, `PortForwardContainer`.
//!
//! # What we simplify
//! The real one connects to a socket of conmon for Attach; here the streams are conmon's own.

use super::Crio;
use super::conmon::Monitored;
use crate::oci::ExecProcess;
use crate::server::status;
use crate::server::store::Sandbox;
use cri::{
    AttachRequest, AttachResponse, Code, ContainerState, ExecRequest, ExecResponse,
    PortForwardRequest, PortForwardResponse, Status,
};
use node::{Connection, Stdio, StreamReply, StreamRequest, StreamRuntime, Wanted};
use sim::{Ctx, SimError};
use std::rc::Rc;

impl Crio {
    fn prepare_stream(&self, ctx: &Ctx, request: StreamRequest) -> Result<String, Status> {
        self.0.node.prepare_stream(ctx, Rc::new(self.clone()), request).map_err(status)
    }

    /// The full id of a container that runs.
    fn running(&self, id: &str) -> Result<Rc<str>, Status> {
        let container = self.find_container(id)?;
        if container.state() != ContainerState::ContainerRunning {
            return Err(Status::unknown("container is not created or running"));
        }
        Ok(container.id.clone())
    }

    fn monitored(&self, id: &str) -> Result<Rc<Monitored>, SimError> {
        let held = self.0.monitored.borrow().get(id).cloned();
        let held = held.filter(|held| self.0.node.is_alive(held.pid));
        held.ok_or_else(|| {
            SimError::new(Code::Unknown.as_str(), "container is not created or running")
        })
    }

    pub(super) fn do_exec(&self, ctx: &Ctx, request: ExecRequest) -> Result<ExecResponse, Status> {
        let container = self.running(&request.container_id)?;
        let ExecRequest { cmd, stdin, stdout, stderr, tty, .. } = request;
        let wanted = Wanted { stdin, stdout, stderr, tty };
        wanted.check().map_err(status)?;
        let argv = cmd.iter().map(|word| word.as_str().into()).collect();
        let url = self.prepare_stream(ctx, StreamRequest::Exec { container, argv, wanted })?;
        Ok(ExecResponse { url })
    }

    pub(super) fn do_attach(
        &self,
        ctx: &Ctx,
        request: AttachRequest,
    ) -> Result<AttachResponse, Status> {
        let container = self.running(&request.container_id)?;
        let AttachRequest { stdin, stdout, stderr, tty, .. } = request;
        let wanted = Wanted { stdin, stdout, stderr, tty };
        wanted.check().map_err(status)?;
        let url = self.prepare_stream(ctx, StreamRequest::Attach { container, wanted })?;
        Ok(AttachResponse { url })
    }

    fn ready_sandbox(&self, id: &str) -> Result<Rc<Sandbox>, Status> {
        let sandbox = self.0.sandboxes.get(id).map_err(|error| {
            Status::not_found(format!("could not find sandbox {id:?}: {}", error.message))
        })?;
        if !sandbox.is_ready() {
            return Err(Status::not_found(format!("sandbox {} is not running", sandbox.id)));
        }
        Ok(sandbox)
    }

    pub(super) fn do_port_forward(
        &self,
        ctx: &Ctx,
        request: &PortForwardRequest,
    ) -> Result<PortForwardResponse, Status> {
        let sandbox = self.ready_sandbox(&request.pod_sandbox_id)?.id.clone();
        let url = self.prepare_stream(ctx, StreamRequest::PortForward { sandbox })?;
        Ok(PortForwardResponse { url })
    }
}

impl StreamRuntime for Crio {
    fn exec(
        self: Rc<Self>,
        ctx: Ctx,
        container: Rc<str>,
        argv: Vec<Rc<str>>,
        stdio: Stdio,
    ) -> StreamReply<i32> {
        Box::pin(async move {
            let held = self.monitored(&container)?;
            let exit = self.run_exec(&ctx, &held, ExecProcess { argv, stdio }, 0).await?;
            Ok(exit.map_or(-1, |exit| exit.code))
        })
    }

    fn attach(self: Rc<Self>, ctx: Ctx, container: Rc<str>, stdio: Stdio) -> StreamReply<i32> {
        Box::pin(async move {
            let held = self.monitored(&container)?;
            let stdin_once =
                self.0.containers.get(&container).is_ok_and(|container| container.stdin_once);
            let node = self.0.node.clone();
            let pid = held.pid;
            let stopped = async move {
                node.wait(pid).await;
            };
            held.io.carry(&ctx, stdio, stdin_once, stopped).await;
            Ok(0)
        })
    }

    fn port_forward(
        self: Rc<Self>,
        ctx: Ctx,
        sandbox: Rc<str>,
        port: u16,
    ) -> StreamReply<Connection> {
        Box::pin(async move {
            let error = |error: Status| SimError::new(error.code.as_str(), error.message);
            let sandbox = self.ready_sandbox(&sandbox).map_err(error)?;
            let namespace = match &sandbox.network {
                Some(network) => network.namespace.get(),
                None => Some(node::HOST_NETWORK),
            };
            let node = &self.0.node;
            let connected =
                namespace.and_then(|from| node.connect(&ctx, from, "127.0.0.1", port).ok());
            connected.ok_or_else(|| {
                let message = format!(
                    "failed to connect to localhost:{port} inside namespace {}: dial tcp \
                     127.0.0.1:{port}: connect: connection refused",
                    sandbox.id
                );
                SimError::new(Code::Unknown.as_str(), message)
            })
        })
    }
}
