//! The pod lifecycle event generator.

mod evented;
mod generic;
pub(crate) use generic::{Pleg, ips_of};
