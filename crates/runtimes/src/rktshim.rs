//! rktshim: the place that was kept for rkt behind the CRI, and never filled.
//!
//! Models: kubernetes@v1.5.0 `pkg/kubelet/rktshim`, whose methods say `not implemented` or panic.
//!
//! # What we simplify
//! A method that panics says `not implemented` as the others do: the kubelet's process goes on.

use async_trait::async_trait;
use cri::*;
use node::Node;
use sim::{Changes, Ctx, Endpoint};
use std::rc::Rc;
use std::time::Duration;
use trace::{Component, Protocol, Topology};

/// The package inside the kubelet.
struct Rktshim;

/// Starts it, which changes nothing on the node.
#[must_use]
pub fn start(_: &Ctx, _: &Node) -> Endpoint {
    Endpoint {
        component: Component::Rktshim,
        address: "unix:///var/run/rktshim.sock".into(),
        service: Rc::new(Rktshim),
        changes: Changes::default(),
        latency: Duration::ZERO,
    }
}

/// Adds it: below it there is nothing.
pub fn topology(topology: &mut Topology) {
    topology.add_inside(Component::Kubelet, Component::Rktshim).link(
        Component::CriClient,
        Component::Rktshim,
        Protocol::Cri,
    );
}

fn not_implemented<T>() -> Result<T, Status> {
    Err(Status::unknown("not implemented"))
}

#[async_trait(?Send)]
impl RuntimeService<Ctx> for Rktshim {
    async fn version(&self, _: &Ctx, _: VersionRequest) -> Result<VersionResponse, Status> {
        not_implemented()
    }

    async fn status(&self, _: &Ctx, _: StatusRequest) -> Result<StatusResponse, Status> {
        not_implemented()
    }

    async fn run_pod_sandbox(
        &self,
        _: &Ctx,
        _: RunPodSandboxRequest,
    ) -> Result<RunPodSandboxResponse, Status> {
        not_implemented()
    }

    async fn list_pod_sandbox(
        &self,
        _: &Ctx,
        _: ListPodSandboxRequest,
    ) -> Result<ListPodSandboxResponse, Status> {
        not_implemented()
    }

    async fn list_containers(
        &self,
        _: &Ctx,
        _: ListContainersRequest,
    ) -> Result<ListContainersResponse, Status> {
        not_implemented()
    }
}

#[async_trait(?Send)]
impl ImageService<Ctx> for Rktshim {
    async fn list_images(
        &self,
        _: &Ctx,
        _: ListImagesRequest,
    ) -> Result<ListImagesResponse, Status> {
        not_implemented()
    }

    async fn pull_image(&self, _: &Ctx, _: PullImageRequest) -> Result<PullImageResponse, Status> {
        not_implemented()
    }
}
