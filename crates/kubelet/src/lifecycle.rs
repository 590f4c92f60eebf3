//! Hooks after a container's start and before its end.
//!
//! Upstream: `pkg/kubelet/lifecycle/handlers.go`.

use crate::host::{Connection, ConnectionKind};
use crate::kubelet::Inner;
use crate::prober::port_of;
use api::{Container, LifecycleHandler, Pod};
use cri::ExecSyncRequest;
use sim::Ctx;
use std::rc::Rc;
use std::time::Duration;

/// Runs a hook to its end.
pub(crate) async fn run(
    inner: &Inner,
    ctx: &Ctx,
    pod: &Pod,
    container: &Container,
    id: &str,
    hook: &LifecycleHandler,
    ips: &[Rc<str>],
) -> Result<(), String> {
    let who = || format!("for Container {:?} in Pod {:?}", container.name, crate::format_pod(pod));
    if let Some(exec) = &hook.exec {
        let request =
            ExecSyncRequest { container_id: id.to_owned(), cmd: exec.command.clone(), timeout: 0 };
        let command = exec.command.join(" ");
        let (error, output) = match inner.cri.call(ctx, request).await {
            Ok(response) if response.exit_code == 0 => return Ok(()),
            Ok(response) => {
                let stderr = String::from_utf8_lossy(&response.stderr).into_owned();
                let stdout = String::from_utf8_lossy(&response.stdout).into_owned();
                let code = response.exit_code;
                (format!("command '{command}' exited with {code}: {stderr}"), stdout + &stderr)
            }
            Err(status) => (status.to_string(), String::new()),
        };
        return Err(format!(
            "Exec lifecycle hook ([{command}]) {} failed - error: {error}, message: {output:?}",
            who()
        ));
    }
    if let Some(http) = &hook.http_get {
        let port = port_of(&http.port, container)?;
        let address = match (http.host.as_str(), ips.first()) {
            ("", Some(ip)) => ip,
            ("", None) => {
                let pod = crate::format_pod(pod);
                return Err(format!("failed to find networking container: {pod:?}"));
            }
            (host, _) => host,
        };
        let scheme = if http.scheme.is_empty() { "HTTP" } else { &http.scheme };
        let connection = Connection {
            address,
            port,
            kind: ConnectionKind::Http { scheme, path: &http.path },
            pod_uid: &pod.metadata.uid,
            container: &container.name,
        };
        return match inner.host.connect(ctx, &connection).await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "HTTP lifecycle hook ({}) {} failed - error: {error}",
                http.path,
                who()
            )),
        };
    }
    if let Some(sleep) = &hook.sleep {
        ctx.sleep(Duration::from_secs(sleep.seconds.max(0).unsigned_abs())).await;
        return Ok(());
    }
    Err("invalid handler: no known handler is set".to_owned())
}
