//! The clockwork: virtual time, a deterministic single-thread executor, seeded randomness,
//! faults, and the recorder that writes the trace.
//!
//! Components are async functions. They get a [`Ctx`], which knows what they are working on, and
//! ask each other through [`Ctx::call`]: it records the call, applies an injected fault, spends
//! the modelled latency, runs the callee, and records the return.
//!
//! ```
//! use sim::{Hop, Sim, SimError};
//! use std::time::Duration;
//! use trace::{Component, Protocol};
//!
//! let sim = Sim::new(7);
//! let ctx = sim.ctx();
//! sim.spawn(async move {
//!     let hop = Hop::new(Component::Kubelet, Component::Runc, Protocol::Exec, "runc start")
//!         .takes(Duration::from_millis(12));
//!     let answer: Result<(), SimError> = ctx.call(hop, async |_ctx| Ok(())).await;
//!     assert!(answer.is_ok());
//! });
//! sim.run_until(trace::Time::from_millis(1000));
//! assert_eq!(sim.take_events().len(), 2);
//! ```

mod executor;
pub use executor::{Sleep, TaskHandle};

mod rng;

mod fault;
pub use fault::{Fault, Injected};

mod context;
pub use context::{Answer, Ctx, Failure, Hop, SimError};

mod client;
pub use client::{CriClient, Endpoint};

mod sync;
pub use sync::{Changes, Guard, Lock, Signal};

use executor::Executor;
use rng::Streams;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;
use trace::{ContainerRef, Effect, Event, EventId, PodRef, Subject, Time};

/// One simulation. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Sim(Rc<Inner>);

struct Inner {
    executor: Executor,
    streams: RefCell<Streams>,
    faults: RefCell<Vec<fault::Armed>>,
    events: RefCell<Vec<Event>>,
    recording: Cell<bool>,
    recorded: Cell<u32>,
    pods: RefCell<Vec<PodNames>>,
}

/// What a pod and its containers are called, for faults that name them.
struct PodNames {
    name: Rc<str>,
    containers: Vec<Rc<str>>,
}

impl Sim {
    /// A simulation at its beginning. Equal seeds and equal work give equal traces.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Inner {
            executor: Executor::default(),
            streams: RefCell::new(Streams::new(seed)),
            faults: RefCell::default(),
            events: RefCell::default(),
            recording: Cell::new(true),
            recorded: Cell::new(0),
            pods: RefCell::default(),
        }))
    }

    /// Turns the recorder on or off. Off, events are still numbered but not kept.
    pub fn set_recording(&self, on: bool) {
        self.0.recording.set(on);
    }

    /// Whether events are kept.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.0.recording.get()
    }

    /// Arms a fault. Where several match a call, the one armed first decides.
    pub fn arm(&self, fault: Fault) {
        self.0.faults.borrow_mut().push(fault.arm());
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.executor.now()
    }

    /// Waits.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits for a moment; one in the past is over at once.
    pub fn sleep_until(&self, deadline: Time) -> Sleep {
        self.0.executor.sleep_until(deadline)
    }

    /// Starts a task. It runs when the current one waits, in the order of starting.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> TaskHandle<T> {
        self.0.executor.spawn(future)
    }

    /// Runs tasks and moves time up to and including `end`. Time stands at `end` afterwards.
    pub fn run_until(&self, end: Time) {
        self.0.executor.run_until(end);
    }

    /// Runs whatever can run without moving time.
    pub fn run_ready(&self) {
        self.0.executor.run_ready();
    }

    /// When the next timer is due.
    #[must_use]
    pub fn next_timer(&self) -> Option<Time> {
        self.0.executor.next_timer()
    }

    /// A context for work that nobody asked for: a component's own loop.
    #[must_use]
    pub fn ctx(&self) -> Ctx {
        Ctx::root(self.clone())
    }

    /// Takes the recorded events, leaving none.
    #[must_use]
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.events.borrow_mut())
    }

    /// How many events happened, kept or not.
    #[must_use]
    pub fn event_count(&self) -> u32 {
        self.0.recorded.get()
    }

    fn record(&self, parent: Option<EventId>, subject: Subject, what: trace::What) -> EventId {
        let id = EventId(self.0.recorded.get());
        self.0.recorded.set(id.0 + 1);
        if self.is_recording() {
            let at = self.now();
            self.0.events.borrow_mut().push(Event { at, parent, subject, what });
        }
        id
    }

    /// Introduces a pod: records [`Effect::PodAdded`] and gives its reference.
    fn add_pod(&self, parent: Option<EventId>, pod: &Rc<api::Pod>) -> PodRef {
        let spec = &pod.spec;
        let containers = spec.init_containers.iter().chain(&spec.containers);
        let names = PodNames {
            name: pod.metadata.name.as_str().into(),
            containers: containers.map(|container| container.name.as_str().into()).collect(),
        };
        let mut pods = self.0.pods.borrow_mut();
        let reference = PodRef(pods.len() as u32);
        pods.push(names);
        let subject = Subject { pod: Some(reference), container: None };
        self.record(parent, subject, trace::What::Effect(Box::new(Effect::PodAdded(pod.clone()))));
        reference
    }

    fn container_ref(&self, pod: PodRef, name: &str) -> Option<ContainerRef> {
        let pods = self.0.pods.borrow();
        let index = pods.get(pod.0 as usize)?.containers.iter().position(|other| **other == *name);
        index.map(|index| ContainerRef(index as u16))
    }

    /// `range` values drawn uniformly from the stream of this name: a number below `bound`.
    #[must_use]
    pub fn random_below(&self, stream: &'static str, bound: u64) -> u64 {
        self.0.streams.borrow_mut().below(stream, bound)
    }

    /// A duration times a random factor from 1 to `1 + max_factor`, as `wait.Jitter` of
    /// `k8s.io/apimachinery` gives it.
    #[must_use]
    pub fn jitter(&self, stream: &'static str, duration: Duration, max_factor: f64) -> Duration {
        let fraction = self.random_below(stream, 1 << 20) as f64 / f64::from(1 << 20);
        duration.mul_f64(1.0 + fraction * max_factor)
    }

    /// As many random hexadecimal digits as asked for.
    #[must_use]
    pub fn random_hex(&self, stream: &'static str, digits: usize) -> String {
        self.0.streams.borrow_mut().hex(stream, digits)
    }

    /// A random UUID (version 4).
    #[must_use]
    pub fn random_uuid(&self, stream: &'static str) -> String {
        let hex = self.random_hex(stream, 32);
        let variant = ["8", "9", "a", "b"][usize::from(hex.as_bytes()[16] % 4)];
        format!(
            "{}-{}-4{}-{variant}{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..]
        )
    }
}
