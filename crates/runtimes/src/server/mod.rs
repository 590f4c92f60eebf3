//! What the CRI servers have in common that keep sandboxes and containers themselves: containerd's
//! plugin and CRI-O.
//!
//! What they answer from memory is here, and what they read in requests; how they make and end
//! anything is theirs alone.

pub(crate) mod config;
pub(crate) mod events;
pub(crate) mod images;
pub(crate) mod list;
pub(crate) mod metrics;
pub(crate) mod store;

use cri::{Code, Status};
use sim::SimError;

/// An error from below as the status of a call.
pub(crate) fn status(error: SimError) -> Status {
    Status::new(Code::from_name(&error.code).unwrap_or(Code::Unknown), error.message)
}

/// The same with what was being done in front of it.
pub(crate) fn failed(doing: impl std::fmt::Display, error: SimError) -> Status {
    prefixed(doing, status(error))
}

/// A status with what was being done in front of its message.
pub(crate) fn prefixed(doing: impl std::fmt::Display, error: Status) -> Status {
    Status { message: format!("{doing}: {}", error.message), ..error }
}
