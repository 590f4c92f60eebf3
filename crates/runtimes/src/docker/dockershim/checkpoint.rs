//! Checkpoints: what dockershim remembers of a sandbox in a file of its own, for the case that
//! Docker has lost the container.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/docker_checkpoint.go`,
//! `pkg/kubelet/checkpointmanager`, `pkg/util/hash/hash.go` `DeepHashObject`.

use super::Flavor;
use crate::json::Json;
use node::Node;
use serde::Deserialize;
use sim::Ctx;
use std::fmt::{self, Write};
use std::rc::Rc;

/// What a checkpoint says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Checkpoint {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    checksum: u64,
}

/// The part of a checkpoint that the checksum covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Data {
    #[serde(default)]
    port_mappings: Vec<CheckpointPort>,
    #[serde(default)]
    host_network: bool,
}

/// A port of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct CheckpointPort {
    #[serde(default)]
    pub(super) protocol: Option<String>,
    #[serde(default)]
    pub(super) container_port: Option<i32>,
    #[serde(default)]
    pub(super) host_port: Option<i32>,
    #[serde(default)]
    pub(super) host_ip: String,
}

/// Why there is no checkpoint to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CheckpointError {
    /// There is no such file.
    NotFound,
    /// The checksum is wrong.
    Corrupt,
    /// The file is not JSON of the right kind, or its name is none.
    Unreadable(String),
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("checkpoint is not found"),
            Self::Corrupt => f.write_str("checkpoint is corrupted"),
            Self::Unreadable(text) => f.write_str(text),
        }
    }
}

impl Checkpoint {
    /// What is to be remembered of a sandbox.
    pub(super) fn of(config: &cri::PodSandboxConfig) -> Self {
        let metadata = config.metadata.clone().unwrap_or_default();
        let ports = config.port_mappings.iter().map(|port| CheckpointPort {
            protocol: Some(
                match port.protocol() {
                    cri::Protocol::Tcp => "tcp",
                    cri::Protocol::Udp => "udp",
                    cri::Protocol::Sctp => "sctp",
                }
                .to_owned(),
            ),
            container_port: Some(port.container_port),
            host_port: Some(port.host_port),
            host_ip: port.host_ip.clone(),
        });
        let data = Data {
            port_mappings: ports.collect(),
            host_network: super::sandbox::is_host_network(config),
        };
        Self { name: metadata.name, namespace: metadata.namespace, data: Some(data), checksum: 0 }
    }

    /// Whether the pod uses the host's network.
    pub(super) fn host_network(&self) -> bool {
        self.data.as_ref().is_some_and(|data| data.host_network)
    }

    /// The pod's ports.
    pub(super) fn ports(&self) -> &[CheckpointPort] {
        self.data.as_ref().map_or(&[], |data| &data.port_mappings)
    }

    fn json(&self, flavor: Flavor) -> String {
        let data = self.data.clone().unwrap_or_default();
        let mut object = Json::object();
        if !data.port_mappings.is_empty() {
            object = object.objects("port_mappings", data.port_mappings.iter().map(port_json));
        }
        if data.host_network {
            object = object.bool("host_network", true);
        }
        Json::object()
            .str("version", "v1")
            .str("name", &self.name)
            .str("namespace", &self.namespace)
            .object_in("data", object)
            .num("checksum", checksum(&data, flavor))
            .text()
    }
}

fn port_json(port: &CheckpointPort) -> Json {
    let mut json = Json::object();
    if let Some(protocol) = &port.protocol {
        json = json.str("protocol", protocol);
    }
    if let Some(number) = port.container_port {
        json = json.num("container_port", number);
    }
    if let Some(number) = port.host_port {
        json = json.num("host_port", number);
    }
    json.str_if("host_ip", &port.host_ip)
}

