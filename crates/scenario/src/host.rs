//! The kubelet's own machine, on the modelled node.

use kubelet::{Answer, Connection, ConnectionKind, Data, Host};
use node::{ConnectError, HOST_NETWORK, Node};
use sim::Ctx;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The node's files, and the ConfigMaps and Secrets that a scenario supplies.
pub(crate) struct NodeHost {
    pub(crate) node: Node,
    pub(crate) ctx: Ctx,
    pub(crate) config_maps: BTreeMap<String, Data>,
    pub(crate) secrets: BTreeMap<String, Data>,
}

impl Host for NodeHost {
    fn read(&self, path: &str) -> Option<Rc<str>> {
        self.node.read_file(path)
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let prefix = directory.len() + 1;
        let paths = self.node.list_dir(directory);
        paths.iter().filter_map(|path| path.get(prefix..)).map(str::to_owned).collect()
    }

    fn write(&self, path: &str, text: &str) {
        self.node.write_file(&self.ctx, path, text);
    }

    fn create_directory(&self, path: &str) {
        self.node.make_dir(&self.ctx, path);
    }

    fn symlink(&self, target: &str, link: &str) {
        self.node.symlink(&self.ctx, target, link);
    }

    fn remove(&self, path: &str) {
        self.node.remove_dir_all(&self.ctx, path);
    }

    fn config_map(&self, _namespace: &str, name: &str) -> Option<Data> {
        self.config_maps.get(name).cloned()
    }

    fn secret(&self, _namespace: &str, name: &str) -> Option<Data> {
        self.secrets.get(name).cloned()
    }

    /// The one Service that every cluster has.
    fn service_environment(&self, _namespace: &str) -> Vec<(String, String)> {
        const ADDRESS: &str = "10.96.0.1";
        let tcp = format!("tcp://{ADDRESS}:443");
        [
            ("KUBERNETES_SERVICE_HOST", ADDRESS),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("KUBERNETES_SERVICE_PORT_HTTPS", "443"),
            ("KUBERNETES_PORT", &tcp),
            ("KUBERNETES_PORT_443_TCP", &tcp),
            ("KUBERNETES_PORT_443_TCP_PROTO", "tcp"),
            ("KUBERNETES_PORT_443_TCP_PORT", "443"),
            ("KUBERNETES_PORT_443_TCP_ADDR", ADDRESS),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    fn connect<'a>(&'a self, ctx: &'a Ctx, connection: &'a Connection<'a>) -> Answer<'a> {
        Box::pin(self.ask(ctx, connection))
    }
}

/// A round trip on the node's own network.
const ROUND_TRIP: Duration = Duration::from_millis(1);
/// How long Go's dialer tries to reach an address that nobody has.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

impl NodeHost {
    /// What a probe or a hook finds at a port of the modelled network.
    ///
    /// Upstream: `pkg/probe/{http,tcp,grpc}`.
    async fn ask(&self, ctx: &Ctx, connection: &Connection<'_>) -> Result<String, String> {
        let Connection { address, port, kind, .. } = connection;
        ctx.sleep(ROUND_TRIP).await;
        let reached = self.node.connect(ctx, HOST_NETWORK, address, *port);
        let url = || match kind {
            ConnectionKind::Http { scheme, path } => {
                format!("Get \"{}://{address}:{port}{path}\": ", scheme.to_lowercase())
            }
            _ => String::new(),
        };
        let stream = match reached {
            Ok(stream) => stream,
            Err(ConnectError::Refused) => {
                return Err(match kind {
                    ConnectionKind::Grpc { .. } => format!(
                        "error: this server refused the connection: dial tcp {address}:{port}: \
                         connect: connection refused"
                    ),
                    _ => format!("{}dial tcp {address}:{port}: connect: connection refused", url()),
                });
            }
            Err(ConnectError::Unreachable) => {
                ctx.sleep(DIAL_TIMEOUT).await;
                return Err(format!("{}dial tcp {address}:{port}: i/o timeout", url()));
            }
        };
        let request = match kind {
            ConnectionKind::Tcp => return Ok(String::new()),
            ConnectionKind::Grpc { service } => format!("grpc {service}\n"),
            ConnectionKind::Http { path, .. } => format!(
                "GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nUser-Agent: kube-probe/1\r\n\
                 Accept: */*\r\nConnection: close\r\n\r\n"
            ),
        };
        stream.output.push(request.as_bytes());
        let mut answer = Vec::new();
        while let Some(bytes) = stream.input.read().await {
            answer.extend(bytes);
        }
        let answer = String::from_utf8_lossy(&answer);
        if matches!(kind, ConnectionKind::Grpc { .. }) {
            return match answer.trim() {
                "SERVING" => Ok(String::new()),
                "" => Err("error: this server does not implement the grpc health protocol".into()),
                other => Err(format!("service unhealthy (responded with {other:?})")),
            };
        }
        let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        match status {
            Some(200..400) => Ok(answer
                .split_once("\r\n\r\n")
                .map_or_else(String::new, |(_, body)| body.to_owned())),
            Some(status) => Err(format!("HTTP probe failed with statuscode: {status}")),
            None => Err(format!("{}EOF", url())),
        }
    }
}
