//! Docker under Kubernetes: dockershim inside the kubelet, and everything below it.
//!
//! ```text
//! kubelet { CRI client ──gRPC──► dockershim } ──HTTP──► dockerd ──gRPC──► containerd
//!             ──ttrpc──► containerd-shim-runc-v2 ──exec──► runc
//! ```
//!
//! # Operations, as faults name them
//! Those of CRI under their own names; Docker's by method and path, with `{id}` and `{name}` in
//! place of what they name: `POST /containers/create`, `POST /containers/{id}/start`,
//! `GET /images/{name}/json`, `DELETE /containers/{id}`; `CNI ADD`, `CNI DEL`, `CNI VERSION`;
//! `nsenter ip addr show`; `GET manifest`, `GET layer` of the registry; those of
//! [`crate::containerd::Client`] and [`crate::oci`]. The code of a fault of Docker's is an HTTP
//! status, `ECONNREFUSED`, `Timeout` or `EOF`.

pub mod engine;

pub mod dockershim;
pub use dockershim::{Dockershim, Flavor, GLUE, NetworkPluginKind, ShimOptions};

pub mod dockerd;
pub use dockerd::{Dockerd, DockerdOptions};

mod programs;

mod views;
pub use views::Views;

use crate::cni::{CONFIG_0_4, Cni};
use crate::containerd::{Containerd, link_shim};
use engine::DockerEngine;
use node::{Node, ProcessSpec, Programs, Registry};
use programs::NodePrograms;
use sim::{Changes, Ctx, Endpoint};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Protocol, Topology};

/// A CRI call on a unix socket, one way and back.
const CRI_LATENCY: Duration = Duration::from_millis(1);

/// What the Docker stack is started with.
#[derive(Clone, Debug)]
pub struct DockerOptions {
    /// Where images come from, and which are there from the beginning.
    pub registry: Rc<Registry>,
    /// What containers do.
    pub programs: Rc<Programs>,
    /// dockershim's or cri-dockerd's own options.
    pub shim: ShimOptions,
    /// The daemon's options.
    pub dockerd: DockerdOptions,
    /// Whether somebody has put a network configuration in place.
    pub network_configured: bool,
}

impl Default for DockerOptions {
    fn default() -> Self {
        Self {
            registry: Rc::default(),
            programs: Rc::default(),
            shim: ShimOptions::default(),
            dockerd: DockerdOptions::default(),
            network_configured: true,
        }
    }
}

impl DockerOptions {
    /// cri-dockerd in dockershim's place, with a daemon that is new enough for it.
    #[must_use]
    pub fn cri_dockerd() -> Self {
        Self {
            shim: ShimOptions { flavor: Flavor::CriDockerd, ..ShimOptions::default() },
            dockerd: DockerdOptions {
                version: "25.0.3".to_owned(),
                api_version: "1.44".to_owned(),
                ..DockerdOptions::default()
            },
            ..Self::default()
        }
    }
}

/// Starts containerd, dockerd and dockershim on a node. dockershim's own start-up goes on while
/// time passes; calls that come earlier wait for its end.
#[must_use]
pub fn start(ctx: &Ctx, node: &Node, options: DockerOptions) -> Endpoint {
    let (endpoint, shim) = install(ctx, node, options);
    let detached = ctx.detached();
    ctx.spawn(async move {
        // Who cannot start says so to everybody who dials.
        let _ = shim.boot(&detached).await;
    });
    endpoint
}

/// The same, with a dockershim that waits for [`Dockershim::boot`].
#[must_use]
pub fn install(ctx: &Ctx, node: &Node, options: DockerOptions) -> (Endpoint, Rc<Dockershim>) {
    let DockerOptions { registry, programs, shim, dockerd, network_configured } = options;
    if network_configured {
        Cni::install(ctx, node, CONFIG_0_4);
    }
    let changes = Changes::default();
    let views = Views::new(changes.clone());
    let containerd = Containerd::start(ctx, node, Rc::clone(&registry));
    let daemon = Dockerd::start(
        ctx,
        &containerd,
        registry,
        programs,
        dockerd,
        views.clone(),
        changes.clone(),
    );
    let flavor = shim.flavor;
    let pid = match flavor {
        // dockershim has no process of its own; whatever the kubelet executes is systemd's
        // grandchild here.
        Flavor::Dockershim => Node::INIT,
        Flavor::CriDockerd => {
            let process = ProcessSpec::host(Node::INIT, ["/usr/bin/cri-dockerd"]);
            node.start_process(ctx, process.of(Component::CriDockerd))
        }
    };
    let engine: Rc<dyn DockerEngine> = Rc::new(daemon);
    let programs = Rc::new(NodePrograms::new(node, flavor, pid));
    let shim = Dockershim::new(ctx, node, engine, programs, shim, views, changes.clone());
    let endpoint = Endpoint {
        component: flavor.component(),
        address: flavor.socket().into(),
        service: Rc::clone(&shim) as Rc<dyn cri::Cri<Ctx>>,
        changes,
        latency: CRI_LATENCY,
    };
    (endpoint, shim)
}

/// Adds the components of the stack below the kubelet, and who talks to whom.
pub fn topology(topology: &mut Topology) {
    topology.add_inside(Component::Kubelet, Component::Dockershim);
    below(topology, Flavor::Dockershim);
}

/// The same with cri-dockerd, a process of its own.
pub fn topology_cri_dockerd(topology: &mut Topology) {
    topology.add(Component::CriDockerd);
    below(topology, Flavor::CriDockerd);
}

fn below(topology: &mut Topology, flavor: Flavor) {
    use Component::{Cni, CriClient, Dockerd, Kernel};
    let shim = flavor.component();
    let socket = flavor.socket().trim_start_matches("unix://");
    daemon(topology, Component::ContainerdShim);
    topology
        .link_at(CriClient, shim, Protocol::Cri, socket)
        .link_at(shim, Dockerd, Protocol::DockerApi, "/var/run/docker.sock")
        .link_at(shim, Cni, Protocol::Cni, dockershim::BIN_DIR)
        .link(shim, Kernel, Protocol::Exec);
}

/// The daemon and everything below it, with containerd's shims of version 1: before the CRI the
/// kubelet spoke to it itself.
pub fn topology_before_cri(topology: &mut Topology) {
    daemon(topology, Component::ContainerdShimV1);
}

fn daemon(topology: &mut Topology, shim: Component) {
    use Component::{Cni, Containerd, Dockerd, Kernel, Registry, Runc};
    topology
        .add(Dockerd)
        .add(Containerd)
        .add(shim)
        .add(Runc)
        .add(Cni)
        .add(Kernel)
        .add(Registry)
        .link_at(Dockerd, Containerd, Protocol::Grpc, "/run/containerd/containerd.sock")
        .link(Dockerd, Registry, Protocol::Https)
        .link(shim, Runc, Protocol::Exec)
        .link(Runc, Kernel, Protocol::Syscall)
        .link(Cni, Kernel, Protocol::Syscall);
    link_shim(topology, shim);
}
