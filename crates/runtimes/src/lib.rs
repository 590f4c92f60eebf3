//! The container runtimes: one module for each real component, on a modelled node.
//!
//! ```text
//! CONTAINER STATES (as the CRI sees them)
//!
//!           CreateContainer        StartContainer        exit, StopContainer
//!   (none) ────────────────► CREATED ─────────────► RUNNING ──────────────► EXITED
//!                               └── start fails (containerd: exit code 128) ───▲
//!   any state ── RemoveContainer ──► (none)
//!
//! SANDBOX STATES
//!
//!           RunPodSandbox           exit, StopPodSandbox
//!   (none) ──────────────► READY ───────────────────────► NOTREADY ── RemovePodSandbox ──► (none)
//! ```

mod json;

pub mod io;

pub mod cni;
pub mod containerd;
pub mod crio;
pub mod docker;
pub mod fake;
pub mod oci;
pub mod rktshim;

mod server;
