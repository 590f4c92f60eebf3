//! The Container Network Interface: running plugins as libcni does, and what the reference plugins
//! do to the node.
//!
//! A caller has a [`Cni`]: which binaries, which configuration directory, whose process executes
//! them. ADD runs the plugins of a list in order, each with the result so far as `prevResult`; DEL
//! runs them in reverse, with the cached result. The environment and standard input of each run
//! are in the trace, as the plugin would see them.
//!
//! # Operations, as faults name them
//! `CNI ADD` and `CNI DEL` for each plugin of a list, `IPAM ADD` and `IPAM DEL` where a plugin has
//! `host-local` manage its addresses. The error that a fault gives is the plugin's `msg`.
//!
//! # What we simplify
//! Every plugin but `loopback`, `portmap`, `bandwidth`, `tuning` and `firewall` is taken for one
//! that makes an interface and asks `host-local` for an address. Its network is IPv4. The
//! loopback network is attached before the other and not at the same time. Bridges, routes and
//! packet filters on the host are not modelled.

use crate::json::Json;
use node::{Node, PortMapping, ProcessSpec};
use serde_json::Value;
use sim::{Ctx, Hop, SimError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Exit, Payload, Protocol};

/// Starting a plugin; making a pair of virtual interfaces, an address, routes.
const ATTACH: Duration = Duration::from_millis(30);
/// Taking them away.
const DETACH: Duration = Duration::from_millis(12);
/// Looking for a free address, or freeing one.
const IPAM: Duration = Duration::from_millis(5);
/// Anything less.
const SMALL: Duration = Duration::from_millis(3);

/// The network configuration that a node gets if nobody says otherwise.
pub const DEFAULT_CONFIG: &str = concat!(
    r#"{"cniVersion":"1.0.0","name":"podnet","plugins":["#,
    r#"{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,"#,
    r#""ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.0.0/16"}]],"#,
    r#""routes":[{"dst":"0.0.0.0/0"}]}},"#,
    r#"{"type":"portmap","capabilities":{"portMappings":true}}]}"#
);

/// The same in a version that older callers read.
pub const CONFIG_0_4: &str = concat!(
    r#"{"cniVersion":"0.4.0","name":"podnet","plugins":["#,
    r#"{"type":"bridge","bridge":"cni0","isGateway":true,"ipMasq":true,"hairpinMode":true,"#,
    r#""ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.0.0/16"}]],"#,
    r#""routes":[{"dst":"0.0.0.0/0"}]}},"#,
    r#"{"type":"portmap","capabilities":{"portMappings":true}}]}"#
);

/// Where [`DEFAULT_CONFIG`] is written to.
pub const DEFAULT_CONFIG_FILE: &str = "/etc/cni/net.d/10-podnet.conflist";

/// How somebody uses CNI.
#[derive(Clone, Debug)]
pub struct CniOptions {
    /// The component that executes plugins.
    pub caller: Component,
    /// Its process.
    pub caller_pid: u32,
    /// Where the plugins are: `CNI_PATH`.
    pub bin_dir: Rc<str>,
    /// Where the configuration is; the first file by name counts.
    pub conf_dir: Rc<str>,
    /// The configuration that attaches `lo`, and the interface name that it is run with.
    pub loopback: Option<(&'static str, &'static str)>,
    /// Where upstream executes plugins, as a call's source reference.
    pub source: &'static str,
    /// Why executing plugins is glue for this caller, if it is: the key of the reason.
    pub glue: Option<&'static str>,
}

