//! The messages, enums and service traits of the package `runtime.v1`.
//!
//! prost's conventions hold: a message field is an `Option`, an enum field is an `i32` beside
//! which stand an accessor and a setter of the enum's type, names are in Rust's spelling
//! (`DNSConfig` is [`DnsConfig`]). Maps are `BTreeMap`s, so that they iterate in one order.

#![allow(missing_docs, clippy::all, unreachable_pub)]

include!(concat!(env!("OUT_DIR"), "/runtime.v1.rs"));
