//! A pod's status: what the API shows of what the runtime reports.

mod containers;
pub use containers::{Converting, container_statuses};
mod generate;
pub use generate::{conditions, phase};
mod status_manager;
pub(crate) use status_manager::StatusManager;