/// What a plugin is asked about.
#[derive(Clone, Debug, Default)]
pub struct CniRequest {
    /// `CNI_CONTAINERID`: the sandbox.
    pub container_id: Rc<str>,
    /// `CNI_NETNS`: a path; empty where the namespace is gone, which only DEL accepts.
    pub netns: Rc<str>,
    /// `CNI_ARGS`: pairs, in order.
    pub args: Vec<(&'static str, Rc<str>)>,
    /// The values of capabilities, as JSON text: `portMappings`, `bandwidth`, `dns`.
    pub capabilities: Vec<(&'static str, Rc<str>)>,
}

impl CniRequest {
    /// The TCP ports of the machine that the capability `portMappings` asks for.
    fn port_mappings(&self, namespace: u32) -> Vec<PortMapping> {
        let given = self.capabilities.iter().find(|(name, _)| *name == "portMappings");
        let given = given.and_then(|(_, json)| serde_json::from_str::<Value>(json).ok());
        let list = given.as_ref().and_then(Value::as_array);
        let tcp = list.into_iter().flatten().filter(|one| one["protocol"] == "tcp");
        let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
        let mappings = tcp.filter_map(|one| {
            Some(PortMapping {
                owner: self.container_id.clone(),
                host_ip: one["hostIP"].as_str().unwrap_or_default().into(),
                host_port: port(&one["hostPort"])?,
                namespace,
                port: port(&one["containerPort"])?,
            })
        });
        mappings.collect()
    }
}

/// What ADD gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CniResult {
    /// The address of `eth0`, without prefix length; none where the plugins gave none.
    pub ip: Option<Rc<str>>,
    /// The result of the last plugin, as JSON text.
    pub json: Rc<str>,
}

/// libcni, the plugins, and the addresses that `host-local` has given out. Cloning gives another
/// handle to the same one.
#[derive(Clone)]
pub struct Cni(Rc<Inner>);

struct Inner {
    node: Node,
    options: CniOptions,
    /// The configuration that was read last, and the text that it was read from.
    loaded: RefCell<Option<(Rc<str>, Rc<Network>)>>,
    loopback: Option<(Rc<Network>, &'static str)>,
    ranges: RefCell<BTreeMap<Rc<str>, Range>>,
}

/// A configuration list.
#[derive(Default)]
pub(crate) struct Network {
    name: Rc<str>,
    /// What it was read from.
    text: Rc<str>,
    cni_version: String,
    plugins: Vec<Plugin>,
}

/// One plugin of a list.
struct Plugin {
    kind: String,
    /// The members of its configuration, by name, as JSON text.
    members: BTreeMap<String, String>,
    /// The capabilities that it declares.
    capabilities: Vec<String>,
    /// First address and prefix length of the subnet that `host-local` manages for it.
    subnet: Option<(u32, u8)>,
}

/// The addresses of one network.
struct Range {
    first: u32,
    prefix: u8,
    /// The address given out last.
    last: u32,
    by_address: BTreeMap<u32, Rc<str>>,
    by_container: BTreeMap<Rc<str>, u32>,
}

impl Cni {
    /// CNI for a caller on a node.
    #[must_use]
    pub fn new(node: &Node, options: CniOptions) -> Self {
        let loopback = options.loopback.and_then(|(config, interface)| {
            Some((Rc::new(Network::parse(config).ok()?), interface))
        });
        Self(Rc::new(Inner {
            node: node.clone(),
            options,
            loaded: RefCell::default(),
            loopback,
            ranges: RefCell::default(),
        }))
    }

    /// Writes [`DEFAULT_CONFIG`], as an administrator or a network add-on does.
    pub fn install_default(ctx: &Ctx, node: &Node) {
        Self::install(ctx, node, DEFAULT_CONFIG);
    }

    /// Writes a network configuration in the same place.
    pub fn install(ctx: &Ctx, node: &Node, config: &str) {
        node.write_file(ctx, DEFAULT_CONFIG_FILE, config);
    }

    /// Whether there is a configuration that can be used.
    ///
    /// # Errors
    /// In go-cni's words, where there is none.
    pub fn ready(&self) -> Result<(), SimError> {
        self.network().map(|_| ())
    }

    /// The name of the network that the configuration describes; empty where there is none.
    pub(crate) fn network_name(&self) -> Rc<str> {
        self.network().map_or("".into(), |network| network.name.clone())
    }

