//! Network plugins: `cni`, and one that does nothing.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/network/plugins.go`, `network/cni/cni.go`;
//! cni@v0.8.1 `libcni/api.go`.

use super::Flavor;
use super::checkpoint::{CheckpointError, CheckpointManager};
use super::client::Docker;
use super::glue::{at, glue};
pub use crate::cni::PluginRun;
use crate::cni::{CniRequest, Network};
use crate::json::Json;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::Node;
use sim::{Changes, Ctx, Lock, SimError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use trace::Level;

/// Where CNI is configured.
const CONF_DIR: &str = "/etc/cni/net.d";
/// Where the plugins are.
pub const BIN_DIR: &str = "/opt/cni/bin";
/// Where results are kept between ADD and DEL.
const CACHE_DIR: &str = "/var/lib/cni/cache/results";
/// How often the configuration is read again.
const SYNC_PERIOD: Duration = Duration::from_secs(5);
/// The interface that every pod has.
const INTERFACE: &str = "eth0";
/// The loopback network, as it stands in the source.
const LOOPBACK: &str = "{\n  \"cniVersion\": \"0.2.0\",\n  \"name\": \"cni-loopback\",\n  \"plugins\":[{\n    \"type\": \"loopback\"\n  }]\n}";

/// Whoever executes programs of the host for dockershim.
#[async_trait(?Send)]
pub trait HostPrograms {
    /// Runs a CNI plugin; its result as JSON text.
    ///
    /// # Errors
    /// The plugin's `msg`.
    async fn plugin(&self, ctx: &Ctx, run: &PluginRun) -> Result<Rc<str>, SimError>;

    /// Asks a CNI plugin which versions it speaks.
    ///
    /// # Errors
    /// The plugin cannot be run.
    async fn plugin_version(&self, ctx: &Ctx, plugin: &str, level: Level) -> Result<(), SimError>;

    /// Reads an address of `eth0` in a network namespace with `nsenter` and `ip`; `family` is
    /// `-4` or `-6`. The output of `ip`.
    ///
    /// # Errors
    /// A program that failed.
    async fn interface_address(
        &self,
        ctx: &Ctx,
        netns: &str,
        family: &'static str,
    ) -> Result<String, SimError>;
}

/// The arguments of `nsenter` that read an address.
#[must_use]
pub fn nsenter_arguments(netns: &str, family: &str) -> Vec<String> {
    let words = ["--", "ip", "-o", family, "addr", "show", "dev", INTERFACE, "scope", "global"];
    let net = format!("--net={netns}");
    ["nsenter", &net, "-F"].into_iter().chain(words).map(str::to_owned).collect()
}

/// What dockershim's network plugin is, by `--network-plugin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkPluginKind {
    /// None named: Docker's own network.
    Noop,
    /// `cni`.
    #[default]
    Cni,
}

/// The plugin, one operation at a time for each pod.
pub(super) struct PluginManager {
    kind: NetworkPluginKind,
    cni: Rc<CniPlugin>,
    /// The pods that somebody works on: their lock, and how many use it.
    pods: RefCell<BTreeMap<String, (Lock, u32)>>,
}

/// Somebody's turn to work on a pod, or the place in the queue for it.
struct Turn<'a> {
    manager: &'a PluginManager,
    pod: String,
    lock: Lock,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut pods = self.manager.pods.borrow_mut();
        if let Some((_, users)) = pods.get_mut(&self.pod) {
            *users -= 1;
            if *users == 0 {
                pods.remove(&self.pod);
            }
        }
    }
}

struct CniPlugin {
    node: Node,
    flavor: Flavor,
    programs: Rc<dyn HostPrograms>,
    loopback: Rc<Network>,
    default: RefCell<Option<Rc<Network>>>,
    pod_cidr: RefCell<String>,
    changes: Changes,
}

/// Whose network it is about.
#[derive(Clone, Copy)]
pub(super) struct Pod<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) sandbox: &'a str,
}

