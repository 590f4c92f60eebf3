//! containerd 2.x: its core services, and the CRI plugin inside it; and the daemon that was there
//! before the plugin.
//!
//! ```text
//! kubelet ──CRI, gRPC──► containerd { CRI plugin ──function calls──► core services }
//!                          ├─ exec, CNI ──► network plugins
//!                          ├─ HTTPS ──► registry
//!                          └─ ttrpc ──► containerd-shim-runc-v2 ──exec──► runc
//!
//! kubelet ──CRI, gRPC──► cri-containerd ──gRPC──► containerd ──gRPC──► containerd-shim ──exec──► runc
//! ```
//!
//! # Operations, as faults name them
//! Those of CRI under their own names; `unshare(CLONE_NEWNET)`; `HEAD manifest`, `GET manifest`,
//! `GET config`, `GET layer`; `Images.Create`, `Images.Delete`, `Snapshots.Commit`; those of
//! [`Client`], [`crate::oci`] and [`crate::cni`].
//!
//! # What we simplify
//! A registry answers without a token. All layers of an image arrive at the same time and have the
//! same size. An image's entry point and command are one. The garbage collector has nothing to do:
//! what nobody refers to is removed at once. There is no NRI plugin. The restart of the daemon is
//! not modelled yet. cri-containerd does the steps of 1.0.0-alpha.0 in their order, in the words of
//! the plugin where an error is the same; it hears of a sandbox's end as the plugin does.

mod core;
pub use self::core::{Client, ContainerSpec, Containerd, Rootfs};

mod images;

mod cri;
pub use self::cri::CriPlugin;

use crate::cni::{self, Cni, CniOptions};
use crate::oci::ShimVersion;
use node::{Node, ProcessSpec, Programs, Registry};
use sim::{Ctx, Endpoint};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Protocol, Topology};

/// The version that is modelled.
pub const VERSION: &str = "v2.3.4";

/// containerd's socket, which the kubelet dials as well.
pub const ADDRESS: &str = "unix:///run/containerd/containerd.sock";

/// A CRI call, one way and back.
const CRI_LATENCY: Duration = Duration::from_millis(1);

/// In which form containerd speaks the CRI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavor {
    /// A plugin inside containerd, from 1.1 on.
    #[default]
    Plugin,
    /// cri-containerd, a daemon of its own that is containerd's client, as in 1.0.0-alpha.0.
    Daemon,
}

impl Flavor {
    /// Its component.
    const fn component(self) -> Component {
        match self {
            Self::Plugin => Component::CriPlugin,
            Self::Daemon => Component::CriContainerd,
        }
    }

    /// Where the kubelet dials it.
    const fn address(self) -> &'static str {
        match self {
            Self::Plugin => ADDRESS,
            Self::Daemon => "unix:///var/run/cri-containerd.sock",
        }
    }

    /// The image of the sandbox's container, unless said otherwise.
    const fn default_pause_image(self) -> &'static str {
        match self {
            Self::Plugin => "registry.k8s.io/pause:3.10.2",
            Self::Daemon => "gcr.io/google_containers/pause:3.0",
        }
    }
}

/// What containerd is started with.
#[derive(Clone, Debug)]
pub struct ContainerdOptions {
    /// Where images come from, and which are there from the beginning.
    pub registry: Rc<Registry>,
    /// What containers do.
    pub programs: Rc<Programs>,
    /// Plugin or daemon.
    pub flavor: Flavor,
    /// The image of the sandbox's container; empty: the flavour's own.
    pub pause_image: Rc<str>,
    /// Whether somebody has put a network configuration in place.
    pub network_configured: bool,
}

impl Default for ContainerdOptions {
    fn default() -> Self {
        Self {
            registry: Rc::default(),
            programs: Rc::default(),
            flavor: Flavor::Plugin,
            pause_image: "".into(),
            network_configured: true,
        }
    }
}