    /// The network that the configuration directory describes now.
    fn network(&self) -> Result<Rc<Network>, SimError> {
        let Inner { node, options, loaded, .. } = &*self.0;
        let files = node.list_dir(&options.conf_dir);
        let is_config = |path: &&Rc<str>| {
            [".conflist", ".conf", ".json"].iter().any(|ending| path.ends_with(ending))
        };
        let text = files.iter().find(is_config).and_then(|path| node.read_file(path));
        let Some(text) = text else {
            return Err(SimError::new("Unknown", "cni plugin not initialized"));
        };
        let mut loaded = loaded.borrow_mut();
        if let Some((from, network)) = &*loaded
            && Rc::ptr_eq(from, &text)
        {
            return Ok(network.clone());
        }
        let network = Network::parse(&text).map_err(|error| {
            SimError::new("Unknown", format!("failed to load cni config: {error}"))
        })?;
        let network = Rc::new(network);
        *loaded = Some((text, network.clone()));
        Ok(network)
    }

    /// Attaches a container to the loopback network, if the caller wants that, and to the network.
    ///
    /// # Errors
    /// No configuration, and what the plugins say. The caller must follow up with [`Cni::del`].
    pub async fn add(&self, ctx: &Ctx, request: &Rc<CniRequest>) -> Result<CniResult, SimError> {
        let network = self.network()?;
        if let Some((loopback, interface)) = &self.0.loopback {
            self.add_network(ctx, loopback, interface, request).await?;
        }
        self.add_network(ctx, &network, "eth0", request).await
    }

    /// Detaches a container from both. Whatever is gone already is no error.
    ///
    /// # Errors
    /// No configuration, and what the plugins say.
    pub async fn del(&self, ctx: &Ctx, request: &Rc<CniRequest>) -> Result<(), SimError> {
        let network = self.network()?;
        if let Some((loopback, interface)) = &self.0.loopback {
            self.del_network(ctx, loopback, interface, request).await?;
        }
        self.del_network(ctx, &network, "eth0", request).await
    }

    /// libcni's `AddNetworkList`.
    async fn add_network(
        &self,
        ctx: &Ctx,
        network: &Rc<Network>,
        interface: &'static str,
        request: &Rc<CniRequest>,
    ) -> Result<CniResult, SimError> {
        let mut result: Option<CniResult> = None;
        for index in 0..network.plugins.len() {
            let previous = result.as_ref().map(|result| result.json.clone());
            let run = Run { command: "ADD", network, index, interface, request, previous };
            result = Some(
                self.run(ctx, &run, async |ctx, pid| {
                    self.plugin_add(&ctx, &run, pid, result.clone()).await
                })
                .await?,
            );
        }
        let empty = || CniResult { ip: None, json: "{}".into() };
        let result = result.unwrap_or_else(empty);
        let cached = Json::object()
            .str("kind", "cniCacheV1")
            .str("containerId", &request.container_id)
            .str("ifName", interface)
            .str("networkName", &network.name)
            .raw("result", &result.json)
            .text();
        self.0.node.write_file(ctx, &cache_file(network, request, interface), &cached);
        Ok(result)
    }

    /// libcni's `DelNetworkList`.
    async fn del_network(
        &self,
        ctx: &Ctx,
        network: &Rc<Network>,
        interface: &'static str,
        request: &Rc<CniRequest>,
    ) -> Result<(), SimError> {
        let node = &self.0.node;
        let cache = cache_file(network, request, interface);
        let previous: Option<Rc<str>> = node.read_file(&cache).and_then(|text| {
            let result = text.split_once("\"result\":")?.1.strip_suffix('}')?;
            Some(result.into())
        });
        for index in (0..network.plugins.len()).rev() {
            let previous = previous.clone();
            let run = Run { command: "DEL", network, index, interface, request, previous };
            self.run(ctx, &run, async |ctx, pid| {
                self.plugin_del(&ctx, &run, pid).await?;
                Ok(CniResult { ip: None, json: "".into() })
            })
            .await?;
        }
        node.remove_file(ctx, &cache);
        Ok(())
    }

    /// Executes one plugin of a list that the caller has loaded itself. The result as JSON text;
    /// empty for DEL.
    ///
    /// # Errors
    /// The plugin's `msg`.
    pub(crate) async fn execute(&self, ctx: &Ctx, run: &PluginRun) -> Result<Rc<str>, SimError> {
        let PluginRun { command, request, interface, network, index, previous } = run;
        if *index >= network.plugins.len() {
            return Ok("".into());
        }
        let earlier = previous.as_ref().map(|json| CniResult { ip: None, json: json.clone() });
        let run =
            Run { command, network, index: *index, interface, request, previous: previous.clone() };
        let result = self.execute_plugin(ctx, &run, async |ctx, pid| {
            if run.command == "ADD" {
                self.plugin_add(&ctx, &run, pid, earlier).await
            } else {
                self.plugin_del(&ctx, &run, pid).await?;
                Ok(CniResult { ip: None, json: "".into() })
            }
        });
        result.await.map(|result| result.json)
    }

