//! What led to what, as a graph.

use crate::{EventId, Trace, What};
use petgraph::graph::{DiGraph, NodeIndex};

/// How one event led to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It happened during that call.
    During,
    /// It answers that call.
    Answers,
    /// It was woken by that event.
    WokenBy,
}

/// The causal graph of a trace: one node for each event, with the same index, and an edge from
/// each cause to its consequence.
#[must_use]
pub fn graph(trace: &Trace) -> DiGraph<EventId, Cause> {
    let mut graph = DiGraph::with_capacity(trace.len(), trace.len());
    let node = |id: EventId| NodeIndex::new(id.index());
    for (id, event) in trace.iter() {
        let here = graph.add_node(id);
        if let Some(parent) = event.parent {
            graph.add_edge(node(parent), here, Cause::During);
        }
        match &event.what {
            What::Return(answer) => {
                graph.add_edge(node(answer.call), here, Cause::Answers);
            }
            What::Call(call) => {
                if let Some(cause) = call.cause {
                    graph.add_edge(node(cause), here, Cause::WokenBy);
                }
            }
            What::Effect(_) => {}
        }
    }
    graph
}

/// The chain of causes that leads to an event, the event itself first.
#[must_use]
pub fn why(trace: &Trace, id: EventId) -> Vec<EventId> {
    let mut chain = vec![id];
    let mut at = id;
    while let Some(cause) = cause_of(trace, at) {
        chain.push(cause);
        at = cause;
    }
    chain
}

/// The nearest cause: what woke the caller, or else the call that it happened in.
fn cause_of(trace: &Trace, id: EventId) -> Option<EventId> {
    let event = trace.event(id);
    match &event.what {
        What::Call(call) => call.cause.or(event.parent),
        What::Return(answer) => Some(answer.call),
        What::Effect(_) => event.parent,
    }
}
