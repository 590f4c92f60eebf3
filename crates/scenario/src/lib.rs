//! Scenarios: the only input of a simulation, and [`simulate`], which turns one into a trace.

mod format;
pub use format::{
    Action, ContainerSpec, Edit, ImageDeclaration, KubeletSpec, RunSpec, Scenario, StartUpSpec,
    Step, TermSpec, Text,
};

/// A rule that makes a call slow or makes it fail.
pub use sim::Fault;

mod duration;
pub use duration::ScenarioDuration;

pub mod lesson;

mod library;
pub use library::{Builtin, builtin, find};

mod stack;
pub use stack::Stack;

mod host;

mod simulate;
pub use simulate::{Machine, Simulation, simulate, start_many_pods};
