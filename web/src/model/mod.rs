//! What the views show, computed from a trace, as plain data without a trace of Yew.

pub mod layout;
pub mod point;
pub mod run;
pub mod study;
pub mod syncpod;
pub mod timeline;
pub mod tree;
