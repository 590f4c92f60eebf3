//! Where a lesson's predicates meet traces.

use super::{Answer, Condition, Counter, Moment, Value};
use crate::{Scenario, Stack, simulate};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use trace::tally::Tally;
use trace::{Call, EventId, Frame, Outcome, Process, Trace, pattern};

/// A scenario and its traces, and what a page shows of them.
pub struct Lab {
    scenario: Rc<Scenario>,
    lead: Stack,
    show: Option<Moment>,
    traces: RefCell<BTreeMap<Stack, Rc<Trace>>>,
}

impl Lab {
    /// A scenario, the stack that the steps follow, and the moment that the page shows.
    #[must_use]
    pub fn new(scenario: Rc<Scenario>, lead: Stack, show: Option<Moment>) -> Self {
        Self { scenario, lead, show, traces: RefCell::default() }
    }

    /// Adds a trace that is there already, so that it is not simulated again.
    #[must_use]
    pub fn with(self, stack: Stack, trace: Rc<Trace>) -> Self {
        self.traces.borrow_mut().insert(stack, trace);
        self
    }

    /// The trace on a stack, or on the leading one; none if the scenario cannot run there.
    #[must_use]
    pub fn trace(&self, on: Option<Stack>) -> Option<Rc<Trace>> {
        let stack = on.unwrap_or(self.lead);
        if let Some(trace) = self.traces.borrow().get(&stack) {
            return Some(trace.clone());
        }
        let trace = Rc::new(simulate(&self.scenario, stack).ok()?);
        self.traces.borrow_mut().insert(stack, trace.clone());
        Some(trace)
    }

    /// What the page shows of a trace.
    #[must_use]
    pub fn shown(&self, trace: &Trace) -> Option<EventId> {
        // What a page shows cannot refer to what the page shows.
        self.show.as_ref().and_then(|show| self.all_from(show, trace, None).nth(nth(show)))
    }

    /// The event that is meant by a predicate.
    #[must_use]
    pub fn find(&self, moment: &Moment, trace: &Trace) -> Option<EventId> {
        self.all(moment, trace).nth(nth(moment))
    }

    /// The events that a predicate holds for, in order.
    pub fn all<'a>(
        &'a self,
        moment: &'a Moment,
        trace: &'a Trace,
    ) -> impl Iterator<Item = EventId> + 'a {
        let here = if moment.next || moment.inside { self.shown(trace) } else { None };
        self.all_from(moment, trace, here)
    }

    fn all_from<'a>(
        &'a self,
        moment: &'a Moment,
        trace: &'a Trace,
        here: Option<EventId>,
    ) -> impl Iterator<Item = EventId> + 'a {
        // A limit that is never reached: nothing is after it, and nothing counts as before it.
        let limit = |of: &Option<Box<Moment>>| match of {
            Some(moment) => self.find(moment, trace).map(Some),
            None => Some(None),
        };
        let limits = limit(&moment.after).zip(limit(&moment.before));
        let lost = (moment.next || moment.inside) && here.is_none();
        let events = trace.iter().filter(move |_| limits.is_some() && !lost);
        let (after, before) = limits.unwrap_or_default();
        events
            .filter(move |(id, _)| {
                after.is_none_or(|after| *id > after)
                    && before.is_none_or(|before| *id < before)
                    && (!moment.next || here.is_some_and(|here| *id > here))
            })
            .map(|(id, _)| id)
            .filter(move |&id| holds(moment, trace, id))
            .filter(move |&id| {
                !moment.inside || {
                    let around = trace.stack_of(id).any(|(call, _)| Some(call) == here);
                    around && Some(id) != here
                }
            })
    }

    /// A value; none where a predicate holds for nothing.
    #[must_use]
    pub fn value(&self, value: &Value) -> Option<String> {
        match value {
            Value::Count(moment) => {
                let trace = self.trace(moment.stack)?;
                Some(self.all(moment, &trace).count().to_string())
            }
            Value::Op(moment) => self.call(moment, |call| call.op.to_string()),
            Value::From(moment) => self.call(moment, |call| call.from.name().to_owned()),
            Value::To(moment) => self.call(moment, |call| call.to.name().to_owned()),
            Value::Protocol(moment) => self.call(moment, |call| call.protocol.name().to_owned()),
            Value::Error(moment) => {
                let trace = self.trace(moment.stack)?;
                let id = self.find(moment, &trace)?;
                match &trace.event(id).as_return()?.outcome {
                    Outcome::Error { message, .. } => Some(message.clone()),
                    Outcome::Ok => None,
                }
            }
            Value::Time(moment) => {
                let trace = self.trace(moment.stack)?;
                Some(trace.event(self.find(moment, &trace)?).at.to_string())
            }
            Value::Took(moment) => {
                let trace = self.trace(moment.stack)?;
                let id = self.find(moment, &trace)?;
                let (_, end, _) = trace.return_of(id)?;
                Some(end.at.since(trace.event(id).at).as_millis().to_string())
            }
            Value::Tally { of, during } => {
                let trace = self.trace(during.stack)?;
                let id = self.find(during, &trace)?;
                Some(tally(&trace, id, *of)?.to_string())
            }
            Value::Line { file, word, at } => {
                let frame = self.frame(at.as_ref())?;
                let text = frame.files.iter().find_map(|(path, view)| match &view.content {
                    trace::FileContent::Text(text) if pattern::fits(file, path) => Some(text),
                    _ => None,
                })?;
                let rest = text.lines().find_map(|line| line.strip_prefix(word.as_str()))?;
                Some(rest.trim().to_owned())
            }
            Value::Processes { like, at } => {
                let frame = self.frame(at.as_ref())?;
                let count = frame.processes.values().filter(|process| runs(process, like)).count();
                Some(count.to_string())
            }
            Value::Parent { of, at } => {
                let frame = self.frame(at.as_ref())?;
                let child = frame.processes.values().find(|process| runs(process, of))?;
                let parent = frame.processes.get(&child.ppid)?.argv.first()?;
                parent.rsplit('/').next().map(str::to_owned)
            }
            Value::Lines { command, like, at } => {
                let trace = self.trace(at.as_ref().and_then(|moment| moment.stack))?;
                let frame = self.frame(at.as_ref())?;
                let machine = tools::Machine { trace: &trace, frame: &frame, manifest: "" };
                let text = tools::run(&machine, command).text;
                let lines = text.lines().skip(1).filter(|line| pattern::fits(like, line));
                Some(lines.count().to_string())
            }
            Value::Less(two) => {
                let [more, less] = &**two;
                let number = |value| self.value(value)?.parse::<i64>().ok();
                Some((number(more)? - number(less)?).to_string())
            }
        }
    }

    fn call(&self, moment: &Moment, of: impl Fn(&Call) -> String) -> Option<String> {
        let trace = self.trace(moment.stack)?;
        let id = self.find(moment, &trace)?;
        call_of(&trace, id).map(|(_, call)| of(call))
    }

    /// The world at a moment, or at what the page shows, or at the end.
    fn frame(&self, at: Option<&Moment>) -> Option<Frame> {
        let trace = self.trace(at.and_then(|moment| moment.stack))?;
        let id = match at {
            Some(moment) => Some(self.find(moment, &trace)?),
            None if self.show.is_some() => Some(self.shown(&trace)?),
            None => None,
        };
        let end = id.map_or(trace.len(), |id| id.index() + 1);
        let mut frame = Frame::default();
        while frame.cursor < end && frame.step(&trace) {}
        Some(frame)
    }

    /// Whether something holds.
    #[must_use]
    pub fn holds(&self, condition: &Condition) -> bool {
        let happens = |moment: &Moment| {
            self.trace(moment.stack).is_some_and(|trace| self.find(moment, &trace).is_some())
        };
        match condition {
            Condition::Happens(moment) => happens(moment),
            Condition::Never(moment) => !happens(moment),
            Condition::Equal(value, wanted) => {
                self.value(value).is_some_and(|value| same(&value, wanted))
            }
        }
    }

    /// Whether what a reader wrote or chose is right.
    #[must_use]
    pub fn accepts(&self, answer: &Answer, given: &str) -> bool {
        match answer {
            Answer::Value(value) => self.value(value).is_some_and(|right| same(&right, given)),
            Answer::Step(_) => false,
        }
    }

    /// Whether the step that a reader has gone to is right.
    #[must_use]
    pub fn accepts_step(&self, answer: &Answer, trace: &Trace, id: EventId) -> bool {
        match answer {
            Answer::Step(moment) if moment.nth.is_some() => self.find(moment, trace) == Some(id),
            Answer::Step(moment) => self.all(moment, trace).any(|found| found == id),
            Answer::Value(_) => false,
        }
    }
}