/// Starts containerd with its CRI plugin on a node, or with cri-containerd beside it.
#[must_use]
pub fn start(ctx: &Ctx, node: &Node, options: ContainerdOptions) -> Endpoint {
    let ContainerdOptions { registry, programs, flavor, pause_image, network_configured } = options;
    if network_configured {
        match flavor {
            Flavor::Plugin => Cni::install_default(ctx, node),
            Flavor::Daemon => Cni::install(ctx, node, cni::CONFIG_0_4),
        }
    }
    let component = flavor.component();
    let (containerd, protocol, caller_pid) = match flavor {
        Flavor::Plugin => {
            let containerd = Containerd::start(ctx, node, registry.clone());
            let pid = containerd.pid();
            (containerd, Protocol::Function, pid)
        }
        Flavor::Daemon => {
            let shims = &ShimVersion::V1;
            let containerd = Containerd::start_with(ctx, node, registry.clone(), shims);
            let process = ProcessSpec::host(Node::INIT, ["/usr/local/bin/cri-containerd"]);
            (containerd, Protocol::Grpc, node.start_process(ctx, process.of(component)))
        }
    };
    let cni = Cni::new(
        node,
        CniOptions {
            caller: component,
            caller_pid,
            bin_dir: "/opt/cni/bin".into(),
            conf_dir: "/etc/cni/net.d".into(),
            loopback: Some((
                r#"{"cniVersion":"1.0.0","name":"cni-loopback","plugins":[{"type":"loopback"}]}"#,
                "lo",
            )),
            source: "containerd@v2.3.4 internal/cri/server/sandbox_run.go setupPodNetwork",
            glue: None,
        },
    );
    let client = containerd.client(component, protocol, "k8s.io");
    for reference in registry.present() {
        client.preload(ctx, reference, false);
    }
    let pause_image = match &*pause_image {
        "" => flavor.default_pause_image().into(),
        _ => pause_image,
    };
    let plugin = CriPlugin::new(client, cni, programs, pause_image, flavor);
    Endpoint {
        component,
        address: flavor.address().into(),
        changes: plugin.changes().clone(),
        service: Rc::new(plugin),
        latency: CRI_LATENCY,
    }
}

/// Adds the components of the stack below the kubelet, and who talks to whom.
pub fn topology(topology: &mut Topology, flavor: Flavor) {
    use Component::{
        Cni, Containerd, ContainerdShim, ContainerdShimV1, CriClient, Kernel, Registry, Runc,
    };
    let server = flavor.component();
    let socket = flavor.address().trim_start_matches("unix://");
    topology.add(Containerd);
    let shim = match flavor {
        Flavor::Plugin => {
            topology.add_inside(Containerd, server).link(server, Containerd, Protocol::Function);
            ContainerdShim
        }
        Flavor::Daemon => {
            let address = ADDRESS.trim_start_matches("unix://");
            topology.add(server).link_at(server, Containerd, Protocol::Grpc, address);
            ContainerdShimV1
        }
    };
    topology
        .add(shim)
        .add(Runc)
        .add(Cni)
        .add(Kernel)
        .add(Registry)
        .link_at(CriClient, server, Protocol::Cri, socket)
        .link_at(server, Cni, Protocol::Cni, "/opt/cni/bin")
        .link(server, Kernel, Protocol::Syscall)
        .link(Containerd, Registry, Protocol::Https)
        .link(shim, Runc, Protocol::Exec)
        .link(Runc, Kernel, Protocol::Syscall)
        .link(Cni, Kernel, Protocol::Syscall);
    link_shim(topology, shim);
}

/// How containerd and its shims talk.
pub(crate) fn link_shim(topology: &mut Topology, shim: Component) {
    use Component::{Containerd, ContainerdShimV1};
    topology.link(Containerd, shim, Protocol::Exec);
    if shim == ContainerdShimV1 {
        topology.link_at(Containerd, shim, Protocol::Grpc, "@/containerd-shim").link(
            shim,
            Containerd,
            Protocol::Exec,
        );
        return;
    }
    topology.link_at(Containerd, shim, Protocol::Ttrpc, "/run/containerd/s").link_at(
        shim,
        Containerd,
        Protocol::Ttrpc,
        "/run/containerd/containerd.sock.ttrpc",
    );
}
