//! YAML and JSON text, read into a tree in which every value knows its place.

mod node;

pub use node::{Entry, Kind, Node, Position, Span};
