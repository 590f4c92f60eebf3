//! The kubelet before the CRI, as it was in 1.4: each runtime is a Go package inside it, with a
//! SyncPod of its own.
//!
//! ```text
//! kubelet { pod workers ──function call──► DockerManager.SyncPod } ──Docker API──► dockerd ──► …
//! kubelet { pod workers ──function call──► rkt.SyncPod } ──exec──► rkt, ──D-Bus──► systemd,
//!                                                          ──gRPC──► rkt api-service
//! ```
//!
//! There is no line between the kubelet and a runtime at which one could listen in: what a
//! container's restart means, when to back off, in which order to start, is written once for each
//! runtime.
//!
//! Models: kubernetes@v1.4.0 `pkg/kubelet/dockertools`, `pkg/kubelet/rkt`,
//! `pkg/kubelet/container/runtime.go`.
//!
//! # What we simplify
//! Probes, hooks, volumes and container garbage collection while a pod lives are left out. The
//! Docker of the time is modelled by its successor's daemon, with containerd's shim of version 1.

mod docker_manager;
pub use docker_manager::{DockerManager, start_docker};

mod kubelet;
pub use kubelet::Kubelet;

mod rkt;
pub use rkt::{RktRuntime, start_rkt};

mod runtime;
pub use runtime::{Found, FoundState, PodStatus, Runtime, Work};

pub mod topology;
