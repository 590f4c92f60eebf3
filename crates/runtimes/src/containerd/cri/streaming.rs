//! Exec, Attach and PortForward: the calls that only prepare, and what happens once the client has
//! opened the URL.
//!
//! Models: containerd v2.3.4 `internal/cri/server/{container_exec,container_attach,
//! sandbox_portforward,streaming}.go`.

use super::store::{Container, Sandbox};
use super::{CriPlugin, Inner, prefixed, status_of};
use crate::oci::ExecProcess;
use cri::{
    AttachRequest, AttachResponse, Code, ContainerState, ExecRequest, ExecResponse,
    PortForwardRequest, PortForwardResponse, Status,
};
use node::{Connection, Stdio, StreamReply, StreamRequest, StreamRuntime, Wanted};
use sim::{Ctx, SimError};
use std::rc::Rc;

impl CriPlugin {
    fn prepare_stream(&self, ctx: &Ctx, request: StreamRequest) -> Result<String, Status> {
        self.0.node.prepare_stream(ctx, Rc::new(self.clone()), request).map_err(status_of)
    }

    fn running_container(&self, id: &str) -> Result<Rc<Container>, Status> {
        let container = self.0.containers.get(id).map_err(|error| {
            prefixed(format_args!("failed to find container {id:?} in store"), error)
        })?;
        let state = container.state();
        if state != ContainerState::ContainerRunning {
            return Err(Status::unknown(format!("container is in {} state", state.as_str_name())));
        }
        Ok(container)
    }

    pub(super) fn do_exec(&self, ctx: &Ctx, request: ExecRequest) -> Result<ExecResponse, Status> {
        let container = self.running_container(&request.container_id)?.id.clone();
        let ExecRequest { cmd, stdin, stdout, stderr, tty, .. } = request;
        let wanted = Wanted { stdin, stdout, stderr, tty };
        wanted.check().map_err(status_of)?;
        let argv = cmd.iter().map(|word| word.as_str().into()).collect();
        let url = self.prepare_stream(ctx, StreamRequest::Exec { container, argv, wanted })?;
        Ok(ExecResponse { url })
    }

    pub(super) fn do_attach(
        &self,
        ctx: &Ctx,
        request: AttachRequest,
    ) -> Result<AttachResponse, Status> {
        let container = self.running_container(&request.container_id)?.id.clone();
        let AttachRequest { stdin, stdout, stderr, tty, .. } = request;
        let wanted = Wanted { stdin, stdout, stderr, tty };
        wanted.check().map_err(status_of)?;
        let url = self.prepare_stream(ctx, StreamRequest::Attach { container, wanted })?;
        Ok(AttachResponse { url })
    }

    fn ready_sandbox(&self, id: &str) -> Result<Rc<Sandbox>, Status> {
        let found = self.0.sandboxes.get(id);
        let sandbox = found
            .map_err(|error| prefixed(format_args!("failed to find sandbox {id:?}"), error))?;
        if !sandbox.is_ready() {
            return Err(Status::unknown("sandbox container is not running"));
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

impl StreamRuntime for CriPlugin {
    fn exec(
        self: Rc<Self>,
        ctx: Ctx,
        container: Rc<str>,
        argv: Vec<Rc<str>>,
        stdio: Stdio,
    ) -> StreamReply<i32> {
        Box::pin(async move {
            let process = ExecProcess { argv, stdio };
            let exit = self.exec_in_container(&ctx, &container, process, 0).await;
            exit.map(|exit| exit.code).map_err(error_of)
        })
    }

    fn attach(self: Rc<Self>, ctx: Ctx, container: Rc<str>, stdio: Stdio) -> StreamReply<i32> {
        Box::pin(async move {
            let container = self.running_container(&container).map_err(error_of)?;
            let streams = container.io.borrow().clone();
            if let Some(streams) = streams {
                let stopped = self.wait_stopped(&container);
                streams.carry(&ctx, stdio, container.stdin_once, stopped).await;
            }
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
            let Inner { node, .. } = &*self.0;
            let sandbox = self.ready_sandbox(&sandbox).map_err(error_of)?;
            let (namespace, path) = match &sandbox.network {
                Some(network) => (network.namespace.get(), network.path.clone()),
                None => (Some(node::HOST_NETWORK), "host".into()),
            };
            let connected =
                namespace.and_then(|from| node.connect(&ctx, from, "127.0.0.1", port).ok());
            connected.ok_or_else(|| {
                let message = format!(
                    "failed to execute portforward in network namespace {:?}: failed to connect to \
                     localhost:{port} inside namespace {:?}, IPv4: dial tcp4 127.0.0.1:{port}: \
                     connect: connection refused IPv6 dial tcp6: address localhost: no suitable \
                     address found",
                    &*path, &*sandbox.id
                );
                SimError::new(Code::Unknown.as_str(), message)
            })
        })
    }
}

/// A status as the error of a stream, which has no code.
fn error_of(status: Status) -> SimError {
    SimError::new(status.code.as_str(), status.message)
}