fn nth(moment: &Moment) -> usize {
    moment.nth.unwrap_or(1).saturating_sub(1)
}

/// The call that an event is, returns from, or happens in.
fn call_of(trace: &Trace, id: EventId) -> Option<(EventId, &Call)> {
    trace.stack_of(id).next()
}

/// The part of a predicate that looks at nothing but the event and the calls around it.
fn holds(moment: &Moment, trace: &Trace, id: EventId) -> bool {
    let call = call_of(trace, id).map(|(_, call)| call);
    moment.from.is_none_or(|from| call.is_some_and(|call| call.from == from))
        && moment.protocol.is_none_or(|by| call.is_some_and(|call| call.protocol == by))
        && moment.glue.as_ref().is_none_or(|glue| {
            let reason = call.and_then(|call| call.glue.as_deref());
            reason.is_some_and(|reason| pattern::fits(glue, reason))
        })
        && pattern::fits(&moment.is, &pattern::key_of(trace, trace.event(id)))
        && moment.within.as_ref().is_none_or(|within| {
            let effect = trace.event(id).as_effect().is_some();
            let own = call_of(trace, id).map(|(own, _)| own).filter(|_| !effect);
            trace.stack_of(id).any(|(call, _)| {
                Some(call) != own
                    && pattern::fits(within, &pattern::key_of(trace, trace.event(call)))
            })
        })
}

/// Whether a process has such a command line.
fn runs(process: &Process, like: &str) -> bool {
    pattern::fits(like, &process.argv.join(" "))
}

/// What is counted in a call.
fn tally(trace: &Trace, call: EventId, of: Counter) -> Option<usize> {
    let tally = Tally::during(trace, call)?;
    Some(match of {
        Counter::Hops => tally.hops,
        Counter::Glue => tally.glue_calls(),
        Counter::Reasons => tally.glue.len(),
        Counter::Programs => tally.processes.len(),
        Counter::Protocols => tally.protocols.len(),
    })
}

/// Whether two answers are the same to a reader.
fn same(right: &str, given: &str) -> bool {
    let (right, given) = (right.trim(), given.trim());
    right.eq_ignore_ascii_case(given)
}
