//! Counting: the numbers that stacks are compared by.

use crate::{
    Component, ComponentKind, Effect, Event, EventId, FileContent, Protocol, Text, Trace, What,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// What a stretch of a trace took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls of the Container Runtime Interface.
    pub cri_calls: usize,
    /// Calls that left one program for another, CRI calls included.
    pub hops: usize,
    /// Messages that were encoded by one program and decoded by another: requests and responses.
    pub serialisations: usize,
    /// Calls that exist only because two components do not speak the same interface.
    pub glue: BTreeMap<Text, usize>,
    /// The programs that took part, besides what runs in containers.
    pub processes: BTreeSet<Component>,
    /// The processes that were started, besides those in containers.
    pub executed: BTreeSet<u32>,
    /// The protocols that were spoken between programs, and how often.
    pub protocols: BTreeMap<Protocol, usize>,
    /// The files and links that were written or removed.
    pub files: BTreeSet<Rc<str>>,
    /// How long it took in virtual time, from the first event to the last.
    pub duration: Duration,
}

impl Tally {
    /// Counts the events from `from` up to but not including `to`.
    #[must_use]
    pub fn of(trace: &Trace, from: EventId, to: EventId) -> Self {
        Self::count(trace, from, to, &|_, _| true)
    }

    /// The same for what is done for a pod, without what a kubelet does all the time.
    #[must_use]
    pub fn of_pods(trace: &Trace, from: EventId, to: EventId) -> Self {
        Self::count(trace, from, to, &|_, event| event.subject.pod.is_some())
    }

    /// The same for a call and what happens in it, whatever else happens meanwhile; none if it does
    /// not return.
    #[must_use]
    pub fn during(trace: &Trace, call: EventId) -> Option<Self> {
        let (end, ..) = trace.return_of(call)?;
        let inside = |id, _: &Event| trace.stack_of(id).any(|(around, _)| around == call);
        Some(Self::count(trace, call, end, &inside))
    }

    fn count(
        trace: &Trace,
        from: EventId,
        to: EventId,
        counts: &dyn Fn(EventId, &Event) -> bool,
    ) -> Self {
        let mut tally = Self::default();
        let events = trace.iter().skip(from.index()).take(to.0.saturating_sub(from.0) as usize);
        for (id, event) in events {
            tally.duration = event.at.since(trace.event(from).at);
            if !counts(id, event) {
                continue;
            }
            match &event.what {
                What::Call(call) => {
                    tally.cri_calls += usize::from(call.protocol == Protocol::Cri);
                    if let Some(reason) = &call.glue {
                        *tally.glue.entry(reason.clone()).or_default() += 1;
                    }
                    if call.protocol.is_hop() {
                        tally.hops += 1;
                        tally.serialisations += call.protocol.messages();
                        *tally.protocols.entry(call.protocol).or_default() += 1;
                        let programs = [call.from, call.to]
                            .map(|component| trace.header.topology.process_of(component));
                        tally.processes.extend(
                            programs
                                .into_iter()
                                .filter(|program| program.kind() == ComponentKind::Process),
                        );
                    }
                }
                What::Effect(effect) => tally.count_effect(effect),
                What::Return(_) => {}
            }
        }
        tally
    }

    fn count_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::FileWritten { content: FileContent::Directory, .. } => {}
            Effect::FileWritten { path, .. } => {
                self.files.insert(path.clone());
            }
            Effect::Process(process) if process.container_id.is_empty() => {
                self.executed.insert(process.pid);
            }
            _ => {}
        }
    }

    /// How many calls are glue.
    #[must_use]
    pub fn glue_calls(&self) -> usize {
        self.glue.values().sum()
    }
}
