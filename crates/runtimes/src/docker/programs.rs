//! The programs of the host that dockershim executes, on the modelled node.

use super::dockershim::{BIN_DIR, Flavor, HostPrograms, PluginRun, nsenter_arguments};
use crate::cni::{Cni, CniOptions};
use async_trait::async_trait;
use node::Node;
use sim::{Ctx, Hop, SimError};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Level, Payload, Protocol};

/// Executing a small program until it has ended.
const EXEC: Duration = Duration::from_millis(6);

/// The node's programs.
pub(super) struct NodePrograms {
    node: Node,
    cni: Cni,
    caller: Component,
}

impl NodePrograms {
    pub(super) fn new(node: &Node, flavor: Flavor, pid: u32) -> Self {
        let caller = flavor.component();
        let options = CniOptions {
            caller,
            caller_pid: pid,
            bin_dir: BIN_DIR.into(),
            conf_dir: "/etc/cni/net.d".into(),
            loopback: None,
            source: "kubernetes@v1.22.6 pkg/kubelet/dockershim/network/cni/cni.go addToNetwork",
            glue: Some("cni-by-hand"),
        };
        Self { node: node.clone(), cni: Cni::new(node, options), caller }
    }
}

#[async_trait(?Send)]
impl HostPrograms for NodePrograms {
    async fn plugin(&self, ctx: &Ctx, run: &PluginRun) -> Result<Rc<str>, SimError> {
        self.cni.execute(ctx, run).await
    }

    async fn plugin_version(&self, ctx: &Ctx, plugin: &str, level: Level) -> Result<(), SimError> {
        let binary = format!("{BIN_DIR}/{plugin}");
        let newest = if self.caller == Component::Dockershim { "0.4.0" } else { "1.0.0" };
        let hop = Hop::new(self.caller, Component::Cni, Protocol::Cni, "CNI VERSION")
            .level(level)
            .source("cni@v0.8.1 pkg/invoke/exec.go GetVersionInfo")
            .takes(EXEC)
            .request(move || Payload::Exec {
                argv: vec![binary.clone()],
                env: ["COMMAND=VERSION", "NETNS=dummy", "IFNAME=dummy", "PATH=dummy"]
                    .iter()
                    .map(|pair| format!("CNI_{pair}"))
                    .collect(),
                stdin: Some(format!(r#"{{"cniVersion":"{newest}"}}"#).into()),
            });
        ctx.call(hop, async |_| Ok(())).await
    }

    async fn interface_address(
        &self,
        ctx: &Ctx,
        netns: &str,
        family: &'static str,
    ) -> Result<String, SimError> {
        let argv = nsenter_arguments(netns, family);
        let hop = Hop::new(self.caller, Component::Kernel, Protocol::Exec, "nsenter ip addr show")
            .level(Level::Hops)
            .source("kubernetes@v1.22.6 pkg/kubelet/dockershim/network/plugins.go getOnePodIP")
            .glue("ip-by-nsenter")
            .takes(EXEC)
            .request(move || Payload::Exec { argv: argv.clone(), env: Vec::new(), stdin: None });
        ctx.call(hop, async |_| {
            let namespace = self.node.namespace_at(netns);
            let address = namespace.and_then(|namespace| self.node.address(namespace, "eth0"));
            // The modelled networks have no IPv6.
            Ok(match address.filter(|_| family == "-4") {
                Some(address) => format!("3: eth0    inet {address} scope global eth0\n"),
                None => String::new(),
            })
        })
        .await
    }
}
