//! The Container Runtime Interface, version 1: what a kubelet asks of a container runtime.
//!
//! Messages and services are compiled from `proto/runtime/v1/api.proto`. A runtime implements
//! [`RuntimeService`] and [`ImageService`]; a client hands a request message to [`Rpc::dispatch`]
//! and gets the response of the right type, or a [`Status`].
//!
//! The crate does no I/O and knows no transport. The `C` that runs through it is the context of a
//! call, which a higher crate defines.

// The messages, enums and service traits of the package `runtime.v1`.
pub mod v1;
pub use prost::Message;
pub use v1::*;

// How a call ends when it does not succeed.
mod status;
pub use status::{Code, Status};

// What ties a request message to its method, and both services to one object.
mod service;
pub use service::{Cri, EventStream, Named, Reply, Request, Rpc, StreamRpc};

// Calls by path and bytes, as they come from a socket.
mod bytes;
pub use bytes::{Answer, dispatch_bytes};

// CRI's messages by name: JSON and explanations of bytes whose type is known only at run time.
pub mod descriptor;