impl Pod<'_> {
    /// `POD_NAMESPACE`, as `format.Pod`'s relative spells it.
    fn full_name(&self) -> String {
        format!("{}_{}", self.name, self.namespace)
    }
}

impl PluginManager {
    pub(super) fn new(
        node: &Node,
        flavor: Flavor,
        kind: NetworkPluginKind,
        programs: Rc<dyn HostPrograms>,
        changes: Changes,
    ) -> Self {
        let cni = Rc::new(CniPlugin {
            node: node.clone(),
            flavor,
            programs,
            loopback: Rc::new(Network::parse(LOOPBACK).unwrap_or_default()),
            default: RefCell::default(),
            pod_cidr: RefCell::default(),
            changes,
        });
        Self { kind, cni, pods: RefCell::default() }
    }

    /// Probes the plugins and starts the one that was chosen.
    ///
    /// Models: kubernetes@v1.22.6 `network/cni/cni.go` `ProbeNetworkPlugins`, `Init`.
    pub(super) async fn probe(&self, ctx: &Ctx) {
        // Probing reads the configuration whatever plugin is wanted.
        self.cni.sync(ctx).await;
        if self.kind == NetworkPluginKind::Noop {
            return;
        }
        // The plugin's start reads it again, and goes on to do so every five seconds.
        self.cni.sync(ctx).await;
        let (cni, ctx) = (Rc::downgrade(&self.cni), ctx.detached());
        ctx.clone().spawn(async move {
            while let Some(cni) = cni.upgrade() {
                cni.sync(&ctx).await;
                drop(cni);
                ctx.sleep(SYNC_PERIOD).await;
            }
        });
    }

    /// Which plugin it is.
    pub(super) const fn kind(&self) -> NetworkPluginKind {
        self.kind
    }

    /// Whether pods can get a network.
    pub(super) fn status(&self) -> Result<(), String> {
        match self.kind {
            NetworkPluginKind::Noop => Ok(()),
            NetworkPluginKind::Cni => self.cni.check_initialized(),
        }
    }

    /// The kubelet has learnt the node's range of pod addresses. The first one counts.
    pub(super) fn pod_cidr(&self, cidr: &str) {
        let mut known = self.cni.pod_cidr.borrow_mut();
        if known.is_empty() {
            cidr.clone_into(&mut known);
            self.cni.changes.mark();
        }
    }

    fn turn(&self, pod: &Pod<'_>) -> Turn<'_> {
        let name = pod.full_name();
        let mut pods = self.pods.borrow_mut();
        let (lock, users) = pods.entry(name.clone()).or_default();
        *users += 1;
        Turn { manager: self, pod: name, lock: lock.clone() }
    }

    /// Gives a sandbox its network.
    pub(super) async fn set_up_pod(
        &self,
        ctx: &Ctx,
        host: &Host<'_>,
        pod: Pod<'_>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Option<String>, String> {
        if self.kind == NetworkPluginKind::Noop {
            return Ok(None);
        }
        let turn = self.turn(&pod);
        let _guard = turn.lock.acquire().await;
        self.cni.set_up_pod(ctx, host, pod, annotations).await.map_err(|error| {
            format!("networkPlugin cni failed to set up pod {:?} network: {error}", pod.full_name())
        })
    }

    /// Takes a sandbox's network away.
    pub(super) async fn tear_down_pod(
        &self,
        ctx: &Ctx,
        host: &Host<'_>,
        pod: Pod<'_>,
    ) -> Result<(), String> {
        if self.kind == NetworkPluginKind::Noop {
            return Ok(());
        }
        let turn = self.turn(&pod);
        let _guard = turn.lock.acquire().await;
        self.cni.tear_down_pod(ctx, host, pod).await.map_err(|error| {
            format!(
                "networkPlugin cni failed to teardown pod {:?} network: {error}",
                pod.full_name()
            )
        })
    }

    /// The addresses of a sandbox, as the plugin knows them; none if it knows none.
    pub(super) async fn pod_ips(&self, ctx: &Ctx, host: &Host<'_>, pod: Pod<'_>) -> Vec<String> {
        if self.kind == NetworkPluginKind::Noop {
            return Vec::new();
        }
        let turn = self.turn(&pod);
        let _guard = turn.lock.acquire().await;
        self.cni.pod_ips(ctx, host, pod).await
    }
}

/// What a network plugin may ask dockershim: `network.Host`.
pub(super) struct Host<'a> {
    pub(super) docker: &'a Docker,
    pub(super) checkpoints: &'a CheckpointManager,
}

