//! Counting: the numbers that stacks are compared by.

use crate::{Component, EventId, Protocol, Trace, What};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a stretch of a trace took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls of the Container Runtime Interface.
    pub cri_calls: usize,
    /// Calls that left one program for another, CRI calls included.
    pub hops: usize,
    /// Calls that exist only because two components do not speak the same interface.
    pub glue: BTreeMap<String, usize>,
    /// The programs that took part, besides what runs in containers.
    pub processes: BTreeSet<Component>,
    /// The protocols that were spoken between programs.
    pub protocols: BTreeSet<Protocol>,
    /// How long it took in virtual time, from the first event to the last.
    pub duration: Duration,
}

impl Tally {
    /// Counts the events from `from` up to but not including `to`.
    #[must_use]
    pub fn of(trace: &Trace, from: EventId, to: EventId) -> Self {
        let mut tally = Self::default();
        let events = trace.iter().skip(from.index()).take(to.0.saturating_sub(from.0) as usize);
        for (_, event) in events {
            tally.duration = event.at.since(trace.event(from).at);
            let What::Call(call) = &event.what else { continue };
            tally.cri_calls += usize::from(call.protocol == Protocol::Cri);
            if let Some(reason) = &call.glue {
                *tally.glue.entry(reason.to_string()).or_default() += 1;
            }
            if call.protocol.is_hop() {
                tally.hops += 1;
                tally.protocols.insert(call.protocol);
                tally.processes.insert(trace.header.topology.process_of(call.from));
                tally.processes.insert(trace.header.topology.process_of(call.to));
            }
        }
        tally
    }

    /// How many calls are glue.
    #[must_use]
    pub fn glue_calls(&self) -> usize {
        self.glue.values().sum()
    }
}
