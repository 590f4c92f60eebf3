//! The library behind the native program.

pub mod golden;
