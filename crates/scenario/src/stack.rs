//! The stacks that a scenario can run on.

use runtimes::{containerd, docker};
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
}

impl Stack {
    /// Every stack.
    pub const ALL: [Self; 2] = [Self::Dockershim, Self::Containerd];

    /// The key in scenarios, links and commands.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Dockershim => "dockershim",
            Self::Containerd => "containerd",
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
        self.key()
    }

    /// The Kubernetes version that it runs under unless a scenario says otherwise.
    #[must_use]
    pub const fn kubernetes(self) -> kubelet::Version {
        match self {
            Self::Dockershim => kubelet::Version::V1_22,
            Self::Containerd => kubelet::Version::V1_36,
        }
    }

    /// Starts the stack's daemons on a node.
    pub(crate) fn start(
        self,
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
            Self::Containerd => containerd::start(
                ctx,
                node,
                containerd::ContainerdOptions {
                    registry,
                    programs,
                    ..containerd::ContainerdOptions::default()
                },
            ),
        }
    }

    /// The same, but a CRI server inside the kubelet's process waits for [`docker::Dockershim::boot`].
    pub(crate) fn install(
        self,
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
            _ => (self.start(ctx, node, registry, programs), None),
        }
    }

    /// The components of the stack and who talks to whom.
    #[must_use]
    pub fn topology(self) -> Topology {
        let mut topology = Topology::default();
        kubelet::topology::add(&mut topology);
        match self {
            Self::Dockershim => docker::topology(&mut topology),
            Self::Containerd => containerd::topology(&mut topology),
        }
        topology
    }
}
