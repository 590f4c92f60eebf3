//! Which components a stack consists of, what they are part of, and who talks to whom.

use crate::{Component, Protocol};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

/// One component's place in a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which component.
    pub component: Component,
    /// The process that it is a library of, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Component>,
}

/// One line of communication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// How the two talk.
    pub protocol: Protocol,
    /// The socket or directory that they meet at, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A stack's components and lines of communication, from caller to callee.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Topology {
    graph: DiGraph<Member, Link>,
}

impl Topology {
    /// Adds a process, the kernel, or something remote; adding it again changes nothing.
    pub fn add(&mut self, component: Component) -> &mut Self {
        self.insert(Member { component, inside: None });
        self
    }

    /// Adds a library inside a process.
    pub fn add_inside(&mut self, process: Component, component: Component) -> &mut Self {
        self.add(process);
        self.insert(Member { component, inside: Some(process) });
        self
    }

    /// Says that `from` calls `to`; components not added yet are.
    pub fn link(&mut self, from: Component, to: Component, protocol: Protocol) -> &mut Self {
        self.connect(from, to, Link { protocol, address: None })
    }

    /// Says that `from` calls `to` at a socket or in a directory.
    pub fn link_at(
        &mut self,
        from: Component,
        to: Component,
        protocol: Protocol,
        address: &str,
    ) -> &mut Self {
        self.connect(from, to, Link { protocol, address: Some(address.to_owned()) })
    }

    fn connect(&mut self, from: Component, to: Component, link: Link) -> &mut Self {
        let from = self.insert(Member { component: from, inside: None });
        let to = self.insert(Member { component: to, inside: None });
        self.graph.add_edge(from, to, link);
        self
    }

    fn insert(&mut self, member: Member) -> NodeIndex {
        match self.index(member.component) {
            Some(index) => index,
            None => self.graph.add_node(member),
        }
    }

    fn index(&self, component: Component) -> Option<NodeIndex> {
        self.graph.node_indices().find(|&index| self.graph[index].component == component)
    }

    /// The members, in the order in which they were added.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.graph.node_weights()
    }

    /// One component's place, if the stack has it.
    #[must_use]
    pub fn member(&self, component: Component) -> Option<&Member> {
        self.index(component).map(|index| &self.graph[index])
    }

    /// The lines of communication: caller, callee, how.
    pub fn links(&self) -> impl Iterator<Item = (Component, Component, &Link)> {
        self.graph.edge_references().map(|edge| {
            (
                self.graph[edge.source()].component,
                self.graph[edge.target()].component,
                edge.weight(),
            )
        })
    }

    /// The operating-system process that a component's code runs in: itself, unless it is a
    /// library.
    #[must_use]
    pub fn process_of(&self, component: Component) -> Component {
        self.member(component).and_then(|member| member.inside).unwrap_or(component)
    }

    /// The graph itself.
    #[must_use]
    pub fn graph(&self) -> &DiGraph<Member, Link> {
        &self.graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_belongs_to_its_process() {
        let mut topology = Topology::default();
        topology.add_inside(Component::Kubelet, Component::Dockershim).link(
            Component::Dockershim,
            Component::Dockerd,
            Protocol::DockerApi,
        );
        assert_eq!(topology.process_of(Component::Dockershim), Component::Kubelet);
        assert_eq!(topology.process_of(Component::Dockerd), Component::Dockerd);
        assert_eq!(topology.members().count(), 3);
        assert_eq!(topology.links().count(), 1);
    }
}
