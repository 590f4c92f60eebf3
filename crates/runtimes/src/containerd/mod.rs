//! containerd 2.x: its core services and the CRI plugin inside it.

mod core;
pub use self::core::{Client, ContainerSpec, Containerd, Rootfs};

mod images;