    /// Executes one plugin; errors say which it was.
    async fn run(
        &self,
        ctx: &Ctx,
        run: &Run<'_>,
        plugin: impl AsyncFnOnce(Ctx, u32) -> Result<CniResult, SimError>,
    ) -> Result<CniResult, SimError> {
        self.execute_plugin(ctx, run, plugin).await.map_err(|error| {
            let kind = &run.plugin().kind;
            let verb = if run.command == "ADD" { "add" } else { "delete" };
            let message = format!("plugin type={kind:?} failed ({verb}): {}", error.message);
            SimError::new("Unknown", message)
        })
    }

    async fn execute_plugin(
        &self,
        ctx: &Ctx,
        run: &Run<'_>,
        plugin: impl AsyncFnOnce(Ctx, u32) -> Result<CniResult, SimError>,
    ) -> Result<CniResult, SimError> {
        let Inner { node, options, .. } = &*self.0;
        let kind = &run.plugin().kind;
        let path = format!("{}/{kind}", options.bin_dir);
        let (network, request, previous) =
            (run.network.clone(), run.request.clone(), run.previous.clone());
        let (command, index, interface) = (run.command, run.index, run.interface);
        let (binary, bin_dir) = (path.clone(), options.bin_dir.clone());
        let op = if command == "ADD" { "CNI ADD" } else { "CNI DEL" };
        let mut hop = Hop::new(options.caller, Component::Cni, Protocol::Cni, op)
            .source(options.source)
            .request(move || Payload::Exec {
                argv: vec![binary.clone()],
                env: environment(command, &request, interface, &bin_dir),
                stdin: Some(network.stdin(index, &request, previous.as_deref()).into()),
            });
        if let Some(reason) = options.glue {
            hop = hop.glue(reason);
        }
        let answer = |result: &CniResult| {
            if result.json.is_empty() { Payload::None } else { Payload::Json(result.json.clone()) }
        };
        ctx.call_answering(hop, answer, async |ctx| {
            let process = ProcessSpec::host(options.caller_pid, [path.as_str()]);
            let pid = node.start_process(&ctx, process.of(Component::Cni));
            let result = plugin(ctx.clone(), pid).await;
            let code = i32::from(result.is_err());
            node.end_process(&ctx, pid, Exit { code, oom_killed: false });
            result
        })
        .await
    }

    async fn plugin_add(
        &self,
        ctx: &Ctx,
        run: &Run<'_>,
        pid: u32,
        previous: Option<CniResult>,
    ) -> Result<CniResult, SimError> {
        let node = &self.0.node;
        let Some(namespace) = node.namespace_at(&run.request.netns) else {
            let netns = &run.request.netns;
            let message = format!(
                "failed to open netns {netns:?}: failed to Statfs {netns:?}: no such file or directory"
            );
            return Err(SimError::new("Unknown", message));
        };
        match run.plugin().role() {
            Role::Loopback => {
                ctx.sleep(SMALL).await;
                node.add_address(ctx, namespace, "lo", "127.0.0.1/8");
                Ok(CniResult { ip: None, json: run.network.loopback_result(&run.request.netns) })
            }
            Role::Chained => {
                ctx.sleep(SMALL).await;
                if run.plugin().kind == "portmap" {
                    for mapping in run.request.port_mappings(namespace) {
                        node.map_port(mapping);
                    }
                }
                Ok(previous.unwrap_or(CniResult { ip: None, json: "{}".into() }))
            }
            Role::Interface => {
                let address = self.ipam_add(ctx, run, pid).await?;
                ctx.sleep(ATTACH).await;
                let (ip, prefix) = address;
                node.add_address(ctx, namespace, "eth0", &format!("{ip}/{prefix}"));
                let json = run.network.interface_result(run.request, ip, prefix);
                Ok(CniResult { ip: Some(ip.to_string().into()), json })
            }
        }
    }

