//! The kubelet's rooms, for the stage.

use trace::{Component, Protocol, Topology};

/// Adds the API server, the kubelet and what is inside it.
pub fn add(topology: &mut Topology) {
    topology.add(Component::ApiServer).add(Component::Kubelet).link(
        Component::ApiServer,
        Component::Kubelet,
        Protocol::Https,
    );
    let rooms = [
        Component::PodWorkers,
        Component::RuntimeManager,
        Component::ImageManager,
        Component::Pleg,
        Component::Prober,
        Component::StatusManager,
        Component::GarbageCollector,
        Component::CriClient,
    ];
    for room in rooms {
        topology.add_inside(Component::Kubelet, room);
    }
    let links = [
        (Component::Kubelet, Component::PodWorkers),
        (Component::Kubelet, Component::Pleg),
        (Component::Kubelet, Component::GarbageCollector),
        (Component::PodWorkers, Component::RuntimeManager),
        (Component::PodWorkers, Component::StatusManager),
        (Component::RuntimeManager, Component::ImageManager),
        (Component::RuntimeManager, Component::CriClient),
        (Component::ImageManager, Component::CriClient),
        (Component::Pleg, Component::CriClient),
        (Component::Prober, Component::CriClient),
        (Component::GarbageCollector, Component::CriClient),
    ];
    for (from, to) in links {
        topology.link(from, to, Protocol::Function);
    }
    topology.link(Component::Kubelet, Component::ApiServer, Protocol::Https).link(
        Component::StatusManager,
        Component::ApiServer,
        Protocol::Https,
    );
}
