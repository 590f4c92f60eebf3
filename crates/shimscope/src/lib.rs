//! The library behind the native program.

pub mod compare;
pub mod examples;
pub mod golden;
pub mod golden_docker;
