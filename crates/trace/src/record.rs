//! The trace itself.

use crate::{Call, Effect, Event, EventId, Level, PodRef, Return, Time, Topology, What};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// What a trace is of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Header {
    /// The version of this format.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The stack's key: `dockershim`, `containerd`.
    pub stack: String,
    /// The Kubernetes version, as `1.22`.
    pub kubernetes: String,
    /// The seed of all randomness.
    pub seed: u64,
    /// The stack's components and who talks to whom.
    pub topology: Topology,
}

/// The ordered list of everything that happened in one simulation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trace {
    /// What it is of.
    pub header: Header,
    /// What happened, in order. Times never decrease.
    pub events: Vec<Event>,
}

impl Trace {
    /// The version of the format that this program writes.
    pub const FORMAT: u32 = 1;

    /// Reads a trace that this program has written.
    ///
    /// # Errors
    /// What is wrong with it, for people: no trace, a newer format, an event that refers to one that
    /// is not there.
    pub fn parse(json: &str) -> Result<Self, String> {
        let trace: Self = serde_json::from_str(json).map_err(|problem| problem.to_string())?;
        if trace.header.format != Self::FORMAT {
            return Err(format!(
                "the trace has format {}, and this program reads format {}",
                trace.header.format,
                Self::FORMAT
            ));
        }
        let is_call = |before: usize, id: EventId| {
            id.index() < before && trace.events[id.index()].as_call().is_some()
        };
        for (index, event) in trace.events.iter().enumerate() {
            let answered = match &event.what {
                What::Return(answer) => is_call(index, answer.call),
                What::Call(call) => call.cause.is_none_or(|cause| cause.index() < index),
                What::Effect(_) => true,
            };
            if !answered || event.parent.is_some_and(|parent| !is_call(index, parent)) {
                return Err(format!("event {index} refers to an event that is not before it"));
            }
        }
        if !trace.events.is_sorted_by_key(|event| event.at) {
            return Err("the events are not in the order of time".to_owned());
        }
        Ok(trace)
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// When the last event happened.
    #[must_use]
    pub fn end(&self) -> Time {
        self.events.last().map_or(Time::ZERO, |event| event.at)
    }

    /// One event.
    ///
    /// # Panics
    /// If the id is not one of this trace.
    #[must_use]
    pub fn event(&self, id: EventId) -> &Event {
        &self.events[id.index()]
    }

    /// The events with their ids.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (EventId, &Event)> {
        self.events.iter().enumerate().map(|(index, event)| (EventId(index as u32), event))
    }

    /// The calls with their ids.
    pub fn calls(&self) -> impl Iterator<Item = (EventId, &Event, &Call)> {
        self.iter().filter_map(|(id, event)| Some((id, event, event.as_call()?)))
    }

    /// The return of a call, if it came.
    #[must_use]
    pub fn return_of(&self, call: EventId) -> Option<(EventId, &Event, &Return)> {
        self.iter().skip(call.index() + 1).find_map(|(id, event)| {
            event.as_return().filter(|answer| answer.call == call).map(|answer| (id, event, answer))
        })
    }

    /// The first event that another trace does not have in the same place; none where one of the
    /// two only goes on for longer.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<EventId> {
        let differs = self.events.iter().zip(&other.events).position(|(a, b)| a != b)?;
        Some(EventId(differs as u32))
    }

    /// From which detail level on an event is shown.
    #[must_use]
    pub fn level(&self, id: EventId) -> Level {
        self.event(id).level(&self.events)
    }

    /// The calls that an event happened in, innermost first; a call counts as its own.
    pub fn stack_of(&self, id: EventId) -> impl Iterator<Item = (EventId, &Call)> {
        let event = self.event(id);
        let innermost = match &event.what {
            What::Call(_) => Some(id),
            What::Return(answer) => Some(answer.call),
            What::Effect(_) => event.parent,
        };
        std::iter::successors(innermost, |&id| self.event(id).parent)
            .filter_map(|id| Some((id, self.event(id).as_call()?)))
    }

    /// The pods, in the order of their references.
    #[must_use]
    pub fn pods(&self) -> Vec<(PodRef, Rc<api::Pod>)> {
        let added = self.events.iter().filter_map(|event| match event.as_effect() {
            Some(Effect::PodAdded(pod)) => Some(pod.clone()),
            _ => None,
        });
        added.enumerate().map(|(index, pod)| (PodRef(index as u32), pod)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Payload, Subject, Time};

    fn trace(call: u32) -> Trace {
        let event = Event {
            at: Time::ZERO,
            parent: None,
            subject: Subject::default(),
            what: What::Return(Box::new(Return {
                call: EventId(call),
                outcome: Outcome::Ok,
                response: Payload::None,
            })),
        };
        let header = Header { format: Trace::FORMAT, ..Header::default() };
        Trace { header, events: vec![event] }
    }

    #[test]
    fn a_trace_that_refers_to_nothing_is_refused() {
        for call in [0, 7] {
            let json = serde_json::to_string(&trace(call)).expect("printable");
            assert!(Trace::parse(&json).is_err_and(|problem| problem.contains("event 0")));
        }
        let empty = Trace { events: Vec::new(), ..trace(0) };
        let json = serde_json::to_string(&empty).expect("printable");
        assert!(Trace::parse(&json).is_ok_and(|trace| trace.is_empty()));
        assert!(Trace::parse(&json.replace("\"format\":1", "\"format\":9")).is_err());
        assert!(Trace::parse("{}").is_err());
    }
}
