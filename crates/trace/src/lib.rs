//! What a simulation leaves behind, and everything that is computed from it.
//!
//! A [`Trace`] is an ordered list of [`Event`]s: calls between components, their returns, and the
//! [`Effect`]s that they have on the node and on the kubelet's view of a pod. A [`Frame`] is the
//! state of the world at one cursor, folded from the effects; a [`Player`] keeps keyframes so that
//! any cursor is reached quickly, in either direction.
//!
//! This crate knows no simulator. Whatever a view shows, it reads from here.

mod time;
pub use time::Time;

mod component;
pub use component::{Component, ComponentKind, Layer, Protocol};

mod topology;
pub use topology::{Link, Member, Topology};

mod event;
pub use event::{
    Call, ContainerRef, Event, EventId, Level, Outcome, Payload, PodRef, Return, Subject, Text,
    What,
};

mod effect;
pub use effect::{
    ContainerState, ContainerView, Delivery, Effect, Exit, FileContent, ImageView, KubeEvent,
    KubeEventType, Mount, Namespace, NamespaceKind, Plan, PlannedKill, Process, SandboxView,
};

mod record;
pub use record::{Header, Trace};

mod frame;
pub use frame::{FileView, Frame, NamespaceView, PodView};

mod player;
pub use player::Player;

pub mod account;
pub mod causality;
pub mod export;
pub mod listing;
pub mod milestone;
pub mod pattern;
pub mod tally;