    async fn plugin_del(&self, ctx: &Ctx, run: &Run<'_>, pid: u32) -> Result<(), SimError> {
        let node = &self.0.node;
        let namespace = node.namespace_at(&run.request.netns);
        match run.plugin().role() {
            Role::Loopback => {
                ctx.sleep(SMALL).await;
                namespace.map(|namespace| node.remove_address(ctx, namespace, "lo"));
            }
            Role::Chained => {
                ctx.sleep(SMALL).await;
                if run.plugin().kind == "portmap" {
                    node.unmap_ports(&run.request.container_id);
                }
            }
            Role::Interface => {
                self.ipam_del(ctx, run, pid).await?;
                ctx.sleep(DETACH).await;
                namespace.map(|namespace| node.remove_address(ctx, namespace, "eth0"));
            }
        }
        Ok(())
    }

    /// The plugin has `host-local` give it an address.
    async fn ipam_add(
        &self,
        ctx: &Ctx,
        run: &Run<'_>,
        plugin: u32,
    ) -> Result<(Ipv4Addr, u8), SimError> {
        let answer = |(ip, prefix): &(Ipv4Addr, u8)| {
            let address = Json::object().str("address", &format!("{ip}/{prefix}"));
            Json::object().objects("ips", [address]).payload()
        };
        let hop = self.ipam_hop("IPAM ADD", run);
        ctx.call_answering(hop, answer, async |ctx| {
            self.ipam_process(&ctx, plugin, async |ctx| {
                let id = &run.request.container_id;
                let mut ranges = self.0.ranges.borrow_mut();
                let (first, prefix) = run.plugin().subnet.unwrap_or(DEFAULT_SUBNET);
                let range = ranges
                    .entry(run.network.name.clone())
                    .or_insert_with(|| Range::new(first, prefix));
                if range.by_container.contains_key(id) {
                    let message = format!(
                        "failed to allocate for range 0: {id} has an address, \
                         duplicate allocation is not allowed"
                    );
                    return Err(SimError::new("11", message));
                }
                let Some(ip) = range.allocate(id) else {
                    let ends = range.ends();
                    let message = format!(
                        "failed to allocate for range 0: no IP addresses available in range set: {ends}"
                    );
                    return Err(SimError::new("11", message));
                };
                let reserved = reservation(&run.network.name, ip);
                self.0.node.write_file(ctx, &reserved, &format!("{id}\n{}", run.interface));
                Ok((ip, range.prefix))
            })
            .await
        })
        .await
    }

    /// The plugin has `host-local` take an address back.
    async fn ipam_del(&self, ctx: &Ctx, run: &Run<'_>, plugin: u32) -> Result<(), SimError> {
        ctx.call(self.ipam_hop("IPAM DEL", run), async |ctx| {
            self.ipam_process(&ctx, plugin, async |ctx| {
                let mut ranges = self.0.ranges.borrow_mut();
                let range = ranges.get_mut(&run.network.name);
                if let Some(ip) = range.and_then(|range| range.free(&run.request.container_id)) {
                    self.0.node.remove_file(ctx, &reservation(&run.network.name, ip));
                }
                Ok(())
            })
            .await
        })
        .await
    }

    fn ipam_hop(&self, op: &'static str, run: &Run<'_>) -> Hop {
        let bin_dir = self.0.options.bin_dir.clone();
        let (command, interface, request) = (run.command, run.interface, run.request.clone());
        let (network, index) = (run.network.clone(), run.index);
        Hop::new(Component::Cni, Component::Cni, Protocol::Exec, op)
            .source("cni-plugins@v1.9.0 plugins/ipam/host-local/main.go")
            .request(move || Payload::Exec {
                argv: vec![format!("{bin_dir}/host-local")],
                env: environment(command, &request, interface, &bin_dir),
                stdin: Some(network.stdin(index, &request, None).into()),
            })
    }

