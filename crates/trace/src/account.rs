//! What a stack needs to bring pods up, and who of it is responsible for what: computed from a
//! trace, so that stacks can be laid side by side.

use crate::tally::Tally;
use crate::{Call, Component, ContainerState, Effect, Event, EventId, Frame, Layer, Trace, What};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What it took from the first pod's arrival until the SyncPod had returned that started the last
/// container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The counts of what was done for the pods.
    pub tally: Tally,
    /// How many hops lie one behind the other between the kubelet and a container's program.
    pub depth: usize,
    /// The processes that stay with the pods besides their containers, by name.
    pub staying: BTreeMap<Rc<str>, usize>,
    /// Whether they all got so far within the trace.
    pub complete: bool,
}

impl Account {
    /// Reads a trace.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let Some(from) = first_pod(trace) else { return Self::default() };
        let settled = settled(trace);
        let to = EventId(settled.map_or(trace.len() as u32, |id| id.0 + 1));
        let within = trace.iter().take(to.index()).skip(from.index());
        let depth = within.filter_map(|(id, event)| depth(trace, id, event)).max();
        Self {
            tally: Tally::of_pods(trace, from, to),
            depth: depth.unwrap_or_default(),
            staying: staying(trace, from, to),
            complete: settled.is_some(),
        }
    }
}

fn first_pod(trace: &Trace) -> Option<EventId> {
    let added = |event: &Event| matches!(event.as_effect(), Some(Effect::PodAdded(_)));
    trace.iter().find(|(_, event)| added(event)).map(|(id, _)| id)
}

/// The event with which the SyncPod is over during which the last container began to run.
fn settled(trace: &Trace) -> Option<EventId> {
    let mut missing: BTreeSet<(Rc<str>, Rc<str>)> = BTreeSet::new();
    for (_, pod) in trace.pods() {
        let uid: Rc<str> = pod.metadata.uid.as_str().into();
        let names = pod.spec.containers.iter().map(|container| container.name.as_str());
        missing.extend(names.map(|name| (uid.clone(), name.into())));
    }
    let running = trace.iter().find_map(|(id, event)| {
        let Some(Effect::Container(container)) = event.as_effect() else { return None };
        let begun = matches!(container.state, ContainerState::Running | ContainerState::Exited);
        let last = begun
            && missing.remove(&(container.pod_uid.clone(), container.name.clone()))
            && missing.is_empty();
        last.then_some(id)
    })?;
    let outermost = trace.stack_of(running).last().map_or(running, |(id, _)| id);
    Some(trace.return_of(outermost).map_or(running, |(id, ..)| id))
}

/// If a container's process begins here: how many hops there are from the kubelet to it.
fn depth(trace: &Trace, id: EventId, event: &Event) -> Option<usize> {
    let Some(Effect::Process(process)) = event.as_effect() else { return None };
    let inside = !process.container_id.is_empty();
    inside.then(|| trace.stack_of(id).filter(|(_, call)| call.protocol.is_hop()).count())
}

fn staying(trace: &Trace, from: EventId, to: EventId) -> BTreeMap<Rc<str>, usize> {
    let mut frame = Frame::default();
    while frame.cursor < from.index() && frame.step(trace) {}
    let before: BTreeSet<u32> = frame.processes.keys().copied().collect();
    while frame.cursor < to.index() && frame.step(trace) {}
    let mut staying: BTreeMap<Rc<str>, usize> = BTreeMap::new();
    for process in frame.processes.values().filter(|process| !before.contains(&process.pid)) {
        let name: Rc<str> = match process.component {
            Some(component) => component.name().into(),
            None if frame.containers.contains_key(&process.container_id) => continue,
            None => "pause".into(),
        };
        *staying.entry(name).or_default() += 1;
    }
    staying
}

/// Something that somebody has to see to for every pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// That the image of the sandbox's container is there.
    PauseImage,
    /// The `resolv.conf` of the pod.
    Dns,
    /// Running the network plugins.
    Network,
    /// Writing down what containers print.
    Logs,
    /// Running one more program in a container.
    Exec,
}

impl Matter {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::PauseImage, Self::Dns, Self::Network, Self::Logs, Self::Exec];

    /// The name that people use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PauseImage => "pause image",
            Self::Dns => "resolv.conf",
            Self::Network => "CNI",
            Self::Logs => "logs",
            Self::Exec => "exec",
        }
    }
}

/// Who sees to a matter in a trace: one after the other, each passing it on to the next or coming
/// after it. Empty where it does not come up.
#[must_use]
pub fn responsible(trace: &Trace, matter: Matter) -> Vec<Component> {
    let about_pods = || trace.iter().filter(|(_, event)| event.subject.pod.is_some());
    let call_of = |event: &Event, fits: fn(&Call) -> bool| event.as_call().is_some_and(fits);
    match matter {
        Matter::PauseImage => {
            // What is pulled for a container is about that container.
            let found = about_pods().find(|(_, event)| {
                event.subject.container.is_none()
                    && call_of(event, |call| call.to == Component::Registry)
            });
            let Some((id, event)) = found else { return Vec::new() };
            let mut chain = chain(trace, id);
            chain.extend(event.as_call().map(|call| call.from));
            chain.dedup();
            chain
        }
        Matter::Network => {
            let found = about_pods().find(|(_, event)| call_of(event, |call| call.op == "CNI ADD"));
            let caller = found.and_then(|(_, event)| event.as_call()).map(|call| call.from);
            caller.into_iter().collect()
        }
        Matter::Exec => {
            let found = about_pods().find(|&(id, event)| {
                matches!(event.as_effect(), Some(Effect::Process(process))
                    if !process.container_id.is_empty())
                    && trace.stack_of(id).any(|(_, call)| is_exec(call))
            });
            found.map_or_else(Vec::new, |(id, _)| chain(trace, id))
        }
        Matter::Dns => writers(trace, |path| path.ends_with("/resolv.conf")),
        Matter::Logs => {
            writers(trace, |path| path.ends_with(".log") && !path.contains("/containerd/"))
        }
    }
}

fn is_exec(call: &Call) -> bool {
    matches!(&*call.op, "ExecSync" | "ExecInContainer")
}

/// The components below the kubelet that a request goes through until it comes to an event.
fn chain(trace: &Trace, id: EventId) -> Vec<Component> {
    let mut chain: Vec<_> = trace.stack_of(id).map(|(_, call)| call.to).collect();
    chain.reverse();
    chain.retain(|component| component.layer() > Layer::Kubelet);
    chain.dedup();
    chain
}

/// Who writes or links files for pods, in the order in which each first does.
fn writers(trace: &Trace, fits: fn(&str) -> bool) -> Vec<Component> {
    let mut writers = Vec::new();
    for (id, event) in trace.iter().filter(|(_, event)| event.subject.pod.is_some()) {
        let What::Effect(effect) = &event.what else { continue };
        if let Effect::FileWritten { path, .. } = &**effect
            && fits(path)
            && let Some((_, call)) = trace.stack_of(id).next()
            && !writers.contains(&call.to)
        {
            writers.push(call.to);
        }
    }
    writers
}
