//! What stays with a container and what starts it: `containerd-shim-runc-v2` and `runc`.
//!
//! ```text
//! containerd ──exec──► containerd-shim-runc-v2 … start     prints an address and exits
//!                        └─► containerd-shim-runc-v2       stays; child of PID 1 from then on
//! containerd ──ttrpc──► shim ──exec──► runc create | start | kill | delete | exec
//!                        └─► the container's processes, adopted when runc has exited
//! ```
//!
//! The shim knows nothing of pods: containers whose specification names the same sandbox share
//! one, others have one each. It holds what outlives containerd: the exit status, and the parent
//! that the kernel reports it to.
//!
//! # Operations, as faults name them
//! Containerd to shim: `containerd-shim-runc-v2 start`, `Task.Create`, `Task.Connect`,
//! `Task.Start`, `Task.State`, `Task.Kill`, `Task.Exec`, `Task.Delete`, `Task.Shutdown`,
//! `Task.Update`. Shim to containerd: `Forward /tasks/create`, `…/start`, `…/oom`, `…/exit`,
//! `…/delete`, `…/exec-added`, `…/exec-started`. Shim to runc: `runc create`, `runc start`,
//! `runc kill`, `runc exec`, `runc delete`, `runc update`.
//!
//! # What we simplify
//! containerd's pending `Task.Wait` is not listed: it would be open as long as the container
//! runs, and its answer comes together with the `/tasks/exit` event, which is listed. Where the
//! real shim copies from FIFOs to a file or a client, a program writes to that directly.

pub(crate) mod seccomp;

mod spec;
pub use spec::{NamespaceRequest, Spec, capabilities, cgroup_directory};

mod runc;
pub(crate) use runc::{Created, Runc, Step, Steps};

mod shim;
pub use shim::{
    ExecProcess, NewTask, Shim, ShimVersion, ShimWords, TaskEvent, TaskEventKind, TaskEvents,
};
