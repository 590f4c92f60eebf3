//! One question and its answer.

use super::worker::Worker;
use super::{ProbeResult, ProbeType};
use crate::events::Warning;
use crate::host::{Connection, ConnectionKind};
use crate::kubelet::Inner;
use api::{Container, IntOrString};
use cri::{Code, ExecSyncRequest};
use futures_util::future::{Either, select};
use sim::{Ctx, Hop, SimError};
use std::time::Duration;
use trace::{Component, EventId, Level, Payload, Protocol};

/// A question that could not be asked is asked again at once, so often.
const MAX_RETRIES: usize = 3;

/// What a container answered: well or not, with what it said; or that it could not be asked.
type Answer = Result<(bool, String), String>;

/// The number of a port that is given by number or by name.
pub(crate) fn port_of(port: &IntOrString, container: &Container) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => match container.ports.iter().find(|it| it.name == *name) {
            Some(port) => Some(port.container_port),
            None => name.parse().ok(),
        },
    };
    let valid = number.and_then(|number| u16::try_from(number).ok()).filter(|&port| port > 0);
    valid.ok_or_else(|| match port {
        IntOrString::Int(number) => format!("invalid port number: {number}"),
        IntOrString::String(name) => format!("couldn't find port: {name:?} in container"),
    })
}

impl Inner {
    /// Asks a container, and reports what is not well. Gives no result if it could not be asked.
    pub(super) async fn probe(
        &self,
        ctx: &Ctx,
        worker: &Worker,
        container: &Container,
        ip: &str,
    ) -> (Option<ProbeResult>, Option<EventId>) {
        let kind = worker.kind.name();
        let op = match worker.kind {
            ProbeType::Liveness => "LivenessProbe",
            ProbeType::Readiness => "ReadinessProbe",
            ProbeType::Startup => "StartupProbe",
        };
        let hop = Hop::new(Component::Kubelet, Component::Prober, Protocol::Function, op)
            .level(Level::Hops)
            .source(self.source("pkg/kubelet/prober/prober.go probe"));
        let mut cause = None;
        let answer: Result<(bool, String), SimError> = ctx
            .call_answering(
                hop,
                |_: &(bool, String)| Payload::None,
                async |ctx| {
                    cause = ctx.call_id();
                    let mut answer = Answer::Err(String::new());
                    for _ in 0..MAX_RETRIES {
                        answer = self.run_probe(&ctx, worker, container, ip).await;
                        if answer.is_ok() {
                            break;
                        }
                    }
                    answer.map_err(|error| SimError::new("ProbeError", error))
                },
            )
            .await;
        let result = match answer {
            Ok((true, _)) => Some(ProbeResult::Success),
            Ok((false, output)) => {
                let text = format!("{kind} probe failed: {output}");
                self.container_event(ctx, &worker.work, container, Warning, "Unhealthy", &text);
                Some(ProbeResult::Failure)
            }
            Err(error) => {
                let text = if self.config.version.minor >= 33 {
                    format!("{kind} probe errored and resulted in unknown state: {}", error.message)
                } else {
                    format!("{kind} probe errored: {}", error.message)
                };
                self.container_event(ctx, &worker.work, container, Warning, "Unhealthy", &text);
                None
            }
        };
        (result, cause)
    }

    async fn run_probe(
        &self,
        ctx: &Ctx,
        worker: &Worker,
        container: &Container,
        ip: &str,
    ) -> Answer {
        let spec = &worker.spec;
        let timeout = spec.timeout_seconds.max(1);
        if let Some(exec) = &spec.exec {
            let request = ExecSyncRequest {
                container_id: worker.container_id().to_owned(),
                cmd: exec.command.clone(),
                timeout: timeout.into(),
            };
            return match self.cri.call(ctx, request).await {
                Ok(response) => {
                    let mut output = String::from_utf8_lossy(&response.stdout).into_owned();
                    output.push_str(&String::from_utf8_lossy(&response.stderr));
                    Ok((response.exit_code == 0, output))
                }
                Err(status) if status.code == Code::DeadlineExceeded => {
                    let command = exec.command.join(" ");
                    Ok((
                        false,
                        format!("command timed out: {command:?} timed out after {timeout}s"),
                    ))
                }
                Err(status) => Err(status.to_string()),
            };
        }
        let (host, port, connect) = if let Some(http) = &spec.http_get {
            let scheme = if http.scheme.is_empty() { "HTTP" } else { http.scheme.as_str() };
            let path = http.path.as_str();
            let port = port_of(&http.port, container)?;
            (http.host.as_str(), port, ConnectionKind::Http { scheme, path })
        } else if let Some(tcp) = &spec.tcp_socket {
            (tcp.host.as_str(), port_of(&tcp.port, container)?, ConnectionKind::Tcp)
        } else if let Some(grpc) = &spec.grpc {
            let service = grpc.service.as_deref().unwrap_or_default();
            let port = port_of(&IntOrString::Int(grpc.port), container)?;
            ("", port, ConnectionKind::Grpc { service })
        } else {
            let who = crate::format_pod(&worker.work.pod);
            return Err(format!("missing probe handler for {who}:{}", container.name));
        };
        let connection = Connection {
            address: if host.is_empty() { ip } else { host },
            port,
            kind: connect,
            pod_uid: &worker.work.uid,
            container: &container.name,
        };
        let limit = Duration::from_secs(timeout.unsigned_abs().into());
        let answer = self.host.connect(ctx, &connection);
        Ok(match select(answer, ctx.sleep(limit)).await {
            Either::Left((Ok(output), _)) => (true, output),
            Either::Left((Err(error), _)) => (false, error),
            Either::Right(_) => (false, timeout_text(&connection)),
        })
    }
}

fn timeout_text(connection: &Connection<'_>) -> String {
    let at = format!("{}:{}", connection.address, connection.port);
    match &connection.kind {
        ConnectionKind::Http { scheme, path } => format!(
            "Get \"{}://{at}{path}\": context deadline exceeded (Client.Timeout exceeded while \
             awaiting headers)",
            scheme.to_lowercase()
        ),
        ConnectionKind::Tcp => format!("dial tcp {at}: i/o timeout"),
        ConnectionKind::Grpc { .. } => {
            format!(
                "timeout: failed to connect service {at:?} within 1s: context deadline exceeded"
            )
        }
    }
}