impl Host<'_> {
    /// The path of a sandbox's network namespace.
    ///
    /// Models: kubernetes@v1.22.6 `docker_service.go` `GetNetNS`.
    async fn netns(&self, ctx: &Ctx, sandbox: &str) -> Result<String, String> {
        let step = glue("cni-by-hand", at!("docker_service.go GetNetNS"));
        let container =
            self.docker.inspect_container(ctx, step, sandbox).await.map_err(|e| e.to_string())?;
        if container.state.pid == 0 {
            return Err(format!(
                "cannot find network namespace for the terminated container {:?}",
                container.id
            ));
        }
        Ok(format!("/proc/{}/ns/net", container.state.pid))
    }

    /// The ports of a pod, from its checkpoint, as JSON for CNI. A checkpoint that cannot be read
    /// is deleted.
    ///
    /// Models: kubernetes@v1.22.6 `docker_service.go` `GetPodPortMappings`.
    fn port_mappings(&self, ctx: &Ctx, sandbox: &str) -> Result<String, String> {
        let checkpoint = match self.checkpoints.get(sandbox) {
            Ok(checkpoint) => checkpoint,
            Err(CheckpointError::NotFound) => return Ok("[]".to_owned()),
            Err(error) => {
                // What cannot be read is of no use to anybody.
                let _ = self.checkpoints.remove(ctx, sandbox);
                return Err(format!("could not retrieve port mappings: {error}"));
            }
        };
        let ports = checkpoint.ports().iter().filter(|port| port.host_port.unwrap_or_default() > 0);
        let mappings: Vec<String> = ports
            .map(|port| {
                Json::object()
                    .num("hostPort", port.host_port.unwrap_or_default())
                    .num("containerPort", port.container_port.unwrap_or_default())
                    .str("protocol", port.protocol.as_deref().unwrap_or_default())
                    .str("hostIP", &port.host_ip)
                    .text()
            })
            .collect();
        Ok(format!("[{}]", mappings.join(",")))
    }
}

