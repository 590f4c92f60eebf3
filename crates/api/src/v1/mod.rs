//! The types of Kubernetes' core/v1 API that a kubelet needs, as of Kubernetes 1.36.
//!
//! Struct and field names follow upstream, in Rust's spelling; the JSON names beside them are upstream's.
//! As in Go, an empty string, a zero or an empty list stands for a field that was not given where that makes
//! no difference, and `Option` is used where it does.

mod container;
mod event;
mod meta;
mod pod;
mod probe;
mod security;
mod status;
mod volume;

pub use container::*;
pub use event::*;
pub use meta::*;
pub use pod::*;
pub use probe::*;
pub use security::*;
pub use status::*;
pub use volume::*;
