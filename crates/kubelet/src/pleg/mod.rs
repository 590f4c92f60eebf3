//! The pod lifecycle event generator.

mod generic;
pub(crate) use generic::{Pleg, ips_of};
