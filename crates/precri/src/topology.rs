//! The components of the stacks before the CRI, and who talks to whom.

use trace::{Component, Protocol, Topology};

/// The kubelet with a runtime inside it.
fn kubelet(topology: &mut Topology, runtime: Component) {
    use Component::{ApiServer, Kubelet, Pleg, PodWorkers, StatusManager};
    topology.add(ApiServer).add(Kubelet).link(ApiServer, Kubelet, Protocol::Https);
    for room in [PodWorkers, runtime, Pleg, StatusManager] {
        topology.add_inside(Kubelet, room);
    }
    topology
        .link(Kubelet, PodWorkers, Protocol::Function)
        .link(Kubelet, Pleg, Protocol::Function)
        .link(PodWorkers, runtime, Protocol::Function)
        .link(Pleg, runtime, Protocol::Function)
        .link(PodWorkers, StatusManager, Protocol::Function)
        .link(StatusManager, ApiServer, Protocol::Https);
}

/// dockertools: the kubelet speaks to Docker itself.
pub fn docker(topology: &mut Topology) {
    use Component::{Cni, DockerManager, Dockerd, Kernel};
    kubelet(topology, DockerManager);
    runtimes::docker::topology_before_cri(topology);
    topology
        .link_at(DockerManager, Dockerd, Protocol::DockerApi, "/var/run/docker.sock")
        .link_at(DockerManager, Cni, Protocol::Cni, "/opt/cni/bin")
        .link(DockerManager, Kernel, Protocol::Exec)
        .link(Cni, Kernel, Protocol::Syscall);
}

/// rkt: three channels at once.
pub fn rkt(topology: &mut Topology) {
    use Component::{Cni, Kernel, Registry, Rkt, RktApi, RktRuntime, Stage1, Systemd};
    kubelet(topology, RktRuntime);
    topology
        .add(Systemd)
        .add(RktApi)
        .add(Rkt)
        .add(Stage1)
        .add(Cni)
        .add(Kernel)
        .add(Registry)
        .link(RktRuntime, Rkt, Protocol::Exec)
        .link_at(RktRuntime, Systemd, Protocol::Dbus, "/run/systemd/private")
        .link_at(RktRuntime, RktApi, Protocol::Grpc, "localhost:15441")
        .link_at(RktRuntime, Cni, Protocol::Cni, "/opt/cni/bin")
        .link(RktRuntime, Kernel, Protocol::Exec)
        .link(Systemd, Rkt, Protocol::Exec)
        .link(Rkt, Registry, Protocol::Https)
        .link(Rkt, Stage1, Protocol::Exec)
        .link(Stage1, Kernel, Protocol::Syscall)
        .link(Cni, Kernel, Protocol::Syscall);
}
