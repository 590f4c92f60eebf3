//! The kubelet's runtime manager: SyncPod and what it is made of.
//!
//! Upstream: `pkg/kubelet/kuberuntime`.

pub mod compute_pod_actions;
mod container_config;
mod kuberuntime_container;
mod kuberuntime_gc;
mod kuberuntime_manager;
mod kuberuntime_sandbox;
pub mod labels;
pub mod resources;

pub use compute_pod_actions::{Facts, KillReason, PodActions, compute_pod_actions};
pub(crate) use container_config::hosts_file;
pub(crate) use kuberuntime_container::StartError;
pub use kuberuntime_container::termination_grace_period;
pub(crate) use kuberuntime_manager::{Failure, SyncResult};