    async fn ipam_process<T>(
        &self,
        ctx: &Ctx,
        plugin: u32,
        work: impl AsyncFnOnce(&Ctx) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        let Inner { node, options, .. } = &*self.0;
        let path = format!("{}/host-local", options.bin_dir);
        let process = ProcessSpec::host(plugin, [path.as_str()]).of(Component::Cni);
        let pid = node.start_process(ctx, process);
        ctx.sleep(IPAM).await;
        let result = work(ctx).await;
        let code = i32::from(result.is_err());
        node.end_process(ctx, pid, Exit { code, oom_killed: false });
        result
    }
}

/// One execution of a plugin, for a caller that keeps its own configuration.
pub struct PluginRun {
    /// `ADD` or `DEL`.
    pub command: &'static str,
    /// Container, network namespace, arguments, capabilities.
    pub request: Rc<CniRequest>,
    /// The interface.
    pub interface: &'static str,
    pub(crate) network: Rc<Network>,
    pub(crate) index: usize,
    pub(crate) previous: Option<Rc<str>>,
}

impl PluginRun {
    /// The plugin's name.
    #[must_use]
    pub fn plugin(&self) -> &str {
        self.network.kind(self.index)
    }

    /// The environment that the plugin sees, as `NAME=value`, with where its like are.
    #[must_use]
    pub fn environment(&self, bin_dir: &str) -> Vec<String> {
        environment(self.command, &self.request, self.interface, bin_dir)
    }

    /// The plugin's standard input: its configuration.
    #[must_use]
    pub fn stdin(&self) -> String {
        self.network.stdin(self.index, &self.request, self.previous.as_deref())
    }
}

/// One execution of a plugin.
struct Run<'a> {
    command: &'static str,
    network: &'a Rc<Network>,
    index: usize,
    interface: &'static str,
    request: &'a Rc<CniRequest>,
    previous: Option<Rc<str>>,
}

impl Run<'_> {
    fn plugin(&self) -> &Plugin {
        &self.network.plugins[self.index]
    }
}

/// What a plugin does.
enum Role {
    /// Brings `lo` up.
    Loopback,
    /// Works on what another plugin made.
    Chained,
    /// Makes an interface and has it get an address.
    Interface,
}

impl Plugin {
    fn role(&self) -> Role {
        match self.kind.as_str() {
            "loopback" => Role::Loopback,
            "portmap" | "bandwidth" | "tuning" | "firewall" | "sbr" => Role::Chained,
            _ => Role::Interface,
        }
    }

    fn parse(config: &Value) -> Result<Self, String> {
        let members = config.as_object().ok_or("a plugin's configuration is no object")?;
        let kind = members.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind.is_empty() || kind.contains('/') {
            return Err("a plugin's configuration has no usable type".to_owned());
        }
        let capabilities = members.get("capabilities").and_then(Value::as_object);
        let declared = capabilities.into_iter().flatten();
        let declared = declared.filter(|(_, on)| on.as_bool() == Some(true));
        let ipam = &config["ipam"];
        let subnet = [&ipam["ranges"][0][0]["subnet"], &ipam["subnet"]];
        Ok(Self {
            kind: kind.to_owned(),
            members: members
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            capabilities: declared.map(|(name, _)| name.clone()).collect(),
            subnet: subnet.into_iter().find_map(|subnet| parse_subnet(subnet.as_str()?)),
        })
    }
}

