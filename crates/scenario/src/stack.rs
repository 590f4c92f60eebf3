//! The stacks that a scenario can run on.

use runtimes::{containerd, crio, docker, rktshim};
use serde::Deserialize;
use sim::{Ctx, Endpoint};
use std::rc::Rc;
use trace::Topology;

/// A runtime stack, from the kubelet down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stack {
    /// The kubelet's built-in CRI server for Docker, until 1.23.
    Dockershim,
    /// containerd with its CRI plugin.
    Containerd,
    /// cri-containerd, a daemon beside containerd, in the days of 1.8.
    CriContainerd,
    /// CRI-O.
    Crio,
    /// dockershim's successor, a process of its own.
    CriDockerd,
    /// Docker, driven by the kubelet itself, before the CRI.
    Dockertools,
    /// rkt, driven by the kubelet itself, before the CRI.
    Rkt,
    /// The place for rkt behind the CRI.
    Rktshim,
}

impl Stack {
    /// Every stack.
    pub const ALL: [Self; 8] = [
        Self::Dockershim,
        Self::Containerd,
        Self::CriContainerd,
        Self::Crio,
        Self::CriDockerd,
        Self::Dockertools,
        Self::Rkt,
        Self::Rktshim,
    ];

    /// Whether the kubelet speaks the CRI.
    #[must_use]
    pub const fn has_cri(self) -> bool {
        !matches!(self, Self::Dockertools | Self::Rkt)
    }

    /// The key in scenarios, links and commands.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Dockershim => "dockershim",
            Self::Containerd => "containerd",
            Self::CriContainerd => "cri-containerd",
            Self::Crio => "crio",
            Self::CriDockerd => "cri-dockerd",
            Self::Dockertools => "dockertools",
            Self::Rkt => "rkt",
            Self::Rktshim => "rktshim",
        }
    }

    /// The stack of a key.
    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stack| stack.key() == key)
    }

    /// The name that people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crio => "CRI-O",
            _ => self.key(),
        }
    }

    /// The Kubernetes version that it runs under unless a scenario says otherwise.
    #[must_use]
    pub const fn kubernetes(self) -> kubelet::Version {
        match self {
            Self::Dockershim => kubelet::Version::V1_22,
            Self::CriContainerd => kubelet::Version::minor(8),
            Self::Dockertools | Self::Rkt => kubelet::Version::minor(4),
            Self::Rktshim => kubelet::Version::minor(5),
            Self::Containerd | Self::Crio | Self::CriDockerd => kubelet::Version::V1_36,
        }
    }

    const fn containerd_flavor(self) -> containerd::Flavor {
        match self {
            Self::CriContainerd => containerd::Flavor::Daemon,
            _ => containerd::Flavor::Plugin,
        }
    }

    /// Starts the runtime that is a part of the kubelet, if the stack has one.
    pub(crate) fn start_before_cri(
        self,
        ctx: &Ctx,
        node: &node::Node,
        registry: Rc<node::Registry>,
        programs: Rc<node::Programs>,
    ) -> Option<Rc<dyn precri::Runtime>> {
        match self {
            Self::Dockertools => Some(precri::start_docker(ctx, node, registry, programs)),
            Self::Rkt => Some(precri::start_rkt(ctx, node, registry, programs)),
            _ => None,
        }
    }

    /// Starts the stack's daemons on a node, as they were in the days of a Kubernetes version.
    pub(crate) fn start(
        self,
        version: kubelet::Version,
        ctx: &Ctx,
        node: &node::Node,
        registry: Rc<node::Registry>,
        programs: Rc<node::Programs>,
    ) -> Endpoint {
        match self {
            Self::Dockershim => docker::start(
                ctx,
                node,
                docker::DockerOptions { registry, programs, ..docker::DockerOptions::default() },
            ),
            Self::CriDockerd => docker::start(
                ctx,
                node,
                docker::DockerOptions {
                    registry,
                    programs,
                    ..docker::DockerOptions::cri_dockerd()
                },
            ),
            // Without the CRI, whoever dials finds nothing that answers.
            Self::Rktshim | Self::Dockertools | Self::Rkt => rktshim::start(ctx, node),
            Self::Crio => crio::start(
                ctx,
                node,
                crio::CrioOptions {
                    registry,
                    programs,
                    ..crio::CrioOptions::for_kubernetes(version.minor)
                },
            ),
            Self::Containerd | Self::CriContainerd => containerd::start(
                ctx,
                node,
                containerd::ContainerdOptions {
                    registry,
                    programs,
                    flavor: self.containerd_flavor(),
                    ..containerd::ContainerdOptions::default()
                },
            ),
        }
    }

    /// The same, but a CRI server inside the kubelet's process waits for [`docker::Dockershim::boot`].
    pub(crate) fn install(
        self,
        version: kubelet::Version,
        ctx: &Ctx,
        node: &node::Node,
        registry: Rc<node::Registry>,
        programs: Rc<node::Programs>,
    ) -> (Endpoint, Option<Rc<docker::Dockershim>>) {
        match self {
            Self::Dockershim => {
                let options = docker::DockerOptions {
                    registry,
                    programs,
                    ..docker::DockerOptions::default()
                };
                let (endpoint, shim) = docker::install(ctx, node, options);
                (endpoint, Some(shim))
            }
            _ => (self.start(version, ctx, node, registry, programs), None),
        }
    }

    /// The components of the stack and who talks to whom, as they were in the days of a Kubernetes
    /// version.
    #[must_use]
    pub fn topology(self, version: kubelet::Version) -> Topology {
        let mut topology = Topology::default();
        if self.has_cri() {
            kubelet::topology::add(&mut topology);
        }
        match self {
            Self::Dockertools => precri::topology::docker(&mut topology),
            Self::Rkt => precri::topology::rkt(&mut topology),
            Self::Rktshim => rktshim::topology(&mut topology),
            Self::Dockershim => docker::topology(&mut topology),
            Self::Containerd | Self::CriContainerd => {
                containerd::topology(&mut topology, self.containerd_flavor());
            }
            Self::Crio => {
                crio::topology(&mut topology, crio::default_runtime(version.minor));
            }
            Self::CriDockerd => docker::topology_cri_dockerd(&mut topology),
        }
        topology
    }
}