/// FNV-1a over the data as Go's `spew` prints it with `%#v`: with the names of its types, so that
/// moving the code to another package changes every checksum.
fn checksum(data: &Data, flavor: Flavor) -> u32 {
    let (package, of_ports) = flavor.go_packages();
    let mut text = format!("({package}.CheckpointData){{PortMappings:([]*{of_ports}.PortMapping)");
    if data.port_mappings.is_empty() {
        text.push_str("<nil>");
    } else {
        text.push('[');
        for (index, port) in data.port_mappings.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            print_port(&mut text, of_ports, port);
        }
        text.push(']');
    }
    // Writing to a string does not fail.
    let _ = write!(text, " HostNetwork:(bool){}}}", data.host_network);
    text.bytes()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn print_port(text: &mut String, package: &str, port: &CheckpointPort) {
    fn pointer(text: &mut String, kind: &str, value: Option<&dyn fmt::Display>) {
        let _ = match value {
            Some(value) => write!(text, "(*{kind}){value}"),
            None => write!(text, "(*{kind})<nil>"),
        };
    }
    text.push_str("<*>{Protocol:");
    let protocol = port.protocol.as_ref().map(|value| value as &dyn fmt::Display);
    pointer(text, &format!("{package}.Protocol"), protocol);
    text.push_str(" ContainerPort:");
    let number = port.container_port.as_ref().map(|value| value as &dyn fmt::Display);
    pointer(text, "int32", number);
    text.push_str(" HostPort:");
    pointer(text, "int32", port.host_port.as_ref().map(|value| value as &dyn fmt::Display));
    let _ = write!(text, " HostIP:(string){}}}", port.host_ip);
}

/// The directory with the checkpoints.
pub(super) struct CheckpointManager {
    node: Node,
    flavor: Flavor,
    directory: &'static str,
}

impl CheckpointManager {
    pub(super) fn new(ctx: &Ctx, node: &Node, flavor: Flavor) -> Self {
        let directory = flavor.checkpoint_directory();
        node.make_dir(ctx, directory);
        Self { node: node.clone(), flavor, directory }
    }

    fn path(&self, id: &str) -> Result<String, CheckpointError> {
        let valid = !id.is_empty()
            && id.len() <= 250
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if valid {
            Ok(format!("{}/{id}", self.directory))
        } else {
            Err(CheckpointError::Unreadable(format!("invalid key: {id:?}")))
        }
    }

    /// Writes a checkpoint.
    pub(super) fn create(
        &self,
        ctx: &Ctx,
        id: &str,
        checkpoint: &Checkpoint,
    ) -> Result<(), CheckpointError> {
        let path = self.path(id)?;
        self.node.write_file(ctx, &path, &checkpoint.json(self.flavor));
        Ok(())
    }

    /// Reads a checkpoint.
    pub(super) fn get(&self, id: &str) -> Result<Checkpoint, CheckpointError> {
        let path = self.path(id)?;
        let text = self.node.read_file(&path).ok_or(CheckpointError::NotFound)?;
        let checkpoint: Checkpoint = serde_json::from_str(&text)
            .map_err(|error| CheckpointError::Unreadable(error.to_string()))?;
        let data = checkpoint.data.clone().unwrap_or_default();
        if u64::from(checksum(&data, self.flavor)) == checkpoint.checksum {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Corrupt)
        }
    }

    /// Removes a checkpoint, if it is there.
    pub(super) fn remove(&self, ctx: &Ctx, id: &str) -> Result<(), CheckpointError> {
        let path = self.path(id)?;
        self.node.remove_file(ctx, &path);
        Ok(())
    }

    /// The ids of all checkpoints.
    pub(super) fn list(&self) -> Vec<Rc<str>> {
        let files = self.node.list_dir(self.directory);
        files.iter().map(|path| path[self.directory.len() + 1..].into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_go() {
        let port = |protocol: &str, container_port, host_port, host_ip: &str| CheckpointPort {
            protocol: Some(protocol.to_owned()),
            container_port: Some(container_port),
            host_port: Some(host_port),
            host_ip: host_ip.to_owned(),
        };
        let ports = vec![
            port("tcp", 80, 8080, ""),
            port("udp", 53, 0, ""),
            port("udp", 54, 5354, "127.0.0.1"),
        ];
        for (data, sum) in [
            (Data::default(), 815_459_779),
            (Data { host_network: true, ..Data::default() }, 996_107_268),
            (Data { port_mappings: ports, host_network: false }, 1_535_258_576),
        ] {
            assert_eq!(checksum(&data, Flavor::Dockershim), sum);
        }
        assert_eq!(checksum(&Data::default(), Flavor::CriDockerd), 2_305_795_928);
    }
}
