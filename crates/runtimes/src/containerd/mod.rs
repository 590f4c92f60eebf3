//! containerd 2.x: its core services, and the CRI plugin inside it.
//!
//! ```text
//! kubelet ──CRI, gRPC──► containerd { CRI plugin ──function calls──► core services }
//!                          ├─ exec, CNI ──► network plugins
//!                          ├─ HTTPS ──► registry
//!                          └─ ttrpc ──► containerd-shim-runc-v2 ──exec──► runc
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
//! not modelled yet.

mod core;
pub use self::core::{Client, ContainerSpec, Containerd, Rootfs};

mod images;

mod cri;
pub use self::cri::CriPlugin;
pub(crate) use self::cri::output_of;

use crate::cni::{Cni, CniOptions};
use node::{Node, Programs, Registry};
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

/// What containerd is started with.
#[derive(Clone, Debug)]
pub struct ContainerdOptions {
    /// Where images come from, and which are there from the beginning.
    pub registry: Rc<Registry>,
    /// What containers do.
    pub programs: Rc<Programs>,
    /// The image of the sandbox's container.
    pub pause_image: Rc<str>,
    /// Whether somebody has put a network configuration in place.
    pub network_configured: bool,
}

impl Default for ContainerdOptions {
    fn default() -> Self {
        Self {
            registry: Rc::default(),
            programs: Rc::default(),
            pause_image: "registry.k8s.io/pause:3.10.2".into(),
            network_configured: true,
        }
    }
}

/// Starts containerd with its CRI plugin on a node.
#[must_use]
pub fn start(ctx: &Ctx, node: &Node, options: ContainerdOptions) -> Endpoint {
    let ContainerdOptions { registry, programs, pause_image, network_configured } = options;
    if network_configured {
        Cni::install_default(ctx, node);
    }
    let containerd = Containerd::start(ctx, node, registry.clone());
    let cni = Cni::new(
        node,
        CniOptions {
            caller: Component::CriPlugin,
            caller_pid: containerd.pid(),
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
    let client = containerd.client(Component::CriPlugin, Protocol::Function, "k8s.io");
    for reference in registry.present() {
        client.preload(ctx, reference, false);
    }
    let plugin = CriPlugin::new(client, cni, programs, pause_image);
    Endpoint {
        component: Component::CriPlugin,
        address: ADDRESS.into(),
        changes: plugin.changes().clone(),
        service: Rc::new(plugin),
        latency: CRI_LATENCY,
    }
}

/// Adds the components of the stack below the kubelet, and who talks to whom.
pub fn topology(topology: &mut Topology) {
    use Component::{
        Cni, Containerd, ContainerdShim, CriClient, CriPlugin, Kernel, Registry, Runc,
    };
    let socket = ADDRESS.trim_start_matches("unix://");
    topology
        .add(Containerd)
        .add_inside(Containerd, CriPlugin)
        .add(ContainerdShim)
        .add(Runc)
        .add(Cni)
        .add(Kernel)
        .add(Registry)
        .link_at(CriClient, CriPlugin, Protocol::Cri, socket)
        .link(CriPlugin, Containerd, Protocol::Function)
        .link_at(CriPlugin, Cni, Protocol::Cni, "/opt/cni/bin")
        .link(CriPlugin, Kernel, Protocol::Syscall)
        .link(Containerd, Registry, Protocol::Https)
        .link(Containerd, ContainerdShim, Protocol::Exec)
        .link_at(Containerd, ContainerdShim, Protocol::Ttrpc, "/run/containerd/s")
        .link_at(
            ContainerdShim,
            Containerd,
            Protocol::Ttrpc,
            "/run/containerd/containerd.sock.ttrpc",
        )
        .link(ContainerdShim, Runc, Protocol::Exec)
        .link(Runc, Kernel, Protocol::Syscall)
        .link(Cni, Kernel, Protocol::Syscall);
}