impl CniPlugin {
    /// Reads the configuration. What cannot be used leaves the network that was in use.
    ///
    /// Models: kubernetes@v1.22.6 `network/cni/cni.go` `syncNetworkConfig`, `getDefaultCNINetwork`.
    async fn sync(&self, ctx: &Ctx) {
        let files = self.node.list_dir(CONF_DIR);
        let is_config = |path: &Rc<str>| {
            [".conf", ".conflist", ".json"].iter().any(|ending| path.ends_with(ending))
        };
        'files: for path in files.into_iter().filter(is_config) {
            let Some(text) = self.node.read_file(&path) else { continue };
            let Ok(network) = Network::parse(&text) else { continue };
            for index in 0..network.len() {
                let kind = network.kind(index).to_owned();
                let asked = self.programs.plugin_version(ctx, &kind, Level::Effects).await;
                if asked.is_err() {
                    continue 'files;
                }
            }
            let changed = self.default.borrow().as_ref().is_none_or(|old| old.text() != &*text);
            if changed {
                *self.default.borrow_mut() = Some(Rc::new(network));
                self.changes.mark();
            }
            return;
        }
    }

    fn check_initialized(&self) -> Result<(), String> {
        let default = self.default.borrow();
        let network = default.as_ref().ok_or("cni config uninitialized")?;
        if network.has_capability("ipRanges") && self.pod_cidr.borrow().is_empty() {
            return Err("cni config needs ipRanges but no PodCIDR set".to_owned());
        }
        Ok(())
    }

    /// The address of the new interface.
    async fn set_up_pod(
        &self,
        ctx: &Ctx,
        host: &Host<'_>,
        pod: Pod<'_>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Option<String>, String> {
        self.check_initialized()?;
        let netns = host.netns(ctx, pod.sandbox).await;
        let netns = netns
            .map_err(|error| format!("CNI failed to retrieve network namespace path: {error}"))?;
        let request = self.request(ctx, host, pod, &netns, annotations)?;
        self.add_network_list(ctx, &self.loopback, &request).await?;
        let request = self.request(ctx, host, pod, &netns, annotations)?;
        let Some(network) = self.default.borrow().clone() else { return Ok(None) };
        let result = self.add_network_list(ctx, &network, &request).await?;
        Ok(address_of_result(&result))
    }

    async fn tear_down_pod(&self, ctx: &Ctx, host: &Host<'_>, pod: Pod<'_>) -> Result<(), String> {
        self.check_initialized()?;
        // A namespace that is gone is no reason to stop: its addresses are still to be released.
        let netns = host.netns(ctx, pod.sandbox).await.unwrap_or_default();
        let loopback = Rc::clone(&self.loopback);
        // Nothing is lost with the loopback network.
        let _ = self.delete_network(ctx, host, pod, &netns, &loopback).await;
        let Some(network) = self.default.borrow().clone() else { return Ok(()) };
        self.delete_network(ctx, host, pod, &netns, &network).await
    }

    async fn delete_network(
        &self,
        ctx: &Ctx,
        host: &Host<'_>,
        pod: Pod<'_>,
        netns: &str,
        network: &Rc<Network>,
    ) -> Result<(), String> {
        let request = self.request(ctx, host, pod, netns, &BTreeMap::new())?;
        match self.del_network_list(ctx, network, &request).await {
            Err(error) if !error.contains("no such file or directory") => Err(error),
            _ => Ok(()),
        }
    }

    /// What the plugins are told.
    ///
    /// Models: kubernetes@v1.22.6 `network/cni/cni.go` `buildCNIRuntimeConf`.
    fn request(
        &self,
        ctx: &Ctx,
        host: &Host<'_>,
        pod: Pod<'_>,
        netns: &str,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Rc<CniRequest>, String> {
        let ports = host.port_mappings(ctx, pod.sandbox)?;
        let bandwidth = super::bandwidth::capability(annotations)?;
        let range = Json::object().str("subnet", &self.pod_cidr.borrow()).text();
        let mut capabilities: Vec<(&'static str, Rc<str>)> = Vec::with_capacity(3);
        if let Some(bandwidth) = bandwidth {
            capabilities.push(("bandwidth", bandwidth.into()));
        }
        capabilities.push(("ipRanges", format!("[[{range}]]").into()));
        capabilities.push(("portMappings", ports.into()));
        Ok(Rc::new(CniRequest {
            container_id: pod.sandbox.into(),
            netns: netns.into(),
            args: vec![
                ("IgnoreUnknown", "1".into()),
                ("K8S_POD_NAMESPACE", pod.namespace.into()),
                ("K8S_POD_NAME", pod.name.into()),
                ("K8S_POD_INFRA_CONTAINER_ID", pod.sandbox.into()),
            ],
            capabilities,
        }))
    }

    async fn run(
        &self,
        ctx: &Ctx,
        command: &'static str,
        network: &Rc<Network>,
        index: usize,
        request: &Rc<CniRequest>,
        previous: Option<Rc<str>>,
    ) -> Result<Rc<str>, String> {
        let run = PluginRun {
            command,
            request: Rc::clone(request),
            interface: INTERFACE,
            network: Rc::clone(network),
            index,
            previous,
        };
        self.programs.plugin(ctx, &run).await.map_err(|error| match self.flavor {
            Flavor::Dockershim => error.message,
            Flavor::CriDockerd => {
                let verb = if command == "ADD" { "add" } else { "delete" };
                format!("plugin type={:?} failed ({verb}): {}", run.plugin(), error.message)
            }
        })
    }

    /// Models: cni@v0.8.1 `libcni/api.go` `AddNetworkList`.
    async fn add_network_list(
        &self,
        ctx: &Ctx,
        network: &Rc<Network>,
        request: &Rc<CniRequest>,
    ) -> Result<Rc<str>, String> {
        let mut result: Option<Rc<str>> = None;
        for index in 0..network.len() {
            result = Some(self.run(ctx, "ADD", network, index, request, result).await?);
        }
        let result = result.unwrap_or_else(|| "{}".into());
        let path = cache_path(network, request);
        self.node.write_file(ctx, &path, &cache(network, request, &result));
        Ok(result)
    }

    /// Models: cni@v0.8.1 `libcni/api.go` `DelNetworkList`.
    async fn del_network_list(
        &self,
        ctx: &Ctx,
        network: &Rc<Network>,
        request: &Rc<CniRequest>,
    ) -> Result<(), String> {
        let path = cache_path(network, request);
        // Plugins are told the earlier result from version 0.4.0 on.
        let previous = if network.knows_previous_result() {
            self.node.read_file(&path).and_then(|text| {
                let cached: serde_json::Value = serde_json::from_str(&text).ok()?;
                Some(Rc::from(cached.get("result")?.to_string()))
            })
        } else {
            None
        };
        for index in (0..network.len()).rev() {
            self.run(ctx, "DEL", network, index, request, previous.clone()).await?;
        }
        self.node.remove_file(ctx, &path);
        Ok(())
    }

    /// Models: kubernetes@v1.22.6 `network/cni/cni_others.go` `GetPodNetworkStatus`,
    /// `network/plugins.go` `GetPodIPs`.
    async fn pod_ips(&self, ctx: &Ctx, host: &Host<'_>, pod: Pod<'_>) -> Vec<String> {
        let Ok(netns) = host.netns(ctx, pod.sandbox).await else { return Vec::new() };
        let families: &[&'static str] = match self.flavor {
            Flavor::Dockershim => &["-4", "-6"],
            Flavor::CriDockerd => &["-4"],
        };
        let mut ips = Vec::new();
        for family in families {
            let output = self.programs.interface_address(ctx, &netns, family).await;
            ips.extend(output.ok().as_deref().and_then(address_of_output));
        }
        ips
    }
}

fn cache_path(network: &Network, request: &CniRequest) -> String {
    format!("{CACHE_DIR}/{}-{}-{INTERFACE}", network.name(), request.container_id)
}

fn cache(network: &Network, request: &CniRequest, result: &str) -> String {
    let args: Vec<String> = request
        .args
        .iter()
        .map(|(name, value)| serde_json::json!([name, &**value]).to_string())
        .collect();
    let capabilities = request
        .capabilities
        .iter()
        .fold(Json::object(), |object, (name, value)| object.raw(name, value));
    Json::object()
        .str("kind", "cniCacheV1")
        .str("containerId", &request.container_id)
        .str("config", &STANDARD.encode(network.text()))
        .str("ifName", INTERFACE)
        .str("networkName", network.name())
        .raw("cniArgs", &format!("[{}]", args.join(",")))
        .object_in("capabilityArgs", capabilities)
        .raw("result", result)
        .text()
}

/// The first address of a plugin's result, in either form, without prefix length.
fn address_of_result(result: &str) -> Option<String> {
    let result: serde_json::Value = serde_json::from_str(result).ok()?;
    let address = result["ips"][0]["address"].as_str().or(result["ip4"]["ip"].as_str())?;
    Some(address.split('/').next().unwrap_or(address).to_owned())
}

/// The fourth word of what `ip -o` prints is the address with its prefix length.
fn address_of_output(output: &str) -> Option<String> {
    let address = output.lines().next()?.split_whitespace().nth(3)?;
    Some(address.split('/').next().unwrap_or(address).to_owned())
}
