//! Timelines and distributed traces.

use super::{Span, participants, spans};
use crate::{Component, Level, Outcome, Time, Trace};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The calls up to a detail level in the JSON trace event format, which `chrome://tracing` and
/// Perfetto read: a process for each component, and as many threads in it as calls overlap.
#[must_use]
pub fn chrome_trace(trace: &Trace, level: Level) -> Value {
    let spans = spans(trace, level);
    let components = participants(trace, &spans);
    let process = |component: Component| components.iter().position(|&it| it == component);
    let mut events: Vec<Value> = components
        .iter()
        .enumerate()
        .map(|(pid, component)| {
            json!({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": component.name()}})
        })
        .collect();
    let micros = |time: Time| time.0 as f64 / 1000.0;
    let mut lanes: BTreeMap<Component, Lanes> = BTreeMap::new();
    for span in &spans {
        let mut arguments = attributes(span);
        arguments.insert("result".to_owned(), span.result().into());
        events.push(json!({
            "ph": "X",
            "name": span.call.op,
            "cat": span.call.protocol.key(),
            "pid": process(span.call.to),
            "tid": lanes.entry(span.call.to).or_default().place(span.start, span.end),
            "ts": micros(span.start),
            "dur": micros(span.end) - micros(span.start),
            "args": arguments,
        }));
    }
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

/// The ends of the calls that are open on each thread of a component, the outermost first.
#[derive(Default)]
struct Lanes(Vec<Vec<Time>>);

impl Lanes {
    /// The first thread on which a call is inside of whatever is open there, or after it.
    fn place(&mut self, start: Time, end: Time) -> usize {
        for (lane, open) in self.0.iter_mut().enumerate() {
            while open.last().is_some_and(|&other| other <= start) {
                open.pop();
            }
            if open.last().is_none_or(|&other| end <= other) {
                open.push(end);
                return lane;
            }
        }
        self.0.push(vec![end]);
        self.0.len() - 1
    }
}

/// The calls up to a detail level as OpenTelemetry traces in OTLP's JSON: a service for each
/// component, a trace for each call that is no part of another.
#[must_use]
pub fn otlp(trace: &Trace, level: Level) -> Value {
    let spans = spans(trace, level);
    let mut traces = BTreeMap::new();
    for span in &spans {
        let of = span.parent.and_then(|parent| traces.get(&parent).copied()).unwrap_or(span.id);
        traces.insert(span.id, of);
    }
    // No id may be zero.
    let span_id = |id: crate::EventId| format!("{:016x}", u64::from(id.0) + 1);
    let resources: Vec<Value> = participants(trace, &spans)
        .into_iter()
        .filter_map(|component| {
            let own: Vec<Value> = spans
                .iter()
                .filter(|span| span.call.to == component)
                .map(|span| {
                    let root = traces.get(&span.id).copied().unwrap_or(span.id);
                    let mut found = json!({
                        "traceId": format!("{:032x}", u64::from(root.0) + 1),
                        "spanId": span_id(span.id),
                        "name": span.call.op,
                        "kind": if span.call.protocol.is_hop() { 2 } else { 1 },
                        "startTimeUnixNano": span.start.unix_nanos().to_string(),
                        "endTimeUnixNano": span.end.unix_nanos().to_string(),
                        "attributes": key_values(attributes(span)),
                        "status": status(span),
                    });
                    if let Some(parent) = span.parent {
                        found["parentSpanId"] = span_id(parent).into();
                    }
                    found
                })
                .collect();
            let service = Map::from_iter([("service.name".to_owned(), component.name().into())]);
            (!own.is_empty()).then(|| {
                json!({
                    "resource": {"attributes": key_values(service)},
                    "scopeSpans": [{"scope": {"name": "shimscope"}, "spans": own}],
                })
            })
        })
        .collect();
    json!({ "resourceSpans": resources })
}

fn status(span: &Span<'_>) -> Value {
    match span.outcome {
        Some(Outcome::Ok) => json!({"code": 1}),
        Some(Outcome::Error { code, message }) => {
            json!({"code": 2, "message": format!("{code}: {message}")})
        }
        None => json!({}),
    }
}

fn attributes(span: &Span<'_>) -> Map<String, Value> {
    let call = span.call;
    let mut found = Map::from_iter([
        ("caller".to_owned(), Value::from(call.from.name())),
        ("protocol".to_owned(), call.protocol.name().into()),
    ]);
    if let Some(source) = &call.source {
        found.insert("source".to_owned(), (**source).into());
    }
    if let Some(glue) = &call.glue {
        found.insert("glue".to_owned(), (**glue).into());
    }
    found
}

fn key_values(attributes: Map<String, Value>) -> Vec<Value> {
    let pairs = attributes.into_iter();
    pairs.map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_overlap_are_on_threads_of_their_own() {
        let at = Time::from_millis;
        let mut lanes = Lanes::default();
        let calls = [(0, 10), (1, 5), (2, 3), (4, 8), (5, 7), (9, 10), (10, 12), (11, 20)];
        let placed: Vec<usize> =
            calls.iter().map(|&(start, end)| lanes.place(at(start), at(end))).collect();
        assert_eq!(placed, [0, 0, 0, 1, 0, 0, 0, 1]);
    }
}
