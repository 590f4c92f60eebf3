//! YAML and JSON text, read into a tree in which every value knows its place.
//!
//! [`parse`] and [`parse_all`] turn text into [`Node`]s and refuse what is too large, too deep or too clever;
//! [`from_node`] turns a node into any serde type and says where it does not fit.
//!
//! The events come from `saphyr-parser`, which passes the YAML test suite, is looked after, stands on two
//! small crates and is the smallest parser with positions that we found: it adds 21 KB (brotli)
//! to a wasm module that is built for size. `serde-saphyr` brings positions and budgets of its own and adds
//! 147 KB. Everything above events (scalars by Kubernetes' rules, aliases and merges within a budget,
//! duplicate keys, serde) is here.

mod de;
mod node;
mod parse;
mod resolve;

pub use de::from_node;
pub use node::{Entry, Kind, Node, Position, Span};
pub use parse::{Documents, Limits, parse, parse_all};

#[cfg(test)]
mod tests;
