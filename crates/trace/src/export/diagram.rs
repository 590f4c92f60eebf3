//! Sequence diagrams.

use super::{Span, participants, spans};
use crate::{EventId, Level, Trace};
use std::fmt::Write;

/// A call or its return, in the order of the trace.
enum Message<'a> {
    Call(&'a Span<'a>),
    Return(&'a Span<'a>),
}

/// Calls and returns of the spans, in the order in which they happened.
fn messages<'a>(trace: &Trace, spans: &'a [Span<'a>]) -> Vec<Message<'a>> {
    let find = |call: EventId| {
        let found = spans.binary_search_by_key(&call, |span| span.id);
        found.ok().and_then(|index| spans.get(index))
    };
    let happened = trace.iter().filter_map(|(id, event)| match event.as_return() {
        Some(answer) => find(answer.call).map(Message::Return),
        None => find(id).map(Message::Call),
    });
    happened.collect()
}

/// A Mermaid sequence diagram of the calls up to a detail level.
#[must_use]
pub fn mermaid(trace: &Trace, level: Level) -> String {
    // A semicolon ends a statement, and a number sign begins an entity.
    let text = |text: &str| {
        let escape = |sign: char| match sign {
            '#' => "#35;".to_owned(),
            ';' => "#59;".to_owned(),
            '\n' => " ".to_owned(),
            other => other.to_string(),
        };
        text.chars().map(escape).collect::<String>()
    };
    let name = |component: crate::Component| component.key().replace('-', "_");
    let spans = spans(trace, level);
    let mut diagram = String::from("sequenceDiagram\n");
    for component in participants(trace, &spans) {
        let _ = writeln!(diagram, "  participant {} as {}", name(component), component.name());
    }
    for message in messages(trace, &spans) {
        let _ = match message {
            Message::Call(span) => {
                let (from, to) = (name(span.call.from), name(span.call.to));
                writeln!(diagram, "  {from}->>{to}: {}", text(&span.label()))
            }
            Message::Return(span) => {
                let (from, to) = (name(span.call.to), name(span.call.from));
                let arrow = if span.failed() { "--x" } else { "-->>" };
                writeln!(diagram, "  {from}{arrow}{to}: {}", text(&span.result()))
            }
        };
    }
    diagram
}

/// A PlantUML sequence diagram of the calls up to a detail level.
#[must_use]
pub fn plantuml(trace: &Trace, level: Level) -> String {
    // A backslash begins an escape; tildes take the meaning from what follows.
    let text = |text: &str| text.replace('\\', "\\\\").replace('\n', " ").replace('<', "~<");
    let name = |component: crate::Component| component.key().replace('-', "_");
    let spans = spans(trace, level);
    let mut diagram = String::from("@startuml\n");
    for component in participants(trace, &spans) {
        let _ = writeln!(diagram, "participant \"{}\" as {}", component.name(), name(component));
    }
    for message in messages(trace, &spans) {
        let _ = match message {
            Message::Call(span) => {
                let (from, to) = (name(span.call.from), name(span.call.to));
                writeln!(diagram, "{from} -> {to} : {}", text(&span.label()))
            }
            Message::Return(span) => {
                let (from, to) = (name(span.call.to), name(span.call.from));
                let arrow = if span.failed() { "-->x" } else { "-->" };
                writeln!(diagram, "{from} {arrow} {to} : {}", text(&span.result()))
            }
        };
    }
    diagram.push_str("@enduml\n");
    diagram
}
