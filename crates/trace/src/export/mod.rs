//! A trace in the formats of other programs.

mod diagram;
pub use diagram::{mermaid, plantuml};

mod spans;
pub use spans::{chrome_trace, otlp};

mod table;
pub use table::markdown;

use crate::{Call, Component, EventId, Level, Outcome, Time, Trace};
use std::collections::BTreeMap;

/// A call with its end.
struct Span<'a> {
    id: EventId,
    call: &'a Call,
    /// The innermost call around it that is shown too.
    parent: Option<EventId>,
    start: Time,
    /// The trace's end if it never returned.
    end: Time,
    /// None if it never returned.
    outcome: Option<&'a Outcome>,
}

impl Span<'_> {
    /// The operation, marked if it is glue.
    fn label(&self) -> String {
        match self.call.glue {
            Some(_) => format!("{} (glue)", self.call.op),
            None => self.call.op.to_string(),
        }
    }

    /// How it went, in a few words.
    fn result(&self) -> String {
        match self.outcome {
            Some(Outcome::Ok) => took(self.start, self.end),
            Some(Outcome::Error { code, .. }) => format!("error {code}"),
            None => "no answer".to_owned(),
        }
    }

    fn failed(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Error { .. }))
    }
}

fn took(start: Time, end: Time) -> String {
    format!("{} ms", end.since(start).as_micros() as f64 / 1000.0)
}

/// The calls up to a detail level, in the order in which they began.
fn spans(trace: &Trace, level: Level) -> Vec<Span<'_>> {
    let answers: BTreeMap<EventId, (Time, &Outcome)> = trace
        .iter()
        .filter_map(|(_, event)| event.as_return().map(|it| (it.call, (event.at, &it.outcome))))
        .collect();
    // For each call the innermost shown one: itself or one around it.
    let mut shown: BTreeMap<EventId, Option<EventId>> = BTreeMap::new();
    let mut found = Vec::new();
    for (id, event, call) in trace.calls() {
        let parent = event.parent.and_then(|parent| shown.get(&parent).copied().flatten());
        if call.level > level {
            shown.insert(id, parent);
            continue;
        }
        shown.insert(id, Some(id));
        let answer = answers.get(&id);
        found.push(Span {
            id,
            call,
            parent,
            start: event.at,
            end: answer.map_or(trace.end(), |(end, _)| *end),
            outcome: answer.map(|(_, outcome)| *outcome),
        });
    }
    found
}

/// The components that take part, in the order of the stack's graph, then of their appearance.
fn participants(trace: &Trace, spans: &[Span<'_>]) -> Vec<Component> {
    let graph = trace.header.topology.members().map(|member| member.component);
    let mentioned = spans.iter().flat_map(|span| [span.call.from, span.call.to]);
    let mut found: Vec<Component> = Vec::new();
    for component in graph.chain(mentioned.clone()) {
        if !found.contains(&component) && mentioned.clone().any(|it| it == component) {
            found.push(component);
        }
    }
    found
}