impl Network {
    /// Reads a list, or a single plugin's configuration, which stands for a list of one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let config: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let member = |name: &str| config[name].as_str().unwrap_or_default();
        let plugins = match config.get("plugins").and_then(Value::as_array) {
            Some(plugins) => plugins.iter().map(Plugin::parse).collect::<Result<_, _>>()?,
            None => vec![Plugin::parse(&config)?],
        };
        Ok(Self {
            name: member("name").into(),
            text: text.into(),
            cni_version: member("cniVersion").to_owned(),
            plugins,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What it was read from.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many plugins it has.
    pub(crate) const fn len(&self) -> usize {
        self.plugins.len()
    }

    /// What a plugin of it is called.
    pub(crate) fn kind(&self, index: usize) -> &str {
        self.plugins.get(index).map_or("", |plugin| &plugin.kind)
    }

    /// Whether one of its plugins declares a capability.
    pub(crate) fn has_capability(&self, name: &str) -> bool {
        self.plugins.iter().any(|plugin| plugin.capabilities.iter().any(|known| known == name))
    }

    /// Whether its version of CNI tells DEL the result of ADD: 0.4.0 and later do.
    pub(crate) fn knows_previous_result(&self) -> bool {
        let mut parts = self.cni_version.split('.').map(|part| part.parse().unwrap_or(0));
        let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        version >= (0, 4)
    }

    /// The standard input of one plugin of the list: its own configuration, and what libcni adds.
    pub(crate) fn stdin(
        &self,
        index: usize,
        request: &CniRequest,
        previous: Option<&str>,
    ) -> String {
        let plugin = &self.plugins[index];
        let mut members: BTreeMap<&str, String> =
            plugin.members.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let quoted = |text: &str| Value::from(text).to_string();
        members.insert("cniVersion", quoted(&self.cni_version));
        members.insert("name", quoted(&self.name));
        let wanted = |(name, _): &&(&'static str, Rc<str>)| {
            plugin.capabilities.iter().any(|declared| declared == name)
        };
        let mut given = request.capabilities.iter().filter(wanted).peekable();
        if given.peek().is_some() {
            let config =
                given.fold(Json::object(), |object, (name, value)| object.raw(name, value));
            members.insert("runtimeConfig", config.text());
        }
        if let Some(previous) = previous {
            members.insert("prevResult", previous.to_owned());
        }
        let object =
            members.iter().fold(Json::object(), |object, (name, value)| object.raw(name, value));
        object.text()
    }

    fn loopback_result(&self, netns: &str) -> Rc<str> {
        let lo =
            Json::object().str("name", "lo").str("mac", "00:00:00:00:00:00").str("sandbox", netns);
        let ip = Json::object().str("address", "127.0.0.1/8").num("interface", 0);
        Json::object()
            .str("cniVersion", &self.cni_version)
            .objects("interfaces", [lo])
            .objects("ips", [ip])
            .object_in("dns", Json::object())
            .text()
            .into()
    }

    fn interface_result(&self, request: &CniRequest, ip: Ipv4Addr, prefix: u8) -> Rc<str> {
        let gateway = Ipv4Addr::from(network_address(u32::from(ip), prefix) + 1);
        let host = Json::object().str("name", &veth(&request.container_id));
        let inside =
            Json::object().str("name", "eth0").str("mac", &mac(ip)).str("sandbox", &request.netns);
        let address = Json::object()
            .str("address", &format!("{ip}/{prefix}"))
            .str("gateway", &gateway.to_string())
            .num("interface", 1);
        Json::object()
            .str("cniVersion", &self.cni_version)
            .objects("interfaces", [host, inside])
            .objects("ips", [address])
            .objects("routes", [Json::object().str("dst", "0.0.0.0/0")])
            .object_in("dns", Json::object())
            .text()
            .into()
    }
}

/// The subnet where a configuration names none: 10.244.0.0/16.
const DEFAULT_SUBNET: (u32, u8) = (0x0af4_0000, 16);

impl Range {
    fn new(first: u32, prefix: u8) -> Self {
        Self {
            first,
            prefix,
            // The first address is the network's, the second the gateway's.
            last: first + 1,
            by_address: BTreeMap::new(),
            by_container: BTreeMap::new(),
        }
    }

    /// The last address, which is the broadcast address.
    const fn broadcast(&self) -> u32 {
        self.first | (u32::MAX >> self.prefix)
    }

    fn ends(&self) -> String {
        format!("{}-{}", Ipv4Addr::from(self.first + 1), Ipv4Addr::from(self.broadcast() - 1))
    }

    /// The next free address after the one given out last, round and round.
    fn allocate(&mut self, container: &Rc<str>) -> Option<Ipv4Addr> {
        let usable = self.broadcast().checked_sub(self.first + 2).filter(|&count| count > 0)?;
        if self.by_address.len() as u32 >= usable {
            return None;
        }
        let mut address = self.last;
        loop {
            address += 1;
            if address >= self.broadcast() {
                address = self.first + 2;
            }
            if !self.by_address.contains_key(&address) {
                break;
            }
        }
        self.last = address;
        self.by_address.insert(address, container.clone());
        self.by_container.insert(container.clone(), address);
        Some(Ipv4Addr::from(address))
    }

    fn free(&mut self, container: &str) -> Option<Ipv4Addr> {
        let address = self.by_container.remove(container)?;
        self.by_address.remove(&address);
        Some(Ipv4Addr::from(address))
    }
}

fn parse_subnet(text: &str) -> Option<(u32, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix: u8 = prefix.parse().ok().filter(|prefix| (8..=30).contains(prefix))?;
    let address: Ipv4Addr = address.parse().ok()?;
    Some((network_address(u32::from(address), prefix), prefix))
}

const fn network_address(address: u32, prefix: u8) -> u32 {
    address & !(u32::MAX >> prefix)
}

/// The environment of a plugin.
fn environment(command: &str, request: &CniRequest, interface: &str, bin_dir: &str) -> Vec<String> {
    let mut args = String::from("CNI_ARGS=");
    for (index, (name, value)) in request.args.iter().enumerate() {
        let separator = if index > 0 { ";" } else { "" };
        // Writing to a string does not fail.
        let _ = write!(args, "{separator}{name}={value}");
    }
    vec![
        format!("CNI_COMMAND={command}"),
        format!("CNI_CONTAINERID={}", request.container_id),
        format!("CNI_NETNS={}", request.netns),
        args,
        format!("CNI_IFNAME={interface}"),
        format!("CNI_PATH={bin_dir}"),
    ]
}

fn cache_file(network: &Network, request: &CniRequest, interface: &str) -> String {
    format!("/var/lib/cni/results/{}-{}-{interface}", network.name, request.container_id)
}

fn reservation(network: &str, ip: Ipv4Addr) -> String {
    format!("/var/lib/cni/networks/{network}/{ip}")
}

/// The name of the interface on the host: it follows from the container, so that runs repeat.
fn veth(container_id: &str) -> String {
    let hash = container_id
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("veth{hash:08x}")
}

/// The hardware address that the bridge plugin derives from an IPv4 address.
fn mac(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_out_round_and_round() {
        let mut range = Range::new(u32::from(Ipv4Addr::new(10, 0, 0, 0)), 29);
        let ids: Vec<Rc<str>> = (0..7).map(|n| format!("c{n}").into()).collect();
        let given: Vec<_> =
            ids.iter().map(|id| range.allocate(id).map(|ip| ip.octets()[3])).collect();
        assert_eq!(given, [Some(2), Some(3), Some(4), Some(5), Some(6), None, None]);
        assert_eq!(range.free("c1"), Some(Ipv4Addr::new(10, 0, 0, 3)));
        assert_eq!(range.free("c1"), None);
        assert_eq!(range.allocate(&ids[5]), Some(Ipv4Addr::new(10, 0, 0, 3)));
        assert_eq!(range.ends(), "10.0.0.1-10.0.0.6");
    }

    #[test]
    fn the_default_network_has_room_for_ten_thousand_pods() {
        let network = Network::parse(DEFAULT_CONFIG).unwrap();
        let (first, prefix) = network.plugins[0].subnet.unwrap();
        let mut range = Range::new(first, prefix);
        let last = (0..10_000).filter_map(|n| range.allocate(&format!("{n}").into())).last();
        assert_eq!(last, Some(Ipv4Addr::new(10, 244, 39, 17)));
    }

    #[test]
    fn a_plugin_gets_its_own_configuration_and_what_libcni_adds() {
        let network = Network::parse(DEFAULT_CONFIG).unwrap();
        let request = CniRequest {
            capabilities: vec![
                ("portMappings", r#"[{"hostPort":8080}]"#.into()),
                ("dns", "{}".into()),
            ],
            ..CniRequest::default()
        };
        assert_eq!(
            network.stdin(1, &request, Some(r#"{"ips":[]}"#)),
            concat!(
                r#"{"capabilities":{"portMappings":true},"cniVersion":"1.0.0","name":"podnet","#,
                r#""prevResult":{"ips":[]},"runtimeConfig":{"portMappings":[{"hostPort":8080}]},"#,
                r#""type":"portmap"}"#
            )
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "[]", "{}", r#"{"plugins":[1]}"#, r#"{"type":"../sh"}"#, "{{"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
